//! A disk that is soon full.
//!
//! Mounts a small file system, which only root may; skipped for others, but not in CI.
#![allow(dead_code, unreachable_pub, missing_docs)] // a module of several tests, each of which uses a part
#![allow(clippy::print_stderr)] // the reason for a skip

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

/// Room on the small disk, in bytes.
pub const ROOM: u64 = 8 * 1024 * 1024;

/// A mounted file system, unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(at: &Path) -> Option<Self> {
        Self::with(at, &format!("size={ROOM}"))
    }

    /// A disk with room for so many files and folders, and for more than they hold.
    pub fn with_files(at: &Path, files: u32) -> Option<Self> {
        Self::with(at, &format!("size=1g,nr_inodes={files}"))
    }

    fn with(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "dbbackup-test"]).arg(at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if mounted {
            return Some(Self(at.to_owned()));
        }
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must be able to mount a small disk");
        eprintln!("skipped: a small disk cannot be mounted here (root can)");
        None
    }

    /// Leaves room for exactly so many bytes.
    pub fn leave(&self, bytes: u64) {
        let filler = self.0.join("filler");
        fs::write(&filler, []).unwrap();
        let status = rustix::fs::statvfs(&self.0).unwrap();
        let free = status.f_bavail * status.f_frsize;
        fs::write(&filler, vec![1; usize::try_from(free.saturating_sub(bytes)).unwrap()]).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _leaked = Command::new("umount").arg(&self.0).status();
    }
}
