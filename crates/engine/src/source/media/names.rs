//! The names in one folder, sorted, a bounded number at a time.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// What a listing says of an entry, without asking for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    File,
    Folder,
    Link,
    Other,
}

/// The entries of a folder, by name. Of a folder with more than its budget, so many at a time are sorted: order is a
/// courtesy, memory is a promise.
pub(super) struct Names {
    listing: Option<std::fs::ReadDir>,
    /// Why the listing broke off.
    broken: Option<io::Error>,
    budget_bytes: usize,
    /// Every name of this chunk, one after another.
    text: Vec<u8>,
    /// Where each starts and how long it is, the last first.
    entries: Vec<(usize, usize, Type)>,
}

impl Names {
    /// Reads what fits into `budget_bytes`.
    pub(super) fn read(folder: &Path, budget_bytes: usize) -> io::Result<Self> {
        let listing = Some(folder.read_dir()?);
        let mut names = Self { listing, broken: None, budget_bytes, text: Vec::new(), entries: Vec::new() };
        names.read_chunk();
        Ok(names)
    }

    /// Takes the next name.
    ///
    /// # Errors
    ///
    /// That of a listing which broke off, once, behind the names that came before it.
    pub(super) fn next(&mut self) -> io::Result<Option<(Vec<u8>, Type)>> {
        if self.entries.is_empty() {
            self.read_chunk();
        }
        match self.entries.pop() {
            Some((start, length, kind)) => Ok(Some((self.text[start..start + length].to_vec(), kind))),
            None => self.broken.take().map_or(Ok(None), Err),
        }
    }

    /// Returns about how much memory the names take.
    pub(super) fn held_bytes(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * ENTRY_BYTES
    }

    fn read_chunk(&mut self) {
        self.text.clear();
        let Some(listing) = &mut self.listing else { return };
        while self.text.len() + self.entries.len() * ENTRY_BYTES < self.budget_bytes {
            let entry = match listing.next() {
                Some(Ok(entry)) => entry,
                ended => {
                    self.broken = ended.and_then(Result::err);
                    // Gives the descriptor back: a deep tree would need one for each level.
                    self.listing = None;
                    break;
                }
            };
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_file() => Type::File,
                Ok(kind) if kind.is_dir() => Type::Folder,
                Ok(kind) if kind.is_symlink() => Type::Link,
                // Gone meanwhile: whoever opens it finds out.
                Err(_) => Type::File,
                Ok(_) => Type::Other,
            };
            let name = entry.file_name();
            self.entries.push((self.text.len(), name.len(), kind));
            self.text.extend_from_slice(OsStr::as_bytes(&name));
        }
        let text = &self.text;
        let name = |&(start, length, _): &(usize, usize, Type)| &text[start..start + length];
        self.entries.sort_unstable_by(|a, b| name(b).cmp(name(a)));
    }
}

const ENTRY_BYTES: usize = size_of::<(usize, usize, Type)>();
