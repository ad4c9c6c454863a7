//! One question to the server, on a connection of its own.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags};

use super::Mysql;
use super::said::explain;
use super::session::{CLIENT_OPTIONS, seconds};
use super::tools::OptionsFrom;
use crate::child::{Heard, Running};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;
use crate::secret::Secret;

impl Mysql {
    /// Runs SQL and returns what it prints: rows as lines, columns with tabs between them, all of them as they are.
    ///
    /// Its options arrive behind every prefix, unlike a session's.
    ///
    /// # Errors
    ///
    /// `Config` without a client or without such a database, `Denied`, `Tool`.
    pub(super) fn ask_once(&self, sql: &str, run: &Run) -> Result<String> {
        let client = self.client()?;
        let (mut command, options) = self.tools.command(client, &self.connection, OptionsFrom::Stdin)?;
        command.args(&self.client_options).args(CLIENT_OPTIONS);
        let timeout = seconds(self.lock_timeout);
        command.arg(format!(
            "--execute=SET SESSION sql_mode = '', group_concat_max_len = 1073741824, lock_wait_timeout = {timeout}; {sql}"
        ));
        command.args(["--", self.connection.database()]);
        let name = client.name();
        let mut running = start(&name, command, options.as_ref(), run)?;
        let Some(mut stdout) = running.child.stdout.take() else {
            return Err(Error::new(ErrorKind::Bug, format!("`{name}` has no output")));
        };
        let (mut answer, mut part) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            running.wait_for(&mut [PollFd::new(&stdout, PollFlags::IN)])?;
            let count = stdout.read(&mut part).map_err(|source| {
                Error::new(ErrorKind::Tool, format!("cannot read from `{name}`")).at(Stage::Source).because(source)
            })?;
            if count == 0 {
                break;
            }
            answer.extend_from_slice(&part[..count]);
        }
        let (status, _) = running.end()?;
        if status.success() {
            return String::from_utf8(answer).map_err(|source| {
                let message = "cannot understand the server's answer: it is no UTF-8";
                Error::new(ErrorKind::Unsupported, message).at(Stage::Source).because(source)
            });
        }
        run.cancel.check()?;
        Err(explain(&self.connection, &name, &running.said(), status).at(Stage::Source))
    }
}

/// Starts a program whose output is wanted, and sends it its options.
pub(super) fn start(name: &str, mut command: Command, options: Option<&Secret>, run: &Run) -> Result<Running<()>> {
    command.stdout(Stdio::piped());
    let mut running = Running::start(name.to_owned(), command, Stage::Source, run, |_| Heard::Text)?;
    if let (Some(options), Some(mut stdin)) = (options, running.child.stdin.take()) {
        // One that has ended already says why.
        let _ended = stdin.write_all(options.reveal().as_bytes());
    }
    Ok(running)
}
