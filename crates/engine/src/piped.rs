//! A stream through a child: what comes in is written to its standard input, what it writes comes out.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ChildStdin, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::child::Running;
use crate::error::{Error, ErrorKind, Result};

/// Bytes on their way through a child. `Ok(0)` means that its verdict was good: its own word, and its exit status.
///
/// Both pipes are served by the thread that reads: what comes in may belong to it.
pub(crate) struct Piped<'a, T> {
    inner: Box<dyn Read + Send + 'a>,
    /// What was taken from `inner`, or stands before it, and the child has not taken yet.
    part: Vec<u8>,
    sent: usize,
    /// Closed at the end of `inner`, and before the child is waited for.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    running: Running<T>,
    /// Whether the child took all that there was.
    took_all: bool,
    verdict: Option<Verdict<'a, T>>,
    has_ended: bool,
}

/// How a child ended.
pub(crate) struct Ended<T> {
    pub(crate) status: ExitStatus,
    /// What it said, but for the text.
    pub(crate) lines: Vec<T>,
    /// The error of a child that ended badly, with its last words.
    pub(crate) failed: Error,
    /// Whether it took all that there was.
    pub(crate) took_all: bool,
}

type Verdict<'a, T> = Box<dyn FnOnce(&Ended<T>) -> Result<()> + Send + 'a>;

impl<'a, T: Send + 'static> Piped<'a, T> {
    /// Takes a child whose three streams are pipes. `first` is sent before what `inner` gives.
    pub(crate) fn through(
        mut running: Running<T>,
        inner: Box<dyn Read + Send + 'a>,
        first: &[u8],
        verdict: Verdict<'a, T>,
    ) -> Result<Self> {
        let (name, stage) = (running.name.clone(), running.stage);
        let silent = || Error::new(ErrorKind::Bug, format!("`{name}` was started without pipes")).at(stage);
        let stdin = running.child.stdin.take().ok_or_else(silent)?;
        let stdout = running.child.stdout.take().ok_or_else(silent)?;
        for pipe in [stdin.as_fd(), stdout.as_fd()] {
            rustix::io::ioctl_fionbio(pipe, true).map_err(|source| {
                Error::new(ErrorKind::Tool, format!("cannot talk to `{name}`")).at(stage).because(source)
            })?;
            // Fewer changes from one process to the other. Where it is not allowed, the pipe stays as it is.
            #[cfg(target_os = "linux")]
            let _smaller = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
        }
        let verdict = Some(verdict);
        // Room for all that follows: `first` may be secret, and is overwritten.
        let mut part = Vec::with_capacity(PART_BYTES);
        part.extend_from_slice(first);
        Ok(Self {
            inner,
            part,
            sent: 0,
            stdin: Some(stdin),
            stdout,
            running,
            took_all: true,
            verdict,
            has_ended: false,
        })
    }

    /// Sends what the child has room for, or waits until it has, or has something to say.
    fn serve(&mut self) -> io::Result<()> {
        let Some(stdin) = &mut self.stdin else {
            return Ok(self.running.wait_for(&mut [PollFd::new(&self.stdout, PollFlags::IN)])?);
        };
        if self.sent == self.part.len() {
            self.part.resize(PART_BYTES, 0);
            let count = self.inner.read(&mut self.part);
            self.part.truncate(*count.as_ref().unwrap_or(&0));
            self.sent = 0;
            if count? == 0 {
                self.stdin = None;
                return Ok(());
            }
        }
        match stdin.write(&self.part[self.sent..]) {
            Ok(count) => self.sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let (room, word) = (PollFd::new(stdin, PollFlags::OUT), PollFd::new(&self.stdout, PollFlags::IN));
                self.running.wait_for(&mut [room, word])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                // It has ended, and says why.
                self.stdin = None;
                self.took_all = false;
            }
        }
        Ok(())
    }

    /// Gives a signal that ended the child the time to end us, too: Ctrl-C reaches every process of a terminal.
    fn wait_to_be_stopped(&self) -> Result<()> {
        let deadline = Instant::now() + SAME_SIGNAL;
        while Instant::now() < deadline {
            self.running.run.cancel.check()?;
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Hears how the child ended.
    fn end(&mut self) -> Result<()> {
        // Still open: it ended before it was sent everything.
        let took_all = self.took_all && self.stdin.take().is_none();
        let (status, lines) = self.running.end()?;
        if status.signal().is_some() {
            self.wait_to_be_stopped()?;
        }
        self.running.run.cancel.check()?;
        let failed = self.running.failed(status);
        let ended = Ended { status, lines, failed, took_all };
        let verdict = self.verdict.take();
        verdict.map_or_else(
            || Err(Error::new(ErrorKind::Bug, "a stream was read on after it failed")),
            |verdict| verdict(&ended),
        )
    }
}

impl<T: Send + 'static> Read for Piped<'_, T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buf.is_empty() {
            return Ok(0);
        }
        loop {
            self.running.run.cancel.check()?;
            match self.stdout.read(buf) {
                Ok(0) => {
                    self.end()?;
                    self.has_ended = true;
                    return Ok(0);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.serve()?,
                result => return result,
            }
        }
    }
}

/// Bytes that are taken from the stream at once.
const PART_BYTES: usize = 256 * 1024;
/// What a pipe holds: as much as Linux allows everybody.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1024 * 1024;
/// How much later than the child we may notice a signal that was meant for both.
const SAME_SIGNAL: Duration = Duration::from_millis(300);
