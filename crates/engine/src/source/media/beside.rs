//! Files written beside their places, and moved there together once they are on the disk.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Seek as _, Write as _};
use std::mem::take;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, linkat, openat, renameat, renameat_with, statat, syncfs,
    unlinkat,
};
use rustix::io::Errno;

use super::attributes::Attributes;
use super::remembered::{Became, Key};
use super::tree::Level;
use crate::lock::own_name;

/// Everything that was written and has not got its name yet.
///
/// A name never stands for content that a power loss could take: the file systems are synced before a batch is
/// renamed. One sync for many files costs what one costs.
pub(super) struct Beside {
    /// How the names of our files start: the folder's, so that the next restore into it knows them, then this run's.
    prefix: String,
    run: String,
    count: u64,
    due: Vec<Due>,
    due_bytes: u64,
    /// Folders that are held open for what is due.
    due_folders: usize,
    settled: u64,
    /// Files and folders that did not get all of their owner, rights and time.
    incomplete: u64,
}

/// What is left to do, in order.
enum Due {
    File { folder: Rc<OwnedFd>, device: u64, temporary: String, file: Named },
    Folder { folder: Rc<OwnedFd>, device: u64, attributes: Attributes },
}

/// What a file that is due will be.
pub(super) struct Named {
    pub(super) name: Vec<u8>,
    /// What its path is remembered by.
    pub(super) key: Key,
    pub(super) became: Became,
    pub(super) bytes: u64,
    /// Whether a file of that name gives way.
    pub(super) replaces: bool,
}

/// A file being written beside its place.
pub(super) struct Written {
    file: std::fs::File,
    folder: Rc<OwnedFd>,
    device: u64,
    temporary: String,
    at: u64,
    /// Zeros that were left out: the file gets its length at the end.
    ends_in_hole: bool,
}

/// Why a file did not get its name.
pub(super) enum Without {
    /// Somebody else made a file of that name meanwhile.
    Kept,
    /// Something else: in words.
    LeftOut(String),
}

impl Beside {
    /// `root` is the folder that is restored into, without links.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            prefix: own_name("file", root.as_os_str().as_encoded_bytes()),
            run: letters(RandomState::new().hash_one(std::process::id())),
            count: 0,
            due: Vec::new(),
            due_bytes: 0,
            due_folders: 0,
            settled: 0,
            incomplete: 0,
        }
    }

    /// Removes what killed restores into the same root left in a folder. Only for who holds the root's lock: others'
    /// files may be in use.
    pub(super) fn sweep(&self, folder: BorrowedFd<'_>) {
        let Ok(entries) = Dir::read_from(folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_bytes();
            let rest = name.strip_prefix(self.prefix.as_bytes()).and_then(|rest| rest.strip_prefix(b"-"));
            if rest.is_some_and(|rest| !rest.starts_with(self.run.as_bytes())) {
                let _kept_for_the_next = unlinkat(folder, entry.file_name(), AtFlags::empty());
            }
        }
    }

    /// Makes an empty file, for its owner only.
    pub(super) fn create(&mut self, into: &Level) -> io::Result<Written> {
        self.count += 1;
        let temporary = format!("{}-{}{}", self.prefix, self.run, letters(self.count));
        let folder = Rc::clone(into.folder.as_ref().ok_or(io::ErrorKind::NotFound)?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&folder, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Written { file: file.into(), folder, device: into.device, temporary, at: 0, ends_in_hole: false })
    }

    /// Gives a file its length, owner, rights and time; its name is due.
    pub(super) fn due(&mut self, written: Written, attributes: Attributes, file: Named) -> io::Result<()> {
        match written.complete(attributes) {
            Ok(is_complete) => self.incomplete += u64::from(!is_complete),
            Err(error) => {
                written.discard();
                return Err(error);
            }
        }
        let Written { folder, device, temporary, at, .. } = written;
        self.due_bytes += at;
        self.push(Due::File { folder, device, temporary, file });
        Ok(())
    }

    /// Drops a file that is due, as another member has its name.
    pub(super) fn withdraw(&mut self, key: Key) -> Option<Named> {
        let at = self.due.iter().position(|due| matches!(due, Due::File { file, .. } if file.key == key))?;
        let Due::File { folder, temporary, file, .. } = self.due.remove(at) else { return None };
        unlink(&folder, &temporary);
        Some(file)
    }

    /// Gives a new folder its owner and rights at once; its time is due when all that goes into it is there.
    pub(super) fn open_folder(&mut self, level: &mut Level, attributes: Attributes) -> io::Result<()> {
        if let Some(folder) = &level.folder {
            self.incomplete += u64::from(!attributes.open_folder(&**folder)?);
            level.attributes = Some(attributes);
        }
        Ok(())
    }

    /// Nothing more goes into a folder.
    pub(super) fn close_folder(&mut self, level: Level) {
        if let (Some(folder), Some(attributes)) = (level.folder, level.attributes) {
            self.push(Due::Folder { folder, device: level.device, attributes });
        }
    }

    fn push(&mut self, due: Due) {
        let is_other = self.due.last().is_none_or(|last| !Rc::ptr_eq(last.folder(), due.folder()));
        self.due_folders += usize::from(is_other);
        self.due.push(due);
    }

    /// Whether it is time for [`Beside::settle`].
    pub(super) fn is_full(&self) -> bool {
        self.due.len() >= BATCH_FILES || self.due_bytes >= BATCH_BYTES || self.due_folders >= BATCH_FOLDERS
    }

    /// Syncs what was written and gives each file its name; returns those that could not get theirs.
    ///
    /// # Errors
    ///
    /// Those of the disk; what is still due then is dropped by [`Beside::abandon`].
    pub(super) fn settle(&mut self) -> io::Result<Vec<(Named, Without)>> {
        let folders = self.one_of_each_device();
        sync(&folders)?;
        let mut without = Vec::new();
        let mut due = take(&mut self.due).into_iter();
        for next in due.by_ref() {
            let result = match next {
                Due::File { folder, temporary, file, .. } => match rename(&folder, &temporary, &file) {
                    Ok(None) => {
                        self.settled += 1;
                        Ok(())
                    }
                    Ok(Some(why)) => {
                        unlink(&folder, &temporary);
                        without.push((file, why));
                        Ok(())
                    }
                    Err(error) => {
                        unlink(&folder, &temporary);
                        Err(error)
                    }
                },
                Due::Folder { folder, attributes, .. } => attributes.close_folder(&*folder).map(|is_complete| {
                    self.incomplete += u64::from(!is_complete);
                }),
            };
            if let Err(error) = result {
                self.due = due.collect();
                return Err(error);
            }
        }
        (self.due_bytes, self.due_folders) = (0, 0);
        // The names, too.
        sync(&folders)?;
        Ok(without)
    }

    /// Returns a folder on each file system that something is due on.
    fn one_of_each_device(&self) -> Vec<(u64, Rc<OwnedFd>)> {
        let mut folders: Vec<(u64, Rc<OwnedFd>)> = Vec::new();
        for due in &self.due {
            if folders.iter().all(|(device, _)| *device != due.device()) {
                folders.push((due.device(), Rc::clone(due.folder())));
            }
        }
        folders
    }

    /// Returns how many files have their names.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Returns how many files and folders did not get all of their owner, rights and time.
    pub(super) fn incomplete(&self) -> u64 {
        self.incomplete
    }

    /// Removes what has no name yet.
    pub(super) fn abandon(&mut self) {
        for due in self.due.drain(..) {
            if let Due::File { folder, temporary, .. } = due {
                unlink(&folder, &temporary);
            }
        }
    }
}

impl Due {
    fn folder(&self) -> &Rc<OwnedFd> {
        let (Self::File { folder, .. } | Self::Folder { folder, .. }) = self;
        folder
    }

    fn device(&self) -> u64 {
        let (Self::File { device, .. } | Self::Folder { device, .. }) = self;
        *device
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

    /// Removes a file that nobody needs after all.
    pub(super) fn discard(self) {
        unlink(&self.folder, &self.temporary);
    }

    fn complete(&self, attributes: Attributes) -> io::Result<bool> {
        if self.ends_in_hole {
            self.file.set_len(self.at)?;
        }
        attributes.apply(self.file.as_fd())
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

fn sync(folders: &[(u64, Rc<OwnedFd>)]) -> io::Result<()> {
    folders.iter().try_for_each(|(_, folder)| Ok(syncfs(folder)?))
}

fn unlink(folder: &OwnedFd, temporary: &str) {
    let _swept_by_the_next = unlinkat(folder, temporary, AtFlags::empty());
}

/// Gives a file its name. What stands in the way of this one is its own matter; an error is the disk's.
fn rename(folder: &OwnedFd, temporary: &str, file: &Named) -> io::Result<Option<Without>> {
    let name = file.name.as_slice();
    let result =
        if file.replaces { renameat(folder, temporary, folder, name) } else { rename_new(folder, temporary, name) };
    let is_folder = || {
        let there = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        there.is_ok_and(|there| FileType::from_raw_mode(there.st_mode) == FileType::Directory)
    };
    let left_out = |why: &str| Ok(Some(Without::LeftOut(why.to_owned())));
    match result {
        Ok(()) => Ok(None),
        Err(Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY) if is_folder() => left_out("a folder stands there"),
        Err(Errno::EXIST) => Ok(Some(Without::Kept)),
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => left_out("no right to write there"),
        Err(Errno::NOENT) => left_out("its folder was removed meanwhile"),
        Err(Errno::BUSY | Errno::TXTBSY) => left_out("what stands there is in use"),
        Err(error) => Err(error.into()),
    }
}

/// Renames to a name that is free, by what the file system has for it.
fn rename_new(folder: &OwnedFd, temporary: &str, name: &[u8]) -> rustix::io::Result<()> {
    match renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        result => return result,
    }
    match linkat(folder, temporary, folder, name, AtFlags::empty()) {
        Ok(()) => return unlinkat(folder, temporary, AtFlags::empty()),
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => {}
        Err(error) => return Err(error),
    }
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => renameat(folder, temporary, folder, name),
        Ok(_) => Err(Errno::EXIST),
        Err(error) => Err(error),
    }
}

/// Sixteen letters: names of ours hold no digits, which others take for dates.
fn letters(number: u64) -> String {
    let nibbles = number.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(b'a' + nibble)).collect()
}

/// Files that get their names together at most.
const BATCH_FILES: usize = 4096;
/// Bytes of files that get their names together at most; also what a kill takes back at most.
pub(super) const BATCH_BYTES: u64 = 256 * 1024 * 1024;
/// Folders that are held open for a batch at most, of the 1,024 descriptors that a process usually has.
const BATCH_FOLDERS: usize = 256;
/// Zeros that are worth a hole: most file systems give room in blocks of 4 KiB, and fewer holes are faster.
const HOLE_BYTES: usize = 64 * 1024;
