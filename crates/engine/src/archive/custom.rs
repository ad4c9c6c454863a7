//! Archives of `pg_dump --format=custom`: where they end.
//!
//! Such a file is a header, a table of contents, and a block of data for each entry of that which has some. No mark
//! stands behind the last block, and `pg_restore` reads no further: only who walks over all of it knows that the file
//! ends there, neither before nor after.
//!
//! Source: PostgreSQL's `pg_backup_archiver.h` and `pg_backup_custom.c`, and archives of its versions 15 and 18.

use crate::error::{Error, ErrorKind, Result, Stage};

/// Walks over an archive as its bytes come. Holds a few bytes, whatever its size.
#[derive(Debug)]
pub(crate) struct Custom {
    step: Step,
    /// What there is of an item whose end is still to come.
    part: Vec<u8>,
    /// Bytes of a text or of data that are still to come.
    skip: u64,
    /// Bytes of an integer, without the one of its sign.
    int_bytes: usize,
    offset_bytes: usize,
    /// Of the format's version 1.
    minor: u8,
    entries: u64,
    /// Entries that have data.
    promised: u64,
    blocks: u64,
    is_in_objects: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Magic,
    /// A field of the header.
    Header(usize),
    Count,
    /// A field of an entry of the table of contents.
    Entry(usize),
    Block,
    BlockId,
    /// The number of a large object, or 0 behind the last.
    Object,
    /// The length of a piece of data, or 0 behind the last.
    Length,
    /// A version that is not known here: everything is passed over.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Byte,
    Int,
    Text,
    /// Texts up to one that is none.
    Texts,
    /// Where the data are, if there are some.
    Offset,
}

impl Custom {
    /// Begins before the first byte.
    pub(crate) fn new() -> Self {
        Self {
            step: Step::Magic,
            part: Vec::new(),
            skip: 0,
            int_bytes: 0,
            offset_bytes: 0,
            minor: 0,
            entries: 0,
            promised: 0,
            blocks: 0,
            is_in_objects: false,
        }
    }

    /// Goes on over the next bytes.
    ///
    /// # Errors
    ///
    /// `Corrupt` where they are none of an archive, or stand after its end.
    pub(crate) fn watch(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() && self.step != Step::Unknown {
            if self.skip > 0 {
                let count = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.skip -= count as u64;
                bytes = &bytes[count..];
                continue;
            }
            let count = bytes.len().min(self.width() - self.part.len());
            self.part.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            if self.part.len() == self.width() {
                // Once for every row: its memory goes on to the next.
                let mut item = std::mem::take(&mut self.part);
                self.advance(&item)?;
                item.clear();
                self.part = item;
            }
        }
        Ok(())
    }

    /// Returns whether the archive was proven to end here; `false` for a version that is not known.
    ///
    /// # Errors
    ///
    /// `Corrupt` if something is missing.
    pub(crate) fn finish(&self) -> Result<bool> {
        if self.step == Step::Unknown {
            return Ok(false);
        }
        if self.is_at_end() {
            Ok(true)
        } else {
            Err(damaged("it ends before its last block of data, it was cut short"))
        }
    }

    fn is_at_end(&self) -> bool {
        self.step == Step::Block && self.part.is_empty() && self.skip == 0 && self.blocks == self.promised
    }

    /// Returns how many bytes tell what comes next.
    fn width(&self) -> usize {
        match self.field() {
            Some(Field::Byte) => 1,
            Some(Field::Offset) => 1 + self.offset_bytes,
            Some(_) => 1 + self.int_bytes,
            None => match self.step {
                Step::Magic => MAGIC_BYTES,
                Step::Block => 1,
                _ => 1 + self.int_bytes,
            },
        }
    }

    fn field(&self) -> Option<Field> {
        let (fields, at) = match self.step {
            Step::Header(at) => (self.header(), at),
            Step::Entry(at) => (self.entry(), at),
            _ => return None,
        };
        fields.get(at).copied()
    }

    fn header(&self) -> &'static [Field] {
        const LEVEL: [Field; 11] = [
            Field::Int, // compression
            Field::Int, // seconds, …
            Field::Int,
            Field::Int,
            Field::Int,
            Field::Int,
            Field::Int,
            Field::Int,  // … whether it is summer
            Field::Text, // the database
            Field::Text, // the server's version
            Field::Text, // pg_dump's
        ];
        const ALGORITHM: [Field; 11] = {
            let mut fields = LEVEL;
            fields[0] = Field::Byte;
            fields
        };
        if self.minor >= 15 { &ALGORITHM } else { &LEVEL }
    }

    fn entry(&self) -> &'static [Field] {
        use Field::{Int, Offset, Text, Texts};
        // Number, whether it has data, table, object, tag, kind, section, definition, drop, copy, schema, tablespace, …
        const V12: [Field; 16] =
            [Int, Int, Text, Text, Text, Text, Int, Text, Text, Text, Text, Text, Text, Text, Texts, Offset];
        // … access method, …
        const V14: [Field; 17] =
            [Int, Int, Text, Text, Text, Text, Int, Text, Text, Text, Text, Text, Text, Text, Text, Texts, Offset];
        // … kind of relation, then owner, whether it has object ids, what it depends on, where its data are.
        const V16: [Field; 18] =
            [Int, Int, Text, Text, Text, Text, Int, Text, Text, Text, Text, Text, Text, Int, Text, Text, Texts, Offset];
        match self.minor {
            ..=13 => &V12,
            14 | 15 => &V14,
            16.. => &V16,
        }
    }

    fn advance(&mut self, item: &[u8]) -> Result<()> {
        self.step = match self.step {
            Step::Magic => return self.begin(item),
            Step::Header(at) => self.after(item, Step::Header(at), Step::Header(at + 1), Step::Count)?,
            Step::Count => {
                self.entries = self.number(item)?;
                if self.entries == 0 { Step::Block } else { Step::Entry(0) }
            }
            Step::Entry(at) => {
                let behind = if self.entries > 1 { Step::Entry(0) } else { Step::Block };
                let next = self.after(item, Step::Entry(at), Step::Entry(at + 1), behind)?;
                if at + 1 == self.entry().len() {
                    self.entries -= 1;
                    self.promised += u64::from(item[0] != NO_DATA);
                }
                next
            }
            Step::Block if self.blocks == self.promised => return Err(damaged("there are bytes after its end")),
            Step::Block => {
                self.blocks += 1;
                self.is_in_objects = match item {
                    [ROWS] => false,
                    [OBJECTS] => true,
                    _ => return Err(damaged("where data begin stands something else")),
                };
                Step::BlockId
            }
            Step::BlockId if self.is_in_objects => Step::Object,
            Step::BlockId => Step::Length,
            Step::Object => {
                if self.number(item)? == 0 {
                    Step::Block
                } else {
                    Step::Length
                }
            }
            Step::Length => {
                self.skip = self.number(item)?;
                match (self.skip, self.is_in_objects) {
                    (0, true) => Step::Object,
                    (0, false) => Step::Block,
                    _ => Step::Length,
                }
            }
            Step::Unknown => Step::Unknown,
        };
        Ok(())
    }

    fn begin(&mut self, magic: &[u8]) -> Result<()> {
        let [b'P', b'G', b'D', b'M', b'P', major, minor, _, int_bytes, offset_bytes, format] = *magic else {
            return Err(damaged("it does not begin as one"));
        };
        let is_known = major == 1 && KNOWN.contains(&minor) && format == CUSTOM && (1..=8).contains(&int_bytes);
        (self.minor, self.int_bytes, self.offset_bytes) = (minor, int_bytes.into(), offset_bytes.into());
        self.step = if is_known { Step::Header(0) } else { Step::Unknown };
        Ok(())
    }

    /// Takes a field; returns where that leads: to the same one, to the `next`, or `behind` the last.
    fn after(&mut self, item: &[u8], same: Step, next: Step, behind: Step) -> Result<Step> {
        let (field, fields) = match same {
            Step::Header(at) => (at, self.header()),
            Step::Entry(at) => (at, self.entry()),
            _ => return Ok(next),
        };
        if matches!(fields[field], Field::Text | Field::Texts) {
            // -1 is none at all, which differs from an empty one.
            let length = self.int(item)?;
            self.skip = u64::try_from(length).unwrap_or(0);
            if fields[field] == Field::Texts && length >= 0 {
                return Ok(same);
            }
        }
        Ok(if field + 1 == fields.len() { behind } else { next })
    }

    /// Reads an integer: its sign, then its bytes, the lowest first.
    fn int(&self, item: &[u8]) -> Result<i64> {
        let bytes = &item[1..=self.int_bytes];
        let value = bytes.iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        let value = i64::try_from(value).map_err(|_| damaged("a number in it is too large"))?;
        match item[0] {
            0 => Ok(value),
            1 => Ok(-value),
            _ => Err(damaged("a number in it is none")),
        }
    }

    fn number(&self, item: &[u8]) -> Result<u64> {
        u64::try_from(self.int(item)?).map_err(|_| damaged("a length in it is negative"))
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot use the backup: as an archive of pg_dump, {what}"))
        .at(Stage::Archive)
        .hint("take another backup")
}

/// `PGDMP`, three bytes of the version, the widths of integers and offsets, the format.
const MAGIC_BYTES: usize = 11;
/// The minor versions of format 1 whose fields are known: of PostgreSQL 9.0 to 18.
const KNOWN: std::ops::RangeInclusive<u8> = 12..=16;
const CUSTOM: u8 = 1;
/// The mark of an entry without data.
const NO_DATA: u8 = 3;
/// The mark of a block of rows.
const ROWS: u8 = 1;
/// The mark of a block of large objects.
const OBJECTS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i32) -> Vec<u8> {
        [&[u8::from(value < 0)], &value.unsigned_abs().to_le_bytes()[..]].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        [int(i32::try_from(text.len()).unwrap()), text.as_bytes().to_vec()].concat()
    }

    fn entry(minor: u8, mark: u8) -> Vec<u8> {
        let mut entry = [int(7), int(1), text("1"), text("2"), text("t"), text("TABLE DATA"), int(3)].concat();
        entry.extend([text(""), text(""), text("COPY"), text("public"), int(-1)].concat());
        if minor >= 14 {
            entry.extend(text("heap"));
        }
        if minor >= 16 {
            entry.extend(int(0));
        }
        entry.extend([text("owner"), text("false"), text("1"), text("22"), int(-1)].concat());
        entry.extend([mark, 0, 0, 0, 0, 0, 0, 0, 0]);
        entry
    }

    /// An archive with rows, large objects, and an entry without data.
    fn archive(minor: u8) -> Vec<u8> {
        let mut archive = [b"PGDMP".as_slice(), &[1, minor, 0, 4, 8, 1]].concat();
        archive.extend(if minor >= 15 { vec![0] } else { int(-1) });
        (0..7).for_each(|n| archive.extend(int(n)));
        archive.extend([text("shop"), text("15.1"), text("15.2"), int(3)].concat());
        for mark in [1, NO_DATA, 2] {
            archive.extend(entry(minor, mark));
        }
        archive.extend([vec![ROWS], int(7), text("1\tone\n"), text("2\ttwo\n"), int(0)].concat());
        archive.extend([vec![OBJECTS], int(8), int(4711), text("large"), int(0), int(4712), int(0), int(0)].concat());
        archive
    }

    fn walk(bytes: &[u8], step: usize) -> Result<bool> {
        let mut walk = Custom::new();
        bytes.chunks(step).try_for_each(|part| walk.watch(part))?;
        walk.finish()
    }

    #[test]
    fn an_archive_ends_behind_its_last_block_and_nowhere_else() {
        for minor in KNOWN {
            let whole = archive(minor);
            for step in [1, 7, 4096] {
                assert!(walk(&whole, step).unwrap(), "1.{minor}");
            }
            for cut in 0..whole.len() {
                assert_eq!(walk(&whole[..cut], 100).unwrap_err().kind(), ErrorKind::Corrupt, "1.{minor}, {cut}");
            }
            for more in [&b"\0"[..], b"\x01", b"\n", b"junk"] {
                let error = walk(&[&whole, more].concat(), 100).unwrap_err();
                assert!(error.to_string().ends_with("there are bytes after its end"), "1.{minor}: {error}");
            }
        }
    }

    #[test]
    fn a_version_that_is_not_known_is_passed_over() {
        let mut archive = archive(16);
        archive[6] = 17;
        assert!(!walk(&archive, 100).unwrap());
        assert!(!walk(&archive[..50], 100).unwrap());
    }

    #[test]
    fn any_damage_is_an_error_or_stands_in_what_is_passed_over() {
        let whole = archive(16);
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Err(error) = walk(&damaged, 100) {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{bit}");
            }
        }
    }
}
