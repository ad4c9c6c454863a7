//! A checked copy of a database, put over the live one in one transaction.

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::Access;

use super::check::{ROLLBACK, check, require_whole, set_journal_bytes};
use super::place::{Scratch, beside, folder, metadata_if_there, require_access, require_file, set_aside};
use super::{Sqlite, connect, holders, is_busy};
use crate::archive::tar::is_tar;
use crate::count::drain;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::{LockFile, own_name};
use crate::proof::SQLITE_MAGIC;
use crate::room::require_room;
use crate::run::{Phase, Run};
use crate::source::{Expected, Load, LoadFacts, Target};

impl Target for Sqlite {
    fn begin(&mut self, expected: &Expected, run: &Run) -> Result<Box<dyn Load + '_>> {
        let path = self.resolve()?;
        let failed = |source| {
            let message = format!("cannot restore into `{}`", path.display());
            Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(path.display())
        };
        let lock = folder(&path).join(own_name("lock", path.as_os_str().as_encoded_bytes()));
        let lock = LockFile::hold(&lock, 0o600).map_err(failed)?.ok_or_else(|| {
            Error::new(ErrorKind::Busy, format!("cannot restore into `{}`: another restore is running", path.display()))
                .at(Stage::Target)
                .subject(path.display())
        })?;
        let lock = TargetLock(Some(lock));
        // The copy beside, and the journal that holds the old pages or the new ones.
        let live_bytes = fs::metadata(&path).map_or(0, |live| live.len());
        let plain_bytes = expected.plain_bytes.unwrap_or(0);
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
            let what = format!("cannot restore into `{}`", self.path.display());
            let error = if source.kind() == io::ErrorKind::NotFound {
                Error::new(ErrorKind::Config, format!("{what}: its folder, or what its link leads to, is missing"))
                    .hint("make the folder first, or check the path")
            } else {
                Error::new(ErrorKind::of(&source, ErrorKind::Config), what).because(source)
            };
            error.at(Stage::Target).subject(self.path.display())
        })?;
        require_file(&path, "restore into", Stage::Target)?;
        // SQLite would open it for reading, and leave a `-wal` that is ours beside somebody else's database.
        require_access(&path, Access::WRITE_OK, "restore into", Stage::Target)?;
        Ok(path)
    }

    /// After a full disk or a failing one SQLite leaves its journal to whoever opens the database next: that is
    /// done here, so that nobody finds a half-written file with a journal beside it.
    fn roll_back(&self) {
        let live = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE);
        let _next_reader_else =
            live.and_then(|live| live.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
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
    fn write(&mut self, plain: &mut (dyn Read + Send)) -> Result<()> {
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
            require_whole(self.scratch.file(), self.bytes)?;
            journal = set_journal_bytes(self.scratch.file(), ROLLBACK).map_err(|source| failed(&path, source))?;
            check(self.scratch.path(), &self.run)?;
        }
        let mut notes = Vec::new();
        self.run.phase(Phase::Swap, Some(self.bytes))?;
        let live = metadata_if_there(&path).map_err(|source| failed(&path, source))?;
        if live.is_some() {
            match self.overwrite() {
                Ok(Swapped::Done) => return Ok(LoadFacts { notes, ..LoadFacts::default() }),
                Ok(Swapped::NotADatabase) => {}
                Err(error) => {
                    let SqliteLoad { database, scratch, _lock, .. } = *self;
                    // Its room may be what a full disk needs to be rolled back.
                    drop(scratch);
                    database.roll_back();
                    return Err(error);
                }
            }
        }
        // From here to the rename nothing waits and nothing is written but names.
        self.restore_journal_bytes(journal).map_err(|source| failed(&path, source))?;
        let has_journal = ["-journal", "-wal"].iter().any(|ending| beside(&path, ending).exists());
        if live.is_some() || has_journal {
            let aside = set_aside(&path, Timestamp::now()).map_err(|source| failed(&path, source))?;
            notes.push(format!("what was there is no database: it was moved aside as `{}`", aside.display()));
        }
        let SqliteLoad { scratch, .. } = *self;
        scratch.into_place(&path, live.as_ref()).map_err(|source| failed(&path, source))?;
        Ok(LoadFacts { notes, ..LoadFacts::default() })
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
        match self.try_overwrite() {
            Ok(Written::Whole) => Ok(Swapped::Done),
            // Between two steps: the transaction was rolled back.
            Ok(Written::Stopped) => {
                self.run.cancel.check()?;
                Err(Error::new(ErrorKind::Bug, "stopped without a reason").at(Stage::Target))
            }
            Ok(Written::NotAlone { copy_bytes, live_bytes }) => Err(Error::new(
                ErrorKind::Busy,
                format!(
                    "cannot write database `{}`: the backup has pages of {copy_bytes} bytes, the database in WAL mode \
                     pages of {live_bytes}, and that changes only while nobody has it open; for {} s it was open{}",
                    database.path.display(),
                    database.lock_timeout.as_secs_f32(),
                    holders::describe(&database.path)
                ),
            )
            .at(Stage::Target)
            .subject(database.path.display())
            .hint("stop the application for the restore")),
            Err(error) if is_no_database(&error) => Ok(Swapped::NotADatabase),
            Err(error) => {
                self.run.cancel.check()?;
                Err(database.fail(Stage::Target, "write", error))
            }
        }
    }

    fn try_overwrite(&self) -> rusqlite::Result<Written> {
        let database = &self.database;
        let mut live = connect(&database.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let copy = Connection::open_with_flags(self.scratch.path(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mode: String =
            database.patiently(&self.run, || live.query_row("PRAGMA journal_mode", [], |row| row.get(0)))?;
        // Reading the file itself finds junk before anything else is tried.
        database.patiently(&self.run, || live.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())))?;
        let (copy_bytes, live_bytes) = (page_bytes(&copy)?, page_bytes(&live)?);
        let leaves_wal = mode == "wal" && copy_bytes != live_bytes;
        if leaves_wal && !self.leave_wal(&live)? {
            let stops = self.run.cancel.signal().is_some();
            return Ok(if stops { Written::Stopped } else { Written::NotAlone { copy_bytes, live_bytes } });
        }
        let written = self.copy_pages(&copy, &mut live);
        if leaves_wal {
            // Back to what it was, whether the pages were written or not. Nobody came in between, so this fails
            // only as a disk does, and the content is whole in both modes.
            let _as_the_disk_does = live.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()));
        } else if let Ok(Written::Whole) = written {
            // Gives the space of the `-wal` back if nobody reads; the next checkpoint does it else.
            let _still_read = live.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        written
    }

    /// Takes the live database out of WAL, where the backup API cannot change the size of its pages.
    ///
    /// Needs to be alone: returns `false` if it was not in time, or is to stop. Once alone it stays so, until the
    /// connection is closed: nobody can come in between the two modes.
    fn leave_wal(&self, live: &Connection) -> rusqlite::Result<bool> {
        live.execute_batch("PRAGMA locking_mode = EXCLUSIVE")?;
        let left = self.database.patiently(&self.run, || {
            let mode: String = live.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
            if mode == "wal" { Err(busy()) } else { Ok(()) }
        });
        match left {
            Err(error) if is_busy(&error) => Ok(false),
            result => result.map(|()| true),
        }
    }

    fn copy_pages(&self, copy: &Connection, live: &mut Connection) -> rusqlite::Result<Written> {
        let backup = Backup::new(copy, live)?;
        loop {
            let step = self.database.patiently(&self.run, || match backup.step(STEP_PAGES)? {
                StepResult::Busy | StepResult::Locked => Err(busy()),
                step => Ok(step),
            })?;
            if step == StepResult::Done {
                return Ok(Written::Whole);
            }
            let progress = backup.progress();
            let (all, left) = (progress.pagecount.unsigned_abs().max(1), progress.remaining.unsigned_abs());
            let done = self.bytes / u64::from(all) * u64::from(all - left.min(all));
            if self.run.advance(Phase::Swap, done, Some(self.bytes)).is_err() {
                return Ok(Written::Stopped);
            }
        }
    }
}

/// What became of the live database.
enum Written {
    Whole,
    /// The run is to stop.
    Stopped,
    /// Its pages have another size, and somebody has it open.
    NotAlone {
        copy_bytes: u32,
        live_bytes: u32,
    },
}

fn page_bytes(database: &Connection) -> rusqlite::Result<u32> {
    database.query_row("PRAGMA page_size", [], |row| row.get(0))
}

fn is_no_database(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

fn require_magic(head: &[u8]) -> Result<()> {
    if head.starts_with(SQLITE_MAGIC) {
        return Ok(());
    }
    let start = &head[..head.len().min(512)];
    // Behind a line for MariaDB's sandbox, too.
    let says = |words: &[u8]| start.windows(words.len()).any(|window| window == words);
    let (kind, what) = match head {
        [b'P', b'G', b'D', b'M', b'P', ..] => (ErrorKind::Refused, "a PostgreSQL archive"),
        _ if says(b"-- PostgreSQL database") => (ErrorKind::Refused, "a PostgreSQL dump"),
        _ if says(b"-- MySQL dump") || says(b"-- MariaDB dump") => (ErrorKind::Refused, "a MySQL dump"),
        _ if is_tar(head) => (ErrorKind::Refused, "a tar archive"),
        _ => (ErrorKind::Corrupt, "no SQLite database"),
    };
    Err(Error::new(kind, format!("cannot use the backup: it is {what}"))
        .at(Stage::Target)
        .hint("the target is as it was; check which backup you meant"))
}

/// Pages written between two looks at the clock: 16 MiB at SQLite's usual page size.
const STEP_PAGES: std::ffi::c_int = 4096;
