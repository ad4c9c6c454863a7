//! SQLite: pages out in one read transaction, a checked copy back in one write transaction.

mod check;
mod content;
mod dump;
mod exclude;
mod holders;
mod load;
mod place;
mod trial;

pub use trial::{InTmpDir, Trial};

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Error, ErrorKind, Stage};
use crate::run::Run;

/// One SQLite database file, as a source and as a target.
///
/// Nothing else in this process may have the file open through another SQLite library: closing one of two
/// handles drops the locks of both (<https://www.sqlite.org/howtocorrupt.html> §2.2.1).
#[derive(Clone, Debug)]
pub struct Sqlite {
    path: PathBuf,
    /// Tables whose rows stay out of a backup.
    excluded: Vec<String>,
    /// How long to wait for a lock that somebody holds.
    lock_timeout: Duration,
    /// How long rows may be counted for the manifest.
    content_timeout: Duration,
}

impl Sqlite {
    /// Names the database at `path`; opens nothing. A symbolic link means the file behind it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), excluded: Vec::new(), lock_timeout: LOCK_TIMEOUT, content_timeout: CONTENT_TIMEOUT }
    }

    /// Leaves the rows of these tables out of a backup, which has the tables, empty. A restore takes no note of it.
    ///
    /// Takes temporary copies: as large as the database, and as what is left of it.
    #[must_use]
    pub fn excluding(mut self, tables: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.excluded.extend(tables.into_iter().map(Into::into));
        self
    }

    /// Waits so long for a lock that somebody holds; 30 s without this.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Counts rows for the manifest so long at most, then tells none; 10 s without this, 0 for never.
    #[must_use]
    pub fn with_content_timeout(mut self, timeout: Duration) -> Self {
        self.content_timeout = timeout;
        self
    }

    /// Tries again while somebody holds a lock, until the time for that is over or the run is to stop.
    ///
    /// SQLite would wait too, but nothing stops it, and its pauses of 100 ms rarely meet the gaps that busy
    /// writers leave (seen: two threads without a pause, no luck for 20 s).
    fn patiently<T>(&self, run: &Run, mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let deadline = Instant::now() + self.lock_timeout;
        loop {
            match attempt() {
                Err(error) if is_busy(&error) && Instant::now() < deadline && run.cancel.signal().is_none() => {
                    std::thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

    /// Turns SQLite's word into ours; a lock names who holds it.
    fn fail(&self, stage: Stage, doing: &str, source: rusqlite::Error) -> Error {
        let what = format!("cannot {doing} database `{}`", self.path.display());
        let error = match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                let seconds = self.lock_timeout.as_secs_f32();
                let holders = holders::describe(&self.path);
                Error::new(ErrorKind::Busy, format!("{what}: it was locked for {seconds} s{holders}"))
                    .hint("try again when that has ended")
            }
            Some(ErrorCode::NotADatabase) => Error::new(ErrorKind::Corrupt, format!("{what}: it is not a database")),
            Some(ErrorCode::DatabaseCorrupt) => Error::new(ErrorKind::Corrupt, what).because(source),
            Some(ErrorCode::DiskFull) => Error::new(ErrorKind::NoSpace, what).because(source),
            // The `-shm` of a database in WAL mode could not grow: "may indicate that the underlying filesystem volume
            // is out of space" (https://sqlite.org/rescode.html#ioerr_shmsize), and has no word of its own for that.
            _ if source.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE) => {
                Error::new(ErrorKind::NoSpace, format!("{what}: the disk is full")).because(source)
            }
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied) => {
                Error::new(ErrorKind::Denied, what).because(source)
            }
            Some(ErrorCode::OperationInterrupted) => Error::new(ErrorKind::Interrupted, "interrupted"),
            _ if stage == Stage::Source => Error::new(ErrorKind::Read, what).because(source),
            _ => Error::new(ErrorKind::Write, what).because(source),
        };
        error.at(stage).subject(self.path.display())
    }
}

/// Whether this build streams pages without a temporary copy.
pub fn has_dbpage() -> bool {
    let asked = Connection::open_in_memory()
        .and_then(|connection| connection.prepare("SELECT data FROM sqlite_dbpage('main')").map(|_| ()));
    asked.is_ok()
}

/// Opens the file; the path may hold any character, as no URI is made of it.
fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // `patiently` waits.
    connection.busy_timeout(Duration::ZERO)?;
    // Collations and functions of the application are unknown here; nothing of its SQL is to run either.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(connection)
}

/// Returns a name as SQL has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// As PostgreSQL's: long enough for a slow transaction, short enough for a cron job to tell.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// From the manifest's specification.
const CONTENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two attempts at a lock: not felt by a user, and a few hundred chances before the shortest timeout.
const PAUSE: Duration = Duration::from_millis(2);
