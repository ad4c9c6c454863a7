//! A running child process: what it says, how it ended, and that it ends with us.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// A child and the thread that listens to its standard error for lines of `T`. Dropped, the child is asked to end,
/// then killed.
pub(crate) struct Running<T> {
    pub(crate) child: Child,
    pub(crate) name: String,
    pub(crate) stage: Stage,
    pub(crate) run: Run,
    lines: Receiver<T>,
    /// Text of its standard error: the last lines.
    said: Arc<Mutex<String>>,
}

/// What one line of a child's standard error is.
pub(crate) enum Heard<T> {
    /// For whoever runs the child.
    Line(T),
    /// Dealt with.
    Done,
    /// Text for people; the last lines go into the error.
    Text,
}

impl<T: Send + 'static> Running<T> {
    /// Starts `command`, whose standard error is a pipe, and listens.
    ///
    /// # Errors
    ///
    /// `Config` if there is no such program, else `Tool`.
    pub(crate) fn start(
        name: String,
        mut command: Command,
        stage: Stage,
        run: &Run,
        hear: impl FnMut(&[u8]) -> Heard<T> + Send + 'static,
    ) -> Result<Self> {
        let mut child = command.spawn().map_err(|source| {
            let kind = if source.kind() == std::io::ErrorKind::NotFound { ErrorKind::Config } else { ErrorKind::Tool };
            Error::new(kind, format!("cannot start `{name}`")).at(stage).subject(&name).because(source)
        })?;
        let (sender, lines) = channel();
        let stderr = child.stderr.take();
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        // Made first: where no thread can be started, dropping it ends the child.
        let running = Self { child, name, stage, run: run.clone(), lines, said };
        let listener = std::thread::Builder::new().name("dbbackup-child".to_owned()).spawn(move || {
            if let Some(stderr) = stderr {
                listen(stderr, hear, &sender, &heard);
            }
        });
        listener.map_err(|source| {
            let message = format!("cannot start a thread that listens to `{}`", running.name);
            Error::new(ErrorKind::Tool, message).at(stage).because(source)
        })?;
        Ok(running)
    }

    /// Waits for the next line; `None`: there will be none.
    pub(crate) fn next_line(&self) -> Result<Option<T>> {
        loop {
            self.run.cancel.check()?;
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    /// Waits until one of `pipes` has something to say, has room, or is closed; stops when asked to.
    pub(crate) fn wait_for(&self, pipes: &mut [PollFd<'_>]) -> Result<()> {
        while !self.wait_a_moment(pipes)? {}
        Ok(())
    }

    /// Waits as [`Self::wait_for`], for a tenth of a second at most; `false`: nothing came.
    pub(crate) fn wait_a_moment(&self, pipes: &mut [PollFd<'_>]) -> Result<bool> {
        self.run.cancel.check()?;
        let patience = Timespec { tv_sec: 0, tv_nsec: PATIENCE.subsec_nanos().into() };
        match poll(pipes, Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
            Ok(_) => Ok(true),
            Err(source) => Err(Error::new(ErrorKind::Tool, format!("cannot talk to `{}`", self.name))
                .at(self.stage)
                .because(source)),
        }
    }

    /// Waits for the end of the child; returns its status and the lines that nobody has taken yet.
    pub(crate) fn end(&mut self) -> Result<(ExitStatus, Vec<T>)> {
        let status = self.wait()?;
        Ok((status, self.rest()))
    }

    /// Returns the error of a child that ended badly, with its last words.
    pub(crate) fn failed(&self, status: ExitStatus) -> Error {
        let said = self.said();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        Error::new(ErrorKind::Tool, format!("`{}` failed ({status}){said}", self.name))
            .at(self.stage)
            .subject(&self.name)
    }

    /// Returns its last words.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned()
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
                stop(&mut self.child);
                continue;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Returns the lines that are still under way. A grandchild that keeps the pipe open (ssh's connection master
    /// does) is not waited for.
    fn rest(&self) -> Vec<T> {
        let deadline = Instant::now() + LAST_WORDS;
        let mut rest = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            rest.push(line);
        }
        rest
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            stop(&mut self.child);
        }
    }
}

/// Asks a child to end, then makes it.
fn stop(child: &mut Child) {
    // A child that waits for its input, or for room in its output, sees both closed.
    child.stdin = None;
    child.stdout = None;
    if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
        let _ended = kill_process(pid, Signal::TERM);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _killed = child.kill();
    let _reaped = child.wait();
}

/// Reads a child's standard error to its end: hands lines on, keeps the last ones of text.
fn listen<T>(stderr: ChildStderr, mut hear: impl FnMut(&[u8]) -> Heard<T>, lines: &Sender<T>, said: &Mutex<String>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stderr.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match hear(&line) {
            Heard::Done => {}
            Heard::Line(line) => {
                // Nobody listens any more when the run has failed elsewhere.
                let _failed_elsewhere = lines.send(line);
            }
            Heard::Text => {
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
