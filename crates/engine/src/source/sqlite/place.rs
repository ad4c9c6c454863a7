//! Places beside a database: temporary copies that are swept, room on the disk, files moved aside.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use rustix::fs::Access;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{LockFile, own_name, sweep};

/// A temporary database in `folder`, removed when dropped, swept by the next run after kill -9.
pub(super) struct Scratch(Option<LockFile>);

impl Scratch {
    /// Makes an empty file that only its owner reads. `subject` and the process tell it from others'.
    pub(super) fn new(folder: &Path, subject: &Path) -> io::Result<Self> {
        sweep_copies(folder);
        Self::make("copy", folder, subject.as_os_str().as_encoded_bytes())
    }

    /// Makes an empty file like that for a drill, which a backup is restored into; `subject` is the backup's name.
    pub(super) fn for_drill(folder: &Path, subject: &str) -> io::Result<Self> {
        sweep(folder, DRILL_PREFIX);
        // A restore into what was swept held one, which nobody else would ever take again.
        sweep(folder, LOCK_PREFIX);
        Self::make("drill", folder, subject.as_bytes())
    }

    fn make(purpose: &str, folder: &Path, subject: &[u8]) -> io::Result<Self> {
        let mut subject = subject.to_vec();
        subject.extend_from_slice(&std::process::id().to_be_bytes());
        loop {
            let path = folder.join(own_name(purpose, &subject));
            if let Some(held) = LockFile::create(&path, 0o600)? {
                return Ok(Self(Some(held)));
            }
            // Another thread of this process works on the same database.
            subject.push(b'+');
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.held().path()
    }

    pub(super) fn file(&mut self) -> &mut fs::File {
        self.0.as_mut().expect("taken only by `into_place`").file()
    }

    fn held(&self) -> &LockFile {
        self.0.as_ref().expect("taken only by `into_place`")
    }

    /// Gives the copy the mode and owner of `like`, or what SQLite gives a new file, then renames it to `to`.
    pub(super) fn into_place(mut self, to: &Path, like: Option<&Metadata>) -> io::Result<()> {
        let mode = match like {
            Some(replaced) => {
                // Only root can give a file away; for others it stays theirs, as with any copy.
                let _not_root =
                    std::os::unix::fs::fchown(self.file().file(), Some(replaced.uid()), Some(replaced.gid()));
                replaced.mode() & 0o7777
            }
            None => 0o644 & !umask(),
        };
        self.file().set_permissions(Permissions::from_mode(mode))?;
        self.file().sync_all()?;
        fs::rename(self.path(), to)?;
        self.0 = None;
        sync_parent(to)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(held) = self.0.take() {
            for ending in ["-journal", "-wal", "-shm"] {
                let _absent = fs::remove_file(beside(held.path(), ending));
            }
            held.release();
        }
    }
}

/// Removes the temporary databases that killed runs left in `folder`.
pub(super) fn sweep_copies(folder: &Path) {
    sweep(folder, COPY_PREFIX);
}

/// Fails for a folder, a pipe, a device: SQLite's own words for them are about input and output.
pub(super) fn require_file(path: &Path, doing: &str, stage: Stage) -> Result<()> {
    let what = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => "a folder",
        Ok(metadata) if !metadata.is_file() => "no regular file",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Config, format!("cannot {doing} `{}`: it is {what}", path.display()))
        .at(stage)
        .subject(path.display()))
}

/// Fails where the operating system denies this process what it wants of `path`; a missing file is no such case.
pub(super) fn require_access(path: &Path, access: Access, doing: &str, stage: Stage) -> Result<()> {
    match rustix::fs::access(path, access) {
        Err(errno @ (Errno::ACCESS | Errno::ROFS | Errno::PERM)) => {
            Err(Error::new(ErrorKind::Denied, format!("cannot {doing} `{}`", path.display()))
                .at(stage)
                .subject(path.display())
                .because(io::Error::from(errno)))
        }
        _ => Ok(()),
    }
}

/// Moves a file that is no database aside, with its journals, and keeps it at its own name until something
/// is renamed over it: at every moment one of the two is there.
pub(super) fn set_aside(database: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let aside = free_name(database, now);
    match fs::hard_link(database, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // No hard links there (FAT, some network file systems): a rename leaves an instant without the file.
        Err(_) => fs::rename(database, &aside)?,
    }
    for ending in ["-journal", "-wal", "-shm"] {
        match fs::rename(beside(database, ending), beside(&aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_parent(database)?;
    Ok(aside)
}

fn free_name(database: &Path, now: Timestamp) -> PathBuf {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut aside = beside(database, &format!(".damaged-{time}"));
    let mut number = 2;
    while ["", "-journal", "-wal"].iter().any(|ending| beside(&aside, ending).symlink_metadata().is_ok()) {
        aside = beside(database, &format!(".damaged-{time}-{number}"));
        number += 1;
    }
    aside
}

/// Returns what a file is; `None` only if there is none. A file that cannot be asked about is there.
///
/// Asked by name: to open a live database and close it again would drop this process's locks on it.
pub(super) fn metadata_if_there(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the path with something appended to the file's name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    PathBuf::from(beside)
}

/// Returns the folder of a path.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    fs::File::open(folder(path))?.sync_all()
}

/// Reads the process's umask. There is no call that only reads it; Linux shows it in `/proc`, without the race
/// of setting it twice.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok()).unwrap_or(0o022)
}

const COPY_PREFIX: &str = ".dbbackup-copy-";
const DRILL_PREFIX: &str = ".dbbackup-drill-";
const LOCK_PREFIX: &str = ".dbbackup-lock-";
