//! What a pass over an archive has met: two members may have one name, and one may stand behind another.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// What stood at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// A file.
    File(Became),
    /// A folder, and whether this pass made it.
    Folder { is_new: bool },
    /// A link, which was left out.
    Link,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    New,
    Replaced,
    Same,
    Kept,
}

/// What a path is remembered by: its hash, keyed anew for each pass, so that nobody can make two meet.
pub(super) type Key = u64;

/// The paths of an archive.
///
/// Takes 18 MiB for [`MOST`] paths, and half as much again for the moment in which it grows.
#[derive(Default)]
pub(super) struct Remembered {
    keyed: RandomState,
    met: HashMap<Key, Met>,
}

impl Remembered {
    pub(super) fn key(&self, parts: &[&[u8]]) -> Key {
        self.keyed.hash_one(parts)
    }

    /// Takes note of a path.
    pub(super) fn insert(&mut self, key: Key, met: Met) {
        if self.met.len() < MOST || self.met.contains_key(&key) {
            self.met.insert(key, met);
        }
    }

    /// Forgets a path.
    pub(super) fn forget(&mut self, key: Key) {
        self.met.remove(&key);
    }

    /// Returns what stood at a path.
    pub(super) fn at(&self, key: Key) -> Option<Met> {
        self.met.get(&key).copied()
    }

    /// Returns what stands in the way to a path: a link or a file at one of the folders above it.
    pub(super) fn in_the_way(&self, parts: &[&[u8]]) -> Option<Met> {
        let above = (1..parts.len()).filter_map(|length| self.at(self.key(&parts[..length])));
        above.into_iter().find(|met| !matches!(met, Met::Folder { .. }))
    }
}

/// Paths that are remembered: what a table of 2²⁰ places takes. Of an archive with more, the first of two members with
/// one name wins where nothing is replaced.
const MOST: usize = 900_000;
