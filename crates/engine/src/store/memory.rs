//! Backups in memory, for tests: the smallest store that keeps every promise.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Entry, Existing, Hold, Lock, Slot, Store, Stored, manifest_name};
use crate::count::drain;
use crate::error::{Error, ErrorKind, Result, Stage};

/// A store that ends with the process; clones share their backups.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    claimed: BTreeSet<String>,
    shared: usize,
    exclusive: bool,
}

impl Memory {
    /// Puts a file there as somebody else would: a predecessor's backup, a damaged one.
    pub fn insert(&self, name: &str, bytes: Vec<u8>) {
        self.state().files.insert(name.to_owned(), bytes);
    }

    /// Returns a file's bytes.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.state().files.get(name).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn claim(&self, name: &str, existing: Existing, _unfinished: &[u8]) -> Result<Box<dyn Slot + '_>> {
        let mut state = self.state();
        let taken = existing == Existing::Refuse && state.files.contains_key(name);
        if taken || !state.claimed.insert(name.to_owned()) {
            return Err(exists(name));
        }
        Ok(Box::new(MemorySlot { store: self.clone(), name: name.to_owned(), payload: Vec::new(), existing }))
    }

    fn get(&self, name: &str) -> Result<Stored> {
        let bytes = self.bytes(name).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("cannot find backup `{name}`")).at(Stage::Store).subject(name)
        })?;
        Ok(Stored { bytes: Some(bytes.len() as u64), reader: Box::new(Cursor::new(bytes)) })
    }

    fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.bytes(&manifest_name(name)))
    }

    fn list(&self) -> Result<Vec<Entry>> {
        let state = self.state();
        let entry = |(name, bytes): (&String, &Vec<u8>)| Entry { name: name.clone(), bytes: Some(bytes.len() as u64) };
        Ok(state.files.iter().map(entry).collect())
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.state().files.remove(name);
        Ok(())
    }

    fn lock(&self, hold: Hold) -> Result<Box<dyn Lock>> {
        let mut state = self.state();
        if state.exclusive || (hold == Hold::Exclusive && state.shared > 0) {
            return Err(Error::new(ErrorKind::Busy, "cannot lock the store: another run holds it").at(Stage::Store));
        }
        match hold {
            Hold::Shared => state.shared += 1,
            Hold::Exclusive => state.exclusive = true,
        }
        Ok(Box::new(MemoryLock { store: self.clone(), hold }))
    }

    fn sweep(&self) {}

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

struct MemoryLock {
    store: Memory,
    hold: Hold,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.store.state();
        match self.hold {
            Hold::Shared => state.shared -= 1,
            Hold::Exclusive => state.exclusive = false,
        }
    }
}

struct MemorySlot {
    store: Memory,
    name: String,
    payload: Vec<u8>,
    existing: Existing,
}

impl Slot for MemorySlot {
    fn write(&mut self, payload: &mut dyn Read) -> Result<()> {
        let bytes = &mut self.payload;
        drain(payload, Stage::Store, |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(())
    }

    fn commit(mut self: Box<Self>, manifest: &[u8]) -> Result<()> {
        let mut state = self.store.state();
        if self.existing == Existing::Refuse && state.files.contains_key(&self.name) {
            return Err(exists(&self.name));
        }
        state.files.insert(self.name.clone(), std::mem::take(&mut self.payload));
        state.files.insert(manifest_name(&self.name), manifest.to_owned());
        drop(state);
        Ok(())
    }
}

impl Drop for MemorySlot {
    fn drop(&mut self) {
        self.store.state().claimed.remove(&self.name);
    }
}

fn exists(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("cannot write backup `{name}`: it exists"))
        .at(Stage::Store)
        .subject(name)
}
