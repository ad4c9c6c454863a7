//! Whether a file that is there has the content of a member, found out while that streams by.

use std::fs::File;
use std::io::{self, Seek as _};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, SeekFrom, Stat, openat, seek};
use rustix::io::Errno;

use crate::archive::tar::Chunk;
use crate::count::fill;

/// A comparison under way. What cannot be read is another content.
pub(super) struct Comparison {
    /// The file, as long as it is the same.
    same: Option<File>,
    buffer: Vec<u8>,
}

impl Comparison {
    /// Compares with `name` in `folder`, of which `there` is known.
    pub(super) fn new(folder: Option<&OwnedFd>, name: &[u8], there: Option<&Stat>, bytes: u64) -> Self {
        let has_length = there.is_some_and(|there| u64::try_from(there.st_size) == Ok(bytes));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let same = folder.filter(|_| has_length).and_then(|folder| openat(folder, name, flags, Mode::empty()).ok());
        Self { same: same.map(File::from), buffer: Vec::new() }
    }

    /// Takes the next part of the member's content.
    pub(super) fn compare(&mut self, chunk: &Chunk<'_>) {
        let Some(old) = &mut self.same else { return };
        let is_same = match chunk {
            Chunk::Data(data) => {
                self.buffer.resize(data.len(), 0);
                fill(old, &mut self.buffer).is_ok_and(|count| self.buffer[..count] == **data)
            }
            Chunk::Hole(bytes) => is_hole(old, *bytes).unwrap_or(false),
        };
        if !is_same {
            self.same = None;
        }
    }

    /// Whether all that came was the same. The lengths were compared before.
    pub(super) fn is_same(&self) -> bool {
        self.same.is_some()
    }
}

/// Whether a file has a hole of so many bytes where it is read, and goes on behind it. Zeros on the disk are another
/// content: reading terabytes of them is not worth an answer.
fn is_hole(file: &mut File, bytes: u64) -> io::Result<bool> {
    let end = file.stream_position()?.saturating_add(bytes);
    let data = match seek(&*file, SeekFrom::Data(end - bytes)) {
        Err(Errno::NXIO) => end,
        result => result?,
    };
    file.seek(io::SeekFrom::Start(end))?;
    Ok(data >= end)
}
