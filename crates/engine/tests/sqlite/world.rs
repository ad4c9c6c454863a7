//! What every test here needs: a folder with databases, a store in memory, somebody to watch the progress.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dbbackup::source::sqlite::Sqlite;
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Event, Memory, Progress, Receipt, Report, Result, Run};
use dbbackup_testkit::Shop;
use fs_err as fs;
use rusqlite::Connection;

/// A folder for databases, and a store with at most one backup, `a`.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) store: Memory,
    pub(crate) run: Run,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: Memory::default(), run: Run::default() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn shop(&self, name: &str, journal_mode: &str, rows: u32) -> Shop {
        Shop::new(self.path(name), journal_mode, rows)
    }

    /// Names a shop's database that is there already.
    pub(crate) fn shop_at(&self, name: &str) -> Shop {
        Shop { path: self.path(name) }
    }

    /// Tells `listener` of every event of this world's runs.
    pub(crate) fn watched_by(mut self, listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.run.progress = Arc::new(Listener(listener));
        self
    }

    pub(crate) fn backup(&self, path: impl AsRef<Path>) -> Result<Receipt> {
        self.backup_of(&mut sqlite(path))
    }

    pub(crate) fn backup_of(&self, source: &mut Sqlite) -> Result<Receipt> {
        let request = Backup {
            kind: dbbackup::manifest::Kind::Database,
            reason: dbbackup::manifest::Reason::Asked,
            name: BackupName::Given { name: "a".to_owned(), existing: Existing::Replace },
            alias: "shop".to_owned(),
            database: "shop".to_owned(),
            servername: "web-1".to_owned(),
            source_id: None,
            compression: Compression::None,
            recipients: dbbackup::Recipients::Everybody,
            metadata: serde_json::Map::new(),
        };
        dbbackup::backup(&request, source, &self.store, &self.run)
    }

    pub(crate) fn restore(&self, path: impl AsRef<Path>) -> Result<Report> {
        dbbackup::restore("a", &mut sqlite(path), &self.store, &self.run)
    }

    /// Restores a file that has no manifest, as somebody else's tool leaves it.
    pub(crate) fn restore_plain(&self, bytes: &[u8], path: impl AsRef<Path>) -> Result<Report> {
        self.store.insert("plain", bytes.to_vec());
        dbbackup::restore("plain", &mut sqlite(path), &self.store, &self.run)
    }

    /// Backs up `from` and restores it into `to`.
    pub(crate) fn copy(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        self.backup(from).unwrap();
        self.restore(to).unwrap();
    }

    /// Returns the stored bytes of the backup.
    pub(crate) fn stored(&self) -> Vec<u8> {
        self.store.bytes("a").unwrap()
    }

    pub(crate) fn files(&self) -> BTreeMap<OsString, Vec<u8>> {
        files(self.folder())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files().into_keys().map(|name| name.to_string_lossy().into_owned()).collect()
    }
}

struct Listener<F>(F);

impl<F: Fn(Event) + Send + Sync> Progress for Listener<F> {
    fn tell(&self, event: Event) {
        self.0(event);
    }
}

/// A database whose locks are waited for one second.
pub(crate) fn sqlite(path: impl AsRef<Path>) -> Sqlite {
    Sqlite::new(path.as_ref()).with_lock_timeout(LOCK_TIMEOUT)
}

/// Says why a test cannot be made here.
#[allow(clippy::print_stderr)] // to whoever runs the tests
pub(crate) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Returns every file of a folder, by name.
pub(crate) fn files(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect()
}

/// Returns the path with something appended to the file's name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

pub(crate) fn text(connection: &Connection, query: &str) -> String {
    let value = connection.query_row(query, [], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    match value {
        rusqlite::types::Value::Text(text) => text,
        rusqlite::types::Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// Returns the journal mode of the file itself: what a fresh connection finds.
pub(crate) fn journal_mode(path: &Path) -> String {
    text(&Connection::open(path).unwrap(), "PRAGMA journal_mode")
}

pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
