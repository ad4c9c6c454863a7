//! A running child: what it says, how it ended, and that it ends with us.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::message::Message;
use super::{Speech, Tool};
use crate::error::{Error, ErrorKind, ErrorReport, Result, Stage};
use crate::run::Run;

/// A child and the thread that listens to it. Dropped, the child is asked to end, then killed.
pub(super) struct Running {
    pub(super) child: Child,
    name: String,
    speech: Speech,
    stage: Stage,
    run: Run,
    messages: Receiver<Message>,
    /// Text of its standard error: the last lines.
    said: Arc<Mutex<String>>,
    last: Option<Message>,
}

impl Running {
    pub(super) fn start(tool: &Tool, mut command: Command, stage: Stage, run: &Run) -> Result<Self> {
        let name = tool.name();
        let mut child = command.spawn().map_err(|source| {
            let kind = if source.kind() == std::io::ErrorKind::NotFound { ErrorKind::Config } else { ErrorKind::Tool };
            Error::new(kind, format!("cannot start `{name}`")).at(stage).subject(&name).because(source)
        })?;
        let (sender, messages) = channel();
        let stderr = child.stderr.take();
        let listening = run.clone();
        let speech = tool.speech;
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        // Made first: where no thread can be started, dropping it ends the child.
        let running = Self { child, name, speech, stage, run: run.clone(), messages, said, last: None };
        let listener = std::thread::Builder::new().name("dbbackup-child".to_owned()).spawn(move || {
            if let Some(stderr) = stderr {
                listen(stderr, speech, &listening, &sender, &heard);
            }
        });
        listener.map_err(|source| {
            let message = format!("cannot start a thread that listens to `{}`", running.name);
            Error::new(ErrorKind::Tool, message).at(stage).because(source)
        })?;
        Ok(running)
    }

    /// Waits until our own child has opened its end; returns the bytes it expects. Other tools open in silence.
    pub(super) fn opened(&mut self) -> Result<Option<u64>> {
        if self.speech == Speech::Text {
            return Ok(None);
        }
        loop {
            self.run.cancel.check()?;
            match self.messages.recv_timeout(PATIENCE) {
                Ok(Message::Opened { expected_bytes }) => return Ok(expected_bytes),
                Ok(other) => self.last = Some(other),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.require_success().err().unwrap_or_else(|| self.silent()));
                }
            }
        }
    }

    /// Waits until `pipe` has something to say, or is closed; stops when asked to.
    pub(super) fn wait_for(&self, pipe: &impl AsFd, flags: PollFlags) -> Result<()> {
        let patience = Timespec { tv_sec: 0, tv_nsec: PATIENCE.subsec_nanos().into() };
        loop {
            self.run.cancel.check()?;
            let mut fds = [PollFd::new(pipe, flags)];
            match poll(&mut fds, Some(&patience)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(source) => {
                    return Err(Error::new(ErrorKind::Tool, format!("cannot talk to `{}`", self.name))
                        .at(self.stage)
                        .because(source));
                }
            }
        }
    }

    /// Waits for the end of the child; fails unless it exited with status 0. Returns its last message.
    pub(super) fn require_success(&mut self) -> Result<Option<Message>> {
        let status = self.wait()?;
        self.hear_the_rest();
        match self.last.take() {
            Some(Message::Failed(report)) => Err(self.reported(report)),
            last if status.success() => Ok(last),
            _ => {
                self.run.cancel.check()?;
                Err(self.failed(status))
            }
        }
    }

    /// Names a child of ours that ended without a word.
    pub(super) fn silent(&self) -> Error {
        Error::new(ErrorKind::Tool, format!("`{}` ended without its last message", self.name)).at(self.stage)
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        let mut pause = Duration::from_micros(200);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(source) => {
                    return Err(Error::from_io(source, ErrorKind::Tool, format!("cannot wait for `{}`", self.name)));
                }
            }
            if self.run.cancel.signal().is_some() {
                // Its status decides: a child that had committed already has committed.
                self.end();
                continue;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Listens to what is still under way. A grandchild that keeps the pipe open (ssh's connection master does) is
    /// not waited for.
    fn hear_the_rest(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(message) = self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.last = Some(message);
        }
    }

    /// Takes the child's own error; one that was ended by somebody else was not interrupted by our user.
    fn reported(&self, report: ErrorReport) -> Error {
        if report.kind == ErrorKind::Interrupted && self.run.cancel.signal().is_none() {
            let message = format!("`{}` was ended from outside; nothing was changed", self.name);
            return Error::new(ErrorKind::Tool, message).at(self.stage).subject(&self.name);
        }
        Error::from_report(report)
    }

    fn failed(&self, status: ExitStatus) -> Error {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = said.trim();
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        Error::new(ErrorKind::Tool, format!("`{}` failed ({status}){said}", self.name))
            .at(self.stage)
            .subject(&self.name)
    }

    /// Asks the child to end, then makes it.
    fn end(&mut self) {
        // A child that waits for its input, or for room in its output, sees both closed.
        self.child.stdin = None;
        self.child.stdout = None;
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ended = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.end();
        }
    }
}

/// Reads a child's standard error to its end: hands messages on, keeps the last lines of text.
fn listen(stderr: ChildStderr, speech: Speech, run: &Run, messages: &Sender<Message>, said: &Mutex<String>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stderr.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match serde_json::from_slice(&line) {
            Ok(Message::Progress(event)) if speech == Speech::Messages => run.progress.tell(event),
            Ok(message) if speech == Speech::Messages => {
                // Nobody listens any more when the run has failed elsewhere.
                let _failed_elsewhere = messages.send(message);
            }
            _ => {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                said.push_str(&String::from_utf8_lossy(&line));
                let surplus = said.len().saturating_sub(SAID_BYTES);
                let at = (surplus..=said.len()).find(|&at| said.is_char_boundary(at)).unwrap_or(0);
                said.drain(..at);
            }
        }
    }
}

/// How long a wait lasts before somebody looks whether the run is to stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a child's last words may take to arrive after it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a child may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// Longest line that is read at once; facts with 10,000 tables have about 500 KiB.
const LINE_BYTES: u64 = 16 * 1024 * 1024;
/// Text that is kept: the last lines of a tool's complaints.
const SAID_BYTES: usize = 4096;
