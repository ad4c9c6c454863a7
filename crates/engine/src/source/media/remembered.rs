//! What a pass over an archive has met: two members may have one name, and one may stand behind another.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// What stood at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// A file that was restored.
    File,
    /// A folder.
    Folder,
    /// A link, which was left out.
    Link,
}

/// The paths of an archive by their hashes, keyed anew for each pass, so that nobody can make two meet.
///
/// Takes 16 bytes for each, and remembers [`MOST`].
#[derive(Default)]
pub(super) struct Remembered {
    keyed: RandomState,
    met: HashMap<u64, Met>,
}

impl Remembered {
    /// Takes note of a path.
    pub(super) fn insert(&mut self, parts: &[&[u8]], met: Met) {
        let hash = self.keyed.hash_one(parts);
        if self.met.len() < MOST || self.met.contains_key(&hash) {
            self.met.insert(hash, met);
        }
    }

    /// Returns what stood at a path.
    pub(super) fn at(&self, parts: &[&[u8]]) -> Option<Met> {
        self.met.get(&self.keyed.hash_one(parts)).copied()
    }

    /// Returns what stands in the way to a path: a link or a file at one of the folders above it.
    pub(super) fn in_the_way(&self, parts: &[&[u8]]) -> Option<Met> {
        let above = (1..parts.len()).map(|length| &parts[..length]);
        above.filter_map(|folder| self.at(folder)).find(|&met| met != Met::Folder)
    }
}

/// Paths that are remembered: 24 MiB of memory. Of an archive with more, a file that stands there twice without
/// `replace` is the first.
const MOST: usize = 1_000_000;
