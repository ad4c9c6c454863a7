//! A dialogue with a child: questions on its standard input, answers on its standard output, both while it runs.

use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, kill_process};

use crate::child::Running;
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

/// A child that is asked, until it is dropped: then it is interrupted, and ends.
pub(crate) struct Dialogue {
    running: Running<()>,
    /// Closed before the child is waited for.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    heard: Vec<u8>,
    explain: Explain,
    watch: Option<Watch>,
}

/// Makes an error of a child's last words and of how it ended.
pub(crate) type Explain = Box<dyn Fn(&str, ExitStatus) -> Error + Send>;

/// Called with how long the child has not taken or answered something.
pub(crate) type Watch = Box<dyn FnMut(Duration) -> Result<()> + Send>;

impl Dialogue {
    /// Takes a child whose three streams are pipes. `explain` says what it means when it ends unasked.
    pub(crate) fn with(mut running: Running<()>, explain: Explain) -> Result<Self> {
        let (name, stage) = (running.name.clone(), running.stage);
        let silent = || Error::new(ErrorKind::Bug, format!("`{name}` was started without pipes")).at(stage);
        let stdin = running.child.stdin.take().ok_or_else(silent)?;
        let stdout = running.child.stdout.take().ok_or_else(silent)?;
        for pipe in [rustix::io::ioctl_fionbio(&stdin, true), rustix::io::ioctl_fionbio(&stdout, true)] {
            pipe.map_err(|source| {
                Error::new(ErrorKind::Tool, format!("cannot talk to `{name}`")).at(stage).because(source)
            })?;
        }
        #[cfg(target_os = "linux")]
        let _smaller = rustix::pipe::fcntl_setpipe_size(&stdin, PIPE_BYTES);
        Ok(Self { running, stdin: Some(stdin), stdout, heard: Vec::new(), explain, watch: None })
    }

    /// Calls `watch` every tenth of a second for as long as the child does not take or answer something.
    pub(crate) fn watch(&mut self, watch: impl FnMut(Duration) -> Result<()> + Send + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// Lets the child take its time again.
    pub(crate) fn unwatch(&mut self) {
        self.watch = None;
    }

    /// Goes on under another run: what asks the first one to stop does not stop this dialogue.
    pub(crate) fn go_on_as(&mut self, run: Run) {
        self.running.run = run;
    }

    /// Hands text on, to be run as it comes. What the child prints meanwhile is of no interest.
    ///
    /// # Errors
    ///
    /// Why the child ended, at something that was sent before.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let Some(stdin) = &mut self.stdin else { return Err(self.failed()) };
            match stdin.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // It must be able to print, or it takes nothing.
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

    /// Returns what the child prints between the lines `start` and `end`.
    ///
    /// # Errors
    ///
    /// Why the child ended before.
    pub(crate) fn hear_between(&mut self, start: &str, end: &str) -> Result<Vec<u8>> {
        let (start, end) = (format!("{start}\n"), format!("{end}\n"));
        loop {
            if self.heard.ends_with(end.as_bytes()) {
                let mut heard = std::mem::take(&mut self.heard);
                heard.truncate(heard.len() - end.len());
                let at = memchr::memmem::rfind(&heard, start.as_bytes()).map_or(heard.len(), |at| at + start.len());
                return Ok(heard.split_off(at));
            }
            if !self.hear()? {
                self.wait(false)?;
            }
        }
    }

    /// Lets the child end.
    ///
    /// # Errors
    ///
    /// What it said where it ended badly.
    pub(crate) fn end(mut self) -> Result<()> {
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
        let status = match self.running.end() {
            Ok((status, _)) => status,
            Err(error) => return error,
        };
        if let Err(stopped) = self.running.run.cancel.check() {
            return stopped;
        }
        (self.explain)(&self.running.said(), status).at(self.running.stage)
    }
}

/// Cancels what a server does for it, and closes the connection.
impl Drop for Dialogue {
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

/// How long a cancelled statement may take to end.
const GRACE: Duration = Duration::from_secs(2);
/// What the pipe holds: as much as Linux allows everybody.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1024 * 1024;
