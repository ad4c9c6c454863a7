//! Files written beside their places, and moved there together once they are on the disk.

use std::collections::VecDeque;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, Uid, chmodat, fchmod, fchown, futimens,
    openat, renameat, renameat_with, syncfs, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::tree::{Tree, path};
use crate::archive::tar::{Member, Moment};
use crate::lock::own_name;

/// Everything that was written and has not got its name yet.
///
/// A name never stands for content that a power loss could take: the file system is synced before a batch is
/// renamed. One sync for many files costs what one costs.
pub(super) struct Beside {
    /// How our files in this folder's tree start; nobody else's do.
    prefix: String,
    count: u64,
    due: VecDeque<Due>,
    due_bytes: u64,
    settled: u64,
    is_root_user: bool,
}

/// What is left to do, in order.
enum Due {
    File { temporary: PathBuf, place: PathBuf, replaces: bool },
    Folder { place: PathBuf, member: Member },
}

/// A file being written beside its place.
pub(super) struct Written {
    file: std::fs::File,
    temporary: PathBuf,
    at: u64,
    /// Zeros that were left out: the file gets its length at the end.
    ends_in_hole: bool,
}

/// Why a file did not get its name.
pub(super) enum Renamed {
    /// Somebody else made a file of that name meanwhile.
    Exists,
    /// A folder of that name is there.
    Folder,
}

impl Beside {
    /// `root` is the folder that is restored into.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            prefix: own_name("file", root.as_os_str().as_encoded_bytes()),
            count: 0,
            due: VecDeque::new(),
            due_bytes: 0,
            settled: 0,
            is_root_user: rustix::process::geteuid().is_root(),
        }
    }

    /// Removes what a killed restore into the same root left in a folder.
    pub(super) fn sweep(&self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(self.prefix.as_bytes()) {
                let _kept_for_the_next = fs::remove_file(entry.path());
            }
        }
    }

    /// Makes an empty file, for its owner only, in the folder that `tree` is in, which has the path `folder`.
    pub(super) fn create(&mut self, tree: &Tree, folder: &[&[u8]]) -> io::Result<Written> {
        self.count += 1;
        let letters = self.count.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let letters: String = letters.map(|nibble| char::from(b'a' + nibble)).collect();
        let name = format!("{}-{}", self.prefix, letters.trim_start_matches('a'));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let into = tree.folder().ok_or(io::ErrorKind::NotFound)?;
        let file = openat(into, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Written { file: file.into(), temporary: path(folder).join(name), at: 0, ends_in_hole: false })
    }

    /// Gives a file its times and rights; its name is due.
    pub(super) fn due(
        &mut self,
        written: Written,
        tree: &Tree,
        member: &Member,
        place: PathBuf,
        replaces: bool,
    ) -> io::Result<()> {
        if let Err(error) = self.complete(&written, tree, member) {
            Self::discard(&written, tree);
            return Err(error);
        }
        self.due_bytes += written.at;
        self.due.push_back(Due::File { temporary: written.temporary, place, replaces });
        Ok(())
    }

    fn complete(&self, written: &Written, tree: &Tree, member: &Member) -> io::Result<()> {
        let Written { file, at, ends_in_hole, .. } = written;
        if *ends_in_hole {
            file.set_len(*at)?;
        }
        if self.is_root_user {
            let (owner, group) = owner(member);
            fchown(file, owner, group)?;
        }
        fchmod(file, mode(member))?;
        if let Some(at) = member.modified {
            futimens(file, &times(at))?;
        }
        if !tree.is_on_roots_device() {
            file.sync_all()?;
        }
        Ok(())
    }

    /// Gives a new folder its rights at once, as far as we can still write there; its times are due when all that
    /// goes into it is there.
    pub(super) fn open_folder(&self, folder: BorrowedFd<'_>, member: &Member) -> io::Result<()> {
        if self.is_root_user {
            let (owner, group) = owner(member);
            fchown(folder, owner, group)?;
        }
        Ok(fchmod(folder, mode(member) | Mode::RWXU)?)
    }

    /// Nothing more goes into a new folder.
    pub(super) fn close_folder(&mut self, place: PathBuf, member: Member) {
        self.due.push_back(Due::Folder { place, member });
    }

    /// Removes a file that nobody needs after all.
    pub(super) fn discard(written: &Written, tree: &Tree) {
        if let Some(root) = tree.root() {
            let _swept_by_the_next = unlinkat(root, &written.temporary, AtFlags::empty());
        }
    }

    /// Whether it is time for [`Beside::settle`].
    pub(super) fn is_full(&self) -> bool {
        self.due.len() >= BATCH_FILES || self.due_bytes >= BATCH_BYTES
    }

    /// Syncs what was written and gives each file its name; returns those that could not get theirs.
    pub(super) fn settle(&mut self, tree: &Tree) -> io::Result<Vec<(PathBuf, Renamed)>> {
        let mut without = Vec::new();
        let Some(root) = tree.root().filter(|_| !self.due.is_empty()) else { return Ok(without) };
        syncfs(root)?;
        while let Some(due) = self.due.front() {
            match due {
                Due::File { temporary, place, replaces } => match rename(root, temporary, place, *replaces)? {
                    None => self.settled += 1,
                    Some(why) => {
                        let _swept_by_the_next = unlinkat(root, temporary, AtFlags::empty());
                        without.push((place.clone(), why));
                    }
                },
                Due::Folder { place, member } => finish_folder(root, place, member)?,
            }
            self.due.pop_front();
        }
        self.due_bytes = 0;
        // The names, too.
        syncfs(root)?;
        Ok(without)
    }

    /// Returns how many files have their names.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Removes what has no name yet.
    pub(super) fn abandon(&mut self, tree: &Tree) {
        let Some(root) = tree.root() else { return };
        for due in self.due.drain(..) {
            if let Due::File { temporary, .. } = due {
                let _swept_by_the_next = unlinkat(root, temporary, AtFlags::empty());
            }
        }
    }
}

impl Written {
    /// Writes on; long runs of zeros become holes.
    pub(super) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        for part in data.chunks(HOLE_BYTES) {
            if part.len() == HOLE_BYTES && is_zero(part) {
                self.skip(part.len() as u64)?;
            } else {
                self.file.write_all(part)?;
                self.at += part.len() as u64;
                self.ends_in_hole = false;
            }
        }
        Ok(())
    }

    /// Leaves a hole.
    pub(super) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.at += bytes;
        self.ends_in_hole = true;
        self.file.seek(io::SeekFrom::Start(self.at)).map(drop)
    }
}

/// Returns how many of these bytes a disk has to hold.
pub(super) fn data_bytes(data: &[u8]) -> u64 {
    let holes = data.chunks(HOLE_BYTES).filter(|part| part.len() == HOLE_BYTES && is_zero(part)).count();
    (data.len() - holes * HOLE_BYTES) as u64
}

fn is_zero(part: &[u8]) -> bool {
    part[0] == 0 && part[..part.len() - 1] == part[1..]
}

fn rename(root: BorrowedFd<'_>, temporary: &Path, place: &Path, replaces: bool) -> io::Result<Option<Renamed>> {
    let result = if replaces {
        renameat(root, temporary, root, place)
    } else {
        match renameat_with(root, temporary, root, place, RenameFlags::NOREPLACE) {
            // A file system without it (NFS): a link is refused where something is.
            Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::linkat(root, temporary, root, place, AtFlags::empty())
                .and_then(|()| unlinkat(root, temporary, AtFlags::empty())),
            result => result,
        }
    };
    match result {
        Ok(()) => Ok(None),
        Err(Errno::EXIST) => Ok(Some(Renamed::Exists)),
        Err(Errno::ISDIR | Errno::NOTEMPTY) => Ok(Some(Renamed::Folder)),
        Err(error) => Err(error.into()),
    }
}

fn finish_folder(root: BorrowedFd<'_>, place: &Path, member: &Member) -> io::Result<()> {
    if let Some(at) = member.modified {
        utimensat(root, place, &times(at), AtFlags::empty())?;
    }
    if mode(member) & Mode::RWXU != Mode::RWXU {
        chmodat(root, place, mode(member), AtFlags::empty())?;
    }
    Ok(())
}

/// Without setuid, setgid and sticky: an archive must not bring programs that run as somebody else.
fn mode(member: &Member) -> Mode {
    Mode::from_raw_mode(member.mode & 0o777)
}

fn owner(member: &Member) -> (Option<Uid>, Option<Gid>) {
    let number = |number: u64| u32::try_from(number).ok().filter(|&number| number != u32::MAX);
    (number(member.uid).map(Uid::from_raw), number(member.gid).map(Gid::from_raw))
}

fn times(modified: Moment) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanoseconds.into() },
    }
}

/// Files that get their names together at most.
const BATCH_FILES: usize = 4096;
/// Bytes of files that get their names together at most; also what a kill takes back at most.
const BATCH_BYTES: u64 = 256 * 1024 * 1024;
/// Zeros that are worth a hole: most file systems give room in blocks of 4 KiB, and fewer holes are faster.
const HOLE_BYTES: usize = 64 * 1024;
