//! Two sessions that take the rows of a table in turn: a server works for each on a core of its own.

use super::session::Session;
use super::statement::Tokens;
use super::{Mysql, identifier};
use crate::error::{Result, Stage};
use crate::run::Run;

/// Who takes a statement with rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nobody yet: the last statement was another one.
    Open,
    First,
    Second,
}

/// Runs statements in their order, but for those that bring rows: these come in any order, where the table allows it.
pub(super) struct Lanes {
    /// Takes everything but every other statement with rows.
    first: Session,
    second: Session,
    turn: Turn,
    /// The table whose rows may come in any order.
    in_any_order: Option<String>,
    /// Whether the text has transactions of its own: the two would wait for each other.
    has_transactions: bool,
    /// Whether `first` may be at something that `second` has to see done.
    first_is_ahead: bool,
    /// Whether `second` may be at work.
    second_is_busy: bool,
}

impl Lanes {
    /// Connects twice to `schema`.
    ///
    /// # Errors
    ///
    /// The server's.
    pub(super) fn start(mysql: &Mysql, schema: &str, run: &Run) -> Result<Self> {
        Ok(Self {
            first: connect(mysql, schema, run)?,
            second: connect(mysql, schema, run)?,
            turn: Turn::Open,
            in_any_order: None,
            has_transactions: false,
            first_is_ahead: true,
            second_is_busy: false,
        })
    }

    /// Hears of a new table, if its rows may come in any order.
    pub(super) fn begin(&mut self, in_any_order: Option<String>) {
        self.in_any_order = in_any_order;
    }

    /// Hands on whole statements, which come after all that came before.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn send(&mut self, sql: &[u8]) -> Result<()> {
        let first_word = Tokens::of(sql).next();
        self.has_transactions |= first_word.is_some_and(|(word, _)| word.is("BEGIN") || word.is("START"));
        self.go_first()?;
        self.first.send(sql)
    }

    /// Hands on a `SET`, which both need.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn set(&mut self, sql: &[u8]) -> Result<()> {
        self.has_transactions |= Tokens::of(sql).any(|(token, _)| token.is("AUTOCOMMIT"));
        self.first.send(sql)?;
        self.second.send(sql)
    }

    /// Hands on the beginning of a statement with rows of a table; `more` brings the rest.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn rows(&mut self, table: &str, head: &[u8]) -> Result<()> {
        if self.in_any_order.as_deref() != Some(table) || self.has_transactions || !is_plain(head) {
            self.go_first()?;
        }
        self.turn = if self.turn == Turn::First { Turn::Second } else { Turn::First };
        if self.turn == Turn::Second {
            if self.first_is_ahead {
                self.first.tell("DO 0")?;
                self.first_is_ahead = false;
            }
            self.second_is_busy = true;
        }
        self.more(head)
    }

    /// Hands on more of a statement with rows.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn more(&mut self, part: &[u8]) -> Result<()> {
        if self.turn == Turn::Second { self.second.send(part) } else { self.first.send(part) }
    }

    /// Waits until the server has done everything, and keeps it.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.go_first()?;
        // A text that switched autocommit off may not have said so itself.
        self.first.tell("COMMIT")?;
        self.first_is_ahead = false;
        Ok(())
    }

    /// Ends both connections.
    ///
    /// # Errors
    ///
    /// The server's, of something that was sent before.
    pub(super) fn end(self) -> Result<()> {
        self.first.end()?;
        self.second.end()
    }

    /// Lets `first` take what comes, after all that came before.
    fn go_first(&mut self) -> Result<()> {
        if self.second_is_busy {
            self.second.tell("DO 0")?;
            self.second_is_busy = false;
        }
        self.turn = Turn::Open;
        self.first_is_ahead = true;
        Ok(())
    }
}

/// Connects to a schema; foreign keys may lead nowhere while it is filled.
pub(super) fn connect(mysql: &Mysql, schema: &str, run: &Run) -> Result<Session> {
    let mut session = Session::start(mysql, Stage::Target, run)?;
    session.tell(&format!("USE {};\nSET SESSION foreign_key_checks = 0", identifier(schema)))?;
    Ok(session)
}

/// Whether an `INSERT` fails where a row of its key is there: then it does not matter which of two comes first.
fn is_plain(head: &[u8]) -> bool {
    let mut tokens = Tokens::of(head).map(|(token, _)| token);
    tokens.next().is_some_and(|token| token.is("INSERT")) && tokens.next().is_some_and(|token| token.is("INTO"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inserts_that_fail_on_a_second_row_of_a_key_may_change_places() {
        for (head, expected) in [
            ("INSERT INTO `t` VALUES (", true),
            ("insert into t (a) values (", true),
            ("INSERT IGNORE INTO t VALUES (", false),
            ("INSERT  IGNORE INTO t VALUES (", false),
            ("REPLACE INTO t VALUES (", false),
        ] {
            assert_eq!(is_plain(head.as_bytes()), expected, "{head}");
        }
    }
}
