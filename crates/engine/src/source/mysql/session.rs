//! A session with the server: one `mariadb` or `mysql`, asked on its standard input.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Mysql;
use super::said::explain;
use super::tools::OptionsFrom;
use crate::child::{Heard, Running};
use crate::dialogue::Dialogue;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// One connection, until it is dropped.
pub(super) struct Session {
    dialogue: Dialogue,
    stage: Stage,
}

impl Session {
    /// Connects to the server, without a database.
    ///
    /// # Errors
    ///
    /// `Config` without a client; `Denied`, `Tool`: there is no connection.
    pub(super) fn start(mysql: &Mysql, stage: Stage, run: &Run) -> Result<Self> {
        let client = mysql.client()?;
        let (mut command, _) = mysql.tools.command(client, &mysql.connection, OptionsFrom::Pipe)?;
        command.args(&mysql.client_options).args(CLIENT_OPTIONS);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let name = client.name();
        let running = Running::start(name.clone(), command, stage, run, |_| Heard::Text)?;
        let connection = mysql.connection.clone();
        let dialogue =
            Dialogue::with(running, Box::new(move |said, status| explain(&connection, &name, said, status)))?;
        let mut session = Self { dialogue, stage };
        session.tell(QUIET)?;
        mysql.require_tls_of(&mut session)?;
        session.tell(&format!("SET SESSION lock_wait_timeout = {}", seconds(mysql.lock_timeout)))?;
        Ok(session)
    }

    /// Goes on under another run: what asks the first one to stop does not stop this session.
    pub(super) fn go_on_as(&mut self, run: Run) {
        self.dialogue.go_on_as(run);
    }

    /// Runs SQL without an answer, to its end.
    ///
    /// # Errors
    ///
    /// The server's; the session has ended then.
    pub(super) fn tell(&mut self, sql: &str) -> Result<()> {
        self.answer(sql).map(drop)
    }

    /// Runs a query whose answer is one value of JSON.
    ///
    /// # Errors
    ///
    /// The server's; the session has ended then.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, sql: &str) -> Result<T> {
        let answer = self.answer(sql)?;
        parsed(&answer, self.stage)
    }

    /// Runs a query whose answer is one value of JSON in each row.
    ///
    /// # Errors
    ///
    /// The server's; the session has ended then.
    pub(super) fn ask_each<T: DeserializeOwned>(&mut self, sql: &str) -> Result<Vec<T>> {
        let answer = self.answer(sql)?;
        answer
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| parsed(line, self.stage))
            .collect()
    }

    /// Runs a `SHOW` whose answer is one row. Returns `before` columns, the text behind them, and `after` columns: in the
    /// text there may be tabs. All of it is as it was made, in whatever character set.
    ///
    /// # Errors
    ///
    /// The server's; the session has ended then.
    pub(super) fn show(&mut self, sql: &str, before: usize, after: usize) -> Result<Vec<Vec<u8>>> {
        let sql = format!("SET character_set_results = binary;\n{sql};\nSET character_set_results = utf8mb4");
        let answer = self.answer(&sql)?;
        let answer = answer.strip_suffix(b"\n").unwrap_or(&answer);
        let mut columns: Vec<&[u8]> = answer.splitn(before + 1, |&byte| byte == b'\t').collect();
        let rest = columns.pop().unwrap_or_default();
        let mut last: Vec<&[u8]> = rest.rsplitn(after + 1, |&byte| byte == b'\t').collect();
        last.reverse();
        columns.extend(last);
        Ok(columns.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// Hands text on, to be run as it comes; an error is told at what is sent later.
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

    /// Sends SQL between two queries that tell its answer from what a dump's statements print.
    fn answer(&mut self, sql: &str) -> Result<Vec<u8>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mark = format!("dbbackup-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (start, end) = (format!("{mark}-start"), format!("{mark}-end"));
        self.send(format!("SELECT '{start}';\n{sql}\n;\nSELECT '{end}';\n").as_bytes())?;
        self.dialogue.hear_between(&start, &end)
    }
}

fn parsed<T: DeserializeOwned>(answer: &[u8], stage: Stage) -> Result<T> {
    serde_json::from_slice(answer)
        .map_err(|source| Error::new(ErrorKind::Bug, "cannot understand the server's answer").at(stage).because(source))
}

/// Returns whole seconds, at least one.
pub(super) fn seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

/// What makes a client ask nobody, print values alone, each at once, and end at the first error. In binary mode it obeys
/// no command of its own but `DELIMITER`.
pub(super) const CLIENT_OPTIONS: [&str; 9] = [
    "--batch",
    "--raw",
    "--skip-column-names",
    "--unbuffered",
    "--binary-mode",
    "--no-auto-rehash",
    "--skip-reconnect",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
];

/// What the server's own settings must not change.
pub(super) const QUIET: &str = "\
SET SESSION autocommit = 1, sql_mode = '', time_zone = '+00:00', wait_timeout = 86400, net_read_timeout = 3600, \
net_write_timeout = 3600, group_concat_max_len = 1073741824";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_whole_seconds() {
        for (milliseconds, whole) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (30_000, 30)] {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), whole);
        }
    }
}
