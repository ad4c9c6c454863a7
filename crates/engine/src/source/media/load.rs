//! A folder as a target: found, locked, and gone through twice.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::pass::{Pass, Plan};
use super::{MediaTarget, walk::reason};
use crate::archive::tar::Unpack;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{Hold, try_flock};
use crate::room::require_room;
use crate::run::Run;
use crate::source::{Load, LoadFacts, Target};

impl Target for MediaTarget {
    fn begin(&mut self, _plain_bytes: Option<u64>, run: &Run) -> Result<Box<dyn Load + '_>> {
        run.cancel.check()?;
        let root = self.resolve()?;
        let lock = if root.is_dir() { Some(self.lock(&root)?) } else { None };
        Ok(Box::new(MediaLoad { target: self, root, lock, facts: LoadFacts::default() }))
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
    fn lock(&self, root: &Path) -> Result<fs::File> {
        let folder = fs::File::open(root).map_err(|source| failed(root, source))?;
        match try_flock(&folder, Hold::Exclusive) {
            Ok(false) => {
                let message = format!("cannot restore into `{}`: another restore is running", self.root.display());
                Err(Error::new(ErrorKind::Busy, message).at(Stage::Target).subject(self.root.display()))
            }
            // A file system without locks is no reason to refuse a restore.
            Ok(true) | Err(_) => Ok(folder),
        }
    }
}

struct MediaLoad<'a> {
    target: &'a MediaTarget,
    root: PathBuf,
    /// Held while this lives; none before the folder is there.
    lock: Option<fs::File>,
    facts: LoadFacts,
}

impl Load for MediaLoad<'_> {
    fn needs_proof(&self) -> bool {
        true
    }

    fn rehearse(&mut self, plain: &mut dyn Read) -> Result<LoadFacts> {
        let (facts, needs) = self.pass(plain, false)?;
        let there = self.root.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        require_room(there, needs, Stage::Target)?;
        Ok(facts)
    }

    fn write(&mut self, plain: &mut dyn Read) -> Result<()> {
        if self.lock.is_none() {
            fs::create_dir_all(&self.root).map_err(|source| failed(&self.root, source))?;
            self.lock = Some(self.target.lock(&self.root)?);
        }
        (self.facts, _) = self.pass(plain, true)?;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<LoadFacts> {
        Ok(self.facts)
    }
}

impl MediaLoad<'_> {
    /// Goes through the archive and the folder; returns what was done, or would be, and the bytes that it needs.
    fn pass(&self, plain: &mut dyn Read, writes: bool) -> Result<(LoadFacts, u64)> {
        let MediaTarget { replaces, only, .. } = self.target;
        Pass::begin(Plan { root: &self.root, replaces: *replaces, only, writes })?.run(&mut Unpack::new(plain))
    }
}

pub(super) fn failed(root: &Path, source: io::Error) -> Error {
    let message = format!("cannot restore into `{}`", root.display());
    Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(root.display())
}
