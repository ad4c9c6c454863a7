//! Tables whose rows stay out of a backup: found by their names, emptied in a temporary copy, which is written anew.

use std::path::Path;

use fs_err as fs;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};

use super::check::{ROLLBACK, needs_application, set_journal_bytes};
use super::dump::no_copy;
use super::place::Scratch;
use super::{Sqlite, connect, content, quoted};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::nearest::nearest;
use crate::room::require_room;
use crate::run::{Phase, Run};
use crate::source::DumpFacts;

/// A table that is to be left out.
pub(super) struct Table {
    /// Its name as the database has it.
    name: String,
    /// The tables that a virtual one keeps its content in, by their endings: `content` of `words_content`.
    parts: Vec<String>,
}

impl Sqlite {
    /// Finds the tables that were asked for; SQLite's names have no case.
    ///
    /// # Errors
    ///
    /// `Config` for a name that is no table's, which is never passed over: its rows would be in the backup;
    /// `Unsupported` for a virtual table whose module is not built in.
    pub(super) fn find_excluded(&self, connection: &Connection) -> Result<Vec<Table>> {
        let mut tables: Vec<Table> = Vec::new();
        if self.excluded.is_empty() {
            return Ok(tables);
        }
        let listed = listed(connection).map_err(|source| self.fail(Stage::Source, "read", source))?;
        for asked in &self.excluded {
            let refused = |kind, why: &str| {
                let what = format!("cannot exclude table `{asked}` of `{}`", self.path.display());
                Error::new(kind, format!("{what}: {why}")).at(Stage::Source).subject(asked)
            };
            let wrong = |why| Err(refused(ErrorKind::Config, why));
            let found = listed.iter().find(|listed| listed.name.eq_ignore_ascii_case(asked));
            let Some(Listed { name, kind }) = found else {
                let known = listed.iter().filter(|listed| listed.has_rows()).map(|listed| listed.name.as_str());
                let error = refused(ErrorKind::Config, "there is no such table");
                return Err(match nearest(asked, known) {
                    Some(known) => error.hint(format!("did you mean `{known}`?")),
                    None => error,
                });
            };
            match kind.as_str() {
                _ if is_internal(name) => return wrong("it belongs to SQLite"),
                "view" => return wrong("it is a view, which has no rows of its own"),
                "shadow" => return wrong("it is a part of a virtual table, which can be excluded as a whole"),
                _ => {}
            }
            if let Err(source) = connection.prepare(&format!("DELETE FROM main.{}", quoted(name))) {
                let why = "SQLite cannot delete from it without the application";
                return Err(refused(ErrorKind::Unsupported, why).because(source));
            }
            if !tables.iter().any(|table| table.name == *name) {
                tables.push(Table { name: name.clone(), parts: parts(name, &listed) });
            }
        }
        Ok(tables)
    }

    /// Makes another temporary copy: of everything in `whole` but the rows of `excluded`.
    ///
    /// Emptying the tables would do for their rows, which `secure_delete` overwrites. But free pages, and free bytes
    /// within the pages of all other tables, still hold what was deleted or moved earlier, so all that stays is
    /// written anew, by `VACUUM INTO`. A plain `VACUUM` works in a folder of SQLite's choice, and may give rows other
    /// rowids, by which search indexes find them. Figures: docs/decisions/0014.
    pub(super) fn without_rows_of(
        &self,
        excluded: &[Table],
        mut whole: Scratch,
        facts: &mut DumpFacts,
        run: &Run,
    ) -> Result<Scratch> {
        let failed = |source| run.cancel.check().err().unwrap_or_else(|| self.fail(Stage::Source, "copy", source));
        let no_copy = |source| no_copy(run, source);
        // In WAL mode it would get a `-wal` of its own.
        let journal = set_journal_bytes(whole.file(), ROLLBACK).map_err(no_copy)?;
        let mut copy = open(whole.path(), run).map_err(failed)?;
        for table in excluded {
            table.empty(&copy).map_err(failed)?;
        }
        facts.excluded = excluded.iter().map(|table| table.name.clone()).collect();
        facts.notes.push(format!("without the rows of {}", in_backticks(&facts.excluded)));
        let dangling = dangling(&copy, excluded).map_err(failed)?;
        if !dangling.is_empty() {
            facts.notes.push(format!("rows of {} refer to rows that were left out", in_backticks(&dangling)));
        }
        facts.content = content::content(&copy, self.content_timeout).map_err(failed)?;

        let bytes = used_bytes(&copy).map_err(failed)?;
        require_room(&run.tmp_dir, bytes, Stage::Source)?;
        run.phase(Phase::Snapshot, Some(bytes))?;
        let anew = Scratch::new(&run.tmp_dir, &self.path).map_err(no_copy)?;
        let mut copied = match write_anew(&mut copy, anew.path(), bytes, run) {
            Ok(()) => anew,
            // A `CHECK`, an index or a collation of the application's own. No stand-in for them would do here: SQLite
            // sorts the new indexes by it.
            Err(error) if needs_application(&error) => {
                facts.notes.push(format!(
                    "SQLite cannot write the database anew without the application ({error}): earlier versions of \
                     rows, deleted before, may still be in its free space"
                ));
                whole
            }
            Err(error) => return Err(failed(error)),
        };
        drop(copy);
        set_journal_bytes(copied.file(), journal).map_err(no_copy)?;
        Ok(copied)
    }
}

/// Opens a temporary copy to change it. It is ours alone, and worthless after a crash.
fn open(path: &Path, run: &Run) -> rusqlite::Result<Connection> {
    let mut copy = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copy.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA secure_delete = ON",
    )?;
    let cancel = run.cancel.clone();
    copy.progress_handler(STEPS, Some(move || cancel.signal().is_some()))?;
    Ok(copy)
}

/// Writes everything to the empty file at `path`, rows under their rowids, and nothing of what is free.
fn write_anew(copy: &mut Connection, path: &Path, bytes: u64, run: &Run) -> rusqlite::Result<()> {
    let (run, file) = (run.clone(), path.to_owned());
    let tell = move || {
        let done = fs::metadata(&file).map_or(0, |file| file.len());
        run.advance(Phase::Snapshot, done.min(bytes), Some(bytes)).is_err()
    };
    copy.progress_handler(STEPS, Some(tell))?;
    // Absolute, as this build of SQLite would take `file:…` for a URI.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let name = ToSqlOutput::Borrowed(ValueRef::Text(absolute.as_os_str().as_encoded_bytes()));
    copy.execute("VACUUM main INTO ?1", [name])?;
    Ok(())
}

impl Table {
    /// Deletes all rows. Triggers do not fire ([`connect`] turned them off) and foreign keys are not followed.
    fn empty(&self, copy: &Connection) -> rusqlite::Result<()> {
        let name = quoted(&self.name);
        let part = |ending: &str| quoted(&format!("{}_{ending}", self.name));
        let has = |ending: &str| self.parts.iter().any(|part| part == ending);
        copy.execute_batch("BEGIN")?;
        if has("data") {
            // fts5 deletes by adding to its index what is gone: the words would still be there.
            if has("content") {
                copy.execute(&format!("DELETE FROM main.{}", part("content")), [])?;
            }
            let command = |word: &str| copy.execute(&format!("INSERT INTO main.{name} ({name}) VALUES ('{word}')"), []);
            match command("delete-all") {
                // Only for those that have no content of their own.
                Err(error) if needs_application(&error) => command("rebuild")?,
                result => result?,
            };
        } else if has("segdir") {
            // So do fts3 and fts4; these have no command for it that works for all of them.
            for ending in &self.parts {
                copy.execute(&format!("DELETE FROM main.{}", part(ending)), [])?;
            }
        } else {
            copy.execute(&format!("DELETE FROM main.{name}"), [])?;
            if has("node") {
                // The root of an R*Tree stays, with the last cells in what is free of it.
                copy.execute(&format!("UPDATE main.{} SET data = zeroblob(length(data))", part("node")), [])?;
            }
        }
        self.forget_statistics(copy)?;
        copy.execute_batch("COMMIT")
    }

    /// Deletes what `ANALYZE` noted: `sqlite_stat4` has samples of rows.
    fn forget_statistics(&self, copy: &Connection) -> rusqlite::Result<()> {
        for statistics in ["sqlite_stat1", "sqlite_stat3", "sqlite_stat4"] {
            if copy.table_exists(Some("main"), statistics)? {
                let mut forget =
                    copy.prepare(&format!("DELETE FROM main.{statistics} WHERE tbl = ?1 COLLATE NOCASE"))?;
                forget.execute([&self.name])?;
                for ending in &self.parts {
                    forget.execute([format!("{}_{ending}", self.name)])?;
                }
            }
        }
        Ok(())
    }
}

/// A table, a view or the like.
struct Listed {
    name: String,
    /// `table`, `view`, `virtual`, `shadow`.
    kind: String,
}

impl Listed {
    fn has_rows(&self) -> bool {
        matches!(self.kind.as_str(), "table" | "virtual") && !is_internal(&self.name)
    }
}

fn listed(connection: &Connection) -> rusqlite::Result<Vec<Listed>> {
    let mut query = connection.prepare("SELECT name, type FROM pragma_table_list WHERE schema = 'main'")?;
    query.query_map([], |row| Ok(Listed { name: row.get(0)?, kind: row.get(1)? }))?.collect()
}

/// Returns the endings of a virtual table's own tables; those of the modules that are built in have one word.
fn parts(name: &str, listed: &[Listed]) -> Vec<String> {
    let shadows = listed.iter().filter(|listed| listed.kind == "shadow");
    let endings = shadows.filter_map(|shadow| {
        let (start, ending) = shadow.name.rsplit_once('_')?;
        start.eq_ignore_ascii_case(name).then(|| ending.to_ascii_lowercase())
    });
    endings.collect()
}

fn is_internal(name: &str) -> bool {
    name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"))
}

/// Finds the tables that stay with rows whose foreign keys lead to rows that do not.
fn dangling(copy: &Connection, excluded: &[Table]) -> rusqlite::Result<Vec<String>> {
    let is_excluded = |name: &str| excluded.iter().any(|table| table.name.eq_ignore_ascii_case(name));
    let mut keys = copy.prepare(
        "SELECT DISTINCT child.name, key.\"table\" FROM pragma_table_list AS child, pragma_foreign_key_list(child.name) AS key \
         WHERE child.schema = 'main' AND child.type = 'table' ORDER BY child.name",
    )?;
    let keys = keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let keys: Vec<(String, String)> = keys.collect::<rusqlite::Result<_>>()?;
    let mut violated = copy.prepare("SELECT 1 FROM pragma_foreign_key_check(?1) WHERE parent = ?2 COLLATE NOCASE")?;
    let mut names = Vec::new();
    for (child, parent) in keys.into_iter().filter(|(child, parent)| is_excluded(parent) && !is_excluded(child)) {
        // Some keys cannot be judged: their table has no such column, or sorts it as only the application can.
        match violated.exists([&child, &parent]) {
            Err(error) if !needs_application(&error) => return Err(error),
            Ok(true) if names.last() != Some(&child) => names.push(child),
            _ => {}
        }
    }
    Ok(names)
}

/// Returns the bytes of the pages that are in use.
fn used_bytes(copy: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| copy.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, u32>(0));
    let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
    Ok(u64::from(pages) * u64::from(number("page_size")?))
}

fn in_backticks(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Instructions of SQLite between two looks at the clock: about a millisecond.
const STEPS: std::ffi::c_int = 10_000;
