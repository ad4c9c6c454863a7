//! A checked copy of a database, put over the live one in one transaction.

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Sqlite;
use super::check::{check, set_journal_bytes};
use super::place::{Scratch, beside, folder, require_room, set_aside};
use crate::count::drain;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{Hold, LockFile, own_name};
use crate::proof::SQLITE_MAGIC;
use crate::run::{Phase, Run};
use crate::source::{Load, LoadFacts, Target};

impl Target for Sqlite {
    fn begin(&mut self, plain_bytes: Option<u64>, run: &Run) -> Result<Box<dyn Load + '_>> {
        let path = self.resolve()?;
        let failed = |source| {
            let message = format!("cannot restore into `{}`", path.display());
            Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(path.display())
        };
        let lock = folder(&path).join(own_name("lock", path.as_os_str().as_encoded_bytes()));
        let lock = LockFile::hold(&lock, Hold::Exclusive, 0o600).map_err(failed)?.ok_or_else(|| {
            Error::new(ErrorKind::Busy, format!("cannot restore into `{}`: another restore is running", path.display()))
                .at(Stage::Target)
                .subject(path.display())
        })?;
        let lock = TargetLock(Some(lock));
        // The copy beside, and the journal that holds the old pages or the new ones.
        let live_bytes = fs::metadata(&path).map_or(0, |live| live.len());
        let plain_bytes = plain_bytes.unwrap_or(0);
        require_room(folder(&path), plain_bytes + plain_bytes.max(live_bytes), Stage::Target)?;
        let scratch = Scratch::new(folder(&path), &path).map_err(failed)?;
        let database = Self { path, ..self.clone() };
        Ok(Box::new(SqliteLoad { database, scratch, bytes: 0, run: run.clone(), _lock: lock }))
    }
}

impl Sqlite {
    /// Finds the file that is meant: behind links, or where a new one will be.
    fn resolve(&self) -> Result<PathBuf> {
        let found = fs::canonicalize(&self.path).or_else(|error| {
            let is_new = error.kind() == io::ErrorKind::NotFound && self.path.symlink_metadata().is_err();
            match self.path.file_name() {
                Some(name) if is_new => Ok(fs::canonicalize(folder(&self.path))?.join(name)),
                _ => Err(error),
            }
        });
        let path = found.map_err(|source| {
            let kind = ErrorKind::of(&source, ErrorKind::Config);
            Error::new(kind, format!("cannot restore into `{}`", self.path.display()))
                .at(Stage::Target)
                .subject(self.path.display())
                .because(source)
                .hint("the folder must be there; links must lead somewhere")
        })?;
        if path.is_dir() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("cannot restore into `{}`: it is a folder", path.display()),
            )
            .at(Stage::Target)
            .subject(path.display()));
        }
        Ok(path)
    }
}

struct TargetLock(Option<LockFile>);

impl Drop for TargetLock {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            lock.release();
        }
    }
}

struct SqliteLoad {
    database: Sqlite,
    /// Before the lock: fields are dropped in order.
    scratch: Scratch,
    bytes: u64,
    run: Run,
    _lock: TargetLock,
}

impl Load for SqliteLoad {
    fn write(&mut self, plain: &mut dyn Read) -> Result<()> {
        let path = self.database.path.clone();
        let mut is_first = true;
        let file = self.scratch.file();
        self.bytes = drain(plain, Stage::Store, |part| {
            // Not after gigabytes: junk is told from a database by its first bytes.
            if std::mem::take(&mut is_first) {
                require_magic(part)?;
            }
            file.write_all(part).map_err(|source| {
                let message = format!("cannot write a copy beside `{}`", path.display());
                Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(path.display())
            })
        })?;
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<LoadFacts> {
        let failed = |path: &Path, source| {
            let message = format!("cannot restore into `{}`", path.display());
            Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(path.display())
        };
        let path = self.database.path.clone();
        let mut journal = ROLLBACK;
        if self.bytes > 0 {
            // A copy in WAL mode would get a `-wal` of its own as soon as it is checked.
            journal = set_journal_bytes(self.scratch.file(), ROLLBACK).map_err(|source| failed(&path, source))?;
            check(self.scratch.path(), self.bytes, &self.run)?;
        }
        let mut notes = Vec::new();
        self.run.phase(Phase::Swap, Some(self.bytes))?;
        if path.exists() {
            match self.overwrite()? {
                Swapped::Done => return Ok(LoadFacts { notes }),
                Swapped::NotADatabase => {}
            }
        }
        // From here to the rename nothing waits and nothing is written but names.
        self.restore_journal_bytes(journal).map_err(|source| failed(&path, source))?;
        let live = fs::File::open(&path).ok();
        let has_journal = ["-journal", "-wal"].iter().any(|ending| beside(&path, ending).exists());
        if live.is_some() || has_journal {
            let aside = set_aside(&path, Timestamp::now()).map_err(|source| failed(&path, source))?;
            notes.push(format!("what was there is no database: it was moved aside as `{}`", aside.display()));
        }
        let SqliteLoad { scratch, .. } = *self;
        scratch.into_place(&path, live.as_ref()).map_err(|source| failed(&path, source))?;
        Ok(LoadFacts { notes })
    }
}

enum Swapped {
    Done,
    /// Junk, cut short, or spoilt by a journal that is not its own: unchanged.
    NotADatabase,
}

impl SqliteLoad {
    fn restore_journal_bytes(&mut self, journal: [u8; 2]) -> io::Result<()> {
        if self.bytes > 0 {
            set_journal_bytes(self.scratch.file(), journal)?;
        }
        Ok(())
    }

    /// Writes the copy over the live database by SQLite's backup API: one transaction, so that open
    /// connections, the `-wal` and a crash half-way are SQLite's business.
    fn overwrite(&self) -> Result<Swapped> {
        let database = &self.database;
        let failed = |source| database.fail(Stage::Target, "write", source);
        match self.try_overwrite() {
            Ok(Some(())) => Ok(Swapped::Done),
            // Interrupted between two steps: the transaction was rolled back.
            Ok(None) => Err(self
                .run
                .cancel
                .check()
                .err()
                .unwrap_or_else(|| Error::new(ErrorKind::Bug, "stopped without a reason").at(Stage::Target))),
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(Swapped::NotADatabase),
                _ => Err(failed(error)),
            },
        }
    }

    fn try_overwrite(&self) -> rusqlite::Result<Option<()>> {
        let database = &self.database;
        let mut live = database.connect(&database.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let copy = Connection::open_with_flags(self.scratch.path(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let was_wal = leave_wal_for_other_pages(&live, &copy)?;
        let written = self.copy_pages(&copy, &mut live);
        if was_wal {
            // Back to what it was, whether the pages were written or not.
            live.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        }
        if let Ok(Some(())) = written {
            // Gives the space of the `-wal` back if nobody reads; the next checkpoint does it else.
            live.busy_timeout(std::time::Duration::ZERO)?;
            let _still_read = live.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        written
    }

    fn copy_pages(&self, copy: &Connection, live: &mut Connection) -> rusqlite::Result<Option<()>> {
        let backup = Backup::new(copy, live)?;
        loop {
            match backup.step(STEP_PAGES)? {
                StepResult::Done => return Ok(Some(())),
                StepResult::Busy | StepResult::Locked => return Err(busy()),
                _ => {}
            }
            let progress = backup.progress();
            let (all, left) = (progress.pagecount.unsigned_abs().max(1), progress.remaining.unsigned_abs());
            let done = self.bytes / u64::from(all) * u64::from(all - left.min(all));
            if self.run.advance(Phase::Swap, done, Some(self.bytes)).is_err() {
                return Ok(None);
            }
        }
    }
}

/// Takes a WAL database whose pages have another size than the copy's out of WAL, which the backup API asks
/// for; returns whether it did. Needs to be alone for that.
fn leave_wal_for_other_pages(live: &Connection, copy: &Connection) -> rusqlite::Result<bool> {
    let mode: String = live.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    // Reading the file itself finds junk before anything else is tried.
    live.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let page_bytes = |database: &Connection| database.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0));
    if mode != "wal" || page_bytes(live)? == page_bytes(copy)? {
        return Ok(false);
    }
    let mode: String = live.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode == "wal" { Err(busy()) } else { Ok(true) }
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

fn require_magic(head: &[u8]) -> Result<()> {
    if head.starts_with(SQLITE_MAGIC) {
        return Ok(());
    }
    let (kind, what) = match head {
        [b'P', b'G', b'D', b'M', b'P', ..] => (ErrorKind::Refused, "a PostgreSQL archive"),
        _ if head.starts_with(b"--\n-- PostgreSQL") => (ErrorKind::Refused, "a PostgreSQL dump"),
        _ if head.starts_with(b"-- MySQL") || head.starts_with(b"-- MariaDB") => (ErrorKind::Refused, "a MySQL dump"),
        _ if head.get(257..262) == Some(b"ustar") => (ErrorKind::Refused, "a tar archive"),
        _ => (ErrorKind::Corrupt, "no SQLite database"),
    };
    Err(Error::new(kind, format!("cannot use the backup: it is {what}"))
        .at(Stage::Target)
        .hint("the target is as it was; check which backup you meant"))
}

/// Header bytes of a database in rollback-journal mode.
const ROLLBACK: [u8; 2] = [1, 1];
/// Pages written between two looks at the clock: 16 MiB at SQLite's usual page size.
const STEP_PAGES: std::ffi::c_int = 4096;
