//! Header blocks: one member's description, with what a pax header says more exactly.

use std::borrow::Cow;

use tar::{EntryType, Header};

use super::{BLOCK_BYTES, Kind, Member, Moment, padding, pax};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Writes the blocks that stand before members.
pub(super) struct Writer {
    /// The header of pax headers, which differ in nothing but their size.
    pax: Header,
}

impl Writer {
    pub(super) fn new() -> Self {
        let mut pax = blank(EntryType::XHeader, 0o644);
        // Python's name for it. Tools that do not know the type unpack it as a file.
        set_path(&mut pax, b"././@PaxHeader");
        Self { pax }
    }

    /// Appends a member's blocks: a pax header where the ustar header is too small for the truth, then the ustar
    /// header.
    pub(super) fn write(&mut self, member: &Member, blocks: &mut Vec<u8>) {
        let mut header =
            blank(if member.kind == Kind::Folder { EntryType::Directory } else { EntryType::Regular }, member.mode);
        let mut path = Cow::Borrowed(&member.path);
        if member.kind == Kind::Folder {
            path.to_mut().push(b'/');
        }
        let mut records = Vec::new();
        if !set_path(&mut header, &path) {
            if std::str::from_utf8(&path).is_err() {
                pax::push(&mut records, "hdrcharset", b"BINARY");
            }
            pax::push(&mut records, "path", &path);
        }
        let fields = header.as_old_mut();
        // One digit less than a field has bytes: the last ends the number.
        for (key, value, field) in [
            ("uid", member.uid, &mut fields.uid[..]),
            ("gid", member.gid, &mut fields.gid[..]),
            ("size", member.bytes, &mut fields.size[..]),
        ] {
            if !octal(field, value) {
                pax::push(&mut records, key, value.to_string().as_bytes());
            }
        }
        if let Some(at) = member.modified {
            let is_whole = u64::try_from(at.seconds).is_ok_and(|seconds| octal(&mut fields.mtime, seconds));
            // A zero there is what tars write that know no time.
            if !is_whole || at.nanoseconds > 0 || at.seconds == 0 {
                pax::push(&mut records, "mtime", pax::moment(at).as_bytes());
            }
        }
        if !records.is_empty() {
            octal(&mut self.pax.as_old_mut().size, records.len() as u64);
            append(&mut self.pax, blocks);
            blocks.extend_from_slice(&records);
            blocks.resize(blocks.len() + usize::try_from(padding(records.len() as u64)).unwrap_or(0), 0);
        }
        append(&mut header, blocks);
    }
}

fn blank(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    let fields = header.as_old_mut();
    octal(&mut fields.mode, mode.into());
    for field in [&mut fields.uid[..], &mut fields.gid, &mut fields.size, &mut fields.mtime] {
        octal(field, 0);
    }
    header
}

/// Puts a number into a field; `false` and zeros if it has more digits. The crate's own way allocates for each, which
/// is a quarter of what a small file costs.
fn octal(field: &mut [u8], value: u64) -> bool {
    let Some((end, digits)) = field.split_last_mut() else { return false };
    *end = 0;
    let fits = value >> (3 * digits.len()) == 0;
    let mut left = if fits { value } else { 0 };
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (left % 8) as u8;
        left /= 8;
    }
    fits
}

fn append(header: &mut Header, blocks: &mut Vec<u8>) {
    header.as_old_mut().cksum = *b"        ";
    let sum = header.as_bytes().iter().map(|&byte| u64::from(byte)).sum();
    octal(&mut header.as_old_mut().cksum[..7], sum);
    blocks.extend_from_slice(header.as_bytes());
}

/// Puts a path into the header's two fields; `false` if they cannot hold it as it is: what is not ASCII has no
/// meaning there.
fn set_path(header: &mut Header, path: &[u8]) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    let (prefix, name) = if path.len() <= ustar.name.len() {
        (&b""[..], path)
    } else {
        // At a slash that leaves both parts within their fields, and neither empty.
        let earliest = path.len() - ustar.name.len() - 1;
        let is_split = |at: &usize| path[*at] == b'/' && at + 1 < path.len() && *at > 0;
        match (earliest..path.len().min(ustar.prefix.len() + 1)).find(is_split) {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], &path[..ustar.name.len()]),
        }
    };
    let is_whole = prefix.len() + name.len() + usize::from(!prefix.is_empty()) == path.len();
    ustar.name[..name.len()].copy_from_slice(name);
    ustar.prefix[..prefix.len()].copy_from_slice(prefix);
    // A field that ends in a NUL of its own would be read as a shorter one.
    is_whole && path.is_ascii() && !path.contains(&0)
}

/// A header block that was read, not yet put right by a pax header.
pub(super) struct Block {
    header: Header,
    /// What it is.
    pub(super) kind: EntryType,
    /// Bytes that follow it, padded to whole blocks.
    pub(super) stored_bytes: u64,
}

/// Reads a header block.
///
/// # Errors
///
/// `Corrupt` if its checksum is wrong or its size is no number.
pub(super) fn read(block: &[u8; BLOCK_BYTES]) -> Result<Block> {
    let header = Header::from_byte_slice(block).clone();
    // The sum of all bytes, with blanks in place of the sum (POSIX.1-2017, pax, `chksum`).
    let (before, field, after) = (&block[..148], 8 * i64::from(b' '), &block[156..]);
    let sum = before.iter().chain(after).map(|&byte| i64::from(byte)).sum::<i64>() + field;
    if number(&header.as_old().cksum) != Some(sum) {
        return Err(damaged("a header's checksum is wrong"));
    }
    let kind = header.entry_type();
    let stored_bytes = match kind {
        // Some tars write the size of the file that is linked to, and none of its bytes; GNU tar reads them so.
        EntryType::Link => 0,
        _ => number(&header.as_old().size)
            .and_then(|bytes| u64::try_from(bytes).ok())
            .ok_or_else(|| damaged("a header has no size"))?,
    };
    require_possible(stored_bytes)?;
    Ok(Block { header, kind, stored_bytes })
}

/// Reads a number: octal digits between blanks, or GNU's binary form, negative too; nothing at all is 0.
fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 {
        let is_negative = field[0] & 0x40 != 0;
        let first = if is_negative { i128::from(field[0]) - 0x100 } else { i128::from(field[0] & 0x7f) };
        let value = field[1..].iter().fold(first, |value, &byte| (value << 8) | i128::from(byte));
        return i64::try_from(value).ok();
    }
    let digits = field.split(|&byte| byte == 0).next().unwrap_or_default().trim_ascii();
    digits.iter().try_fold(0_i64, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

impl Block {
    /// Returns the member as the block describes it.
    pub(super) fn member(&self) -> Member {
        let fields = self.header.as_old();
        let path = self.path();
        let kind = match self.kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Link | EntryType::Symlink => Kind::Link,
            EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Device,
            // GNU's incremental backups put a listing behind a folder.
            other if other.as_byte() == b'D' => Kind::Folder,
            other => Kind::Unknown(other.as_byte()),
        };
        let real_bytes = || self.header.as_gnu().and_then(|gnu| u64::try_from(number(&gnu.realsize)?).ok());
        let bytes = match self.kind {
            EntryType::GNUSparse => real_bytes().unwrap_or(self.stored_bytes),
            _ => self.stored_bytes,
        };
        let positive = |field: &[u8]| number(field).and_then(|number| u64::try_from(number).ok());
        Member {
            path,
            kind,
            bytes: if kind == Kind::File { bytes } else { 0 },
            mode: u32::try_from(positive(&fields.mode).unwrap_or(0o644) & 0o7777).unwrap_or(0o644),
            uid: positive(&fields.uid).unwrap_or(0),
            gid: positive(&fields.gid).unwrap_or(0),
            modified: number(&fields.mtime)
                .filter(|&seconds| seconds != 0)
                .map(|seconds| Moment { seconds, nanoseconds: 0 }),
        }
    }

    /// Joins the two fields that ustar has for a path. The crate asks for a version, which some tars do not write.
    fn path(&self) -> Vec<u8> {
        let block = self.header.as_bytes();
        let text = |field: &[u8]| field.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
        if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
            return [&prefix[..], b"/", &name].concat();
        }
        name
    }

    /// Returns the sparse map of GNU's own format, and whether another block of it follows.
    pub(super) fn gnu_sparse(&self) -> Option<(Vec<(u64, u64)>, bool)> {
        let gnu = self.header.as_gnu().filter(|_| self.kind == EntryType::GNUSparse)?;
        let pieces = gnu.sparse.iter().filter(|piece| !piece.is_empty());
        let pieces = pieces.map(|piece| Some((piece.offset().ok()?, piece.length().ok()?))).collect::<Option<_>>()?;
        Some((pieces, gnu.is_extended()))
    }
}

/// Fails for a size that no file has: sums of such sizes would overflow.
pub(super) fn require_possible(bytes: u64) -> Result<()> {
    if i64::try_from(bytes).is_ok() { Ok(()) } else { Err(damaged("a size is larger than any file")) }
}

/// Says that the archive is damaged.
pub(super) fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot read the archive: {why}"))
        .at(Stage::Archive)
        .hint("it was damaged or cut short; take another backup")
}
