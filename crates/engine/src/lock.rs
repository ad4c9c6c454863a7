//! Files that are locked while their owner lives: locks, and temporary files that can be swept.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::{FlockOperation, flock};

/// Everything that we put anywhere besides backups starts so.
pub(crate) const OWN_PREFIX: &str = ".dbbackup-";

/// How a file is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Together with others.
    Shared,
    /// Alone.
    Exclusive,
}

/// An open file with a `flock` on it, at a path that names this very file.
///
/// The operating system drops the lock with the process, kill -9 included; that is how a leftover is told
/// from a file in use.
pub(crate) struct LockFile {
    file: fs::File,
    path: PathBuf,
}

impl LockFile {
    /// Opens or creates `path` and locks it; `None` if somebody else holds it for longer than [`PATIENCE`].
    ///
    /// Between opening and locking, the last holder may unlink it; then a new one is made.
    pub(crate) fn hold(path: &Path, mode: u32) -> io::Result<Option<Self>> {
        Self::patiently(path, || {
            let mut options = fs::OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(mode);
            options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(path)
        })
    }

    /// Makes `path` anew and locks it; `None` if it is there, and not the leftover of a dead run.
    ///
    /// Never an old file: it may be open elsewhere, have other names, or belong to somebody who waits for what
    /// is written into it.
    pub(crate) fn create(path: &Path, mode: u32) -> io::Result<Option<Self>> {
        let created = Self::patiently(path, || {
            let _in_use = sweep_one(path);
            fs::OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
        });
        match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            result => result,
        }
    }

    fn patiently(path: &Path, open: impl Fn() -> io::Result<fs::File>) -> io::Result<Option<Self>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = open()?;
            if try_flock(&file, Hold::Exclusive)? && is_at(&file, path)? {
                return Ok(Some(Self { file, path: path.to_owned() }));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn file(&mut self) -> &mut fs::File {
        &mut self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file and lets go of it.
    pub(crate) fn release(self) {
        let _gone = fs::remove_file(&self.path);
    }
}

/// Removes the leftovers of dead runs in `folder` whose names start with `prefix`.
///
/// What cannot be removed stays for the next run: sweeping is no reason for a backup to fail.
pub(crate) fn sweep(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_ours).collect();
    // A file before its journal.
    paths.sort_unstable();
    for path in paths {
        if !is_journal_in_use(&path) {
            let _kept = sweep_one(&path);
        }
    }
}

/// Whether `path` is the `-journal`, `-wal` or `-shm` of a file that is there. SQLite, who made it, took no lock on it
/// that we would notice, and fails where it is gone.
fn is_journal_in_use(path: &Path) -> bool {
    let file = path
        .to_str()
        .and_then(|path| ["-journal", "-wal", "-shm"].into_iter().find_map(|ending| path.strip_suffix(ending)));
    file.is_some_and(|file| Path::new(file).symlink_metadata().is_ok())
}

fn sweep_one(path: &Path) -> io::Result<()> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    // NFS grants an exclusive lock only on a file that is open for writing.
    let writable = fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    let file = writable.or_else(|_| fs::OpenOptions::new().read(true).custom_flags(flags).open(path))?;
    if file.metadata()?.is_file() && try_flock(&file, Hold::Exclusive)? && is_at(&file, path)? {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Locks an open file or folder without waiting; `false` if somebody else holds it.
pub(crate) fn try_flock(file: &fs::File, hold: Hold) -> io::Result<bool> {
    let operation = match hold {
        Hold::Shared => FlockOperation::NonBlockingLockShared,
        Hold::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file.file(), operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether `path` names the open `file`.
fn is_at(file: &fs::File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(theirs) => Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns a name for a file of ours that belongs to `subject`: always the same, 16 letters, no digits.
///
/// Without digits it never looks like a date, which is how others find backups.
pub(crate) fn own_name(purpose: &str, subject: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(subject);
    let letters = digest.iter().take(8).flat_map(|byte| [byte >> 4, byte & 15]);
    let letters: String = letters.map(|nibble| char::from(b'a' + nibble)).collect();
    format!("{OWN_PREFIX}{purpose}-{letters}")
}

/// Far longer than an unlink takes, short for somebody who waits.
const PATIENCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_use_is_not_swept_and_a_leftover_is() {
        let folder = tempfile::tempdir().unwrap();
        let used = folder.path().join(".dbbackup-part-used");
        let left = folder.path().join(".dbbackup-part-left");
        let other = folder.path().join("part");
        let held = LockFile::hold(&used, 0o600).unwrap().unwrap();
        fs::write(&left, "x").unwrap();
        fs::write(&other, "x").unwrap();
        sweep(folder.path(), ".dbbackup-part-");
        assert!(used.exists() && !left.exists() && other.exists());
        assert!(LockFile::hold(&used, 0o600).unwrap().is_none());
        assert!(LockFile::create(&used, 0o600).unwrap().is_none());
        held.release();
        assert!(!used.exists());
    }

    #[test]
    fn a_journal_goes_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let [used, left, gone] =
            ["used", "left", "gone"].map(|name| folder.path().join(format!(".dbbackup-copy-{name}")));
        let held = LockFile::hold(&used, 0o600).unwrap().unwrap();
        fs::write(&left, "x").unwrap();
        for ending in ["-journal", "-wal", "-shm"] {
            let journals = [&used, &left, &gone].map(|path| path.with_file_name(format!("{}{ending}", name(path))));
            for journal in &journals {
                fs::write(journal, "x").unwrap();
            }
            sweep(folder.path(), ".dbbackup-copy-");
            assert!(!left.exists());
            assert_eq!(journals.map(|journal| journal.exists()), [true, false, false], "{ending}");
        }
        held.release();
    }

    fn name(path: &Path) -> String {
        path.file_name().unwrap().to_string_lossy().into_owned()
    }

    #[test]
    fn what_stands_there_is_never_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let payload = folder.path().join("payload");
        let part = folder.path().join(".dbbackup-part-x");
        fs::write(&payload, "whole").unwrap();
        fs::hard_link(&payload, &part).unwrap();
        let mut held = LockFile::create(&part, 0o600).unwrap().unwrap();
        held.file().set_len(0).unwrap();
        assert_eq!(fs::read_to_string(&payload).unwrap(), "whole");
    }

    #[test]
    fn own_names_are_short_and_hold_no_digit() {
        let name = own_name("part", b"default-host-2026-11-22-101500.sqlite3");
        assert!(name.len() <= 64 && !name.contains(|c: char| c.is_ascii_digit()), "{name}");
        assert_ne!(name, own_name("part", b"other"));
    }
}
