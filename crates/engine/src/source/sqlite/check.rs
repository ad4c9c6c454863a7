//! Whether a file is a sound SQLite database, judged without the application's functions and collations.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use fs_err as fs;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::proof::sqlite_bytes;
use crate::run::{Phase, Run};

/// Checks the copy at `path`: its header against its `bytes`, then every page by `quick_check`.
///
/// A missing function, collation or module is never a verdict: what cannot be judged without it is passed over.
///
/// # Errors
///
/// `Corrupt`, with SQLite's first complaints.
pub(super) fn check(path: &Path, bytes: u64, run: &Run) -> Result<()> {
    run.phase(Phase::Check, None)?;
    let mut head = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut head))
        .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the copy").at(Stage::Target))?;
    if sqlite_bytes(&head) != Some(bytes) {
        let says = sqlite_bytes(&head).map_or("nothing".to_owned(), |says| format!("{says} bytes"));
        return Err(damaged(format!("it has {bytes} bytes, its header says {says}")));
    }
    let complaints = quick_check(path, run)
        .map_err(|source| run.cancel.check().err().unwrap_or_else(|| damaged(source.to_string())))?;
    if complaints.is_empty() { Ok(()) } else { Err(damaged(complaints.join("; "))) }
}

fn quick_check(path: &Path, run: &Run) -> rusqlite::Result<Vec<String>> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.collation_needed(|connection, name| connection.create_collation(name, str::cmp))?;
    connection.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA query_only = ON")?;
    let cancel = run.cancel.clone();
    connection.progress_handler(10_000, Some(move || cancel.signal().is_some()))?;
    let whole = complaints(&connection, "PRAGMA quick_check(5)");
    if !whole.as_ref().is_err_and(is_missing) {
        return whole;
    }
    // One table that needs the application stops the whole check, so each is checked alone.
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::new();
    for table in tables {
        let query = format!("PRAGMA quick_check(\"{}\")", table.replace('"', "\"\""));
        match complaints(&connection, &query) {
            Ok(complaints) => found.extend(complaints),
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn complaints(connection: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare(query)?;
    let lines = query.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok" && !needs_application(line)).collect())
}

/// Complaints about what only the application knows: an unknown module, and the order of keys under a
/// collation that stands in for the application's own.
fn needs_application(line: &str) -> bool {
    line.contains("not in PRIMARY KEY order") || line.starts_with("unable to validate") || mentions_missing(line)
}

fn is_missing(error: &rusqlite::Error) -> bool {
    mentions_missing(&error.to_string())
}

/// SQLite's words, as in its `resolve.c`, `vtab.c` and `callback.c`.
fn mentions_missing(text: &str) -> bool {
    ["no such function", "unknown function", "no such module", "no such collation", "unsafe use of"]
        .iter()
        .any(|words| text.contains(words))
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

fn damaged(why: String) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot use the backup: the database in it is damaged: {why}"))
        .at(Stage::Target)
        .hint("the target is as it was; take another backup")
}
