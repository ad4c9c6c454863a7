//! PostgreSQL, through its own programs: `pg_dump` out, and back in one transaction that only this engine commits.

mod archive;
mod blockers;
mod clear;
mod connection;
mod content;
mod dump;
mod encoding;
mod keep;
mod lexer;
mod load;
mod said;
mod scratch;
mod script;
mod session;
mod spelling;
mod tools;
mod trial;

use std::ffi::OsString;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Result, Stage};
use crate::manifest::source_id;
use crate::run::Run;
pub use connection::Connection;
use session::Session;
use tools::Client;
pub use tools::Tools;
pub use trial::Trial;

/// One PostgreSQL database, as a source and as a target.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each of them is an option of its own
pub struct Postgres {
    connection: Connection,
    tools: Tools,
    format: Format,
    /// Patterns of tables whose rows stay out of a backup.
    excluded: Vec<String>,
    /// The only schemas that are dumped, or restored; none: all.
    schemas: Vec<String>,
    /// Whether a restore drops what is there.
    drops: bool,
    /// Whether it may drop what stands outside of `schemas` and depends on them.
    cascades: bool,
    /// Whether a text whose end nothing proves is restored.
    accepts_unproven: bool,
    /// Whether sessions that are in the way of a restore are ended.
    terminates: bool,
    /// How long to wait for a lock that somebody holds.
    lock_timeout: Duration,
    /// How long rows may be counted for the manifest.
    content_timeout: Duration,
    dump_options: Vec<OsString>,
    restore_options: Vec<OsString>,
    psql_options: Vec<OsString>,
    /// What asks the server, once it was looked for.
    psql: Arc<OnceLock<Client>>,
}

/// What a dump looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `pg_dump --format=custom`, without its own compression: for `pg_restore`.
    #[default]
    Custom,
    /// SQL, for `psql`.
    Text,
    /// SQL that drops, before it creates, what has the same name: `psql` alone restores it into a database that is not
    /// empty.
    CleaningText,
}

impl Postgres {
    /// Names a database; connects to nothing.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            tools: Tools::default(),
            format: Format::default(),
            excluded: Vec::new(),
            schemas: Vec::new(),
            drops: true,
            cascades: false,
            accepts_unproven: false,
            terminates: false,
            lock_timeout: LOCK_TIMEOUT,
            content_timeout: CONTENT_TIMEOUT,
            dump_options: Vec::new(),
            restore_options: Vec::new(),
            psql_options: Vec::new(),
            psql: Arc::default(),
        }
    }

    /// Says how its programs are called.
    #[must_use]
    pub fn with_tools(mut self, tools: Tools) -> Self {
        self.tools = tools;
        self.psql = Arc::default();
        self
    }

    /// Dumps in this format. A restore takes what it finds.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Leaves the rows of these tables out of a backup: names, with or without schema, as `pg_dump` takes them (`*` and
    /// `?` stand for other characters, quotes keep them and capitals).
    #[must_use]
    pub fn excluding(mut self, tables: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.excluded.extend(tables.into_iter().map(Into::into));
        self
    }

    /// Dumps, or restores, these schemas only.
    #[must_use]
    pub fn only_schemas(mut self, schemas: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.schemas.extend(schemas.into_iter().map(Into::into));
        self
    }

    /// Says whether a restore drops what is there: without it, what is in the way is an error.
    #[must_use]
    pub fn dropping(mut self, drops: bool) -> Self {
        self.drops = drops;
        self
    }

    /// Lets a restore of some schemas drop what stands outside of them and depends on them.
    #[must_use]
    pub fn cascading(mut self, cascades: bool) -> Self {
        self.cascades = cascades;
        self
    }

    /// Lets a restore take a text that does not end as `pg_dump` ends one: what follows the last whole statement may be
    /// missing.
    #[must_use]
    pub fn accepting_unproven(mut self, accepts: bool) -> Self {
        self.accepts_unproven = accepts;
        self
    }

    /// Lets a restore end the sessions that hold a lock which it waits for.
    #[must_use]
    pub fn terminating(mut self, terminates: bool) -> Self {
        self.terminates = terminates;
        self
    }

    /// Waits so long for a lock that somebody holds; 30 s without this.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Counts rows for the manifest so long at most, then estimates; 10 s without this, 0 for estimates at once.
    #[must_use]
    pub fn with_content_timeout(mut self, timeout: Duration) -> Self {
        self.content_timeout = timeout;
        self
    }

    /// Adds options of the user to `pg_dump`, `pg_restore` and the `psql` of a restore.
    #[must_use]
    pub fn with_options(mut self, dump: Vec<OsString>, restore: Vec<OsString>, psql: Vec<OsString>) -> Self {
        self.dump_options = dump;
        self.restore_options = restore;
        self.psql_options = psql;
        self
    }
}

/// What a database holds, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// Its size on the server.
    pub bytes: u64,
    /// Its tables, those of extensions aside.
    pub tables: u64,
    /// Their rows, as the server estimates.
    pub rows: u64,
}

impl Postgres {
    /// Returns what asks the server: looked for once, since that starts every `psql` that there is.
    fn psql(&self) -> Result<&Client> {
        if let Some(client) = self.psql.get() {
            return Ok(client);
        }
        let client = self.tools.psql()?;
        Ok(self.psql.get_or_init(|| client))
    }

    /// Returns another database of the same server, reached by the same user and programs.
    #[must_use]
    pub fn database(&self, name: &str) -> Self {
        Self { connection: self.connection.clone().with("dbname", name), ..self.clone() }
    }

    /// Returns how people call it: its name, and the host.
    pub fn describe(&self) -> String {
        self.connection.describe()
    }

    /// Asks the server what the database holds.
    ///
    /// # Errors
    ///
    /// `Config` without a `psql` or without such a database, `Denied`, `Tool`.
    pub fn summary(&self, run: &Run) -> Result<Summary> {
        let mut session = Session::start(self, Stage::Target, run)?;
        let summary = session.ask(SUMMARY)?;
        session.end()?;
        Ok(summary)
    }

    /// Runs one statement of the user's, on a connection of its own.
    ///
    /// # Errors
    ///
    /// The server's.
    pub fn execute(&self, sql: &str, run: &Run) -> Result<()> {
        let mut session = Session::start(self, Stage::Target, run)?;
        session.tell(sql)?;
        session.end()
    }

    /// Returns what tells this database from another of the same name.
    pub fn source_id(&self) -> String {
        let part = |key: &str, otherwise: &str| {
            self.connection.get(key).filter(|value| !value.is_empty()).unwrap_or(otherwise).to_owned()
        };
        let host = self.connection.get("service").map_or_else(|| part("host", "localhost"), str::to_owned);
        source_id("postgresql", &host, &part("port", "5432"), part("dbname", &part("user", "")).as_ref())
    }
}

const SUMMARY: &str = "\
SELECT jsonb_build_object('bytes', pg_database_size(current_database()), 'tables', count(*),
  'rows', coalesce(sum(greatest(reltuples, 0)), 0)::bigint)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'f', 'm') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e');";

/// Returns an identifier as SQL has it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns a table's name as SQL has it; the server resolves it again.
fn table_name(schema: &str, table: &str) -> String {
    format!("{}.{}", short_identifier(schema), short_identifier(table))
}

/// Returns an identifier as SQL has it, quoted where it must be.
fn short_identifier(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let starts = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if is_plain && starts { name.to_owned() } else { identifier(name) }
}

/// Returns a string as SQL has it, with `standard_conforming_strings`.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Long enough for a slow transaction, short enough for a cron job to tell.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// From the manifest's specification.
const CONTENT_TIMEOUT: Duration = Duration::from_secs(10);
