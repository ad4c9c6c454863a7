//! Backup: `pg_dump` in a snapshot that a session of ours holds, in which rows are counted meanwhile.

use std::io::{self, Read};

use rustix::event::{PollFd, PollFlags};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::content::{Counting, excluded};
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
        command.arg(format!("--lock-wait-timeout={}", self.lock_timeout.as_millis().max(1)));
        match self.format {
            Format::Custom => command.args(["--format=custom", "--compress=0"]),
            Format::Text => command.arg("--format=plain"),
            Format::CleaningText => command.args(["--format=plain", "--clean", "--if-exists"]),
        };
        for (schema, table) in &excluded {
            command.arg(format!("--exclude-table-data={}.{}", identifier(schema), identifier(table)));
        }
        for schema in &self.schemas {
            command.arg(format!("--schema={}", identifier(schema)));
        }
        command.args(&self.dump_options).arg("-d").arg(self.connection.conninfo()?);
        command.stdout(std::process::Stdio::piped());
        let mut running = Running::start("pg_dump".to_owned(), command, Stage::Source, run, |_| Heard::Text)?;
        let stdout =
            running.child.stdout.take().ok_or_else(|| Error::new(ErrorKind::Bug, "`pg_dump` has no output"))?;

        let facts = DumpFacts {
            source: server.facts(self, &client.version),
            excluded: excluded.into_iter().map(|(schema, table)| table_name(&schema, &table)).collect(),
            ..DumpFacts::default()
        };
        let bytes = server.bytes;
        Ok(Box::new(PostgresDump { stdout, running, session, counting, facts, bytes, has_ended: false }))
    }
}

impl Postgres {
    /// Returns what lets a transaction wait for a lock as long as it may.
    pub(super) fn lock_timeout(&self) -> String {
        format!("SET LOCAL lock_timeout = {}", self.lock_timeout.as_millis().max(1))
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
        self.running.wait_for(&mut [PollFd::new(&self.stdout, PollFlags::IN)])?;
        let count = self
            .stdout
            .read(buf)
            .map_err(|source| Error::in_io(source, ErrorKind::Tool, "cannot read from `pg_dump`", Stage::Source))?;
        if count == 0 {
            let (status, _) = self.running.end()?;
            if !status.success() {
                self.running.run.cancel.check()?;
                return Err(failed(self.running.failed(status)).into());
            }
            self.has_ended = true;
        }
        Ok(count)
    }
}

/// Gives an error of `pg_dump` its kind.
fn failed(error: Error) -> Error {
    let said = error.to_string();
    // `--lock-wait-timeout` is a statement timeout while tables are locked.
    if said.contains("LOCK TABLE") && said.contains("timeout") {
        return Error::new(ErrorKind::Busy, said).at(Stage::Source).hint("try again when that has ended");
    }
    if said.contains("permission denied") {
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
