//! A folder as a target: found, locked, and gone through twice.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::pass::{Pass, Plan};
use super::{MediaTarget, walk::reason};
use crate::archive::tar::Unpack;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{Hold, LockFile, own_name, try_flock};
use crate::run::Run;
use crate::source::{Load, LoadFacts, Target};

impl Target for MediaTarget {
    fn begin(&mut self, _plain_bytes: Option<u64>, run: &Run) -> Result<Box<dyn Load + '_>> {
        run.cancel.check()?;
        let root = self.resolve()?;
        let lock = if root.is_dir() { Some(self.lock(&root)?) } else { None };
        Ok(Box::new(MediaLoad { target: self, is_new: lock.is_none(), root, lock, facts: LoadFacts::default() }))
    }
}

impl MediaTarget {
    /// Finds the folder that is meant, behind links, or where a new one will be.
    fn resolve(&self) -> Result<PathBuf> {
        let refused = |why: &str| {
            Error::new(ErrorKind::Config, format!("cannot restore into `{}`: {why}", self.root.display()))
                .at(Stage::Target)
                .subject(self.root.display())
                .hint("name a folder; one that is missing is made")
        };
        if self.only.iter().any(String::is_empty) {
            let message = "cannot restore only a path without a name";
            return Err(Error::new(ErrorKind::Config, message)
                .at(Stage::Target)
                .hint("--only names a file or a folder of the backup; leave it out for all"));
        }
        match fs::canonicalize(&self.root) {
            Ok(root) if root.is_dir() => Ok(root),
            Ok(_) => Err(refused("it is no folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.root.symlink_metadata().is_err() => {
                std::path::absolute(&self.root).map_err(|error| refused(&reason(&error)))
            }
            Err(error) => Err(refused(&reason(&error))),
        }
    }

    /// Locks the folder itself: there is nothing to leave behind, and nothing to make where only the folder may be
    /// written (docs/decisions/0010-media-restore.md).
    fn lock(&self, root: &Path) -> Result<Lock> {
        let busy = || {
            let message = format!("cannot restore into `{}`: another restore is running", self.root.display());
            Error::new(ErrorKind::Busy, message).at(Stage::Target).subject(self.root.display())
        };
        let folder = fs::File::open(root).map_err(|source| failed(root, source))?;
        match try_flock(&folder, Hold::Exclusive) {
            Ok(true) => return Ok(Lock::Folder { _held: folder }),
            Ok(false) => return Err(busy()),
            Err(_) => {}
        }
        // NFS locks only what is open for writing, which a folder never is.
        match LockFile::hold(&root.join(own_name("lock", b"")), 0o600) {
            Ok(Some(file)) => Ok(Lock::File(Some(file))),
            Ok(None) => Err(busy()),
            // A file system without locks is no reason to refuse a restore; names of our own keep two runs apart.
            Err(_) => Ok(Lock::None),
        }
    }
}

/// What keeps two restores into one folder apart.
enum Lock {
    Folder {
        _held: fs::File,
    },
    /// In the folder.
    File(Option<LockFile>),
    /// There is no such thing here.
    None,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Self::File(file) = self
            && let Some(file) = file.take()
        {
            file.release();
        }
    }
}

struct MediaLoad<'a> {
    target: &'a MediaTarget,
    /// Whether the folder was missing.
    is_new: bool,
    root: PathBuf,
    /// Held while this lives; none before the folder is there.
    lock: Option<Lock>,
    facts: LoadFacts,
}

impl Load for MediaLoad<'_> {
    fn needs_proof(&self) -> bool {
        true
    }

    fn rehearse(&mut self, plain: &mut dyn Read) -> Result<LoadFacts> {
        self.pass(plain, false)
    }

    fn write(&mut self, plain: &mut dyn Read) -> Result<()> {
        if self.lock.is_none() {
            fs::create_dir_all(&self.root).map_err(|source| failed(&self.root, source))?;
            // As the next run will find it: leftovers bear its digest.
            self.root = fs::canonicalize(&self.root).map_err(|source| failed(&self.root, source))?;
            self.lock = Some(self.target.lock(&self.root)?);
        }
        self.facts = self.pass(plain, true)?;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<LoadFacts> {
        Ok(self.facts)
    }
}

impl MediaLoad<'_> {
    /// Goes through the archive and the folder; returns what was done, or would be.
    fn pass(&self, plain: &mut dyn Read, writes: bool) -> Result<LoadFacts> {
        let MediaTarget { replaces, only, .. } = self.target;
        let is_alone = matches!(self.lock, Some(Lock::Folder { .. } | Lock::File(_)));
        let what = Plan { root: &self.root, is_new: self.is_new, replaces: *replaces, only, writes, is_alone };
        Pass::begin(what)?.run(&mut Unpack::new(plain))
    }
}

pub(super) fn failed(root: &Path, source: io::Error) -> Error {
    let message = format!("cannot restore into `{}`", root.display());
    Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(root.display())
}
