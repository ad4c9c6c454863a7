//! A session with the server: one `psql`, asked on its standard input.

use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;

use super::Postgres;
use super::said::explain;
use super::spelling::{spelled, unspelled};
use crate::child::{Heard, Running};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// A query that the server works on.
pub(super) struct Posted(String);

/// One connection, until it is dropped: whatever is not committed by then is rolled back.
pub(super) struct Session {
    running: Running<()>,
    /// Closed before the child is waited for.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    heard: Vec<u8>,
    postgres: Postgres,
    /// Looked for who is in the way while the server does not answer.
    watch: Option<Box<dyn FnMut(Duration) -> Result<()> + Send>>,
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
        let mut running = Running::start("psql".to_owned(), command, stage, run, |_| Heard::Text)?;
        let silent = || Error::new(ErrorKind::Bug, "`psql` was started without pipes").at(stage);
        let stdin = running.child.stdin.take().ok_or_else(silent)?;
        let stdout = running.child.stdout.take().ok_or_else(silent)?;
        for pipe in [rustix::io::ioctl_fionbio(&stdin, true), rustix::io::ioctl_fionbio(&stdout, true)] {
            pipe.map_err(|source| Error::new(ErrorKind::Tool, "cannot talk to `psql`").at(stage).because(source))?;
        }
        #[cfg(target_os = "linux")]
        let _smaller = rustix::pipe::fcntl_setpipe_size(&stdin, PIPE_BYTES);
        let postgres = postgres.clone();
        let mut session = Self { running, stdin: Some(stdin), stdout, heard: Vec::new(), postgres, watch: None };
        session.tell(QUIET)?;
        Ok(session)
    }

    /// Calls `watch` every tenth of a second for as long as the server does not take or answer something, with how long
    /// that has been.
    pub(super) fn watch(&mut self, watch: impl FnMut(Duration) -> Result<()> + Send + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// Lets the server take its time again, however long it does not answer.
    pub(super) fn unwatch(&mut self) {
        self.watch = None;
    }

    /// Goes on under another run: what asks the first one to stop does not stop this session.
    pub(super) fn go_on_as(&mut self, run: Run) {
        self.running.run = run;
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
        let (start, end) = (format!("{mark}-start\n"), format!("{mark}-end\n"));
        loop {
            if self.heard.ends_with(end.as_bytes()) {
                let heard = spelled(&std::mem::take(&mut self.heard));
                let answer = heard.rsplit_once(&start).map_or("", |(_, answer)| answer);
                return Ok(answer.strip_suffix(&end).unwrap_or(answer).to_owned());
            }
            if !self.hear()? {
                self.wait(false)?;
            }
        }
    }

    fn parsed<T: DeserializeOwned>(&self, answer: &str) -> Result<T> {
        serde_json::from_str(answer.trim()).map_err(|source| {
            Error::new(ErrorKind::Bug, "cannot understand the server's answer").at(self.running.stage).because(source)
        })
    }

    /// Hands text on, to be run as it comes.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let Some(stdin) = &mut self.stdin else { return Err(self.failed()) };
            match stdin.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // What it prints of a dump is of no interest, but it must be able to print it.
                    self.hear()?;
                    self.heard.clear();
                    self.wait(true)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(self.failed()),
            }
        }
        Ok(())
    }

    /// Ends the connection.
    pub(super) fn end(mut self) -> Result<()> {
        self.stdin = None;
        let (status, _) = self.running.end()?;
        if status.success() { Ok(()) } else { Err(self.failed()) }
    }

    /// Takes what was printed; `false` if there is nothing now.
    fn hear(&mut self) -> Result<bool> {
        let mut part = [0; 8 * 1024];
        match self.stdout.read(&mut part) {
            Ok(0) => Err(self.failed()),
            Ok(count) => {
                self.heard.extend_from_slice(&part[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(false),
            Err(_) => Err(self.failed()),
        }
    }

    /// Waits until something was printed or, if asked for, there is room.
    fn wait(&mut self, for_room: bool) -> Result<()> {
        let since = Instant::now();
        loop {
            let mut pipes = vec![PollFd::new(&self.stdout, PollFlags::IN)];
            if let (true, Some(stdin)) = (for_room, &self.stdin) {
                pipes.push(PollFd::new(stdin, PollFlags::OUT));
            }
            if self.running.wait_a_moment(&mut pipes)? {
                return Ok(());
            }
            if let Some(watch) = &mut self.watch {
                watch(since.elapsed())?;
            }
        }
    }

    /// Returns why it ended.
    fn failed(&mut self) -> Error {
        self.stdin = None;
        let stage = self.running.stage;
        let status = match self.running.end() {
            Ok((status, _)) => status,
            Err(error) => return error,
        };
        if let Err(stopped) = self.running.run.cancel.check() {
            return stopped;
        }
        let said = self.running.said();
        let said = self.postgres.connection.password().map_or_else(|| said.clone(), |password| password.masked(&said));
        let error = explain(&self.postgres, &said, status).at(stage);
        // A backup ends nobody's session.
        let is_backup = stage == Stage::Source && error.kind() == ErrorKind::Busy;
        if is_backup { error.hint("try again when that has ended") } else { error }
    }
}

/// Cancels what the server does for it, and closes the connection.
impl Drop for Session {
    fn drop(&mut self) {
        self.stdin = None;
        let Ok(None) = self.running.child.try_wait() else { return };
        if let Some(pid) = Pid::from_raw(self.running.child.id().cast_signed()) {
            let _ended = kill_process(pid, Signal::INT);
        }
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline && matches!(self.running.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
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

/// How long a cancelled statement may take to end.
const GRACE: Duration = Duration::from_secs(2);
/// What the pipe holds: as much as Linux allows everybody.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1024 * 1024;
