//! The store stage: where backups are kept. Commits last.

mod local;
mod memory;

use std::io::Read;

use crate::error::Result;
pub use crate::lock::Hold;
pub use local::Local;
pub use memory::Memory;

/// A place for backups: named payloads, each with a manifest beside it.
///
/// Every implementation passes `store_suite!` of the testkit. Names are relative, `/` between parts.
pub trait Store: Send + Sync {
    /// Claims `name` for one new backup, before its first byte.
    ///
    /// `unfinished` is its manifest in the state `writing`: a store that has no atomic commit puts it there first.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if the name is taken, or another run is writing it (with [`Existing::Replace`]: only the
    /// latter); `Config` for a name that leaves the store.
    fn claim(&self, name: &str, existing: Existing, unfinished: &[u8]) -> Result<Box<dyn Slot + '_>>;

    /// Opens the payload `name`, and tells its size in stored bytes where it is known.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    fn get(&self, name: &str) -> Result<Stored>;

    /// Reads the manifest of `name`; `None` if it has none. At most [`MANIFEST_BYTES`].
    fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Reads the manifests of several payloads that were listed, in their order, as [`Store::manifest`] does.
    fn manifests(&self, names: &[&str]) -> Vec<Result<Option<Vec<u8>>>> {
        names.iter().map(|name| self.manifest(name)).collect()
    }

    /// Lists what is in the store, in no order: payloads and manifests, none of our own other files.
    fn list(&self) -> Result<Vec<Entry>>;

    /// Deletes one file, payload or manifest; one that is gone already is no error.
    fn delete(&self, name: &str) -> Result<()>;

    /// Keeps deletions and restores apart: a restore holds it shared, a prune alone. Does not wait.
    ///
    /// # Errors
    ///
    /// `Busy`.
    fn lock(&self, hold: Hold) -> Result<Box<dyn Lock>>;

    /// Removes what dead runs left behind.
    fn sweep(&self);

    /// Returns how people call the place: a path, a URL without secrets.
    fn describe(&self) -> String;
}

/// A claimed name. Dropped before [`Slot::commit`], it leaves nothing behind.
pub trait Slot {
    /// Pulls the whole payload in, under no name that a listing shows.
    ///
    /// # Errors
    ///
    /// The payload's own error as it is, or the store's.
    fn write(&mut self, payload: &mut dyn Read) -> Result<()>;

    /// Returns the name that the store gave the payload instead of the claimed one; known once it is written.
    fn renamed_to(&self) -> Option<String> {
        None
    }

    /// Makes payload and manifest durable and visible, the payload first.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if the name was taken meanwhile. After an error, what was listed before is listed.
    fn commit(self: Box<Self>, manifest: &[u8]) -> Result<()>;
}

/// A payload being read.
pub struct Stored {
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
    /// Their count, where the store knows it.
    pub bytes: Option<u64>,
}

/// A held lock; dropping it lets go.
pub trait Lock: Send {}

/// What to do about a name that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Fail.
    Refuse,
    /// Replace the backup, atomically, once the new one is whole.
    Replace,
}

/// One file of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its size, where a listing tells.
    pub bytes: Option<u64>,
}

/// What a manifest's name ends in: `<name>.metadata`, as the predecessor's.
pub const MANIFEST_ENDING: &str = ".metadata";

/// Bytes of a manifest that are read at most. A manifest with 10,000 tables has about 500 KiB.
pub const MANIFEST_BYTES: u64 = 16 * 1024 * 1024;

/// Whether a file of this name is ever listed as a backup: not in a folder, not hidden, no manifest.
pub fn is_listable(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && !name.starts_with('.') && !name.ends_with(MANIFEST_ENDING)
}

/// Returns the name of the manifest of `name`.
pub fn manifest_name(name: &str) -> String {
    format!("{name}{MANIFEST_ENDING}")
}
