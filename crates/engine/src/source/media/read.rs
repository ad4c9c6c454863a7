//! One file, opened and, if it is small, read: its bytes and what tar says of them.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::walk::{Place, reason};
use crate::archive::tar::{Kind, Member, Moment};

/// A file that is ready to be stored.
pub(super) struct Opened {
    pub(super) place: Place,
    pub(super) member: Member,
    pub(super) content: Content,
}

/// Where a file's bytes are.
pub(super) enum Content {
    /// In memory; `is_torn` if it changed each time it was read.
    Small { bytes: Vec<u8>, is_torn: bool },
    /// Still in the file, and what that was when it was opened.
    Large { file: File, found: Metadata },
}

/// A file that cannot be stored, and why.
pub(super) struct Unreadable(pub(super) Place, pub(super) String);

/// Opens a file. A small one is read at once, and again if it changed meanwhile: what is stored is one state of it.
pub(super) fn open(place: Place) -> Result<Opened, Unreadable> {
    match open_at(&place.at) {
        Ok((found, content)) => {
            let bytes = match &content {
                Content::Small { bytes, .. } => bytes.len() as u64,
                Content::Large { found, .. } => found.len(),
            };
            let member = Member { bytes, ..member(&place.path, Kind::File, &found) };
            Ok(Opened { place, member, content })
        }
        Err(error) => Err(Unreadable(place, reason(&error))),
    }
}

/// Describes a file or a folder.
pub(super) fn member(path: &Path, kind: Kind, found: &Metadata) -> Member {
    Member {
        path: path.as_os_str().as_bytes().to_vec(),
        kind,
        bytes: 0,
        mode: found.mode() & 0o7777,
        uid: found.uid().into(),
        gid: found.gid().into(),
        modified: Some(Moment { seconds: found.mtime(), nanoseconds: u32::try_from(found.mtime_nsec()).unwrap_or(0) }),
    }
}

/// Whether somebody wrote into the file since.
pub(super) fn has_changed(file: &File, since: &Metadata) -> io::Result<bool> {
    let now = file.metadata()?;
    let stamp = |found: &Metadata| (found.len(), found.mtime(), found.mtime_nsec());
    Ok(stamp(&now) != stamp(since))
}

fn open_at(at: &Path) -> io::Result<(Metadata, Content)> {
    // Nothing to open it for: three system calls less where there are thousands of them.
    let found = at.metadata()?;
    if found.is_file() && found.len() == 0 {
        return Ok((found, Content::Small { bytes: Vec::new(), is_torn: false }));
    }
    // A pipe that took the file's place would wait for its other end.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(at)?;
    let mut tries = 0;
    loop {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no file any more"));
        }
        if found.len() > SMALL_BYTES {
            return Ok((found.clone(), Content::Large { file, found }));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
        file.by_ref().take(found.len()).read_to_end(&mut bytes)?;
        let is_torn = bytes.len() as u64 != found.len() || has_changed(&file, &found)?;
        tries += 1;
        if !is_torn || tries == TRIES {
            return Ok((found, Content::Small { bytes, is_torn }));
        }
        file.rewind()?;
    }
}

/// Files up to this are held in memory. Most of what people upload as thumbnails and documents; larger ones gain
/// nothing from being read ahead.
const SMALL_BYTES: u64 = 256 * 1024;
/// Readings of a small file that changes while it is read.
const TRIES: usize = 3;
