//! A folder as a target: found, locked, and gone through twice.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::attributes::Attributes;
use super::pass::{Pass, Plan};
use super::{MediaTarget, walk::reason};
use crate::archive::tar::Unpack;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{LockFile, own_name};
use crate::run::Run;
use crate::source::{Expected, Load, LoadFacts, Target};

impl Target for MediaTarget {
    fn begin(&mut self, _expected: &Expected, run: &Run) -> Result<Box<dyn Load + '_>> {
        run.cancel.check()?;
        let root = self.resolve()?;
        let is_new = !root.is_dir();
        Ok(Box::new(MediaLoad { target: self, is_new, root, facts: LoadFacts::default() }))
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

    /// Locks the folder by a file in it, which the last to hold it removes. Not the folder itself: NFS locks only what is
    /// open for writing, and a store in the same folder has a lock of its own on it.
    fn lock(&self, root: &Path) -> Result<Option<Lock>> {
        match LockFile::hold(&root.join(own_name("lock", b"")), 0o600) {
            Ok(Some(file)) => Ok(Some(Lock(Some(file)))),
            Ok(None) => {
                let message = format!("cannot restore into `{}`: another restore is running", self.root.display());
                Err(Error::new(ErrorKind::Busy, message).at(Stage::Target).subject(self.root.display()))
            }
            // Where there are no locks, or no right to write, files under way are told apart by their names alone.
            Err(_) => Ok(None),
        }
    }
}

struct Lock(Option<LockFile>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            file.release();
        }
    }
}

struct MediaLoad<'a> {
    target: &'a MediaTarget,
    /// Whether the folder was missing.
    is_new: bool,
    root: PathBuf,
    facts: LoadFacts,
}

impl Load for MediaLoad<'_> {
    fn needs_proof(&self) -> bool {
        true
    }

    fn rehearse(&mut self, plain: &mut (dyn Read + Send)) -> Result<LoadFacts> {
        self.pass(plain, false, false).map(|(facts, _)| facts)
    }

    fn write(&mut self, plain: &mut (dyn Read + Send)) -> Result<()> {
        fs::create_dir_all(&self.root).map_err(|source| failed(&self.root, source))?;
        // As the next run will find it: leftovers bear its digest.
        self.root = fs::canonicalize(&self.root).map_err(|source| failed(&self.root, source))?;
        let lock = self.target.lock(&self.root)?;
        let (facts, attributes) = self.pass(plain, true, lock.is_some())?;
        self.facts = facts;
        // Letting go of the lock changes the folder.
        drop(lock);
        if let Some(attributes) = attributes {
            let root = fs::File::open(&self.root).map_err(|source| failed(&self.root, source))?;
            attributes.close_folder(root.file()).map_err(|source| failed(&self.root, source))?;
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<LoadFacts> {
        Ok(self.facts)
    }
}

impl MediaLoad<'_> {
    /// Goes through the archive and the folder; returns what was done, or would be.
    fn pass(&self, plain: &mut dyn Read, writes: bool, is_alone: bool) -> Result<(LoadFacts, Option<Attributes>)> {
        let MediaTarget { replaces, only, .. } = self.target;
        let what = Plan { root: &self.root, is_new: self.is_new, replaces: *replaces, only, writes, is_alone };
        Pass::begin(what)?.run(&mut Unpack::new(plain))
    }
}

pub(super) fn failed(root: &Path, source: io::Error) -> Error {
    let message = format!("cannot restore into `{}`", root.display());
    Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(root.display())
}
