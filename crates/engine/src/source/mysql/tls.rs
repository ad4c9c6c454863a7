//! Encryption that was asked for: MariaDB's programs go on without it where the server has none.

use super::Mysql;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

impl Mysql {
    /// Fails if `ssl-mode` is `REQUIRED` and the server takes connections without it. The stricter modes are the
    /// programs' own to keep.
    ///
    /// # Errors
    ///
    /// `Config`; those of a connection.
    pub(super) fn require_tls(&self, run: &Run) -> Result<()> {
        if !self.requires_tls() {
            return Ok(());
        }
        self.judge_tls(self.ask_once(STATUS, run)?.trim_end(), Stage::Source)
    }

    /// The same for a session.
    pub(super) fn require_tls_of(&self, session: &mut Session) -> Result<()> {
        if !self.requires_tls() {
            return Ok(());
        }
        let columns = session.show(STATUS, 1, 0)?;
        self.judge_tls(&String::from_utf8_lossy(&columns.join(&b'\t')), Stage::Target)
    }

    fn requires_tls(&self) -> bool {
        self.connection.get("ssl-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("REQUIRED"))
    }

    /// Takes `Ssl_cipher`, and behind a tab which; none if it is not encrypted.
    fn judge_tls(&self, row: &str, stage: Stage) -> Result<()> {
        if row.split_once('\t').is_some_and(|(_, cipher)| !cipher.is_empty()) {
            return Ok(());
        }
        let message = format!("cannot connect to {} by TLS, which `ssl-mode` requires", self.connection.describe());
        Err(Error::new(ErrorKind::Config, message)
            .at(stage)
            .subject(self.connection.database())
            .hint("let the server have a certificate, or leave `ssl-mode` out"))
    }
}

const STATUS: &str = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
