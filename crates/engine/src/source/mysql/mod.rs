//! MySQL and MariaDB, through their own programs: dumped in one snapshot, and restored by a journal of steps.

mod catalog;
mod connection;
mod context;
mod create_table;
mod definers;
mod dump;
mod fill;
mod grants;
mod journal;
mod key;
mod lanes;
mod lexer;
mod load;
mod loaded;
mod make;
mod object;
mod once;
mod own;
mod rows;
mod said;
mod scratch;
mod script;
mod server;
mod session;
mod statement;
mod swap;
mod tls;
mod tools;
mod trial;

use std::ffi::OsString;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::source_id;
use crate::run::Run;
pub use connection::Connection;
pub use tools::Tools;
use tools::{Client, Program};
pub use trial::Trial;

/// One database of MySQL or MariaDB, as a source and as a target.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each of them is an option of its own
pub struct Mysql {
    connection: Connection,
    tools: Tools,
    /// Tables whose rows stay out of a backup.
    excluded: Vec<String>,
    /// How long to wait for a lock that somebody holds.
    lock_timeout: Duration,
    /// A restore drops what the backup does not know.
    is_exact: bool,
    may_load_in_place: bool,
    /// Text without the dump program's last comment is taken, too.
    accepts_unproven: bool,
    /// It is to be dropped soon: what is made in it never runs by itself.
    is_scratch: bool,
    dump_options: Vec<OsString>,
    client_options: Vec<OsString>,
    /// What asks the server, once it was looked for.
    client: Arc<OnceLock<Client>>,
}

impl Mysql {
    /// Names a database; connects to nothing.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            tools: Tools::default(),
            excluded: Vec::new(),
            lock_timeout: LOCK_TIMEOUT,
            is_exact: false,
            may_load_in_place: false,
            accepts_unproven: false,
            is_scratch: false,
            dump_options: Vec::new(),
            client_options: Vec::new(),
            client: Arc::default(),
        }
    }

    /// Says how its programs are called.
    #[must_use]
    pub fn with_tools(mut self, tools: Tools) -> Self {
        self.tools = tools;
        self.client = Arc::default();
        self
    }

    /// Leaves the rows of these tables out of a backup.
    #[must_use]
    pub fn excluding(mut self, tables: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.excluded.extend(tables.into_iter().map(Into::into));
        self
    }

    /// Waits so long for a lock that somebody holds; 30 s without this.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Says whether a restore also drops tables, views, routines and events that the backup does not know; it does not
    /// without this. Tables whose rows were left out of the backup stay.
    #[must_use]
    pub fn exactly(mut self, is_exact: bool) -> Self {
        self.is_exact = is_exact;
        self
    }

    /// Lets a restore write into the database itself where the user may not make a schema beside it
    /// ([`Mysql::may_load_beside`]): one that fails then leaves some of the old and some of the new. Without this it is
    /// `Denied`.
    #[must_use]
    pub fn loading_in_place(mut self, may_load_in_place: bool) -> Self {
        self.may_load_in_place = may_load_in_place;
        self
    }

    /// Takes a text, too, that does not end with the dump program's last comment and has no manifest: it may have been
    /// cut between two statements.
    #[must_use]
    pub fn accepting_unproven(mut self, accepts_unproven: bool) -> Self {
        self.accepts_unproven = accepts_unproven;
        self
    }

    /// Adds options of the user to the program that dumps, and to the one that asks and restores.
    #[must_use]
    pub fn with_options(mut self, dump: Vec<OsString>, client: Vec<OsString>) -> Self {
        self.dump_options = dump;
        self.client_options = client;
        self
    }

    /// Returns another database of its server, reached the same way, that nobody needs for long.
    fn scratch(&self, name: &str) -> Self {
        let connection = self.connection.clone().of(name);
        let (tools, client_options) = (self.tools.clone(), self.client_options.clone());
        let (lock_timeout, client) = (self.lock_timeout, Arc::clone(&self.client));
        Self { tools, lock_timeout, is_scratch: true, client_options, client, ..Self::new(connection) }
    }

    /// Returns how people call it: its name, and the host.
    pub fn describe(&self) -> String {
        self.connection.describe()
    }

    /// Returns what tells this database from another of the same name.
    pub fn source_id(&self) -> String {
        let part = |key: &str| self.connection.get(key).filter(|value| !value.is_empty());
        let host = part("host").or(part("socket")).unwrap_or("localhost");
        source_id("mysql", host, part("port").unwrap_or("3306"), self.connection.database().as_ref())
    }

    /// Asks the server what the database holds.
    ///
    /// # Errors
    ///
    /// `Config` without a client or without such a database, `Denied`, `Tool`.
    pub fn summary(&self, run: &Run) -> Result<Summary> {
        let query = SUMMARY.replace("{database}", &literal(self.connection.database()));
        let answer = self.ask_once(&query, run).map_err(|error| error.at(Stage::Target))?;
        serde_json::from_str(&answer).map_err(|source| {
            Error::new(ErrorKind::Bug, "cannot understand the server's answer").at(Stage::Target).because(source)
        })
    }

    /// Returns what asks the server: looked for once, since that starts every client that there is.
    fn client(&self) -> Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.tools.find(Program::Client, None)?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// What a database holds, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// Its size on the server.
    pub bytes: u64,
    /// Its tables.
    pub tables: u64,
    /// Their rows, as the server estimates.
    pub rows: u64,
}

const SUMMARY: &str = "\
SELECT JSON_OBJECT('bytes', CAST(COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS UNSIGNED), 'tables', COUNT(*),
  'rows', CAST(COALESCE(SUM(TABLE_ROWS), 0) AS UNSIGNED))
FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} AND TABLE_TYPE NOT LIKE '%VIEW'";

/// Returns a name as SQL has it.
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Returns a string as SQL has it, where backslashes escape.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Long enough for a slow transaction, short enough for a cron job to tell.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_strings_are_quoted() {
        assert_eq!(identifier("a`b"), "`a``b`");
        assert_eq!(literal(r"it's \"), r"'it''s \\'");
    }
}
