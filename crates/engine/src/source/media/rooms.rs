//! Room on the file systems that a restore writes to: a folder below the root may be on another disk.

use std::path::Path;

use rustix::fs::{StatVfs, fstatvfs, statvfs};

use super::beside::BATCH_BYTES;
use super::tree::Level;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::ByteSize;

/// What each file system has, and will need.
pub(super) struct Rooms(Vec<Room>);

struct Room {
    device: u64,
    /// `None` where it does not tell.
    free: Option<u64>,
    /// Bytes of files that are new, and by which files grow.
    grows: u64,
    /// Bytes of files that stand beside those that they replace, a batch at a time.
    replaces: u64,
}

impl Rooms {
    /// Looks at the file system of `root`, which is on `device`, or will be.
    pub(super) fn new(root: &Path, device: u64) -> Self {
        let there = root.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        Self(vec![Room { device, free: free(statvfs(there)), grows: 0, replaces: 0 }])
    }

    /// Takes note of a file of `bytes` into a folder, in place of one of `old_bytes`.
    pub(super) fn add(&mut self, folder: &Level, bytes: u64, old_bytes: Option<u64>) {
        let bytes = bytes.next_multiple_of(DISK_BLOCK_BYTES);
        let known = self.0.iter().position(|room| room.device == folder.device);
        let at = known.unwrap_or_else(|| {
            let free = folder.folder.as_ref().and_then(|folder| free(fstatvfs(folder)));
            self.0.push(Room { device: folder.device, free, grows: 0, replaces: 0 });
            self.0.len() - 1
        });
        let room = &mut self.0[at];
        room.grows = room.grows.saturating_add(bytes.saturating_sub(old_bytes.unwrap_or(0)));
        if old_bytes.is_some() {
            room.replaces = room.replaces.saturating_add(bytes);
        }
    }

    /// Fails unless each file system has what it will need.
    pub(super) fn require(&self, root: &Path) -> Result<()> {
        for (number, room) in self.0.iter().enumerate() {
            let needed = room.grows.saturating_add(room.replaces.min(BATCH_BYTES));
            let Some(free) = room.free.filter(|&free| free < needed) else { continue };
            let place = if number == 0 { "" } else { "another file system in " };
            let (shown, free, needed) = (root.display(), ByteSize(free), ByteSize(needed));
            let message = format!("cannot start: {place}`{shown}` has {free} free, {needed} are needed");
            return Err(Error::new(ErrorKind::Refused, message)
                .at(Stage::Target)
                .subject(shown)
                .hint("free some space, or restore a part with --only; nothing was changed"));
        }
        Ok(())
    }
}

fn free(status: rustix::io::Result<StatVfs>) -> Option<u64> {
    status.ok().map(|status| status.f_bavail.saturating_mul(status.f_frsize))
}

/// What a small file takes on most file systems.
const DISK_BLOCK_BYTES: u64 = 4096;
