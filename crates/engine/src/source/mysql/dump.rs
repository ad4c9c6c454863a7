//! Backup: the text of `mariadb-dump` or `mysqldump`, of one snapshot, its rows counted on the way.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Cursor, Read};
use std::process::ChildStdout;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use super::journal::Journal;
use super::once::start;
use super::rows::Rows;
use super::said::explain;
use super::server::Server;
use super::session::seconds;
use super::tools::{Client, Family, OptionsFrom, Program};
use super::{Mysql, identifier, literal};
use crate::child::Running;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::{Content, Skipped};
use crate::run::Run;
use crate::source::{Dump, DumpFacts, Source};

impl Source for Mysql {
    fn open(&mut self, run: &Run) -> Result<Box<dyn Dump>> {
        self.connection.require_defaults_file()?;
        self.require_tls(run)?;
        let server = Server::ask(self, run)?;
        self.require_no_exchange(&server, run)?;
        let head = self.head_of_excluded(&server, run)?;
        let missing = server.missing(self.connection.database());
        let client = self.tools.find(Program::Dump, Some(server.family()))?;

        let (mut command, options) = self.tools.command(&client, &self.connection, OptionsFrom::Stdin)?;
        command.args(dump_options(&client)).args(missing.iter().map(|missing| missing.option));
        for table in &self.excluded {
            command.arg(format!("--ignore-table={}.{table}", self.connection.database()));
        }
        command.args(&self.dump_options).args(["--", self.connection.database()]);
        let name = client.name();
        let mut running = start(&name, command, options.as_ref(), run)?;
        let stdout = running.child.stdout.take();
        let stdout = stdout.ok_or_else(|| Error::new(ErrorKind::Bug, format!("`{name}` has no output")))?;

        let mut facts = DumpFacts {
            source: server.facts(&name, &client.version),
            excluded: self.excluded.clone(),
            skipped: Skipped {
                count: missing.len() as u64,
                names: missing
                    .iter()
                    .map(|missing| format!("{}: the user may not read them ({})", missing.what, missing.grant))
                    .collect(),
            },
            ..DumpFacts::default()
        };
        facts.notes.extend(server.outside_of_the_snapshot());
        Ok(Box::new(MysqlDump {
            head: Cursor::new(head),
            stdout,
            running,
            mysql: self.clone(),
            rows: Rows::new(),
            facts,
            server,
            has_ended: false,
        }))
    }
}

impl Mysql {
    /// Fails while a restore of the database has its triggers and keys apart.
    fn require_no_exchange(&self, server: &Server, run: &Run) -> Result<()> {
        for journal in Journal::among(&server.schemas, self.connection.database()) {
            // One that another restore drops meanwhile says nothing.
            if self.ask_once(&journal.is_begun(), run).is_ok_and(|answer| answer.trim() == "1") {
                let place = self.connection.describe();
                let message = format!("cannot back up {place}: a restore of it was interrupted, or is at its end");
                return Err(Error::new(ErrorKind::Busy, message)
                    .at(Stage::Source)
                    .subject(place)
                    .hint("if none is running, restore again: that finishes or undoes the one that was interrupted"));
            }
        }
        Ok(())
    }

    /// Fails if one of the restores that were loading when the dump began has ended, or is at its end: what was loaded
    /// before the snapshot would be in it, as far as it was loaded then. What was loaded later the server refuses.
    fn require_no_exchange_since(&self, server: &Server, run: &Run) -> Result<()> {
        for journal in Journal::among(&server.schemas, self.connection.database()) {
            if self.ask_once(&journal.is_begun(), run).is_ok_and(|answer| answer.trim() == "0") {
                continue;
            }
            run.cancel.check()?;
            let place = self.connection.describe();
            let message = format!("cannot back up {place}: a restore of it came to its end meanwhile");
            return Err(Error::new(ErrorKind::Busy, message).at(Stage::Source).subject(place).hint("back up again"));
        }
        Ok(())
    }

    /// Fails if a session of this user waits for a lock on a table of the database, longer than it may.
    fn require_no_lock(&self, run: &Run) -> Result<()> {
        let waiting = WAITING
            .replace("{database}", &literal(self.connection.database()))
            .replace("{seconds}", &seconds(self.lock_timeout).saturating_sub(1).to_string());
        if self.ask_once(&waiting, run)?.trim() == "0" {
            return Ok(());
        }
        let place = self.connection.describe();
        Err(Error::new(ErrorKind::Busy, format!("cannot back up {place}: another session holds a lock on a table"))
            .at(Stage::Source)
            .subject(place)
            .hint("try again when that has ended; SHOW FULL PROCESSLIST names who alters or locks a table"))
    }

    /// Returns SQL that makes the tables whose rows are left out, where they are not there: an empty database needs
    /// them.
    ///
    /// # Errors
    ///
    /// `Config` for a table that is not there.
    fn head_of_excluded(&self, server: &Server, run: &Run) -> Result<Vec<u8>> {
        if self.excluded.is_empty() {
            return Ok(Vec::new());
        }
        let mut head = HEAD.to_owned();
        for table in &self.excluded {
            if !server.tables.contains_key(table) {
                let message = format!("cannot leave out `{table}`: there is no such table");
                return Err(Error::new(ErrorKind::Config, message).at(Stage::Source).subject(table));
            }
            let answer = self.ask_once(&format!("SHOW CREATE TABLE {}", identifier(table)), run)?;
            // Its name comes first; neither part is changed by the client.
            let (_, create) = answer.split_once("\tCREATE TABLE ").ok_or_else(|| {
                let message = format!("cannot leave out `{table}`: the server does not say how it is made");
                Error::new(ErrorKind::Unsupported, message).at(Stage::Source).subject(table)
            })?;
            let _ = writeln!(head, "CREATE TABLE IF NOT EXISTS {};", create.trim_end());
        }
        head.push_str(HEAD_END);
        Ok(head.into_bytes())
    }
}

/// Returns the options for a whole and consistent dump that every server of the kind can read.
fn dump_options(client: &Client) -> Vec<OsString> {
    let mut options = vec![
        "--single-transaction",
        "--quick",
        "--routines",
        "--events",
        "--triggers",
        "--hex-blob",
        "--no-tablespaces",
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
    ];
    if client.family == Family::MySql {
        // A restored backup is no replica of where it comes from.
        options.push("--set-gtid-purged=OFF");
        // Asked of servers before 8.0, which do not know them.
        if client.release >= (8, 0) {
            options.push("--column-statistics=0");
        }
    }
    options.into_iter().map(OsString::from).collect()
}

struct MysqlDump {
    head: Cursor<Vec<u8>>,
    stdout: ChildStdout,
    running: Running<()>,
    mysql: Mysql,
    rows: Rows,
    facts: DumpFacts,
    server: Server,
    has_ended: bool,
}

impl MysqlDump {
    /// Waits for the next bytes; not for ever for a lock.
    fn wait(&self) -> Result<()> {
        let mut looks_at = Instant::now() + self.mysql.lock_timeout;
        while !self.running.wait_a_moment(&mut [PollFd::new(&self.stdout, PollFlags::IN)])? {
            if Instant::now() >= looks_at {
                self.mysql.require_no_lock(&self.running.run)?;
                looks_at = Instant::now() + self.mysql.lock_timeout;
            }
        }
        Ok(())
    }
}

impl Read for MysqlDump {
    /// Reads dump bytes; `Ok(0)` means that the program exited with status 0.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buf.is_empty() {
            return Ok(0);
        }
        let of_head = self.head.read(buf)?;
        if of_head > 0 {
            return Ok(of_head);
        }
        self.wait()?;
        let count = self.stdout.read(buf).map_err(|source| {
            let message = format!("cannot read from `{}`", self.running.name);
            Error::in_io(source, ErrorKind::Tool, message, Stage::Source)
        })?;
        self.rows.watch(&buf[..count])?;
        if count == 0 {
            let (status, _) = self.running.end()?;
            if !status.success() {
                self.running.run.cancel.check()?;
                let error = explain(&self.mysql.connection, &self.running.name, &self.running.said(), status);
                return Err(error.at(Stage::Source).into());
            }
            self.mysql.require_no_exchange_since(&self.server, &self.running.run)?;
            self.has_ended = true;
        }
        Ok(count)
    }
}

impl Dump for MysqlDump {
    fn expected_bytes(&self) -> Option<u64> {
        Some(self.server.bytes)
    }

    fn finish(self: Box<Self>) -> Result<DumpFacts> {
        let Self { rows, mut facts, server, .. } = *self;
        facts.content = Some(Content { tables: rows.finish(), exact: true, migrations: server.migrations });
        Ok(facts)
    }
}

const WAITING: &str = "\
SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = {database} AND STATE LIKE 'Waiting for %lock%'
AND TIME >= {seconds} AND USER = SUBSTRING_INDEX(USER(), '@', 1)";

/// The first line is what tells the text's kind.
const HEAD: &str = "\
-- MySQL dump, and before it what dbbackup adds: the tables whose rows were left out
SET FOREIGN_KEY_CHECKS = 0;
";
const HEAD_END: &str = "SET FOREIGN_KEY_CHECKS = 1;\n\n";
