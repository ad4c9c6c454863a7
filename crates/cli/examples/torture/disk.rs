//! A disk that is nearly full.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::loss::Result;

/// A small file system in memory, unmounted when dropped.
pub(crate) struct SmallDisk(Option<PathBuf>);

impl SmallDisk {
    /// Mounts one of `bytes`; `None` for those who may not: only root may.
    pub(crate) fn mount(at: &Path, bytes: u64) -> Result<Option<Self>> {
        fs::create_dir_all(at)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "dbbackup-torture"]).arg(at);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        Ok(is_mounted.then(|| Self(Some(at.to_owned()))))
    }

    /// Leaves room for so many bytes, rounded up to the disk's blocks.
    pub(crate) fn leave(&self, bytes: u64) -> Result<()> {
        let Some(filler) = self.filler() else { return Ok(()) };
        fs::write(&filler, [])?;
        let found = rustix::fs::statvfs(&filler)?;
        let taken = (found.f_bavail * found.f_frsize).saturating_sub(bytes);
        Ok(fs::write(&filler, vec![1; usize::try_from(taken)?])?)
    }

    /// Gives all the room back.
    pub(crate) fn free(&self) -> Result<()> {
        match self.filler().filter(|filler| filler.exists()) {
            Some(filler) => Ok(fs::remove_file(filler)?),
            None => Ok(()),
        }
    }

    /// Stays mounted.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }

    fn filler(&self) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join("filler"))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(at) = &self.0 {
            let _stays_mounted = Command::new("umount").arg(at).status();
        }
    }
}
