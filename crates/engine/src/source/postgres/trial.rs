//! A scratch database that a backup is restored into, to be asked what it holds, and dropped.

use serde::Deserialize;

use super::content::count;
use super::encoding::encoding_of;
use super::scratch::Scratch;
use super::session::Session;
use super::{Postgres, identifier, table_name};
use crate::drill::{self, Candidate, Engine, ForeignKeys, Found, Ground};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::{Phase, Run};
use crate::source::{Expected, Load, Target};

impl Ground for Postgres {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn trial(&self, candidate: &Candidate<'_>, run: &Run) -> Result<Box<dyn drill::Trial>> {
        Ok(Box::new(Trial::new(self, candidate, run)?))
    }
}

/// A database on a server that nobody else uses; removed when dropped, swept by the next drill after kill -9.
pub struct Trial {
    scratch: Scratch,
    database: Empty,
    /// Tables that the backup has no rows of.
    excluded: Vec<String>,
}

impl Trial {
    /// Makes an empty one on the server of `postgres`, whose own database is only connected to; drops what killed
    /// drills left there.
    ///
    /// # Errors
    ///
    /// `Denied`, with the statement that gives the right; `Refused` on a standby; those of a connection.
    pub fn new(postgres: &Postgres, candidate: &Candidate<'_>, run: &Run) -> Result<Self> {
        let scratch = Scratch::make(postgres, encoding(candidate).as_deref(), run)?;
        let mut database = postgres.database(scratch.name());
        // All of the backup is counted.
        database.schemas.clear();
        let excluded = candidate.manifest.dbbackup.as_ref().map(|record| record.excluded.clone());
        Ok(Self { scratch, database: Empty(database), excluded: excluded.unwrap_or_default() })
    }

    /// Returns its name on the server.
    pub fn name(&self) -> &str {
        self.scratch.name()
    }
}

impl drill::Trial for Trial {
    fn target(&mut self) -> &mut dyn Target {
        &mut self.database
    }

    fn explain(&self, error: Error) -> Error {
        if error.stage() != Some(Stage::Target) {
            return error;
        }
        let said = error.to_string();
        match error.kind() {
            ErrorKind::Denied if said.contains("pg_hba") => error
                .advise("let the user into databases of such names in pg_hba.conf, or name another server: --scratch"),
            ErrorKind::Denied if said.starts_with("cannot connect") => error
                .advise("give a password that is for databases of such names, too: in ~/.pgpass, `*` in their place"),
            ErrorKind::Denied => {
                error.advise("drill as a superuser, of this server or of one that is for drills: --scratch")
            }
            ErrorKind::Tool if !self.excluded.is_empty() => error.hint(format!(
                "it was made without the rows of {}: if others refer to them, no empty database can take it",
                self.excluded.join(", ")
            )),
            _ => error,
        }
    }

    fn notes_that_stay(&self, notes: Vec<String>) -> Vec<String> {
        notes
    }

    fn ask(&mut self, run: &Run) -> Result<Found> {
        run.phase(Phase::Check, None)?;
        let mut session = Session::start(&self.database.0, Stage::Target, run)?;
        let (tables, unread) = count(&mut session)?;
        let foreign_keys = foreign_keys(&mut session)?;
        session.end()?;
        Ok(Found { tables, unread, foreign_keys, notes: Vec::new() })
    }

    fn check(&self) -> &'static str {
        CHECK
    }

    fn end(mut self: Box<Self>) -> Vec<String> {
        let swept = &self.scratch.swept;
        let swept = (!swept.is_empty()).then(|| format!("dropped what killed drills had left: {}", swept.join(", ")));
        let name = identifier(self.name());
        let stays = self.scratch.remove().err().map(|error| {
            format!("its scratch database is still there: {error}; the next drill drops it, or: DROP DATABASE {name}")
        });
        swept.into_iter().chain(stays).collect()
    }
}

/// A database that has nothing to keep: tables that the backup was made without are empty, as is said anyway.
struct Empty(Postgres);

impl Target for Empty {
    fn begin(&mut self, expected: &Expected, run: &Run) -> Result<Box<dyn Load + '_>> {
        self.0.begin(&Expected { excluded: Vec::new(), ..expected.clone() }, run)
    }
}

/// Returns the encoding of the database that was backed up: as the manifest says, else as the dump begins.
fn encoding(candidate: &Candidate<'_>) -> Option<String> {
    let record = candidate.manifest.dbbackup.as_ref();
    if let Some(said) = record.and_then(|record| record.source.get("encoding")?.as_str()) {
        return Some(said.to_owned());
    }
    encoding_of(candidate.head)
}

/// A foreign key that the restore did not check.
#[derive(Deserialize)]
struct Unchecked {
    child: (String, String),
    parent: (String, String),
    /// Whether rows that are partly null refer to something, too.
    is_full: bool,
    /// The parent's partitions have its rows.
    is_parted: bool,
    /// Columns of the child, and what compares them with the parent's.
    columns: Vec<(String, String)>,
}

impl Unchecked {
    /// Returns the query that counts rows without a parent.
    fn counting(&self) -> String {
        let table = |(schema, name): &(String, String)| format!("{}.{}", identifier(schema), identifier(name));
        let only = if self.is_parted { "" } else { "ONLY " };
        let pairs: Vec<&str> = self.columns.iter().map(|(_, pair)| pair.as_str()).collect();
        let refers: Vec<String> =
            self.columns.iter().map(|(column, _)| format!("child.{} IS NOT NULL", identifier(column))).collect();
        format!(
            "SELECT to_jsonb(count(*)) FROM ONLY {child} AS child WHERE ({refers}) AND NOT EXISTS \
             (SELECT FROM {only}{parent} AS parent WHERE {pairs})",
            child = table(&self.child),
            parent = table(&self.parent),
            refers = refers.join(if self.is_full { " OR " } else { " AND " }),
            pairs = pairs.join(" AND "),
        )
    }
}

/// Counts rows that refer to others that are not there, of keys that were not valid in the database either: the restore
/// has checked all others.
fn foreign_keys(session: &mut Session) -> Result<ForeignKeys> {
    let keys: Vec<Unchecked> = session.ask(UNCHECKED)?;
    let mut found = ForeignKeys::default();
    for key in keys {
        let child = table_name(&key.child.0, &key.child.1);
        let posted = session.post(&key.counting())?;
        match session.receive::<u64>(posted)? {
            Some(0) => {}
            Some(rows) => found.add(&child, &table_name(&key.parent.0, &key.parent.1), rows),
            // A table that the session may not read, or a key of periods.
            None if found.unchecked.contains(&child) => {}
            None => found.unchecked.push(child),
        }
    }
    Ok(found)
}

const UNCHECKED: &str = "\
SELECT coalesce(jsonb_agg(jsonb_build_object(
  'child', jsonb_build_array(child_schema.nspname, child.relname),
  'parent', jsonb_build_array(parent_schema.nspname, parent.relname),
  'is_full', confmatchtype = 'f', 'is_parted', parent.relkind = 'p',
  'columns', (SELECT jsonb_agg(jsonb_build_array(of_child.attname,
      format('parent.%I OPERATOR(%I.%s) child.%I', of_parent.attname, nspname, oprname, of_child.attname)))
    FROM unnest(conkey, confkey, conpfeqop) AS key (child, parent, operator)
      JOIN pg_attribute AS of_child ON of_child.attrelid = conrelid AND of_child.attnum = key.child
      JOIN pg_attribute AS of_parent ON of_parent.attrelid = confrelid AND of_parent.attnum = key.parent
      JOIN pg_operator ON pg_operator.oid = key.operator JOIN pg_namespace ON pg_namespace.oid = oprnamespace)
  ) ORDER BY child_schema.nspname, child.relname, conname), '[]')
FROM pg_constraint JOIN pg_class AS child ON child.oid = conrelid
  JOIN pg_namespace AS child_schema ON child_schema.oid = child.relnamespace
  JOIN pg_class AS parent ON parent.oid = confrelid
  JOIN pg_namespace AS parent_schema ON parent_schema.oid = parent.relnamespace
WHERE contype = 'f' AND NOT convalidated AND child.relkind = 'r'
  -- Those of a parent's partitions are parts of the key.
  AND NOT EXISTS (SELECT FROM pg_constraint AS whole
    WHERE whole.oid = pg_constraint.conparentid AND whole.conrelid = pg_constraint.conrelid);";

/// What a restored database was checked by: indexes and keys were made anew.
const CHECK: &str = "PostgreSQL's constraints in the restored database";
