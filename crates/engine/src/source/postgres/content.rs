//! What a database holds: its tables, counted in the snapshot of a dump, and those that are left out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::blockers::{Blockers, Waiting};
use super::session::{Posted, Session};
use super::{Postgres, identifier, literal, table_name};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::Content;
use crate::run::Run;

/// Rows being counted while the dump runs, on a connection of their own.
pub(super) struct Counting {
    session: Session,
    tables: Vec<Table>,
    migrations: BTreeMap<String, String>,
    posted: Posted,
}

#[derive(Deserialize)]
struct Table {
    schema: String,
    name: String,
    /// What the server last knew.
    estimate: f64,
    /// Whether the session sees its rows, all of them.
    is_readable: bool,
}

impl Counting {
    /// Starts to count the tables that the dump of `snapshot` has.
    ///
    /// # Errors
    ///
    /// Those of a connection, and of a snapshot that is gone.
    pub(super) fn start(postgres: &Postgres, snapshot: &str, run: &Run) -> Result<Self> {
        let mut session = Session::start(postgres, Stage::Source, run)?;
        session.tell("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        session.tell(&format!("SET TRANSACTION SNAPSHOT {}", literal(snapshot)))?;
        session.tell(&postgres.lock_timeout())?;
        let mut tables: Vec<Table> = session.ask(TABLES)?;
        let is_wanted = |schema: &String| postgres.schemas.is_empty() || postgres.schemas.contains(schema);
        tables.retain(|table| table.is_readable && is_wanted(&table.schema));
        let waiting: i32 = session.ask("SELECT pg_backend_pid()")?;
        let mut blockers = Blockers::new(postgres, Waiting::Process(waiting), run);
        session.watch(move |waited| blockers.look(waited));
        let migrations = migrations(&mut session)?;
        // Rows that cannot be counted are estimated.
        session.unwatch();
        // The cores are for the dump and its compression.
        session.tell("SET max_parallel_workers_per_gather = 0")?;
        session.tell(&format!("SET statement_timeout = {}", postgres.content_timeout.as_millis().max(1)))?;
        let posted = session.post(&counting(&tables))?;
        Ok(Self { session, tables, migrations, posted })
    }

    /// Waits for the counts, which are estimates where there was no time.
    pub(super) fn finish(self) -> Result<Content> {
        let Self { mut session, tables, migrations, posted } = self;
        let counted: Option<Vec<u64>> = session.receive(posted)?;
        let names = tables.iter().map(Table::shown);
        let exact = counted.is_some();
        let rows = counted.unwrap_or_else(|| tables.iter().map(Table::estimated).collect());
        Ok(Content { tables: names.zip(rows).collect(), exact, migrations })
    }
}

impl Table {
    /// Returns its name, as a manifest has it.
    fn shown(&self) -> String {
        table_name(&self.schema, &self.name)
    }

    fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate, and not negative
    fn estimated(&self) -> u64 {
        self.estimate.max(0.0) as u64
    }
}

/// Counts the rows of every table, however long that takes; returns those that the session may not read, too.
pub(super) fn count(session: &mut Session) -> Result<(BTreeMap<String, u64>, Vec<String>)> {
    let tables: Vec<Table> = session.ask(TABLES)?;
    let (readable, unread): (Vec<Table>, Vec<Table>) = tables.into_iter().partition(|table| table.is_readable);
    let counts: Vec<u64> = session.ask(&counting(&readable))?;
    let rows = readable.iter().map(Table::shown).zip(counts).collect();
    Ok((rows, unread.iter().map(Table::shown).collect()))
}

/// Returns the query that counts rows of tables, all in one array.
fn counting(tables: &[Table]) -> String {
    let counts: Vec<String> =
        tables.iter().map(|table| format!("(SELECT count(*) FROM ONLY {})", table.quoted())).collect();
    format!("SELECT to_jsonb(ARRAY[{}]::bigint[])", counts.join(", "))
}

/// Returns the last migration of each app, where there is a table of them.
fn migrations(session: &mut Session) -> Result<BTreeMap<String, String>> {
    let tables: Vec<String> = session.ask(MIGRATION_TABLES)?;
    let Some(table) = tables.first() else { return Ok(BTreeMap::new()) };
    session.ask(&format!(
        "SELECT coalesce(jsonb_object_agg(app, name), '{{}}') FROM (SELECT DISTINCT ON (app) app, name FROM {table} \
         ORDER BY app, id DESC) AS newest"
    ))
}

/// Returns the tables that the patterns mean, and with them all partitions and heirs, which have rows of their own.
///
/// # Errors
///
/// `Config` for a pattern that means nothing.
pub(super) fn excluded(session: &mut Session, patterns: &[String]) -> Result<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    if patterns.is_empty() {
        return Ok(found);
    }
    session.tell("RESET search_path")?;
    for pattern in patterns {
        let (schema, table) = expressions(pattern);
        let in_schema = schema.map_or("pg_catalog.pg_table_is_visible(tables.oid)".to_owned(), |schema| {
            format!("nspname OPERATOR(pg_catalog.~) {}", literal(&schema))
        });
        let query = MEANT.replace("{schema}", &in_schema).replace("{table}", &literal(&table));
        let meant: Vec<(String, String)> = session.ask(&query)?;
        if meant.is_empty() {
            return Err(Error::new(ErrorKind::Config, format!("cannot leave out `{pattern}`: there is no such table"))
                .at(Stage::Source)
                .subject(pattern)
                .hint("write schema.table for one outside of the search path, and quote capitals: \"Table\""));
        }
        found.extend(meant);
    }
    session.tell("SET search_path = ''")?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// Turns `schema.table`, as `pg_dump` takes it, into regular expressions.
fn expressions(pattern: &str) -> (Option<String>, String) {
    let (mut schema, mut part) = (None, String::new());
    let mut is_quoted = false;
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => schema = Some(std::mem::take(&mut part)),
            '*' if !is_quoted => part.push_str(".*"),
            '?' if !is_quoted => part.push('.'),
            c if c.is_alphanumeric() || c == '_' => {
                part.extend(if is_quoted { vec![c] } else { c.to_lowercase().collect() });
            }
            c => {
                part.push('\\');
                part.push(c);
            }
        }
    }
    (schema.map(|schema| format!("^({schema})$")), format!("^({part})$"))
}

const TABLES: &str = "\
SELECT coalesce(jsonb_agg(jsonb_build_object('schema', nspname, 'name', relname, 'estimate', reltuples,
  'is_readable', pg_catalog.has_table_privilege(pg_class.oid, 'SELECT')
    AND NOT pg_catalog.row_security_active(pg_class.oid))), '[]')
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend
    WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e');";

const MIGRATION_TABLES: &str = "\
SELECT coalesce(jsonb_agg(oid::regclass::text), '[]') FROM pg_catalog.pg_class
WHERE relname = 'django_migrations' AND relkind = 'r' AND pg_catalog.has_table_privilege(oid, 'SELECT')
  AND (SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = pg_class.oid AND attname IN ('id', 'app', 'name')) = 3;";

const MEANT: &str = "\
WITH RECURSIVE tables (oid, nspname, relname) AS (
  SELECT pg_class.oid, nspname, relname
  FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'f', 'm') AND nspname !~ '^pg_'
), meant (oid) AS (
  SELECT oid FROM tables WHERE {schema} AND relname OPERATOR(pg_catalog.~) {table}
  UNION SELECT inhrelid FROM pg_catalog.pg_inherits JOIN meant ON inhparent = meant.oid
)
SELECT coalesce(jsonb_agg(jsonb_build_array(nspname, relname)), '[]') FROM tables JOIN meant USING (oid);";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_pg_dump_reads_them() {
        for (pattern, schema, table) in [
            ("Django_Session", None, "^(django_session)$"),
            ("django_*", None, "^(django_.*)$"),
            ("log.entry?", Some("^(log)$"), "^(entry.)$"),
            ("\"My.Schema\".\"A \"\"b\"\"*\"", Some("^(My\\.Schema)$"), "^(A\\ \"b\"\\*)$"),
        ] {
            assert_eq!(expressions(pattern), (schema.map(str::to_owned), table.to_owned()), "{pattern}");
        }
    }
}
