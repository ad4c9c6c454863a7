//! Backups in a folder: written beside under a name of our own, synced, renamed, then the manifest.

use std::fs::Permissions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Entry, Existing, Hold, Lock, MANIFEST_BYTES, Slot, Store, Stored, manifest_name};
use crate::count::drain;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{LockFile, OWN_PREFIX, own_name, sweep, try_flock};

/// A folder of backups. It is made on the first backup; reading never makes it.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
    file_mode: u32,
    folder_mode: Option<u32>,
}

impl Local {
    /// Uses the folder `root`; files are for their owner only.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), file_mode: 0o600, folder_mode: None }
    }

    /// Gives new files this mode (`0o640`, ...).
    #[must_use]
    pub fn with_file_mode(mut self, file_mode: u32) -> Self {
        self.file_mode = file_mode;
        self
    }

    /// Gives folders that have to be made this mode; without it, what the process's mask leaves.
    #[must_use]
    pub fn with_folder_mode(mut self, folder_mode: u32) -> Self {
        self.folder_mode = Some(folder_mode);
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
    fn claim(&self, name: &str, existing: Existing, _unfinished: &[u8]) -> Result<Box<dyn Slot + '_>> {
        let path = self.path(name)?;
        let folder = parent(&path);
        let failed = |source| self.fail(&format!("write backup `{name}`"), source, ErrorKind::Write);
        make_folder(folder, self.folder_mode).map_err(failed)?;
        sweep(folder, PART_PREFIX);
        // The part stands in the backup's own folder, so its name needs no more than the backup's.
        let part = folder.join(own_name("part", file_name(&path).as_bytes()));
        let part = LockFile::create(&part, 0o600).map_err(failed)?.ok_or_else(|| exists(name))?;
        let manifest = folder.join(manifest_name(file_name(&path)));
        let is_taken = path.symlink_metadata().is_ok() || manifest.symlink_metadata().is_ok();
        let slot =
            LocalSlot { store: self, name: name.to_owned(), path, manifest, part: Some(part), beside: None, existing };
        if existing == Existing::Refuse && is_taken {
            return Err(exists(name));
        }
        Ok(Box::new(slot))
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
        // Asked before it is opened: opening a named pipe waits for its other end.
        let metadata = fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Config, format!("cannot read `{}`: it is not a file", path.display()))
                .at(Stage::Store)
                .subject(path.display()));
        }
        let file = fs::File::open(&path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok(Stored { bytes: Some(bytes), reader: Box::new(StoreFile { file, name: name.to_owned() }) })
    }

    fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(&manifest_name(name))?;
        let failed = |source| self.fail(&format!("read the manifest of `{name}`"), source, ErrorKind::Read);
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // Room for most of them at once: a listing reads a thousand.
        let mut bytes = Vec::with_capacity(8 * 1024);
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
                listed.push(Entry { name, bytes: Some(metadata.len()) });
            }
        }
        Ok(listed)
    }

    fn delete(&self, name: &str) -> Result<()> {
        remove_if_there(&self.path(name)?)
            .map_err(|source| self.fail(&format!("delete `{name}`"), source, ErrorKind::Write))
    }

    /// Locks the folder itself: nothing to create on a full disk, nothing to leave behind, nobody's file.
    fn lock(&self, hold: Hold) -> Result<Box<dyn Lock>> {
        let folder = match fs::File::open(&self.root) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.missing()),
            Err(error) => return Err(self.fail("take the lock", error, ErrorKind::Read)),
        };
        match try_flock(&folder, hold) {
            Ok(false) => Err(Error::new(ErrorKind::Busy, format!("cannot lock the store `{}`", self.root.display()))
                .at(Stage::Store)
                .subject(self.root.display())
                .hint("a restore or a prune is running there; try again when it has ended")),
            // A file system without locks is no reason to refuse a restore: a backup that vanishes while it is
            // read is an error then, as in a remote store.
            Ok(true) | Err(_) => Ok(Box::new(LocalLock { _folder: folder })),
        }
    }

    fn sweep(&self) {
        sweep(&self.root, PART_PREFIX);
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

/// The operating system lets go when the folder is closed.
struct LocalLock {
    _folder: fs::File,
}

impl Lock for LocalLock {}

/// The claimed name: a locked part file beside the final one, whose name follows from it, so that two runs
/// that want the same name meet before the first byte.
struct LocalSlot<'a> {
    store: &'a Local,
    name: String,
    path: PathBuf,
    manifest: PathBuf,
    /// The payload, until it is renamed.
    part: Option<LockFile>,
    /// The manifest, from its writing until it is renamed.
    beside: Option<LockFile>,
    existing: Existing,
}

impl LocalSlot<'_> {
    fn fail(&self, source: io::Error) -> Error {
        if source.kind() == io::ErrorKind::AlreadyExists {
            return exists(&self.name);
        }
        self.store.fail(&format!("write backup `{}`", self.name), source, ErrorKind::Write)
    }

    /// Writes the manifest beside, synced, before anything is renamed: a disk that is full is full now.
    fn write_manifest(&mut self, manifest: &[u8]) -> io::Result<()> {
        let path = parent(&self.path).join(own_name("part", file_name(&self.manifest).as_bytes()));
        let beside = LockFile::create(&path, 0o600)?.ok_or(io::ErrorKind::AlreadyExists)?;
        let file = self.beside.insert(beside).file();
        file.write_all(manifest)?;
        file.set_permissions(Permissions::from_mode(self.store.file_mode))?;
        file.sync_all()
    }

    /// Makes the payload visible, whole and durable; its manifest follows.
    fn rename_payload(&mut self, part: &Path, folder: &fs::File) -> io::Result<()> {
        match self.existing {
            Existing::Refuse => rename_new(part, &self.path)?,
            Existing::Replace => {
                // The old manifest must not stand beside the new payload, whatever happens between the renames.
                remove_if_there(&self.manifest)?;
                fs::rename(part, &self.path)?;
            }
        }
        self.part = None;
        sync_folder(folder)
    }

    fn rename_manifest(&mut self, folder: &fs::File) -> io::Result<()> {
        if let Some(beside) = &self.beside {
            fs::rename(beside.path(), &self.manifest)?;
        }
        self.beside = None;
        sync_folder(folder)
    }
}

impl Slot for LocalSlot<'_> {
    fn write(&mut self, payload: &mut dyn Read) -> Result<()> {
        let (store, name) = (self.store, self.name.clone());
        let failed = |source| store.fail(&format!("write backup `{name}`"), source, ErrorKind::Write);
        let Some(part) = &mut self.part else { return Err(failed(io::ErrorKind::InvalidInput.into())) };
        let file = part.file();
        drain(payload, Stage::Store, |part| file.write_all(part).map_err(failed))?;
        file.set_permissions(Permissions::from_mode(store.file_mode)).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    fn commit(mut self: Box<Self>, manifest: &[u8]) -> Result<()> {
        let Some(part) = self.part.as_ref().map(|part| part.path().to_owned()) else {
            return Err(self.fail(io::ErrorKind::InvalidInput.into()));
        };
        // Opened before anything is renamed: a folder that cannot be synced fails now.
        let folder = fs::File::open(parent(&self.path)).map_err(|source| self.fail(source))?;
        self.write_manifest(manifest).map_err(|source| self.fail(source))?;
        let done = self.rename_payload(&part, &folder).and_then(|()| self.rename_manifest(&folder));
        done.map_err(|source| {
            if self.part.is_none() && self.existing == Existing::Refuse {
                // A run that failed has stored nothing, so nothing of it is to be listed.
                let _stays = fs::remove_file(&self.path);
            }
            self.fail(source)
        })
    }
}

impl Drop for LocalSlot<'_> {
    fn drop(&mut self) {
        for leftover in [self.part.take(), self.beside.take()].into_iter().flatten() {
            leftover.release();
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
            Error::in_io(source, ErrorKind::Read, message, Stage::Store)
        })
    }
}

/// Renames, and fails if the new name is taken.
///
/// File systems without `RENAME_NOREPLACE` (NFS, some FUSE) get a hard link, which fails likewise; those without
/// hard links a look and a rename: among runs of ours, the claim has kept the name free.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        result => return Ok(result?),
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if to.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

/// Makes the folder's entries durable, where the file system knows how to.
fn sync_folder(folder: &fs::File) -> io::Result<()> {
    match folder.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Makes a folder and those above it, each durable in the one that holds it: a backup in a folder that a power
/// loss takes away is none.
fn make_folder(folder: &Path, mode: Option<u32>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = parent(folder);
    make_folder(above, mode)?;
    match fs::create_dir(folder) {
        // Another run was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            if let Some(mode) = mode {
                fs::set_permissions(folder, Permissions::from_mode(mode))?;
            }
            sync_folder(&fs::File::open(above)?)
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
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
