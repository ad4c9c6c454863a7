//! What proves that a dump is whole, without our manifest: its own end.

use std::io::{Cursor, Read};

use crate::archive::custom::Custom;
use crate::archive::tar::{Kind, Unpack, is_tar};
use crate::count::{drain, fill};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::source::media::MediaContent;

/// What a dump's own content proves.
#[derive(Default)]
pub(crate) struct Proof {
    /// What proves, in words, that it is whole; `None` if nothing can.
    pub(crate) end: Option<&'static str>,
    /// What a tar archive holds.
    pub(crate) content: Option<MediaContent>,
}

/// Reads plain bytes to their end, and proves by them what can be proven.
///
/// # Errors
///
/// `Corrupt` where the format has an end and it is not there; the stream's own.
pub(crate) fn prove(plain: &mut dyn Read) -> Result<Proof> {
    let mut head = vec![0; HEAD_BYTES];
    let count = fill(plain, &mut head)
        .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the stream").at(Stage::Store))?;
    head.truncate(count);
    let (is_tar, is_custom) = (is_tar(&head), head.starts_with(b"PGDMP"));
    let mut plain = Cursor::new(head).chain(plain);
    if is_tar {
        return Ok(Proof { end: Some("tar's two zero blocks"), content: Some(count_members(&mut plain)?) });
    }
    if is_custom {
        let mut walk = Custom::new();
        drain(&mut plain, Stage::Store, |part| walk.watch(part))?;
        let end = walk.finish()?.then_some("the blocks that its table of contents names");
        return Ok(Proof { end, content: None });
    }
    let mut prover = Prover::default();
    drain(&mut plain, Stage::Store, |part| {
        prover.watch(part);
        Ok(())
    })?;
    Ok(Proof { end: prover.prove()?, content: None })
}

/// Reads a tar stream to its proven end, and counts.
fn count_members(plain: &mut dyn Read) -> Result<MediaContent> {
    let mut archive = Unpack::new(plain);
    let mut content = MediaContent::default();
    while let Some(member) = archive.next_member()? {
        match member.kind {
            Kind::File => content.files += 1,
            Kind::Folder if !is_root(&member.path) => content.folders += 1,
            _ => {}
        }
        content.bytes = content.bytes.saturating_add(member.bytes);
    }
    Ok(content)
}

/// Whether a path is that of the folder itself: `.`, `./`.
fn is_root(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').all(|part| matches!(part, b"" | b"."))
}

/// Watches plain bytes flow and keeps what a proof needs: the first 512 bytes, the last 1,024, the count.
#[derive(Default)]
struct Prover {
    head: Vec<u8>,
    tail: Vec<u8>,
    bytes: u64,
}

impl Prover {
    fn watch(&mut self, part: &[u8]) {
        let missing = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&part[..missing.min(part.len())]);
        let last = &part[part.len().saturating_sub(TAIL_BYTES)..];
        let surplus = (self.tail.len() + last.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus);
        self.tail.extend_from_slice(last);
        self.bytes += part.len() as u64;
    }

    /// Returns in words what proves the dump whole by itself; `None` if nothing can.
    ///
    /// # Errors
    ///
    /// `Corrupt` where the format has an end and it is not there.
    fn prove(&self) -> Result<Option<&'static str>> {
        let tail = self.tail.trim_ascii_end();
        let (is_whole, proof) = if self.head.starts_with(SQLITE_MAGIC) {
            (sqlite_bytes(&self.head) == Some(self.bytes), "the pages that its header counts")
        } else if contains(&self.head, b"-- PostgreSQL database dump") {
            let complete = contains(tail, b"-- PostgreSQL database dump complete");
            (complete, "pg_dump's last comment")
        } else if contains(&self.head, b"-- MySQL dump") || contains(&self.head, b"-- MariaDB dump") {
            (contains(tail, b"-- Dump completed"), "mysqldump's last comment")
        } else if self.head.starts_with(b"[{") || self.head.starts_with(b"[\n") || self.head == b"[]" {
            (tail.ends_with(b"]"), "the closing bracket")
        } else {
            return Ok(None);
        };
        if is_whole {
            return Ok(Some(proof));
        }
        Err(Error::new(ErrorKind::Corrupt, format!("cannot use the backup: {proof} are not there, it was cut short"))
            .at(Stage::Archive)
            .hint("take another backup"))
    }
}

/// Returns the length that a SQLite database's header claims, in bytes; `None` if it is no such header.
///
/// Source: <https://www.sqlite.org/fileformat.html> §1.3: page size at offset 16 (1 means 65,536), pages at 28.
pub(crate) fn sqlite_bytes(head: &[u8]) -> Option<u64> {
    let header = head.get(..100).filter(|header| header.starts_with(SQLITE_MAGIC))?;
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size if size.is_power_of_two() && size >= 512 => u64::from(size),
        _ => return None,
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    Some(page_bytes * u64::from(pages))
}

/// Whether the first bytes of a dump are those of a format that is known, or text.
pub(crate) fn is_recognised(head: &[u8]) -> bool {
    let is_text = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The last character may be cut.
        Err(error) => error.error_len().is_none(),
    };
    let is_control = |&byte: &u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    let is_dump = head.starts_with(SQLITE_MAGIC) || head.starts_with(b"PGDMP") || is_tar(head);
    is_dump || is_text && !head.iter().any(is_control)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// How every SQLite database begins.
pub(crate) const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";
pub(crate) const HEAD_BYTES: usize = 512;
/// The last comments of SQL dumps are shorter.
const TAIL_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn prove(bytes: &[u8]) -> Result<Option<&'static str>> {
        let mut prover = Prover::default();
        bytes.chunks(700).for_each(|part| prover.watch(part));
        prover.prove()
    }

    #[test]
    fn formats_and_text_are_recognised_and_scrambled_bytes_are_not() {
        for head in [&SQLITE_MAGIC[..], b"PGDMP\x01", b"CREATE TABLE a", "-- é".as_bytes(), &"é".as_bytes()[..1], b""]
        {
            assert!(is_recognised(head), "{head:?}");
        }
        for head in [&b"\x1f\x8a\x08\0"[..], b"\x85\x01\x0c\x13", b"\0\0"] {
            assert!(!is_recognised(head), "{head:?}");
        }
    }

    #[test]
    fn each_format_is_proven_by_its_end_and_refused_without_it() {
        let mut sqlite = vec![0; 1024];
        sqlite[..16].copy_from_slice(SQLITE_MAGIC);
        sqlite[16..18].copy_from_slice(&512_u16.to_be_bytes());
        sqlite[28..32].copy_from_slice(&2_u32.to_be_bytes());
        let text = |start: &str, end: &str| format!("--\n{start}\n{}\n{end}\n\n", "x;\n".repeat(900)).into_bytes();
        let postgres = text("-- PostgreSQL database dump", "-- PostgreSQL database dump complete\n--");
        let mysql = text("-- MariaDB dump 10.19", "-- Dump completed on 2026-11-22 10:15:00");
        let json = format!("[{}]", vec!["{}"; 900].join(",")).into_bytes();
        for whole in [sqlite, postgres, mysql, json] {
            assert!(prove(&whole).unwrap().is_some());
            let cut = &whole[..whole.len() - 70];
            assert_eq!(prove(cut).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert_eq!(prove(b"INSERT INTO a VALUES (1);").unwrap(), None);
    }
}
