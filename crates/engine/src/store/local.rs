//! Backups in a folder: written beside under a name of our own, synced, renamed, then the manifest.

use std::fs::Permissions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Entry, Existing, Hold, Lock, MANIFEST_BYTES, Slot, Store, Stored, manifest_name};
use crate::count::drain;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{LockFile, OWN_PREFIX, own_name, sweep};

/// A folder of backups. It is made on the first backup; reading never makes it.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
    file_mode: u32,
}

impl Local {
    /// Uses the folder `root`; files are for their owner only.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), file_mode: 0o600 }
    }

    /// Gives new files this mode (`0o640`, ...).
    #[must_use]
    pub fn with_file_mode(mut self, file_mode: u32) -> Self {
        self.file_mode = file_mode;
        self
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Resolves a name, which may have folders but must not leave the store.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let relative = Path::new(name);
        let is_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || name.ends_with('/') || name.contains('\0') || !is_inside {
            return Err(Error::new(ErrorKind::Config, format!("cannot use `{name}` as a backup's name"))
                .at(Stage::Store)
                .subject(name)
                .hint("a name is relative to the store, without `..`"));
        }
        if relative.file_name().is_some_and(|last| last.to_string_lossy().starts_with(OWN_PREFIX)) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("cannot use `{name}`: names in `{OWN_PREFIX}` are ours"),
            )
            .at(Stage::Store)
            .subject(name));
        }
        Ok(self.root.join(relative))
    }

    fn missing(&self) -> Error {
        Error::new(ErrorKind::NotFound, format!("cannot find the store `{}`", self.root.display()))
            .at(Stage::Store)
            .subject(self.root.display())
            .hint("check the path; the first backup makes the folder")
    }

    fn fail(&self, doing: &str, source: io::Error, otherwise: ErrorKind) -> Error {
        let message = format!("cannot {doing} in `{}`", self.root.display());
        Error::from_io(source, otherwise, message).at(Stage::Store).subject(self.root.display())
    }
}

impl Store for Local {
    fn claim(&self, name: &str, existing: Existing) -> Result<Box<dyn Slot + '_>> {
        let path = self.path(name)?;
        let folder = parent(&path);
        let failed = |source| self.fail(&format!("write backup `{name}`"), source, ErrorKind::Write);
        fs::create_dir_all(folder).map_err(failed)?;
        sweep(folder, PART_PREFIX);
        let part = folder.join(own_name("part", path.as_os_str().as_encoded_bytes()));
        let part = LockFile::hold(&part, Hold::Exclusive, 0o600).map_err(failed)?.ok_or_else(|| exists(name))?;
        let slot = Box::new(LocalSlot { store: self, name: name.to_owned(), path, part: Some(part), existing });
        if existing == Existing::Refuse && slot.path.symlink_metadata().is_ok() {
            return Err(exists(name));
        }
        Ok(slot)
    }

    fn get(&self, name: &str) -> Result<Stored> {
        let path = self.path(name)?;
        let failed = |source: io::Error| {
            if source.kind() == io::ErrorKind::NotFound {
                return Error::new(
                    ErrorKind::NotFound,
                    format!("cannot find backup `{name}` in `{}`", self.root.display()),
                )
                .at(Stage::Store)
                .subject(name)
                .hint(format!("`dbbackup list {}` shows what is there", self.root.display()));
            }
            self.fail(&format!("read backup `{name}`"), source, ErrorKind::Read)
        };
        let file = fs::File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Config, format!("cannot read `{}`: it is not a file", path.display()))
                .at(Stage::Store)
                .subject(path.display()));
        }
        let reader = StoreFile { file, name: name.to_owned() };
        Ok(Stored { bytes: Some(metadata.len()), reader: Box::new(reader) })
    }

    fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(&manifest_name(name))?;
        let failed = |source| self.fail(&format!("read the manifest of `{name}`"), source, ErrorKind::Read);
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(MANIFEST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    fn list(&self) -> Result<Vec<Entry>> {
        let failed = |source| self.fail("list the backups", source, ErrorKind::Read);
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("cannot find the store `{}`", self.root.display()),
                )
                .at(Stage::Store)
                .subject(self.root.display())
                .hint("check the path; the first backup makes the folder"));
            }
            Err(error) => return Err(failed(error)),
        };
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // Names of ours are Unicode; anything else was never written by a backup.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(OWN_PREFIX) {
                continue;
            }
            // A file that vanished since, or a dangling link.
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            if metadata.is_file() {
                let modified_at = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
                listed.push(Entry { name, bytes: metadata.len(), modified_at });
            }
        }
        Ok(listed)
    }

    fn delete(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path(name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.fail(&format!("delete `{name}`"), error, ErrorKind::Write))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self, hold: Hold) -> Result<Box<dyn Lock>> {
        let path = self.root.join(LOCK_NAME);
        match LockFile::hold(&path, hold, 0o600) {
            Ok(Some(lock)) => Ok(Box::new(LocalLock(Some(lock)))),
            Ok(None) => Err(Error::new(ErrorKind::Busy, format!("cannot lock the store `{}`", self.root.display()))
                .at(Stage::Store)
                .subject(self.root.display())
                .hint("a restore or a prune is running there; try again when it has ended")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.missing()),
            // Nothing is deleted from a folder that cannot be written, so a restore needs no lock there.
            Err(error) if hold == Hold::Shared && cannot_write(&error) => Ok(Box::new(LocalLock(None))),
            Err(error) => Err(self.fail("take the lock", error, ErrorKind::Write)),
        }
    }

    fn sweep(&self) {
        sweep(&self.root, PART_PREFIX);
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

struct LocalLock(Option<LockFile>);

impl Lock for LocalLock {}

impl Drop for LocalLock {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            lock.release();
        }
    }
}

/// The claimed name: a locked part file beside the final one, whose name follows from it, so that two runs
/// that want the same name meet before the first byte.
struct LocalSlot<'a> {
    store: &'a Local,
    name: String,
    path: PathBuf,
    /// Some until committed.
    part: Option<LockFile>,
    existing: Existing,
}

impl LocalSlot<'_> {
    fn fail(&self, source: io::Error) -> Error {
        self.store.fail(&format!("write backup `{}`", self.name), source, ErrorKind::Write)
    }

    fn part(&mut self) -> &mut LockFile {
        self.part.as_mut().expect("a slot is used before its commit")
    }

    /// Writes the manifest beside, synced, before anything is renamed: a disk that is full is full now.
    fn write_manifest(&self, manifest: &[u8]) -> io::Result<LockFile> {
        let name = own_name("part", manifest_name(&self.name).as_bytes());
        let path = parent(&self.path).join(name);
        let busy = || io::Error::other("another run writes the same manifest");
        let mut beside = LockFile::hold(&path, Hold::Exclusive, 0o600)?.ok_or_else(busy)?;
        let written = (|| {
            beside.file().set_len(0)?;
            beside.file().write_all(manifest)?;
            beside.file().set_permissions(Permissions::from_mode(self.store.file_mode))?;
            beside.file().sync_all()
        })();
        match written {
            Ok(()) => Ok(beside),
            Err(error) => {
                beside.release();
                Err(error)
            }
        }
    }
}

impl Slot for LocalSlot<'_> {
    fn write(&mut self, payload: &mut dyn Read) -> Result<()> {
        let (store, name) = (self.store, self.name.clone());
        let file_mode = store.file_mode;
        let failed = |source| store.fail(&format!("write backup `{name}`"), source, ErrorKind::Write);
        let file = self.part().file();
        // A leftover of a killed run may stand under this very name.
        file.set_len(0).map_err(failed)?;
        drain(payload, Stage::Store, |part| file.write_all(part).map_err(failed))?;
        file.set_permissions(Permissions::from_mode(file_mode)).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    fn commit(mut self: Box<Self>, manifest: &[u8]) -> Result<()> {
        let beside = self.write_manifest(manifest).map_err(|source| self.fail(source))?;
        let manifest_path = parent(&self.path).join(manifest_name(file_name(&self.path)));
        let part = self.part().path().to_owned();
        if self.existing == Existing::Replace {
            // The old manifest must not stand beside the new payload, whatever happens between the two renames.
            match fs::remove_file(&manifest_path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    beside.release();
                    return Err(self.fail(error));
                }
                _ => {}
            }
        }
        let renamed = match self.existing {
            Existing::Refuse => rename_new(&part, &self.path),
            Existing::Replace => fs::rename(&part, &self.path),
        };
        if let Err(error) = renamed.and_then(|()| sync_folder(&self.path)) {
            beside.release();
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => exists(&self.name),
                _ => self.fail(error),
            });
        }
        self.part = None;
        fs::rename(beside.path(), &manifest_path)
            .and_then(|()| sync_folder(&self.path))
            .map_err(|source| self.fail(source))
    }
}

impl Drop for LocalSlot<'_> {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            part.release();
        }
    }
}

/// A stored file whose read errors name the store.
struct StoreFile {
    file: fs::File,
    name: String,
}

impl Read for StoreFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read(buf).map_err(|source| {
            let message = format!("cannot read backup `{}`", self.name);
            Error::from_io(source, ErrorKind::Read, message).at(Stage::Store).subject(&self.name).into()
        })
    }
}

/// Renames, and fails if the new name is taken. File systems without `RENAME_NOREPLACE` (NFS, some FUSE) get a
/// hard link, which fails likewise.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        result => Ok(result?),
    }
}

/// Makes the folder's entries durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn cannot_write(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn exists(name: &str) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        format!("cannot write backup `{name}`: it exists, or another run is writing it"),
    )
    .at(Stage::Store)
    .subject(name)
    .hint("choose another name, or delete that backup first")
}

const PART_PREFIX: &str = ".dbbackup-part-";
const LOCK_NAME: &str = ".dbbackup-lock";
