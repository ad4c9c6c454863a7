//! Whether a file that is there has the content of a member, found out while that streams by.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags, Stat, openat};

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
    pub(super) fn new(folder: Option<BorrowedFd<'_>>, name: &[u8], there: Option<&Stat>, bytes: u64) -> Self {
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
            Chunk::Hole(bytes) => {
                let mut zeros = old.take(*bytes);
                let mut left = *bytes;
                self.buffer.resize(64 * 1024, 0);
                loop {
                    match fill(&mut zeros, &mut self.buffer) {
                        Ok(0) => break left == 0,
                        Ok(count) if self.buffer[..count].iter().all(|&byte| byte == 0) => left -= count as u64,
                        _ => break false,
                    }
                }
            }
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
