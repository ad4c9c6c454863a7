//! Any reader as a source: a file object of somebody else's.

use std::io::{self, Read};

use super::{Dump, DumpFacts, Source};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// A source that is read once. Its end of file is believed: the caller vouches for it.
pub struct Reader {
    inner: Option<Box<dyn Read + Send>>,
    expected_bytes: Option<u64>,
}

impl Reader {
    /// Dumps what `inner` gives.
    pub fn new(inner: impl Read + Send + 'static) -> Self {
        Self { inner: Some(Box::new(inner)), expected_bytes: None }
    }

    /// Says how many bytes will come, for progress.
    #[must_use]
    pub fn expecting(mut self, bytes: u64) -> Self {
        self.expected_bytes = Some(bytes);
        self
    }
}

impl Source for Reader {
    fn open(&mut self, _run: &Run) -> Result<Box<dyn Dump>> {
        let inner = self
            .inner
            .take()
            .ok_or_else(|| Error::new(ErrorKind::Bug, "cannot read a reader twice").at(Stage::Source))?;
        Ok(Box::new(ReaderDump { inner, expected_bytes: self.expected_bytes }))
    }
}

struct ReaderDump {
    inner: Box<dyn Read + Send>,
    expected_bytes: Option<u64>,
}

impl Read for ReaderDump {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner
            .read(buf)
            .map_err(|source| Error::in_io(source, ErrorKind::Read, "cannot read the source", Stage::Source))
    }
}

impl Dump for ReaderDump {
    fn expected_bytes(&self) -> Option<u64> {
        self.expected_bytes
    }

    fn finish(self: Box<Self>) -> Result<DumpFacts> {
        Ok(DumpFacts::default())
    }
}
