//! A temporary database that a backup is restored into, to be asked what it holds, and dropped.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::check::needs_application;
use super::content::{Counts, count, interruptible};
use super::place::Scratch;
use super::{Sqlite, connect};
use crate::drill::{ForeignKeys, Found};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::{Phase, Run};

/// A database in the temporary folder that nobody else knows of; removed when dropped, swept by the next drill after
/// kill -9.
pub struct Trial {
    scratch: Scratch,
}

impl Trial {
    /// Makes an empty one in `run.tmp_dir`, for the backup `name`; drops what killed drills left there.
    ///
    /// # Errors
    ///
    /// `Write`, `NoSpace`, `Denied`: no file can be made there.
    pub fn new(name: &str, run: &Run) -> Result<Self> {
        let folder = &run.tmp_dir;
        let scratch = Scratch::for_drill(folder, name).map_err(|source| {
            let message = format!("cannot make a temporary database in `{}`", folder.display());
            Error::from_io(source, ErrorKind::Write, message).at(Stage::Target).subject(folder.display())
        })?;
        Ok(Self { scratch })
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Names it as a target: to the restore it is a database like every other.
    pub fn target(&self) -> Sqlite {
        Sqlite::new(self.scratch.path())
    }

    /// Counts its rows and checks its foreign keys.
    ///
    /// # Errors
    ///
    /// `Corrupt`, `Interrupted`.
    pub fn ask(&self, run: &Run) -> Result<Found> {
        run.phase(Phase::Check, None)?;
        let failed = |source: rusqlite::Error| {
            run.cancel.check().err().unwrap_or_else(|| self.target().fail(Stage::Target, "read", source))
        };
        let connection = connect(self.scratch.path(), OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
        interruptible(&connection, run, || {
            let counts = count(&connection, || run.cancel.signal().is_some()).map_err(failed)?;
            run.cancel.check()?;
            let Some(Counts { tables, unread }) = counts else {
                return Err(Error::new(ErrorKind::Bug, "stopped without a reason").at(Stage::Target));
            };
            let foreign_keys = foreign_keys(&connection).map_err(failed)?;
            run.cancel.check()?;
            Ok(Found { tables, unread, foreign_keys })
        })
    }
}

fn foreign_keys(connection: &Connection) -> rusqlite::Result<ForeignKeys> {
    let mut children = connection.prepare(
        "SELECT DISTINCT child.name FROM pragma_table_list AS child, pragma_foreign_key_list(child.name) \
         WHERE child.schema = 'main' AND child.type = 'table' ORDER BY child.name",
    )?;
    let children: Vec<String> = children.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut check = connection.prepare("SELECT parent, count(*) FROM pragma_foreign_key_check(?1) GROUP BY parent")?;
    let mut found = ForeignKeys::default();
    for child in children {
        let violated = check.query_map([&child], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
        match violated.and_then(Iterator::collect::<rusqlite::Result<Vec<(String, i64)>>>) {
            Ok(parents) => {
                for (parent, rows) in parents {
                    found.add(&child, &parent, rows.unsigned_abs());
                }
            }
            // Their table has no such column, or sorts it as only the application can.
            Err(error) if needs_application(&error) => found.unchecked.push(child),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
