//! A stream into members.

use std::io::Read;

use tar::{EntryType, GnuExtSparseHeader};

use super::header::{self, Block, damaged};
use super::sparse::{self, Map};
use super::{BLOCK_BYTES, EXTENSION_BYTES, Kind, Member, padding, pax};
use crate::count::{drain, fill};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Reads the members of a tar stream in their order: pax, GNU, ustar or V7, sparse files of every kind.
///
/// Holds one header, its extensions (1 MiB at most) and one map of a sparse file. The end is two
/// blocks of zeros; what stands behind them must be zeros too, to the stream's own end.
pub struct Unpack<R> {
    inner: R,
    /// Stored bytes of the newest member that were not read yet, and the zeros after them.
    left: u64,
    padding: u64,
    map: Map,
    /// How far the newest member was read, holes included.
    at: u64,
    /// Records of global pax headers, for all members that follow: those that count.
    global: Vec<(Vec<u8>, Vec<u8>)>,
    /// Nothing was read yet.
    is_fresh: bool,
}

/// A part of a member's content.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// These bytes.
    Data(&'a [u8]),
    /// So many zeros, of which the archive has none.
    Hole(u64),
}

impl<R: Read> Unpack<R> {
    /// Reads from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0, map: Map::default(), at: 0, global: Vec::new(), is_fresh: true }
    }

    /// Goes on to the next member, past what was not read of the last; `None` at the end, which was proven.
    ///
    /// # Errors
    ///
    /// The stream's own; `Corrupt` if it is damaged, cut short, or goes on after its end; `Unsupported` for an
    /// archive of several volumes.
    pub fn next_member(&mut self) -> Result<Option<Member>> {
        self.pass_over(self.left + self.padding)?;
        (self.left, self.padding) = (0, 0);
        let mut extensions = Extensions::default();
        loop {
            let block = self.block()?;
            if block.iter().all(|&byte| byte == 0) {
                return self.end().map(|()| None);
            }
            let block = header::read(&block).map_err(|error| if self.is_fresh { no_archive() } else { error })?;
            self.is_fresh = false;
            match block.kind {
                EntryType::XHeader => extensions.records = self.extension(&block)?,
                other if other.as_byte() == b'X' => extensions.records = self.extension(&block)?,
                EntryType::XGlobalHeader => {
                    let records = self.extension(&block)?;
                    self.take_global(&records)?;
                }
                EntryType::GNULongName => extensions.long_name = Some(self.extension(&block)?),
                // The names of links, and of volumes.
                EntryType::GNULongLink => drop(self.extension(&block)?),
                other if other.as_byte() == b'V' => self.pass_over(whole(block.stored_bytes))?,
                other if other.as_byte() == b'M' => {
                    let message = "cannot read the archive: it is one of several volumes";
                    return Err(Error::new(ErrorKind::Unsupported, message).at(Stage::Archive));
                }
                _ => return self.member(&block, &extensions).map(Some),
            }
        }
    }

    /// Reads on in the newest member, at most `buf.len()` bytes; `None` at its end.
    ///
    /// # Errors
    ///
    /// The stream's own; `Corrupt` if it was cut short.
    pub fn chunk<'b>(&mut self, buf: &'b mut [u8]) -> Result<Option<Chunk<'b>>> {
        let (offset, length) = self.map.piece().unwrap_or((self.map.bytes, 0));
        if self.at < offset {
            let hole = offset - self.at;
            self.at = offset;
            return Ok(Some(Chunk::Hole(hole)));
        }
        if length == 0 || buf.is_empty() {
            return Ok(None);
        }
        let count = usize::try_from(length).unwrap_or(usize::MAX).min(buf.len());
        self.fill(&mut buf[..count])?;
        self.left -= count as u64;
        self.at += count as u64;
        self.map.advance(count as u64);
        Ok(Some(Chunk::Data(&buf[..count])))
    }

    fn member(&mut self, block: &Block, extensions: &Extensions) -> Result<Member> {
        let mut member = block.member();
        if let Some(name) = &extensions.long_name {
            member.path = name.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        }
        let (mut stored_bytes, mut records) = (block.stored_bytes, sparse::Records::default());
        let mut sparse_name = None;
        let local = pax::read(&extensions.records)?;
        // An empty value takes an earlier one back, a global one too.
        let stands = |key: &[u8]| !local.iter().any(|(known, _)| *known == key);
        let global = self.global.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        for (key, value) in global.filter(|(key, _)| stands(key)).chain(local.iter().copied()) {
            let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
            match key {
                _ if value.is_empty() => {}
                b"path" => member.path = value.to_vec(),
                b"GNU.sparse.name" => sparse_name = Some(value.to_vec()),
                // More than the header says: a reader that believed the other would lose its place.
                b"size" => stored_bytes = number().ok_or_else(|| damaged("a pax header's size is no number"))?,
                b"uid" => member.uid = number().unwrap_or(member.uid),
                b"gid" => member.gid = number().unwrap_or(member.gid),
                b"mtime" => member.modified = pax::read_moment(value).or(member.modified),
                _ => records.take(key, value)?,
            }
        }
        member.path = sparse_name.unwrap_or(member.path);
        // In V7's format, which knows no folders, a slash makes one: at the end of the whole path, not at the byte
        // where a header field had to cut it.
        if block.kind == EntryType::Regular && member.path.ends_with(b"/") {
            member.kind = Kind::Folder;
        }
        if block.kind == EntryType::Link {
            stored_bytes = 0;
        }
        header::require_possible(stored_bytes)?;
        (self.left, self.padding, self.at) = (stored_bytes, padding(stored_bytes), 0);
        self.map = if member.kind == Kind::File { self.map(block, &records)? } else { Map::default() };
        member.bytes = self.map.bytes;
        Ok(member)
    }

    /// Takes what a global header says of every member: later ones override.
    fn take_global(&mut self, records: &[u8]) -> Result<()> {
        for (key, value) in pax::read(records)?.into_iter().filter(|(key, _)| GLOBAL_KEYS.contains(key)) {
            self.global.retain(|(known, _)| known != key);
            if !value.is_empty() {
                self.global.push((key.to_vec(), value.to_vec()));
            }
        }
        Ok(())
    }

    /// Returns which pieces of the file are stored; reads a map that stands before the content.
    fn map(&mut self, block: &Block, records: &sparse::Records) -> Result<Map> {
        if block.kind == EntryType::GNUSparse {
            let wrong = || damaged("the map of a sparse file is wrong");
            let (mut pieces, mut goes_on) = block.gnu_sparse().ok_or_else(wrong)?;
            while goes_on {
                let mut more = GnuExtSparseHeader::new();
                more.as_mut_bytes().copy_from_slice(&self.block()?);
                for piece in more.sparse().iter().filter(|piece| !piece.is_empty()) {
                    let read = piece.offset().and_then(|offset| Ok((offset, piece.length()?)));
                    pieces.push(read.map_err(|_| wrong())?);
                }
                sparse::require_few(pieces.len())?;
                goes_on = more.is_extended();
            }
            return Map::new(pieces, block.member().bytes, self.left);
        }
        let Some(bytes) = records.bytes else { return Ok(Map::whole(self.left)) };
        if !records.is_before_content {
            return Map::new(records.pieces(), bytes, self.left);
        }
        let (mut block, mut used) = ([0; BLOCK_BYTES], BLOCK_BYTES);
        let pieces = sparse::read_before_content(|| {
            if used == block.len() {
                self.left = self.left.checked_sub(block.len() as u64).ok_or_else(|| damaged("a map has no end"))?;
                block = self.block()?;
                used = 0;
            }
            used += 1;
            Ok(block[used - 1])
        })?;
        Map::new(pieces, bytes, self.left)
    }

    /// Reads what stands behind a header that describes the next one.
    fn extension(&mut self, block: &Block) -> Result<Vec<u8>> {
        if block.stored_bytes > EXTENSION_BYTES {
            return Err(damaged("a name or a pax header is larger than 1 MiB"));
        }
        let mut bytes = vec![0; usize::try_from(block.stored_bytes).unwrap_or(0)];
        self.fill(&mut bytes)?;
        self.pass_over(padding(block.stored_bytes))?;
        Ok(bytes)
    }

    /// Proves the end: a second block of zeros, and nothing else to the end of the stream.
    fn end(&mut self) -> Result<()> {
        let mut is_zero = self.block()?.iter().all(|&byte| byte == 0);
        drain(&mut self.inner, Stage::Store, |rest| {
            is_zero = is_zero && rest.iter().all(|&byte| byte == 0);
            Ok(())
        })?;
        if is_zero { Ok(()) } else { Err(damaged("it goes on after its end")) }
    }

    fn block(&mut self) -> Result<[u8; BLOCK_BYTES]> {
        let mut block = [0; BLOCK_BYTES];
        self.fill(&mut block)?;
        Ok(block)
    }

    fn pass_over(&mut self, mut bytes: u64) -> Result<()> {
        let mut passed = [0; 16 * BLOCK_BYTES];
        while bytes > 0 {
            let count = usize::try_from(bytes).unwrap_or(usize::MAX).min(passed.len());
            self.fill(&mut passed[..count])?;
            bytes -= count as u64;
        }
        Ok(())
    }

    /// Fills `buf`; an end before that is a cut.
    fn fill(&mut self, buf: &mut [u8]) -> Result<()> {
        let count = fill(&mut self.inner, buf)
            .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the stream").at(Stage::Store))?;
        if count == buf.len() { Ok(()) } else { Err(damaged("it was cut short")) }
    }
}

fn no_archive() -> Error {
    Error::new(ErrorKind::Corrupt, "cannot use the backup: it is no tar archive, or its first header is damaged")
        .at(Stage::Archive)
        .hint("nothing was changed; check which backup you meant")
}

/// What stood before a member's header.
#[derive(Default)]
struct Extensions {
    records: Vec<u8>,
    long_name: Option<Vec<u8>>,
}

/// What can be the same for every member.
const GLOBAL_KEYS: [&[u8]; 3] = [b"uid", b"gid", b"mtime"];

fn whole(bytes: u64) -> u64 {
    bytes + padding(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header block of any bytes, with a checksum that is right: what a reader has to take.
    fn block() -> impl Strategy<Value = Vec<u8>> {
        let numbers = prop_oneof![
            "[0-7]{11}".prop_map(|digits| [digits.as_bytes(), b"\0"].concat()),
            "0{8}[0-7]{3}".prop_map(|digits| [digits.as_bytes(), b"\0"].concat()),
            prop::collection::vec(any::<u8>(), 12),
        ];
        let kinds = prop_oneof![Just(b'0'), Just(b'S'), Just(b'x'), Just(b'g'), Just(b'L'), any::<u8>()];
        (prop::collection::vec(any::<u8>(), 512), numbers, kinds, any::<bool>()).prop_map(
            |(mut block, size, kind, gnu)| {
                block[124..136].copy_from_slice(&size);
                block[156] = kind;
                block[257..265].copy_from_slice(if gnu { b"ustar  \0" } else { b"ustar\x0000" });
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
                block
            },
        )
    }

    fn records() -> impl Strategy<Value = Vec<u8>> {
        let keys = prop_oneof![
            Just("path"),
            Just("size"),
            Just("mtime"),
            Just("GNU.sparse.major"),
            Just("GNU.sparse.realsize"),
            Just("GNU.sparse.map"),
            Just("GNU.sparse.offset"),
            Just("GNU.sparse.numbytes"),
        ];
        let values = prop_oneof!["[0-9]{0,20}", "[0-9]{1,3},[0-9]{1,3}", "-?[0-9.]{0,12}", ".{0,8}"];
        prop::collection::vec((keys, values), 1..5).prop_map(|pairs| {
            let mut records = Vec::new();
            for (key, value) in &pairs {
                pax::push(&mut records, key, value.as_bytes());
            }
            records
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_archive_makes_it_panic_or_go_on_for_ever(
            records in records(),
            blocks in prop::collection::vec(block(), 1..4),
            rest in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(EntryType::XHeader);
            header.set_size(records.len() as u64);
            header.set_cksum();
            let mut archive = header.as_bytes().to_vec();
            archive.extend_from_slice(&records);
            archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
            for block in &blocks {
                archive.extend_from_slice(block);
            }
            archive.extend_from_slice(&rest);
            let mut unpack = Unpack::new(&archive[..]);
            let (mut data, mut members) = (0, 0);
            let mut buf = [0; 300];
            while let Ok(Some(member)) = unpack.next_member() {
                members += 1;
                let mut bytes = 0;
                while let Ok(Some(chunk)) = unpack.chunk(&mut buf) {
                    bytes += match chunk {
                        Chunk::Data(part) => {
                            data += part.len();
                            part.len() as u64
                        }
                        Chunk::Hole(hole) => hole,
                    };
                }
                prop_assert!(bytes <= member.bytes);
            }
            prop_assert!(data <= archive.len() && members <= archive.len() / BLOCK_BYTES);
        }
    }
}
