//! What every test here needs: a folder of media, a store, and a look at what is in a folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use dbbackup::manifest::Kind;
use dbbackup::source::media::{MediaChanges, MediaSource, MediaTarget};
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Memory, Receipt, Report, Result, Run};
use fs_err as fs;
use sha2::{Digest as _, Sha256};

/// A folder for media, and a store with at most one backup, `a`.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) store: Memory,
    pub(crate) run: Run,
}

impl World {
    /// Makes an empty folder `media`.
    pub(crate) fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), store: Memory::default(), run: Run::default() };
        fs::create_dir(world.path("media")).unwrap();
        world
    }

    /// Makes a folder `media` with a few files in a few folders.
    pub(crate) fn with_media() -> Self {
        let world = Self::new();
        world.write("a.txt", b"one");
        world.write("uploads/2026/photo one.jpg", &pattern(300_000));
        world.write("uploads/2026/\u{fc}ber \u{1f600}.txt", "gr\u{fc}n".as_bytes());
        world.write("uploads/empty.txt", b"");
        fs::create_dir_all(world.media("uploads/empty folder")).unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn media(&self, name: &str) -> PathBuf {
        self.path("media").join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.media(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn backup(&self) -> Result<Receipt> {
        self.backup_of(&mut MediaSource::new(self.path("media")))
    }

    pub(crate) fn backup_of(&self, source: &mut MediaSource) -> Result<Receipt> {
        let request = Backup {
            kind: Kind::Media,
            reason: dbbackup::manifest::Reason::Asked,
            name: BackupName::Given { name: "a".to_owned(), existing: Existing::Replace },
            alias: "media".to_owned(),
            database: "media".to_owned(),
            servername: "here".to_owned(),
            source_id: None,
            compression: Compression::None,
            recipients: dbbackup::Recipients::Everybody,
            metadata: serde_json::Map::new(),
        };
        dbbackup::backup(&request, source, &self.store, &self.run)
    }

    /// Restores into the folder `name`, and keeps what is there.
    pub(crate) fn restore(&self, name: &str) -> Result<Report> {
        self.restore_into(&mut MediaTarget::new(self.path(name)))
    }

    pub(crate) fn restore_into(&self, target: &mut MediaTarget) -> Result<Report> {
        dbbackup::restore("a", target, &self.store, &self.run)
    }

    pub(crate) fn preview(&self, target: &mut MediaTarget) -> Result<Report> {
        dbbackup::preview("a", target, &self.store, &self.run)
    }

    /// Puts an archive that somebody else wrote into the store.
    pub(crate) fn keep(&self, archive: &[u8]) {
        use dbbackup::Store as _;
        let mut slot = self.store.claim("a", Existing::Replace, b"{}").unwrap();
        slot.write(&mut &archive[..]).unwrap();
        slot.commit(b"{}").unwrap();
    }

    /// Returns the archive that is in the store.
    pub(crate) fn archive(&self) -> Vec<u8> {
        use dbbackup::Store as _;
        let mut archive = Vec::new();
        self.store.get("a").unwrap().reader.read_to_end(&mut archive).unwrap();
        archive
    }
}

/// What is at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    /// `None` for a folder.
    pub(crate) sha256: Option<String>,
    pub(crate) mode: u32,
    pub(crate) modified: (i64, i64),
}

/// Returns everything below a folder, links followed.
pub(crate) fn things(root: &Path) -> BTreeMap<PathBuf, Thing> {
    let mut things = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::metadata(&path).unwrap();
            let sha256 = if found.is_dir() {
                folders.push(path.clone());
                None
            } else {
                Some(digest(&path))
            };
            let thing = Thing { sha256, mode: found.mode() & 0o7777, modified: (found.mtime(), found.mtime_nsec()) };
            things.insert(path.strip_prefix(root).unwrap().to_owned(), thing);
        }
    }
    things
}

/// Returns the names below a folder, for a short comparison.
pub(crate) fn names(root: &Path) -> Vec<String> {
    things(root).into_keys().map(|path| path.to_string_lossy().into_owned()).collect()
}

fn digest(path: &Path) -> String {
    let mut sha256 = Sha256::new();
    let mut file = fs::File::open(path).unwrap();
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return format!("{:x?}", sha256.finalize()),
            count => sha256.update(&buffer[..count]),
        }
    }
}

/// Returns bytes that do not repeat for a while.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn name(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// Returns the changes that a restore told.
pub(crate) fn changes(report: &Report) -> MediaChanges {
    report.changes.clone().unwrap()
}

/// Says why a test did not run.
#[allow(clippy::print_stderr)] // for whoever reads the test's output
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
