//! A tool that runs: its messages, and how it ended.

use super::message::Message;
use super::{Speech, Tool};
use crate::child::{Heard, Running};
use crate::error::{Error, ErrorKind, ErrorReport, Result, Stage};
use crate::run::Run;
use std::process::Command;

/// A tool under way.
pub(super) struct Talk {
    pub(super) running: Running<Message>,
    speech: Speech,
    last: Option<Message>,
}

impl Talk {
    pub(super) fn start(tool: &Tool, command: Command, stage: Stage, run: &Run) -> Result<Self> {
        let (speech, progress) = (tool.speech, run.progress.clone());
        let hear = move |line: &[u8]| match speech {
            Speech::Text => Heard::Text,
            Speech::Messages => match serde_json::from_slice(line) {
                Ok(Message::Progress(event)) => {
                    progress.tell(event);
                    Heard::Done
                }
                Ok(message) => Heard::Line(message),
                Err(_) => Heard::Text,
            },
        };
        Ok(Self { running: Running::start(tool.name(), command, stage, run, hear)?, speech, last: None })
    }

    /// Waits until our own child has opened its end; returns the bytes it expects. Other tools open in silence.
    pub(super) fn opened(&mut self) -> Result<Option<u64>> {
        if self.speech == Speech::Text {
            return Ok(None);
        }
        loop {
            match self.running.next_line()? {
                Some(Message::Opened { expected_bytes }) => return Ok(expected_bytes),
                Some(other) => self.last = Some(other),
                None => return Err(self.require_success().err().unwrap_or_else(|| self.silent())),
            }
        }
    }

    /// Waits for the end of the child; fails unless it exited with status 0. Returns its last message.
    pub(super) fn require_success(&mut self) -> Result<Option<Message>> {
        let (status, mut rest) = self.running.end()?;
        match rest.pop().or_else(|| self.last.take()) {
            Some(Message::Failed(report)) => Err(self.reported(report)),
            last if status.success() => Ok(last),
            _ => {
                self.running.run.cancel.check()?;
                Err(self.running.failed(status))
            }
        }
    }

    /// Names a child of ours that ended without a word.
    pub(super) fn silent(&self) -> Error {
        let message = format!("`{}` ended without its last message", self.running.name);
        Error::new(ErrorKind::Tool, message).at(self.running.stage)
    }

    /// Takes the child's own error; one that was ended by somebody else was not interrupted by our user.
    fn reported(&self, report: ErrorReport) -> Error {
        let Running { name, stage, run, .. } = &self.running;
        if report.kind == ErrorKind::Interrupted && run.cancel.signal().is_none() {
            let message = format!("`{name}` was ended from outside; nothing was changed");
            return Error::new(ErrorKind::Tool, message).at(*stage).subject(name);
        }
        Error::from_report(report)
    }
}
