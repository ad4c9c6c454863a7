//! The folders on the way to a file, opened one below the other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, mkdirat, openat, statat};
use rustix::io::Errno;

/// A folder and the way down to the place where the last file was: most are in the same folder as the one before.
pub(super) struct Tree {
    root: Level,
    levels: Vec<Level>,
}

struct Level {
    name: Vec<u8>,
    /// `None`: it is not there, and nothing is made.
    folder: Option<OwnedFd>,
    device: u64,
}

/// How the way to a folder went.
pub(super) enum Way {
    /// It is open; `made` of its last folders were not there before, and `is_other` than the last one.
    Open { made: usize, is_other: bool },
    /// Something stands there that is no folder.
    Blocked,
}

impl Tree {
    /// Opens `root`, which may be missing.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let folder = match openat(CWD, root, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) => None,
            result => Some(result?),
        };
        Ok(Self { root: Level::new(Vec::new(), folder)?, levels: Vec::new() })
    }

    /// Goes to a folder below the root, through links that are there; `makes` what is missing.
    pub(super) fn enter(&mut self, parts: &[&[u8]], makes: bool) -> io::Result<Way> {
        let same = self.levels.iter().zip(parts).take_while(|(level, part)| level.name == **part).count();
        self.levels.truncate(same);
        let mut made = 0;
        for part in &parts[same..] {
            let Some(folder) = self.folder() else {
                self.levels.push(Level { name: part.to_vec(), folder: None, device: 0 });
                made += 1;
                continue;
            };
            let below = match openat(folder, *part, FOLDER, Mode::empty()) {
                // A link to nothing.
                Err(Errno::NOENT) if statat(folder, *part, AtFlags::SYMLINK_NOFOLLOW).is_ok() => {
                    return Ok(Way::Blocked);
                }
                Err(Errno::NOENT) => {
                    made += 1;
                    if makes { Some(make(folder, part)?) } else { None }
                }
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok(Way::Blocked),
                result => Some(result?),
            };
            self.levels.push(Level::new(part.to_vec(), below)?);
        }
        Ok(Way::Open { made, is_other: same < parts.len() })
    }

    /// Returns the folder that was entered last; `None` if it is not there.
    pub(super) fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.levels.last().unwrap_or(&self.root).folder.as_ref().map(AsFd::as_fd)
    }

    /// Returns the root.
    pub(super) fn root(&self) -> Option<BorrowedFd<'_>> {
        self.root.folder.as_ref().map(AsFd::as_fd)
    }

    /// Whether the folder that was entered last is on the root's file system.
    pub(super) fn is_on_roots_device(&self) -> bool {
        self.levels.last().unwrap_or(&self.root).device == self.root.device
    }
}

impl Level {
    fn new(name: Vec<u8>, folder: Option<OwnedFd>) -> io::Result<Self> {
        let device = match &folder {
            Some(folder) => fstat(folder)?.st_dev,
            None => 0,
        };
        Ok(Self { name, folder, device })
    }
}

fn make(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    // Less what the umask takes, as any program makes folders.
    mkdirat(folder, name, Mode::RWXU | Mode::RWXG | Mode::RWXO)?;
    Ok(openat(folder, name, FOLDER, Mode::empty())?)
}

/// Joins parts to a path below the root.
pub(super) fn path(parts: &[&[u8]]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    parts.iter().map(|part| std::ffi::OsStr::from_bytes(part)).collect()
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
