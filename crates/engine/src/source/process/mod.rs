//! A child process as a source or a target. End of file means that it exited with status 0.

mod dump;
mod load;
mod message;
mod serve;
mod talk;

use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};

pub use serve::{serve_dump, serve_load};

/// A command to run, as a value: `argv` is safe to show, `env` is not and is never shown.
#[derive(Clone)]
pub struct Tool {
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    speech: Speech,
}

/// What a tool says on its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    /// Text for people; the last lines go into the error.
    Text,
    /// Messages of our own child, one JSON object a line.
    Messages,
}

impl Tool {
    /// Any program that writes a dump to its standard output.
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), env: Vec::new(), speech: Speech::Text }
    }

    /// A child that calls [`serve_dump`] or [`serve_load`]: it reports progress, facts and errors as data,
    /// and as a target it takes an end mark for its commit.
    pub fn ours(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { speech: Speech::Messages, ..Self::new(argv) }
    }

    /// Adds a variable to the child's environment, which is this process's otherwise.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    fn command(&self) -> Command {
        let (program, arguments) =
            self.argv.split_first().map_or((OsString::new(), [].as_slice()), |(program, rest)| (program.clone(), rest));
        let mut command = Command::new(program);
        command.args(arguments).envs(self.env.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// The program's name, as errors call it.
    fn name(&self) -> String {
        let program = self.argv.first().map(std::path::PathBuf::from).unwrap_or_default();
        program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("argv", &self.argv).finish_non_exhaustive()
    }
}
