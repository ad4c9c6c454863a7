//! Counts, digests and progress of a stream, taken while it flows.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::proof::HEAD_BYTES;
use crate::run::{Phase, Run};

/// What flowed through a [`Counted`] reader so far; a shared handle.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    bytes: u64,
    sha256: Option<Sha256>,
}

impl Tally {
    /// Counts bytes.
    pub(crate) fn bytes_only() -> Self {
        Self::default()
    }

    /// Counts bytes and takes their SHA-256.
    pub(crate) fn with_digest() -> Self {
        Self(Arc::new(Mutex::new(Counts { bytes: 0, sha256: Some(Sha256::new()) })))
    }

    /// Returns the bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Returns the SHA-256 so far as 64 hexadecimal digits, as `sha256sum` prints it; empty without digest.
    pub(crate) fn sha256(&self) -> String {
        let Some(sha256) = self.lock().sha256.clone() else { return String::new() };
        sha256.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn add(&self, part: &[u8]) -> u64 {
        let mut counts = self.lock();
        counts.bytes += part.len() as u64;
        if let Some(sha256) = &mut counts.sha256 {
            sha256.update(part);
        }
        counts.bytes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads through to `inner` and tallies what came.
pub(crate) struct Counted<R> {
    inner: R,
    tally: Tally,
}

impl<R: Read> Counted<R> {
    pub(crate) fn new(inner: R, tally: &Tally) -> Self {
        Self { inner, tally: tally.clone() }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.tally.add(&buf[..count]);
        Ok(count)
    }
}

/// Reads plain bytes through: counts them, says how far it is, and stops when asked to.
pub(crate) struct Watched<R> {
    inner: R,
    tally: Tally,
    run: Run,
    phase: Phase,
    total: Option<u64>,
}

impl<R: Read> Watched<R> {
    pub(crate) fn new(inner: R, tally: &Tally, run: &Run, phase: Phase, total: Option<u64>) -> Self {
        Self { inner, tally: tally.clone(), run: run.clone(), phase, total }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.run.cancel.check()?;
        let count = self.inner.read(buf)?;
        let done = self.tally.add(&buf[..count]);
        self.run.advance(self.phase, done, self.total)?;
        Ok(count)
    }
}

/// Reads until `buf` is full or the stream ends; returns how much came.
///
/// A reader that fails after some bytes reports the error now: what came before it is of no use.
pub(crate) fn fill(reader: &mut (impl Read + ?Sized), buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match reader.read(&mut buf[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Returns the first bytes of a stored stream, at most [`HEAD_BYTES`], and the whole stream. A store may give one byte at
/// a time.
pub(crate) fn peek<'a>(mut stored: impl Read + Send + 'a) -> Result<(Vec<u8>, impl Read + Send + 'a)> {
    let mut head = vec![0; HEAD_BYTES];
    let count = fill(&mut stored, &mut head)
        .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the backup").at(Stage::Store))?;
    head.truncate(count);
    Ok((head.clone(), io::Cursor::new(head).chain(stored)))
}

/// Reads `reader` to its end through one buffer and hands each part to `sink`; returns the bytes.
///
/// # Errors
///
/// The reader's own error, or one of kind [`ErrorKind::Read`] at `stage`.
pub(crate) fn drain(
    reader: &mut (impl Read + ?Sized),
    stage: Stage,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut bytes = 0;
    loop {
        let count = fill(reader, &mut buffer)
            .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the stream").at(stage))?;
        if count == 0 {
            return Ok(bytes);
        }
        sink(&buffer[..count])?;
        bytes += count as u64;
    }
}

/// Bytes of one read and one write. A guess that fits a level-2 cache; not litigated.
pub(crate) const COPY_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_sha256sum() {
        let tally = Tally::with_digest();
        io::copy(&mut Counted::new(&b"abc"[..], &tally), &mut io::sink()).unwrap();
        assert_eq!(tally.bytes(), 3);
        assert_eq!(tally.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_cancelled_run_stops_at_the_next_read() {
        let run = Run::default();
        let tally = Tally::bytes_only();
        let mut reader = Watched::new(io::repeat(1), &tally, &run, Phase::Backup, None);
        let mut buf = [0; 10];
        assert_eq!(reader.read(&mut buf).unwrap(), 10);
        run.cancel.request(15);
        let error = Error::from_io(reader.read(&mut buf).unwrap_err(), ErrorKind::Read, "");
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }
}
