//! The pages of a database, in one read transaction.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::Access;
use serde_json::{Map, json};

use super::check::complete_header;
use super::exclude::Table;
use super::place::{Scratch, beside, folder, require_access, require_file, sweep_copies};
use super::{Sqlite, connect, content, has_dbpage};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::room::require_room;
use crate::run::{Phase, Run};
use crate::source::{Dump, DumpFacts, Source};

impl Source for Sqlite {
    fn open(&mut self, run: &Run) -> Result<Box<dyn Dump>> {
        let path = fs::canonicalize(&self.path).map_err(|source| self.not_there(source))?;
        require_file(&path, "read", Stage::Source)?;
        require_access(&path, Access::READ_OK, "read", Stage::Source)?;
        // Also where no copy is made: the next run that makes one may never come, and a leftover is a whole database.
        sweep_copies(&run.tmp_dir);
        let database = Self { path, ..self.clone() };
        let mut snapshot = database.begin(run)?;
        let excluded = database.find_excluded(&snapshot.connection)?;
        if snapshot.journal_mode == "wal" && excluded.is_empty() {
            if has_dbpage() {
                return Ok(Box::new(Pages::new(database, snapshot)));
            }
            snapshot.notes.push("this build has no sqlite_dbpage: a temporary copy was taken".to_owned());
        }
        // Reading directly would hold the shared lock, and block every writer, for the whole upload.
        let copy = database.copy(&mut snapshot, &excluded, run)?;
        Ok(Box::new(copy))
    }
}

impl Sqlite {
    fn not_there(&self, source: io::Error) -> Error {
        let what = format!("cannot open database `{}`", self.path.display());
        let error = if source.kind() == io::ErrorKind::NotFound {
            Error::new(ErrorKind::Config, format!("{what}: there is no such file")).hint("check the path")
        } else {
            Error::new(ErrorKind::of(&source, ErrorKind::Config), what).because(source)
        };
        error.at(Stage::Source).subject(self.path.display())
    }

    /// Opens the file and begins the read transaction that the whole dump comes from.
    fn begin(&self, run: &Run) -> Result<Snapshot> {
        let failed = |source| run.cancel.check().err().unwrap_or_else(|| self.fail(Stage::Source, "read", source));
        let (has_wal, has_shm) = (beside(&self.path, "-wal").exists(), beside(&self.path, "-shm").exists());
        let may_not_write = rustix::fs::access(&self.path, Access::WRITE_OK).is_err();
        let is_open = has_wal && has_shm;
        if may_not_write && !is_open && self.is_in_wal_mode()? {
            // SQLite would make them, owned by us, could not remove them, and the application could not write there.
            return self.begin_immutable();
        }
        // One that has a `-wal` is read without a chance to change it: the last to close would move its content.
        let flags = if has_wal { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        match self.try_begin(flags, run) {
            // A hot journal or a `-wal` of a crash needs recovery first, which needs rights to write.
            Err(error) if needs_recovery(&error) => {
                let other = flags ^ OpenFlags::SQLITE_OPEN_READ_ONLY ^ OpenFlags::SQLITE_OPEN_READ_WRITE;
                self.try_begin(other, run).or_else(|second| match second.sqlite_error_code() {
                    Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => self.begin_immutable(),
                    _ => Err(failed(second)),
                })
            }
            result => result.map_err(failed),
        }
    }

    fn try_begin(&self, flags: OpenFlags, run: &Run) -> rusqlite::Result<Snapshot> {
        self.patiently(run, || Snapshot::begin(connect(&self.path, flags)?))
    }

    /// Reads the header's journal mode without SQLite. Closing the file drops locks that this process may have on
    /// it, so this is for files that it cannot write.
    fn is_in_wal_mode(&self) -> Result<bool> {
        let mut head = Vec::new();
        fs::File::open(&self.path)
            .and_then(|file| file.take(20).read_to_end(&mut head))
            .map_err(|source| self.not_there(source))?;
        Ok(head.get(18..20) == Some(&[2, 2]))
    }

    /// Reads a WAL database in a folder where nobody can write, so that SQLite can make no `-shm`.
    ///
    /// `immutable` takes no locks: right only while nobody writes, which [`Snapshot::require_still`] checks.
    fn begin_immutable(&self) -> Result<Snapshot> {
        let failed = |source| self.fail(Stage::Source, "read", source);
        // What is in there belongs into the dump or out of it, and only a recovery tells: SQLite would ignore both.
        for ending in ["-wal", "-journal"] {
            if fs::metadata(beside(&self.path, ending)).is_ok_and(|journal| journal.len() > 0) {
                let what = format!("cannot read database `{}`: its `{ending}` has to be read too", self.path.display());
                let folder = folder(&self.path).display();
                return Err(Error::new(ErrorKind::Denied, format!("{what}, which needs rights to write"))
                    .at(Stage::Source)
                    .subject(self.path.display())
                    .hint(format!("give rights to write in `{folder}`, or run as the application's user")));
            }
        }
        let before =
            fs::metadata(&self.path).and_then(|file| file.modified()).map_err(|source| self.not_there(source))?;
        let uri = format!("file:{}?immutable=1", percent_encoded(&self.path));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let mut snapshot = Snapshot::begin(connect(Path::new(&uri), flags).map_err(failed)?).map_err(failed)?;
        // SQLite says `delete` here, as it never looks for a `-wal`.
        if self.is_in_wal_mode()? {
            "wal".clone_into(&mut snapshot.journal_mode);
        }
        snapshot.still_since = Some(before);
        Ok(snapshot)
    }

    /// Copies the database into the temporary folder, in one backup step of its transaction; without the rows of
    /// `excluded`.
    fn copy(&self, snapshot: &mut Snapshot, excluded: &[Table], run: &Run) -> Result<Copy> {
        let bytes = snapshot.bytes();
        require_room(&run.tmp_dir, bytes, Stage::Source)?;
        let no_copy = |source| no_copy(run, source);
        let mut scratch = Scratch::new(&run.tmp_dir, &self.path).map_err(no_copy)?;
        if bytes > 0 {
            run.phase(Phase::Snapshot, Some(bytes))?;
            let failed = |source| self.fail(Stage::Source, "copy", source);
            let mut copy = Connection::open(scratch.path()).map_err(failed)?;
            // The copy is ours alone and worthless after a crash.
            copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(failed)?;
            let backup = Backup::new(&snapshot.connection, &mut copy).map_err(failed)?;
            // The transaction above keeps writers out, so that several steps never start again.
            while backup.step(COPY_PAGES).map_err(failed)? != StepResult::Done {
                let progress = backup.progress();
                let done =
                    u64::from((progress.pagecount - progress.remaining).unsigned_abs()) * snapshot.page_bytes as u64;
                run.advance(Phase::Snapshot, done, Some(bytes))?;
            }
        }
        // Counted where they are left out, as the manifest tells of the dump.
        let content_timeout = if excluded.is_empty() { self.content_timeout } else { Duration::ZERO };
        let mut facts = snapshot.facts(content_timeout).map_err(|source| self.fail(Stage::Source, "read", source))?;
        snapshot.end().map_err(|source| self.fail(Stage::Source, "read", source))?;
        self.require_still(snapshot.still_since)?;
        if bytes > 0 {
            complete_header(scratch.file(), snapshot.pages).map_err(no_copy)?;
        }
        if !excluded.is_empty() {
            scratch = self.without_rows_of(excluded, scratch, &mut facts, run)?;
        }
        let bytes = scratch.file().metadata().map_err(no_copy)?.len();
        io::Seek::rewind(scratch.file()).map_err(no_copy)?;
        Ok(Copy { scratch, bytes, facts })
    }
}

/// Says that the temporary folder, or the disk under it, has failed.
pub(super) fn no_copy(run: &Run, source: io::Error) -> Error {
    let message = format!("cannot make a temporary copy in `{}`", run.tmp_dir.display());
    Error::from_io(source, ErrorKind::Write, message).at(Stage::Source)
}

/// An open read transaction.
struct Snapshot {
    connection: Connection,
    journal_mode: String,
    page_bytes: usize,
    pages: u32,
    notes: Vec<String>,
    /// Set where no lock protects the file: its last change before it was opened.
    still_since: Option<std::time::SystemTime>,
}

impl Snapshot {
    fn begin(connection: Connection) -> rusqlite::Result<Self> {
        connection.execute_batch("PRAGMA query_only = ON")?;
        let journal_mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        connection.execute_batch("BEGIN")?;
        // The first read takes the lock and fixes the snapshot.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let page_bytes: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let page_bytes = page_bytes as usize;
        Ok(Self { connection, journal_mode, page_bytes, pages, notes: Vec::new(), still_since: None })
    }

    fn bytes(&self) -> u64 {
        u64::from(self.pages) * self.page_bytes as u64
    }

    fn facts(&mut self, content_timeout: Duration) -> rusqlite::Result<DumpFacts> {
        let mut source = Map::new();
        source.insert("sqlite_version".to_owned(), json!(rusqlite::version()));
        source.insert("page_bytes".to_owned(), json!(self.page_bytes));
        source.insert("journal_mode".to_owned(), json!(self.journal_mode));
        let content = content::content(&self.connection, content_timeout)?;
        Ok(DumpFacts { source, content, notes: std::mem::take(&mut self.notes), ..DumpFacts::default() })
    }

    fn end(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("COMMIT")
    }
}

/// The pages, straight from the file and its `-wal`: byte-exact, no temporary copy; writers go on.
struct Pages {
    database: Sqlite,
    snapshot: Snapshot,
    /// Page to read next; pages count from 1.
    next: u32,
    /// What did not fit into the last read of a page.
    rest: Vec<u8>,
}

impl Pages {
    fn new(database: Sqlite, snapshot: Snapshot) -> Self {
        Self { database, snapshot, next: 1, rest: Vec::new() }
    }

    /// Reads whole pages into `buf` while they fit; at least one, whose end may go to `rest`.
    fn read_pages(&mut self, buf: &mut [u8]) -> rusqlite::Result<usize> {
        let mut query =
            self.snapshot.connection.prepare_cached("SELECT data FROM sqlite_dbpage('main') WHERE pgno = ?1")?;
        let mut filled = 0;
        while self.next <= self.snapshot.pages && filled < buf.len() {
            let mut rows = query.query([self.next])?;
            let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            let page = row.get_ref(0)?.as_blob()?;
            let (now, later) = page.split_at(page.len().min(buf.len() - filled));
            buf[filled..filled + now.len()].copy_from_slice(now);
            self.rest.extend_from_slice(later);
            filled += now.len();
            self.next += 1;
        }
        Ok(filled)
    }
}

impl Read for Pages {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.rest.is_empty() {
            let count = self.rest.len().min(buf.len());
            buf[..count].copy_from_slice(&self.rest[..count]);
            self.rest.drain(..count);
            return Ok(count);
        }
        self.read_pages(buf).map_err(|source| self.database.fail(Stage::Source, "read", source).into())
    }
}

impl Dump for Pages {
    fn expected_bytes(&self) -> Option<u64> {
        Some(self.snapshot.bytes())
    }

    fn finish(mut self: Box<Self>) -> Result<DumpFacts> {
        let failed = |source| self.database.fail(Stage::Source, "read", source);
        let facts = self.snapshot.facts(self.database.content_timeout).map_err(failed)?;
        self.snapshot.end().map_err(failed)?;
        self.database.require_still(self.snapshot.still_since)?;
        Ok(facts)
    }
}

impl Sqlite {
    fn require_still(&self, since: Option<std::time::SystemTime>) -> Result<()> {
        let Some(since) = since else { return Ok(()) };
        let now = fs::metadata(&self.path).and_then(|file| file.modified()).map_err(|source| self.not_there(source))?;
        let has_wal = fs::metadata(beside(&self.path, "-wal")).is_ok_and(|wal| wal.len() > 0);
        if now == since && !has_wal {
            return Ok(());
        }
        let folder = folder(&self.path).display();
        Err(Error::new(
            ErrorKind::Busy,
            format!("cannot read database `{}`: it changed meanwhile", self.path.display()),
        )
        .at(Stage::Source)
        .subject(self.path.display())
        .hint(format!("nobody can lock it without rights to write in `{folder}`: give them, or stop the application")))
    }
}

/// A finished temporary copy.
struct Copy {
    scratch: Scratch,
    bytes: u64,
    facts: DumpFacts,
}

impl Read for Copy {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.scratch.file().read(buf)
    }
}

impl Dump for Copy {
    fn expected_bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }

    fn finish(self: Box<Self>) -> Result<DumpFacts> {
        Ok(self.facts)
    }
}

/// `SQLITE_CANTOPEN` (no `-shm` and no right to make one) and `SQLITE_READONLY_*` (recovery, rollback).
fn needs_recovery(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Escapes what a SQLite URI would read as its own: `?`, `#`, `%`, and everything outside ASCII letters.
fn percent_encoded(path: &Path) -> String {
    use std::fmt::Write as _;
    path.as_os_str().as_encoded_bytes().iter().fold(String::new(), |mut text, &byte| {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// Pages copied between two looks at the clock: 16 MiB at SQLite's usual page size.
const COPY_PAGES: std::ffi::c_int = 4096;
