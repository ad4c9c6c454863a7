//! A session with the server: one `psql`, asked on its standard input.

use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Postgres;
use super::said::explain;
use super::spelling::{spelled, unspelled};
use crate::child::{Heard, Running};
use crate::dialogue::Dialogue;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// A query that the server works on.
pub(super) struct Posted(String);

/// One connection, until it is dropped: whatever is not committed by then is rolled back.
pub(super) struct Session {
    dialogue: Dialogue,
    stage: Stage,
}

impl Session {
    /// Connects. Names without a schema mean system objects only.
    ///
    /// # Errors
    ///
    /// `Config` without a `psql`; `Denied`, `Tool`: there is no connection.
    pub(super) fn start(postgres: &Postgres, stage: Stage, run: &Run) -> Result<Self> {
        let client = postgres.psql()?;
        let mut command = postgres.tools.command(client, &postgres.connection);
        // The last word is ours: a restore that goes on after an error would be half of one.
        command.args(&postgres.psql_options).args(["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"]);
        command.args(["-v", "ON_ERROR_ROLLBACK=off", "-v", "AUTOCOMMIT=on", "-v", "VERBOSITY=verbose"]);
        command.arg("-d").arg(postgres.connection.conninfo()?);
        // Answers are read as UTF-8; a dump says itself what it is.
        command.env("PGCLIENTENCODING", "UTF8").stdin(Stdio::piped()).stdout(Stdio::piped());
        let running = Running::start("psql".to_owned(), command, stage, run, |_| Heard::Text)?;
        let postgres = postgres.clone();
        let explain = move |said: &str, status| failed(&postgres, stage, said, status);
        let mut session = Self { dialogue: Dialogue::with(running, Box::new(explain))?, stage };
        session.tell(QUIET)?;
        Ok(session)
    }

    /// Calls `watch` every tenth of a second for as long as the server does not take or answer something, with how long
    /// that has been.
    pub(super) fn watch(&mut self, watch: impl FnMut(Duration) -> Result<()> + Send + 'static) {
        self.dialogue.watch(watch);
    }

    /// Lets the server take its time again, however long it does not answer.
    pub(super) fn unwatch(&mut self) {
        self.dialogue.unwatch();
    }

    /// Goes on under another run: what asks the first one to stop does not stop this session.
    pub(super) fn go_on_as(&mut self, run: Run) {
        self.dialogue.go_on_as(run);
    }

    /// Runs SQL without an answer, to its end.
    ///
    /// # Errors
    ///
    /// The server's.
    pub(super) fn tell(&mut self, sql: &str) -> Result<()> {
        self.answer(sql).map(drop)
    }

    /// Runs a query whose answer is one value of JSON.
    ///
    /// # Errors
    ///
    /// The server's.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, sql: &str) -> Result<T> {
        let answer = self.answer(sql)?;
        self.parsed(&answer)
    }

    /// Starts a query whose answer is one value of JSON; [`Self::receive`] waits for it.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn post(&mut self, sql: &str) -> Result<Posted> {
        // A statement that fails is an answer, too: none.
        self.mark(&format!("\\set ON_ERROR_STOP 0\n{sql}\n;\n\\set ON_ERROR_STOP 1"))
    }

    /// Returns the answer to a query; `None` if the server had none.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub(super) fn receive<T: DeserializeOwned>(&mut self, posted: Posted) -> Result<Option<T>> {
        let answer = self.hear_all(posted)?;
        if answer.trim().is_empty() { Ok(None) } else { self.parsed(&answer).map(Some) }
    }

    /// Runs SQL to its end and returns what it printed.
    fn answer(&mut self, sql: &str) -> Result<String> {
        let posted = self.mark(&format!("{sql}\n;"))?;
        self.hear_all(posted)
    }

    /// Sends SQL between two lines that tell its answer from what a dump's statements print.
    fn mark(&mut self, sql: &str) -> Result<Posted> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mark = format!("dbbackup-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.send(&unspelled(&format!("\\echo {mark}-start\n{sql}\n\\echo {mark}-end\n")))?;
        Ok(Posted(mark))
    }

    fn hear_all(&mut self, Posted(mark): Posted) -> Result<String> {
        let heard = self.dialogue.hear_between(&format!("{mark}-start"), &format!("{mark}-end"))?;
        Ok(spelled(&heard))
    }

    fn parsed<T: DeserializeOwned>(&self, answer: &str) -> Result<T> {
        serde_json::from_str(answer.trim()).map_err(|source| {
            Error::new(ErrorKind::Bug, "cannot understand the server's answer").at(self.stage).because(source)
        })
    }

    /// Hands text on, to be run as it comes.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.dialogue.send(bytes)
    }

    /// Ends the connection.
    pub(super) fn end(self) -> Result<()> {
        self.dialogue.end()
    }
}

/// Returns why a client ended.
fn failed(postgres: &Postgres, stage: Stage, said: &str, status: ExitStatus) -> Error {
    let said = postgres.connection.password().map_or_else(|| said.to_owned(), |password| password.masked(said));
    let error = explain(postgres, &said, status);
    // A backup ends nobody's session.
    let is_backup = stage == Stage::Source && error.kind() == ErrorKind::Busy;
    if is_backup { error.hint("try again when that has ended") } else { error }
}

/// Our own timeouts hold, and a session whose client is gone ends. Where the database knows no encoding, its bytes are
/// taken as they are: as UTF-8 the server would refuse them.
const QUIET: &str = "\
SELECT pg_catalog.set_config(name, value, false)
FROM (VALUES ('search_path', ''), ('client_min_messages', 'error'), ('statement_timeout', '0'),
  ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'), ('idle_session_timeout', '0'),
  ('client_connection_check_interval', '1000'), ('datestyle', 'ISO'), ('standard_conforming_strings', 'on'),
  ('client_encoding', CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END))
  AS ours (name, value)
WHERE EXISTS (SELECT FROM pg_catalog.pg_settings WHERE pg_settings.name = ours.name);";
