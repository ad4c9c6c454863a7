//! Whether a file is a sound SQLite database, judged without the application's functions and collations.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use fs_err as fs;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::quoted;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::proof::sqlite_bytes;
use crate::run::{Phase, Run};

/// Compares the length of a copy with what its header says.
///
/// # Errors
///
/// `Corrupt`: it was cut short, or something stands behind its end.
pub(super) fn require_whole(file: &mut fs::File, bytes: u64) -> Result<()> {
    let mut head = Vec::new();
    file.rewind()
        .and_then(|()| file.take(100).read_to_end(&mut head))
        .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the copy").at(Stage::Target))?;
    let says = sqlite_bytes(&head);
    if says == Some(bytes) {
        return Ok(());
    }
    let says = says.map_or("nothing".to_owned(), |says| format!("{says} bytes"));
    Err(damaged(&format!("it has {bytes} bytes, its header says {says}")))
}

/// Checks every page of the copy at `path` by `quick_check`.
///
/// A missing function, collation or module is never a verdict: what cannot be judged without it is passed over.
///
/// # Errors
///
/// `Corrupt`, with SQLite's first complaints.
pub(super) fn check(path: &Path, run: &Run) -> Result<()> {
    run.phase(Phase::Check, None)?;
    let complaints = quick_check(path, run)
        .map_err(|source| run.cancel.check().err().unwrap_or_else(|| damaged(&source.to_string())))?;
    if complaints.is_empty() { Ok(()) } else { Err(damaged(&complaints.join("; "))) }
}

fn quick_check(path: &Path, run: &Run) -> rusqlite::Result<Vec<String>> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.collation_needed(|connection, name| connection.create_collation(name, str::cmp))?;
    connection.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA query_only = ON")?;
    let cancel = run.cancel.clone();
    connection.progress_handler(10_000, Some(move || cancel.signal().is_some()))?;
    match whole_check(&connection) {
        Err(error) if needs_application(&error) => {}
        result => return result,
    }
    // One table that needs the application (a generated column, a tokenizer) stops the whole check, so each is
    // checked alone, and the pages of all, by their looks, for those that cannot be.
    let mut found = torn_pages(&connection)?;
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for table in tables {
        match complaints(&connection, &quoted(&table)) {
            Ok(complaints) => found.extend(complaints.verdicts),
            Err(error) if needs_application(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn whole_check(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let first = complaints(connection, &COMPLAINTS.to_string())?;
    if first.lines < COMPLAINTS || !first.verdicts.is_empty() {
        return Ok(first.verdicts);
    }
    // SQLite stopped at complaints that are none to us, maybe before one that is. Without a limit from the
    // start it would collect a line for each damaged page in memory; by now the pages are known to be sound.
    Ok(complaints(connection, &i32::MAX.to_string())?.verdicts)
}

struct Complaints {
    lines: usize,
    /// The first of those that say that the file is damaged.
    verdicts: Vec<String>,
}

/// Runs `quick_check` with an argument: how many complaints, or which table.
fn complaints(connection: &Connection, argument: &str) -> rusqlite::Result<Complaints> {
    let mut found = Complaints { lines: 0, verdicts: Vec::new() };
    let mut query = connection.prepare(&format!("PRAGMA quick_check({argument})"))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        found.lines += 1;
        if is_verdict(&line) {
            found.verdicts.push(line);
        }
        if found.verdicts.len() == COMPLAINTS {
            break;
        }
    }
    Ok(found)
}

/// Whether a complaint says that the file is damaged.
///
/// Not so for values that break the rules of their column (`PRAGMA writable_schema` makes such, and the backup
/// is no worse than its database), nor for full-text indexes, whose tokenizer may be the application's and whose
/// text may stand in a table that changed since. SQLite's words, as in `pragma.c`, `fts3.c` and `fts5_main.c`.
fn is_verdict(line: &str) -> bool {
    line != "ok" && !line.contains(" value in ") && !line.contains("inverted index for FTS")
}

/// Whether the error is about the question, not about the file: a function, a tokenizer, a module that only the
/// application has. All of them are plain `SQLITE_ERROR`s, some without a text; damage has codes of its own.
pub(super) fn needs_application(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code().is_none_or(|code| code == ErrorCode::Unknown)
}

/// Lists the tables and indexes with pages that are none, without the help of their definitions.
fn torn_pages(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let query = "SELECT DISTINCT 'pages of ' || name || ' are torn' FROM dbstat WHERE pagetype = 'corrupted' LIMIT 5";
    match connection.prepare(query) {
        Ok(mut query) => query.query_map([], |row| row.get(0))?.collect(),
        // Not in every build of SQLite.
        Err(error) if needs_application(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Sets the header's journal mode (offsets 18 and 19: 1 rollback, 2 WAL) and returns what stood there.
pub(super) fn set_journal_bytes(file: &mut fs::File, bytes: [u8; 2]) -> io::Result<[u8; 2]> {
    let mut before = [0; 2];
    file.seek(SeekFrom::Start(18))?;
    file.read_exact(&mut before)?;
    file.seek(SeekFrom::Start(18))?;
    file.write_all(&bytes)?;
    Ok(before)
}

/// Writes the count of pages into the header, as SQLite does with the next change: versions before 3.7.0 left
/// another number there, and the length of the file would not be proven by it.
///
/// Source: <https://www.sqlite.org/fileformat.html> §1.3.7: the count (offset 28) holds while the change counter
/// (24) equals the one that it was written with (92).
pub(super) fn complete_header(file: &mut fs::File, pages: u32) -> io::Result<()> {
    let mut counter = [0; 4];
    file.seek(SeekFrom::Start(24))?;
    file.read_exact(&mut counter)?;
    file.write_all(&pages.to_be_bytes())?;
    file.seek(SeekFrom::Start(92))?;
    file.write_all(&counter)
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot use the backup: the database in it is damaged: {why}"))
        .at(Stage::Target)
        .hint("the target is as it was; take another backup")
}

/// Header bytes of a database in rollback-journal mode.
pub(super) const ROLLBACK: [u8; 2] = [1, 1];
/// Complaints that an error shows.
const COMPLAINTS: usize = 5;
