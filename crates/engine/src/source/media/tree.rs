//! The folders on the way to a file, opened one below the other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, fstat, mkdirat, openat, statat};
use rustix::io::Errno;

use super::attributes::Attributes;

/// A folder and the way down to the place where the last file was: most are in the same folder as the one before.
pub(super) struct Tree {
    levels: Vec<Level>,
}

/// One folder on the way; the first is the root.
pub(super) struct Level {
    name: Vec<u8>,
    /// `None`: it is not there, and nothing is made.
    pub(super) folder: Option<Rc<OwnedFd>>,
    /// The file system that it is on, or will be.
    pub(super) device: u64,
    /// What it gets when nothing more comes into it.
    pub(super) attributes: Option<Attributes>,
    /// Whether files may be made in it, once somebody has asked.
    is_open_to_us: Option<bool>,
}

/// How the way to a folder went.
pub(super) enum Way {
    /// It is open; so many of its last folders were not there before.
    Open { made: usize },
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
        Ok(Self { levels: vec![Level::new(Vec::new(), folder, 0)?] })
    }

    /// Leaves the folders that are not on the way to `parts`, and returns them, the deepest first.
    pub(super) fn leave(&mut self, parts: &[&[u8]]) -> impl Iterator<Item = Level> + use<> {
        let same = self.levels[1..].iter().zip(parts).take_while(|(level, part)| level.name == **part).count();
        self.levels.split_off(1 + same).into_iter().rev()
    }

    /// Goes to a folder below the root, through links that are there; `makes` what is missing. What is not on the way
    /// was left before.
    pub(super) fn enter(&mut self, parts: &[&[u8]], makes: bool) -> io::Result<Way> {
        let mut made = 0;
        for part in &parts[self.depth()..] {
            let above = self.deepest();
            let device = above.device;
            let below = match &above.folder {
                None => {
                    made += 1;
                    None
                }
                Some(folder) => match openat(folder, *part, FOLDER, Mode::empty()) {
                    // A link to nothing.
                    Err(Errno::NOENT) if statat(folder, *part, AtFlags::SYMLINK_NOFOLLOW).is_ok() => {
                        return Ok(Way::Blocked);
                    }
                    Err(Errno::NOENT) => {
                        made += 1;
                        if makes { Some(make(folder.as_fd(), part)?) } else { None }
                    }
                    Err(Errno::NOTDIR | Errno::LOOP) => return Ok(Way::Blocked),
                    result => Some(result?),
                },
            };
            self.levels.push(Level::new(part.to_vec(), below, device)?);
        }
        Ok(Way::Open { made })
    }

    /// Returns the folder that was entered last.
    pub(super) fn deepest(&self) -> &Level {
        self.levels.last().expect("the root is never left")
    }

    pub(super) fn deepest_mut(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the root is never left")
    }

    /// Returns how many folders below the root were entered.
    pub(super) fn depth(&self) -> usize {
        self.levels.len() - 1
    }

    /// Returns the folder at a depth; 0 is the root.
    pub(super) fn at(&mut self, depth: usize) -> &mut Level {
        &mut self.levels[depth]
    }

    /// Leaves every folder and the root, and returns them, the deepest first.
    pub(super) fn leave_all(&mut self) -> impl Iterator<Item = Level> + use<> {
        std::mem::take(&mut self.levels).into_iter().rev()
    }
}

impl Level {
    pub(super) fn is_root(&self) -> bool {
        self.name.is_empty()
    }

    /// `device` is the folder's above, for one that is not there.
    fn new(name: Vec<u8>, folder: Option<OwnedFd>, device: u64) -> io::Result<Self> {
        let device = match &folder {
            Some(folder) => fstat(folder)?.st_dev,
            None => device,
        };
        Ok(Self { name, folder: folder.map(Rc::new), device, attributes: None, is_open_to_us: None })
    }

    /// Whether files may be made in the folder; one that is not there will be ours.
    pub(super) fn is_open_to_us(&mut self) -> bool {
        let folder = &self.folder;
        *self.is_open_to_us.get_or_insert_with(|| {
            let denied = |folder: &Rc<OwnedFd>| {
                let access = accessat(folder, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
                matches!(access, Err(Errno::ACCESS | Errno::ROFS | Errno::PERM))
            };
            !folder.as_ref().is_some_and(denied)
        })
    }
}

fn make(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    // Less what the umask takes, as any program makes folders.
    match mkdirat(folder, name, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
        // Somebody else was faster.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(openat(folder, name, FOLDER, Mode::empty())?)
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
