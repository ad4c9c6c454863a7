//! The standard output of a child, as a dump.

use std::io::{self, Read};
use std::process::{ChildStdout, Stdio};

use rustix::event::{PollFd, PollFlags};

use super::message::Message;
use super::talk::Talk;
use super::{Speech, Tool};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;
use crate::source::{Dump, DumpFacts, Source};

impl Source for Tool {
    fn open(&mut self, run: &Run) -> Result<Box<dyn Dump>> {
        let mut command = self.command();
        command.stdout(Stdio::piped());
        let mut talk = Talk::start(self, command, Stage::Source, run)?;
        let expected_bytes = talk.opened()?;
        let stdout = talk.running.child.stdout.take().ok_or_else(|| talk.silent())?;
        Ok(Box::new(ToolDump { stdout, talk, speech: self.speech, expected_bytes, last: None, has_ended: false }))
    }
}

struct ToolDump {
    /// Closed before the child is waited for.
    stdout: ChildStdout,
    talk: Talk,
    speech: Speech,
    expected_bytes: Option<u64>,
    last: Option<Message>,
    has_ended: bool,
}

impl Read for ToolDump {
    /// Reads dump bytes; `Ok(0)` means that the tool exited with status 0.
    ///
    /// A pipe closes the same way on success and on a crash, so the exit status is collected *before* the end
    /// is passed on.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buf.is_empty() {
            return Ok(0);
        }
        self.talk.running.wait_for(&mut [PollFd::new(&self.stdout, PollFlags::IN)])?;
        let count = self
            .stdout
            .read(buf)
            .map_err(|source| Error::in_io(source, ErrorKind::Tool, "cannot read from a child", Stage::Source))?;
        if count == 0 {
            self.last = self.talk.require_success()?;
            self.has_ended = true;
        }
        Ok(count)
    }
}

impl Dump for ToolDump {
    fn expected_bytes(&self) -> Option<u64> {
        self.expected_bytes
    }

    fn finish(self: Box<Self>) -> Result<DumpFacts> {
        match (self.speech, self.last) {
            (Speech::Text, _) => Ok(DumpFacts::default()),
            (Speech::Messages, Some(Message::Dumped(facts))) => Ok(facts),
            (Speech::Messages, _) => Err(self.talk.silent()),
        }
    }
}
