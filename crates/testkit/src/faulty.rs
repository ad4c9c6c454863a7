//! Readers and stores that fail when they are told to.

use std::io::{self, Read};

use dbbackup::store::{Entry, Existing, Hold, Lock, Slot, Store, Stored};
use dbbackup::{Error, ErrorKind, Result, Stage};

/// Gives the bytes of `inner` up to `at`, then fails.
pub struct FaultyReader<R> {
    inner: R,
    left: u64,
}

impl<R: Read> FaultyReader<R> {
    /// Fails after `at` bytes.
    pub fn new(inner: R, at: u64) -> Self {
        Self { inner, left: at }
    }
}

impl<R: Read> Read for FaultyReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("a fault of the test"));
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let count = self.inner.read(&mut buf[..room])?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A store whose payloads fail: while they are read, or while they are written.
pub struct FaultyStore<S> {
    /// The store that works.
    pub inner: S,
    /// Reading a payload fails after so many bytes.
    pub read_fails_at: Option<u64>,
    /// Writing a payload fails after so many bytes, as on a full disk.
    pub write_fails_at: Option<u64>,
    /// Committing fails.
    pub commit_fails: bool,
}

impl<S: Store> FaultyStore<S> {
    /// Wraps a store that does not fail yet.
    pub fn new(inner: S) -> Self {
        Self { inner, read_fails_at: None, write_fails_at: None, commit_fails: false }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn claim(&self, name: &str, existing: Existing, unfinished: &[u8]) -> Result<Box<dyn Slot + '_>> {
        let inner = self.inner.claim(name, existing, unfinished)?;
        Ok(Box::new(FaultySlot { inner, write_fails_at: self.write_fails_at, commit_fails: self.commit_fails }))
    }

    fn get(&self, name: &str) -> Result<Stored> {
        let stored = self.inner.get(name)?;
        Ok(match self.read_fails_at {
            Some(at) => Stored { reader: Box::new(FaultyReader::new(stored.reader, at)), ..stored },
            None => stored,
        })
    }

    fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.inner.manifest(name)
    }

    fn list(&self) -> Result<Vec<Entry>> {
        self.inner.list()
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }

    fn lock(&self, hold: Hold) -> Result<Box<dyn Lock>> {
        self.inner.lock(hold)
    }

    fn sweep(&self) {
        self.inner.sweep();
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

struct FaultySlot<'a> {
    inner: Box<dyn Slot + 'a>,
    write_fails_at: Option<u64>,
    commit_fails: bool,
}

impl Slot for FaultySlot<'_> {
    fn write(&mut self, payload: &mut dyn Read) -> Result<()> {
        let Some(at) = self.write_fails_at else { return self.inner.write(payload) };
        let mut full = FaultyReader::new(payload, at);
        self.inner.write(&mut full).map_err(|_| full_disk())
    }

    fn commit(self: Box<Self>, manifest: &[u8]) -> Result<()> {
        if self.commit_fails { Err(full_disk()) } else { self.inner.commit(manifest) }
    }
}

fn full_disk() -> Error {
    Error::new(ErrorKind::NoSpace, "cannot write: the test's disk is full").at(Stage::Store)
}
