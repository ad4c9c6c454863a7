//! Maps of sparse files: which pieces of a file an archive holds; the rest are holes.
//!
//! Four ways to write one: GNU's own header, and three in pax headers (GNU tar manual, "Storing Sparse Files").

use super::header::damaged;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Pieces of one file, in order: offset and length. Together as long as the bytes that are stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Map {
    pieces: Vec<(u64, u64)>,
    /// Length of the file.
    pub(super) bytes: u64,
}

impl Map {
    /// A file without holes.
    pub(super) fn whole(bytes: u64) -> Self {
        Self { pieces: if bytes == 0 { Vec::new() } else { vec![(0, bytes)] }, bytes }
    }

    /// Makes a map of what an archive says.
    ///
    /// # Errors
    ///
    /// `Corrupt` for pieces that overlap, leave the file, or are not what is stored.
    pub(super) fn new(pieces: Vec<(u64, u64)>, bytes: u64, stored_bytes: u64) -> Result<Self> {
        super::header::require_possible(bytes)?;
        let (mut end, mut sum) = (0, 0_u64);
        for &(offset, length) in &pieces {
            let after = offset.checked_add(length).filter(|&after| offset >= end && after <= bytes);
            end = after.ok_or_else(|| damaged("the map of a sparse file is wrong"))?;
            sum += length;
        }
        if sum != stored_bytes {
            return Err(damaged("the map of a sparse file is not that of its content"));
        }
        // An empty piece at the end only says how long the file is.
        let pieces = pieces.into_iter().filter(|&(_, length)| length > 0).rev().collect();
        Ok(Self { pieces, bytes })
    }

    /// Returns the piece at or after the place that was reached.
    pub(super) fn piece(&self) -> Option<(u64, u64)> {
        self.pieces.last().copied()
    }

    /// Takes note that `length` bytes of the next piece were read.
    pub(super) fn advance(&mut self, length: u64) {
        if let Some((offset, left)) = self.pieces.last_mut() {
            *offset += length;
            *left -= length;
            if *left == 0 {
                self.pieces.pop();
            }
        }
    }
}

/// What the records of a pax header say of a sparse file.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Version 1.0: the map stands before the content.
    pub(super) is_before_content: bool,
    /// Length of the file; none for a file that is not sparse.
    pub(super) bytes: Option<u64>,
    /// Offsets and lengths, one after another.
    numbers: Vec<u64>,
}

impl Records {
    /// Takes a record; those of other matters are passed over.
    ///
    /// # Errors
    ///
    /// `Corrupt` for what is no number.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match key {
            b"GNU.sparse.major" => self.is_before_content = number(value)? == 1,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.bytes = Some(number(value)?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.numbers.push(number(value)?),
            b"GNU.sparse.map" => {
                self.numbers = value.split(|&byte| byte == b',').map(number).collect::<Result<_>>()?;
            }
            _ => {}
        }
        require_few(self.numbers.len() / 2)
    }

    /// Returns the pieces of versions 0.0 and 0.1.
    pub(super) fn pieces(&self) -> Vec<(u64, u64)> {
        self.numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }
}

/// Reads the map that stands before the content in version 1.0: decimal numbers on lines, how many pieces first,
/// then offset and length of each.
///
/// `next` gives byte after byte.
///
/// # Errors
///
/// `Corrupt` for what is no number, `Unsupported` for too many.
pub(super) fn read_before_content(mut next: impl FnMut() -> Result<u8>) -> Result<Vec<(u64, u64)>> {
    let mut line = || {
        let mut digits = Vec::new();
        loop {
            match next()? {
                b'\n' => return number(&digits),
                digit if digits.len() < 20 => digits.push(digit),
                _ => return Err(damaged("the map of a sparse file is wrong")),
            }
        }
    };
    let count = usize::try_from(line()?).unwrap_or(usize::MAX);
    require_few(count)?;
    (0..count).map(|_| Ok((line()?, line()?))).collect()
}

/// Fails for more pieces than are taken.
pub(super) fn require_few(pieces: usize) -> Result<()> {
    if pieces <= MOST_PIECES {
        return Ok(());
    }
    let message = format!("cannot read the archive: a sparse file has more than {MOST_PIECES} pieces");
    Err(Error::new(ErrorKind::Unsupported, message).at(Stage::Archive))
}

fn number(digits: &[u8]) -> Result<u64> {
    let digits = std::str::from_utf8(digits).ok();
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| damaged("the map of a sparse file holds no number"))
}

/// 8 MiB of memory. A disk image of 30 GB whose every second 64 KiB are a hole has 250,000.
const MOST_PIECES: usize = 500_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_map_that_cannot_be_is_refused() {
        for (pieces, bytes, stored) in [
            (vec![(0, 10), (5, 10)], 100, 20),
            (vec![(10, 5), (0, 5)], 100, 10),
            (vec![(90, 20)], 100, 20),
            (vec![(u64::MAX, 1)], u64::MAX, 1),
            (vec![(0, 10)], 100, 9),
        ] {
            assert_eq!(Map::new(pieces, bytes, stored).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        assert_eq!(Map::new(vec![(5, 5), (100, 0)], 100, 5).unwrap(), Map { pieces: vec![(5, 5)], bytes: 100 });
    }

    #[test]
    fn too_many_pieces_are_not_taken_into_memory() {
        let mut text = b"99999999999\n".iter().copied();
        let error = read_before_content(|| Ok(text.next().unwrap_or(b'0'))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
