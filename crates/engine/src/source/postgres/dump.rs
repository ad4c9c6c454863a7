//! Backup: `pg_dump` in a snapshot that a session of ours holds, in which rows are counted meanwhile.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::blockers::{Blockers, Waiting};
use super::content::{Counting, excluded};
use super::encoding::converted;
use super::session::Session;
use super::{Format, Postgres, identifier, table_name};
use crate::child::{Heard, Running};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;
use crate::source::{Dump, DumpFacts, Source};

impl Source for Postgres {
    fn open(&mut self, run: &Run) -> Result<Box<dyn Dump>> {
        let mut session = Session::start(self, Stage::Source, run)?;
        session.tell("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        session.tell(&self.lock_timeout())?;
        let server: Server = session.ask(SERVER)?;
        self.require_schemas(&mut session)?;
        let excluded = excluded(&mut session, &self.excluded)?;
        let client = self.tools.pg_dump(server.major)?;
        let counting = Counting::start(self, &server.snapshot, run)?;

        let mut command = self.tools.command(&client, &self.connection);
        command.args(["-w", "--snapshot", &server.snapshot]);
        command.arg(format!("--lock-wait-timeout={}", self.longest_wait().as_millis()));
        match self.format {
            Format::Custom => command.args(["--format=custom", "--compress=0"]),
            Format::Text => command.arg("--format=plain"),
            Format::CleaningText => command.args(["--format=plain", "--clean", "--if-exists"]),
        };
        let mut parts: Vec<String> = Vec::new();
        for (schema, table) in &excluded {
            parts.push(format!("--exclude-table-data={}.{}", identifier(schema), identifier(table)));
        }
        for schema in &self.schemas {
            parts.push(format!("--schema={}", identifier(schema)));
        }
        // It takes names for what they are in the encoding of the dump.
        let encoding = self.dump_encoding().unwrap_or(server.encoding.clone());
        for (part, bytes) in parts.iter().zip(converted(&mut session, &encoding, &parts)?) {
            command.arg(bytes.map_or_else(|| part.into(), OsString::from_vec));
        }
        command.env("PGCLIENTENCODING", encoding);
        let (connection, application) = self.connection.named_for("pg_dump");
        command.args(&self.dump_options).arg("-d").arg(connection.conninfo()?);
        command.stdout(std::process::Stdio::piped());
        let mut running = Running::start("pg_dump".to_owned(), command, Stage::Source, run, |_| Heard::Text)?;
        let stdout =
            running.child.stdout.take().ok_or_else(|| Error::new(ErrorKind::Bug, "`pg_dump` has no output"))?;

        let facts = DumpFacts {
            source: server.facts(self, &client.version),
            excluded: excluded.into_iter().map(|(schema, table)| table_name(&schema, &table)).collect(),
            ..DumpFacts::default()
        };
        let blockers = Blockers::new(self, Waiting::Application(application), run);
        let bytes = server.bytes;
        Ok(Box::new(PostgresDump { stdout, running, session, counting, blockers, facts, bytes, has_ended: false }))
    }
}

impl Postgres {
    /// Returns what lets a transaction wait for a lock as long as it may.
    pub(super) fn lock_timeout(&self) -> String {
        format!("SET LOCAL lock_timeout = {}", self.longest_wait().as_millis())
    }

    /// Returns how long the server lets somebody wait for a lock: longer than we, who can say who holds it.
    fn longest_wait(&self) -> Duration {
        self.lock_timeout + GRACE
    }

    /// Returns the encoding of a dump if the user chose one.
    fn dump_encoding(&self) -> Option<String> {
        let by_variable = || {
            let (_, value) = self.tools.env.iter().find(|(name, _)| name == "PGCLIENTENCODING")?;
            value.to_str()
        };
        self.connection.get("client_encoding").or_else(by_variable).map(str::to_owned)
    }

    /// Fails if a schema that is asked for is not there: `pg_dump` itself fails only if none is.
    fn require_schemas(&self, session: &mut Session) -> Result<()> {
        let there: Vec<String> = session.ask("SELECT jsonb_agg(nspname) FROM pg_catalog.pg_namespace")?;
        match self.schemas.iter().find(|schema| !there.contains(schema)) {
            None => Ok(()),
            Some(schema) => {
                Err(Error::new(ErrorKind::Config, format!("cannot back up schema `{schema}`: it is not there"))
                    .at(Stage::Source)
                    .subject(schema))
            }
        }
    }
}

/// What the server says of itself and of the database.
#[derive(Deserialize)]
struct Server {
    version: String,
    major: u32,
    encoding: String,
    bytes: u64,
    snapshot: String,
    roles: Vec<String>,
    large_objects: bool,
}

impl Server {
    fn facts(&self, postgres: &Postgres, client: &str) -> Map<String, Value> {
        let mut facts = Map::new();
        facts.insert("server".to_owned(), json!(format!("PostgreSQL {}", self.version)));
        facts.insert("pg_dump".to_owned(), json!(client));
        facts.insert("encoding".to_owned(), json!(self.encoding));
        facts.insert("roles".to_owned(), json!(self.roles));
        facts.insert("large_objects".to_owned(), json!(self.large_objects));
        if !postgres.schemas.is_empty() {
            facts.insert("schemas".to_owned(), json!(postgres.schemas));
        }
        facts
    }
}

struct PostgresDump {
    stdout: std::process::ChildStdout,
    running: Running<()>,
    /// Holds the snapshot.
    session: Session,
    counting: Counting,
    blockers: Blockers,
    facts: DumpFacts,
    bytes: u64,
    has_ended: bool,
}

impl Read for PostgresDump {
    /// Reads dump bytes; `Ok(0)` means that `pg_dump` exited with status 0.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buf.is_empty() {
            return Ok(0);
        }
        let since = Instant::now();
        while !self.running.wait_a_moment(&mut [PollFd::new(&self.stdout, PollFlags::IN)])? {
            self.blockers.look_on(&mut self.session, since.elapsed())?;
        }
        let count = self
            .stdout
            .read(buf)
            .map_err(|source| Error::in_io(source, ErrorKind::Tool, "cannot read from `pg_dump`", Stage::Source))?;
        if count == 0 {
            let (status, _) = self.running.end()?;
            if !status.success() {
                self.running.run.cancel.check()?;
                let waited_long = self.blockers.is_long(since.elapsed());
                return Err(failed(self.running.failed(status), waited_long, &mut self.session).into());
            }
            self.has_ended = true;
        }
        Ok(count)
    }
}

/// Gives an error of `pg_dump` its kind.
///
/// It passes on what the server says, in whatever language that speaks, and no code. What it was doing, it says itself.
fn failed(error: Error, waited_long: bool, session: &mut Session) -> Error {
    let said = error.to_string();
    let hides_tables = if said.contains("LOCK TABLE") { session.ask::<bool>(HIDDEN).ok() } else { None };
    // `--lock-wait-timeout` is a statement timeout while tables are locked.
    if waited_long && hides_tables == Some(false) {
        return Error::new(ErrorKind::Busy, said).at(Stage::Source).hint("try again when that has ended");
    }
    if hides_tables == Some(true) || said.contains("permission denied") {
        let hint = "connect as the owner of the tables, or leave their rows out";
        return Error::new(ErrorKind::Denied, said).at(Stage::Source).hint(hint);
    }
    error
}

impl Dump for PostgresDump {
    fn expected_bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }

    fn finish(self: Box<Self>) -> Result<DumpFacts> {
        let Self { session, counting, mut facts, .. } = *self;
        facts.content = Some(counting.finish()?);
        session.end()?;
        Ok(facts)
    }
}

/// Whether there are tables that the session may not read.
const HIDDEN: &str = "\
SELECT to_jsonb(EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'f') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT (has_schema_privilege(pg_namespace.oid, 'USAGE') AND has_table_privilege(pg_class.oid, 'SELECT'))))";

/// How much longer the server waits for a lock than we.
const GRACE: Duration = Duration::from_secs(3);

const SERVER: &str = "\
SELECT jsonb_build_object(
  'version', current_setting('server_version'),
  'major', current_setting('server_version_num')::int / 10000,
  'encoding', current_setting('server_encoding'),
  'bytes', pg_database_size(current_database()),
  'snapshot', pg_export_snapshot(),
  'large_objects', EXISTS (SELECT FROM pg_largeobject_metadata),
  'roles', (SELECT coalesce(jsonb_agg(DISTINCT rolname), '[]') FROM pg_roles WHERE oid IN (
    SELECT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT relowner FROM pg_class WHERE oid >= 16384)));";
