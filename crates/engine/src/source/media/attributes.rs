//! Owner, rights and time of a file or a folder that is restored.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, fchmod, fchown, futimens};
use rustix::io::Errno;

use crate::archive::tar::{Member, Moment};

/// What an archive says of a member beside its name and content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes {
    mode: u32,
    uid: u64,
    gid: u64,
    modified: Option<Moment>,
}

impl Attributes {
    pub(super) fn of(member: &Member) -> Self {
        Self { mode: member.mode, uid: member.uid, gid: member.gid, modified: member.modified }
    }

    /// Gives a file all of them; `false` where the file system, or our rights, do not allow one.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub(super) fn apply(&self, file: impl AsFd + Copy) -> io::Result<bool> {
        let mut is_complete = self.own(file)?;
        is_complete &= allowed(fchmod(file, self.mode()))?;
        Ok(is_complete & self.date(file)?)
    }

    /// Gives a new folder its owner and its rights, as far as we can still write there.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub(super) fn open_folder(&self, folder: impl AsFd + Copy) -> io::Result<bool> {
        let is_owned = self.own(folder)?;
        Ok(is_owned & allowed(fchmod(folder, self.mode() | Mode::RWXU))?)
    }

    /// Gives a folder its time, and the rights that would have been in the way, once nothing more comes into it.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub(super) fn close_folder(&self, folder: impl AsFd + Copy) -> io::Result<bool> {
        let is_dated = self.date(folder)?;
        if self.mode() & Mode::RWXU == Mode::RWXU {
            return Ok(is_dated);
        }
        Ok(is_dated & allowed(fchmod(folder, self.mode()))?)
    }

    /// Only root may give files away.
    fn own(&self, file: impl AsFd) -> io::Result<bool> {
        if !rustix::process::geteuid().is_root() {
            return Ok(true);
        }
        let number = |number: u64| u32::try_from(number).ok().filter(|&number| number != u32::MAX);
        allowed(fchown(file, number(self.uid).map(Uid::from_raw), number(self.gid).map(Gid::from_raw)))
    }

    fn date(&self, file: impl AsFd) -> io::Result<bool> {
        let Some(Moment { seconds, nanoseconds }) = self.modified else { return Ok(true) };
        let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let last_modification = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
        allowed(futimens(file, &Timestamps { last_access, last_modification }))
    }

    /// Without setuid, setgid and sticky: an archive must not bring programs that run as somebody else.
    fn mode(&self) -> Mode {
        Mode::from_raw_mode(self.mode & 0o777)
    }
}

/// Whether a system call did it: what is not allowed (in a container, on a foreign file system, over a network) is
/// no reason to lose the content.
fn allowed(result: rustix::io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::ACCESS | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS | Errno::OVERFLOW) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
