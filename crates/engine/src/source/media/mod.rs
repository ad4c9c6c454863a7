//! A folder of media files as a source and as a target: one tar stream.

mod attributes;
mod beside;
mod compare;
mod dump;
mod exclude;
mod load;
mod names;
mod pass;
mod read;
mod remembered;
mod rooms;
mod tree;
mod walk;

use std::num::NonZero;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use exclude::Exclude;

use crate::lock::OWN_PREFIX;

/// A folder to be backed up, with everything below it.
///
/// Links to files and folders are followed; each real folder is stored once, under its own path if that is in the
/// folder. What vanishes, cannot be read, dangles or loops is left out and counted.
#[derive(Clone, Debug)]
pub struct MediaSource {
    root: PathBuf,
    exclude: Exclude,
    never: Vec<PathBuf>,
    readers: NonZero<usize>,
}

impl MediaSource {
    /// Backs up the folder `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), exclude: Exclude::default(), never: Vec::new(), readers: NonZero::<usize>::MIN }
    }

    /// Leaves out what matches.
    #[must_use]
    pub fn excluding(mut self, exclude: Exclude) -> Self {
        self.exclude = exclude;
        self
    }

    /// Leaves out this folder wherever it is met: the store, so that a backup never contains earlier ones.
    #[must_use]
    pub fn never(mut self, folder: impl Into<PathBuf>) -> Self {
        self.never.push(folder.into());
        self
    }

    /// Opens and reads so many small files at once, where each takes its time: over a network. One reads as it
    /// goes. Memory grows by 1 MiB for each further one.
    #[must_use]
    pub fn with_readers(mut self, readers: NonZero<usize>) -> Self {
        self.readers = readers;
        self
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// A folder to be restored into; made if it is missing.
///
/// It has no commit of its own, so a backup is read to its end and proven before its first byte is written. Then
/// each file is whole or as it was, at every moment. Never a byte outside of the folder, but through links that
/// stood in it before.
#[derive(Clone, Debug)]
pub struct MediaTarget {
    root: PathBuf,
    replaces: bool,
    only: Vec<String>,
}

impl MediaTarget {
    /// Restores into the folder `root`; files that are there stay.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), replaces: false, only: Vec::new() }
    }

    /// Replaces files that are there and differ.
    #[must_use]
    pub fn replacing(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// Restores only these files and folders of the backup, by their paths in it; none: all.
    #[must_use]
    pub fn only(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        let paths = paths.into_iter().map(|path| path.trim_start_matches("./").trim_matches('/').to_owned());
        self.only = paths.collect();
        self
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// What a media backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaContent {
    /// Files.
    pub files: u64,
    /// Folders, empty ones too.
    pub folders: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Links to folders that are stored under their own paths: the links themselves are not.
    pub links: u64,
}

/// What a restore did to the files of a folder, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaChanges {
    /// Files that were not there.
    pub new: u64,
    /// Files that were there with another content, and are the backup's now.
    pub replaced: u64,
    /// Files that were there with the same content.
    pub same: u64,
    /// Files that were there and stayed, because nobody asked to replace them.
    pub kept: u64,
    /// Folders that were not there.
    pub folders: u64,
    /// Bytes of the files that are new or replaced.
    pub bytes: u64,
}

/// Bytes of a path that people see.
const SHOWN_BYTES: usize = 1000;
/// Folders in folders that are followed, both ways: each takes a file descriptor, of which a process has 1,024.
const DEEPEST: usize = 256;
/// Names that a report has of what was skipped or left out.
const NAMES: usize = 20;

/// Whether a name is one of ours: a leftover or a lock, and nobody's media.
fn is_own(name: &[u8]) -> bool {
    name.starts_with(OWN_PREFIX.as_bytes())
}

/// Returns a path for people: what is not UTF-8 is shown as `�`, and what would move a terminal's cursor as its
/// escape: names are anybody's who may upload.
fn shown(path: &[u8]) -> String {
    let mut shown = String::new();
    if path.len() > SHOWN_BYTES {
        shown.push('…');
    }
    for letter in String::from_utf8_lossy(&path[path.len().saturating_sub(SHOWN_BYTES)..]).chars() {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}
