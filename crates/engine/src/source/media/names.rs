//! The names in one folder, sorted, a bounded number at a time.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

/// What a listing says of an entry, without asking for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    File,
    Folder,
    Link,
    Other,
}

/// The entries of a folder, by name. Of a folder with more than [`CHUNK`], so many at a time are sorted: order is a
/// courtesy, memory is a promise.
pub(super) struct Names {
    listing: Option<std::fs::ReadDir>,
    /// Every name of this chunk, one after another.
    text: Vec<u8>,
    /// Where each starts and how long it is, the last first.
    entries: Vec<(usize, usize, Type)>,
}

impl Names {
    pub(super) fn read(folder: &std::path::Path) -> io::Result<Self> {
        let mut names = Self { listing: Some(folder.read_dir()?), text: Vec::new(), entries: Vec::new() };
        names.read_chunk()?;
        Ok(names)
    }

    /// Takes the next name.
    pub(super) fn next(&mut self) -> io::Result<Option<(Vec<u8>, Type)>> {
        if self.entries.is_empty() {
            self.read_chunk()?;
        }
        let next = self.entries.pop();
        Ok(next.map(|(start, length, kind)| (self.text[start..start + length].to_vec(), kind)))
    }

    fn read_chunk(&mut self) -> io::Result<()> {
        self.text.clear();
        let Some(listing) = &mut self.listing else { return Ok(()) };
        for entry in listing.by_ref().take(CHUNK) {
            let entry = entry?;
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
        if self.entries.len() < CHUNK {
            // Gives the descriptor back: a deep tree would need one for each level.
            self.listing = None;
        }
        let text = &self.text;
        let name = |&(start, length, _): &(usize, usize, Type)| &text[start..start + length];
        self.entries.sort_unstable_by(|a, b| name(b).cmp(name(a)));
        Ok(())
    }
}

/// About 10 MiB with names of 20 bytes.
const CHUNK: usize = 250_000;
