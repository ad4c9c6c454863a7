//! Sources and targets: where plain bytes come from and go to. Both directions of one thing stand together.

pub mod media;
pub mod mysql;
pub mod postgres;
pub mod process;
pub mod reader;
pub mod sqlite;

use std::io::Read;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::manifest::{Content, Skipped};
use crate::proof;
use crate::run::Run;
use media::{MediaChanges, MediaContent};

/// Something that can be dumped.
pub trait Source {
    /// Opens one consistent dump.
    ///
    /// # Errors
    ///
    /// `Busy` if somebody holds a lock for too long, `Config` if it is not there, `Corrupt` if it is damaged.
    fn open(&mut self, run: &Run) -> Result<Box<dyn Dump>>;
}

/// The plain bytes of one dump. `Ok(0)` means that the dump is whole: a tool exited with status 0.
pub trait Dump: Read + Send {
    /// Returns the bytes that are to come, where known; for progress only.
    fn expected_bytes(&self) -> Option<u64>;

    /// Ends a dump that was read to its end, and tells what it learned.
    ///
    /// # Errors
    ///
    /// The backup must not be committed.
    fn finish(self: Box<Self>) -> Result<DumpFacts>;
}

/// What a dump learned about its source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DumpFacts {
    /// Versions and settings, for the manifest's `source`.
    pub source: Map<String, Value>,
    /// Tables and rows.
    pub content: Option<Content>,
    /// Files and folders.
    pub media: Option<MediaContent>,
    /// What could not be read, or not as a whole.
    pub skipped: Skipped,
    /// Tables, or patterns of files, that were left out on request.
    pub excluded: Vec<String>,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// Something that can be restored into.
pub trait Target {
    /// Prepares a load: takes the target's lock, checks that there is room. Changes nothing.
    ///
    /// # Errors
    ///
    /// `Busy`, `Refused` (no room), `Denied`.
    fn begin(&mut self, expected: &Expected, run: &Run) -> Result<Box<dyn Load + '_>>;
}

/// What the manifest of a backup says of its content; nothing without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Size of the dump.
    pub plain_bytes: Option<u64>,
    /// Tables whose rows it does not have.
    pub excluded: Vec<String>,
}

/// A load under way. Dropped before [`Load::commit`], the target is as it was; one that [`Load::needs_proof`] has
/// parts that are new by then, each of them whole.
pub trait Load {
    /// Whether the target has no commit of its own: a backup is then read to its end and proven, in
    /// [`Load::rehearse`], before [`Load::write`] gets its first byte.
    fn needs_proof(&self) -> bool {
        false
    }

    /// Whether nothing stays of what the target held: tables that a backup was made without are empty then.
    fn replaces_all(&self) -> bool {
        true
    }

    /// Takes all plain bytes, proves by them what can be proven, and changes nothing; returns what [`Load::write`]
    /// would do.
    ///
    /// # Errors
    ///
    /// As [`Load::write`]; `Refused` where there is no room.
    fn rehearse(&mut self, plain: &mut (dyn Read + Send)) -> Result<LoadFacts> {
        prove(plain)?;
        Ok(LoadFacts::default())
    }

    /// Takes all plain bytes, to a place beside the target.
    ///
    /// # Errors
    ///
    /// The stream's own error as it is, or the target's.
    fn write(&mut self, plain: &mut (dyn Read + Send)) -> Result<()>;

    /// Checks what came and puts it in place, whole or not at all.
    ///
    /// Called once the stored stream was read to its last byte and everything about it was proven.
    ///
    /// # Errors
    ///
    /// `Corrupt` if the content is damaged, `Refused` if it is something else, `Busy`: the target is as it was.
    fn commit(self: Box<Self>) -> Result<LoadFacts>;
}

/// Reads plain bytes to their end, and proves by them what can be proven: for a [`Load::rehearse`] of one's own.
///
/// # Errors
///
/// `Corrupt` where the format has an end and it is not there; the stream's own.
pub fn prove(plain: &mut dyn Read) -> Result<()> {
    proof::prove(plain).map(drop)
}

/// What a load did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadFacts {
    /// What became of the files.
    pub media: Option<MediaChanges>,
    /// What the backup has and was not restored.
    pub left_out: Skipped,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}
