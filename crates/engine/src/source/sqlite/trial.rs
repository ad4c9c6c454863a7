//! A temporary database that a backup is restored into, to be asked what it holds, and dropped.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::check::needs_application;
use super::content::{Counts, count, interruptible};
use super::place::Scratch;
use super::{Sqlite, connect};
use crate::drill::{self, Candidate, Engine, ForeignKeys, Found, Ground};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::{Phase, Run};
use crate::source::Target;

/// The folder of a run's temporary files, which needs room for two copies of what is restored there.
#[derive(Clone, Copy, Debug, Default)]
pub struct InTmpDir;

impl Ground for InTmpDir {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn trial(&self, candidate: &Candidate<'_>, run: &Run) -> Result<Box<dyn drill::Trial>> {
        Ok(Box::new(Trial::new(candidate.name, run)?))
    }
}

/// A database in the temporary folder that nobody else knows of; removed when dropped, swept by the next drill after
/// kill -9.
pub struct Trial {
    scratch: Scratch,
    target: Sqlite,
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
        let target = Sqlite::new(scratch.path());
        Ok(Self { scratch, target })
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }
}

impl drill::Trial for Trial {
    fn target(&mut self) -> &mut dyn Target {
        &mut self.target
    }

    fn explain(&self, error: Error) -> Error {
        // To a restore, the target's state is what matters most.
        let is_of_target = error.kind() == ErrorKind::Corrupt && error.stage() == Some(Stage::Target);
        if is_of_target { error.advise("take another backup, or another copy of this one") } else { error }
    }

    fn ask(&mut self, run: &Run) -> Result<Found> {
        run.phase(Phase::Check, None)?;
        let failed = |source: rusqlite::Error| {
            run.cancel.check().err().unwrap_or_else(|| self.target.fail(Stage::Target, "read", source))
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
            Ok(Found { tables, unread, foreign_keys, ..Found::default() })
        })
    }

    fn check(&self) -> &'static str {
        CHECK
    }

    fn end(self: Box<Self>) -> Vec<String> {
        Vec::new()
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

/// What a restored database was checked by.
const CHECK: &str = "SQLite's quick_check of the restored database";
