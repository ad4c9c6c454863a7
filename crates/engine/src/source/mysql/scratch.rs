//! A scratch database: made on a server for one drill, recognised as such by the next, and dropped.

use std::time::Duration;

use serde::Deserialize;

use super::catalog::schemas;
use super::journal::Journal;
use super::said::number;
use super::session::Session;
use super::{Mysql, identifier, literal};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;
use crate::unstoppable::{given_up, unstoppable};

/// A database that is ours, with nothing in it but our mark. Dropped, it is removed from the server, and so is what a
/// restore into it has made beside it.
///
/// The session that made it stays open, and holds a lock of its name: it has that before the database is there, and
/// loses it with this process, however that ends.
pub(super) struct Scratch {
    server: Mysql,
    session: Option<Session>,
    there: Server,
    /// What killed drills had left.
    pub(super) swept: Vec<String>,
    is_there: bool,
}

/// What the server says before anything is made.
#[derive(Debug, Deserialize)]
struct Server {
    /// `name@host`, as the server knows who asks.
    user: String,
    /// Which of several servers with the same databases it is.
    place: String,
    name: String,
}

impl Scratch {
    /// Makes one on the server of `mysql`, whose own database is not looked at; drops what killed drills of the same
    /// user left there. `charset` is how a statement has its character set and collation; nothing: as the server has them.
    ///
    /// # Errors
    ///
    /// `Denied` without the rights, with the statement that gives them; `Refused` where the server only reads; those of
    /// a connection.
    pub(super) fn make(mysql: &Mysql, charset: Option<&Charset>, run: &Run) -> Result<Self> {
        let mut session = start(mysql, run)?;
        let there: Server = session.ask(SERVER)?;
        let (mut session, swept) = sweep(mysql, session, &there, run)?;
        let charset = charset.map_or(Ok(String::new()), |charset| charset.on(&mut session))?;
        let made = there.making(&charset);
        let lock = take_lock(&there.name);
        // What is begun here must be known to its end.
        session.go_on_as(unstoppable(PATIENCE));
        let mut scratch = Self { server: mysql.clone(), session: Some(session), there, swept, is_there: true };
        if let Some(session) = &mut scratch.session {
            if session.ask::<u8>(&lock)? == 0 {
                let message =
                    format!("cannot make a scratch database: another session holds the lock `{}`", scratch.there.name);
                return Err(Error::new(ErrorKind::Busy, message).at(Stage::Target));
            }
            // The client has both statements before the first one runs: also without us it comes to the mark.
            session.tell(&made).map_err(|error| {
                run.cancel.check().err().unwrap_or_else(|| scratch.there.unmade(given_up(error, PATIENCE)))
            })?;
        }
        run.cancel.check()?;
        Ok(scratch)
    }

    pub(super) fn name(&self) -> &str {
        &self.there.name
    }

    /// Returns the statement that gives its user what a drill needs.
    pub(super) fn grant(&self) -> String {
        self.there.grant()
    }

    /// Drops it and what is beside it, with whoever is in them.
    ///
    /// # Errors
    ///
    /// The server's: the next drill tries again.
    pub(super) fn remove(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.is_there) {
            return Ok(());
        }
        if let Some(mut session) = self.session.take() {
            session.go_on_as(unstoppable(PATIENCE));
            if drop_all(&self.server, &mut session, self.name()).is_ok() {
                return Ok(());
            }
        }
        // Ctrl-C ends every program of a terminal, that session's too.
        self.remove_anew().map_err(|error| given_up(error, PATIENCE))
    }

    fn remove_anew(&self) -> Result<()> {
        let mut session = start(&self.server, &unstoppable(PATIENCE))?;
        // It may not have come to the mark; one of that name with anything else in it is not ours.
        let is_ours = self.there.is_marked(&mut session, self.name())? || is_empty(&mut session, self.name())?;
        if is_ours { drop_all(&self.server, &mut session, self.name()) } else { Ok(()) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left, the next drill drops.
        let _later = self.remove();
    }
}

impl Server {
    /// Returns what makes the database, and marks it.
    fn making(&self, charset: &str) -> String {
        let (name, mark) = (identifier(&self.name), identifier(MARK));
        let comment = literal(&self.comment());
        format!("CREATE DATABASE {name} {charset};\nCREATE TABLE {name}.{mark} (id INT) COMMENT = {comment}")
    }

    /// Says who may drop it. A lock is known to one server alone: where another one has the same databases, a drill is not
    /// left over because nobody there holds it.
    fn comment(&self) -> String {
        format!("made by a drill of dbbackup as {} on {}, to be dropped again", self.user, self.place)
    }

    fn is_marked(&self, session: &mut Session, name: &str) -> Result<bool> {
        let marks: u64 = session.ask(&format!(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND TABLE_COMMENT = \
             {}",
            literal(name),
            literal(MARK),
            literal(&self.comment())
        ))?;
        Ok(marks > 0)
    }

    fn grant(&self) -> String {
        let (name, host) = self.user.rsplit_once('@').unwrap_or((&self.user, "%"));
        format!("GRANT ALL ON {PATTERN}.* TO {}@{};", literal(name), literal(host))
    }

    /// Says why it could not be made.
    fn unmade(&self, error: Error) -> Error {
        let user = &self.user;
        let cannot = |kind, why: &str| {
            Error::new(kind, format!("cannot make a scratch database: {why}")).at(Stage::Target).subject(user)
        };
        if error.kind() == ErrorKind::Denied {
            return cannot(ErrorKind::Denied, &format!("`{user}` may not"))
                .hint(format!(
                    "let a superuser run: {} or name another server, or user, for drills: --scratch",
                    self.grant()
                ))
                .because(error);
        }
        if READ_ONLY.contains(&number(&error.to_string())) {
            return cannot(ErrorKind::Refused, "the server only reads")
                .hint("name another server for drills: --scratch")
                .because(error);
        }
        error
    }
}

/// A database's character set and collation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Charset {
    pub(super) charset: String,
    pub(super) collation: Option<String>,
}

impl Charset {
    /// Returns how a statement has them, as far as the server knows them.
    fn on(&self, session: &mut Session) -> Result<String> {
        let mut knows = |what: &str, column: &str, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
            let names = names.join(", ");
            session.ask::<u64>(&format!("SELECT COUNT(*) FROM information_schema.{what} WHERE {column} IN ({names})"))
        };
        let Self { charset, collation } = self;
        if knows("CHARACTER_SETS", "CHARACTER_SET_NAME", &[charset])? == 0 {
            return Ok(String::new());
        }
        let set = format!("CHARACTER SET {charset}");
        let Some(collation) = collation else { return Ok(set) };
        // Some are of all character sets in MariaDB, and stand there without one.
        let short = collation.strip_prefix(&format!("{charset}_")).unwrap_or(collation);
        let is_known = knows("COLLATIONS", "COLLATION_NAME", &[collation, short])? > 0;
        Ok(if is_known { format!("{set} COLLATE {collation}") } else { set })
    }
}

/// Connects, for as long as a drill takes.
fn start(mysql: &Mysql, run: &Run) -> Result<Session> {
    let mut session = Session::start(mysql, Stage::Target, run)?;
    session.tell("SET SESSION wait_timeout = 31536000, foreign_key_checks = 0")?;
    Ok(session)
}

fn take_lock(name: &str) -> String {
    format!("SELECT COALESCE(GET_LOCK({}, 0), 0)", literal(name))
}

/// Drops what killed drills left; returns the names.
fn sweep(mysql: &Mysql, mut session: Session, there: &Server, run: &Run) -> Result<(Session, Vec<String>)> {
    let mut swept = Vec::new();
    for name in schemas(&mut session, &format!("{PREFIX}%"))?.into_iter().filter(|name| is_name(name)) {
        // Whoever has the lock lives; marked by another user or on another server, it is theirs.
        if !there.is_marked(&mut session, &name)? || session.ask::<u8>(&take_lock(&name))? == 0 {
            continue;
        }
        let dropped = drop_all(mysql, &mut session, &name);
        if dropped.is_ok() {
            session.tell(&format!("DO RELEASE_LOCK({})", literal(&name)))?;
            swept.push(name);
        } else {
            run.cancel.check()?;
            session = start(mysql, run)?;
        }
    }
    Ok((session, swept))
}

/// Drops a scratch database, and before it what restores have left beside it: the mark goes last.
fn drop_all(mysql: &Mysql, session: &mut Session, name: &str) -> Result<()> {
    let beside = schemas(session, &Journal::pattern(name))?;
    let beside = beside.into_iter().filter(|schema| Journal::is_name(name, schema));
    let all: Vec<String> = beside.chain([name.to_owned()]).collect();
    send_away(mysql, session, &all)?;
    for schema in &all {
        session.tell(&format!("DROP DATABASE IF EXISTS {}", identifier(schema)))?;
    }
    Ok(())
}

/// Ends sessions in these schemas: the server goes on with the last statement of a client that was killed.
fn send_away(mysql: &Mysql, session: &mut Session, schemas: &[String]) -> Result<()> {
    let names: Vec<String> = schemas.iter().map(|schema| literal(schema)).collect();
    let there: Vec<u64> = session.ask_each(&format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB IN ({}) AND ID <> CONNECTION_ID()",
        names.join(", ")
    ))?;
    for id in there {
        // It may have ended meanwhile, which ends the session that says so.
        let _gone = Session::start(mysql, Stage::Target, &unstoppable(PATIENCE))
            .and_then(|mut session| session.tell(&format!("KILL {id}")));
    }
    Ok(())
}

fn is_empty(session: &mut Session, name: &str) -> Result<bool> {
    let tables: u64 = session
        .ask(&format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}", literal(name)))?;
    Ok(tables == 0)
}

/// Whether a schema is called as a scratch database is.
fn is_name(name: &str) -> bool {
    let parts = name.strip_prefix(NAME).and_then(|rest| rest.split_once('_'));
    parts.is_some_and(|(time, id)| {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit()) && id.len() == 8 && id.bytes().all(is_hex)
    })
}

/// Whether a table is not the backup's.
pub(super) fn is_mark(table: &str) -> bool {
    table == MARK
}

const SERVER: &str = "\
SELECT JSON_OBJECT(
  'user', CURRENT_USER(),
  'place', CONCAT(@@hostname, '/', @@server_id),
  'name', CONCAT('dbbackup_scratch_', DATE_FORMAT(UTC_TIMESTAMP(), '%Y%m%d%H%i%s'), '_',
    SUBSTR(MD5(CONCAT(RAND(), UUID(), CONNECTION_ID())), 1, 8)))";

/// What the names of scratch databases begin with; short enough that those of a restore into one begin with all of it.
const NAME: &str = "dbbackup_scratch_";
/// The same in a pattern of `LIKE`, and in that of a grant.
const PREFIX: &str = "dbbackup\\_scratch\\_";
const PATTERN: &str = "`dbbackup\\_scratch\\_%`";
/// A table that nobody else's backup has. The next version must know it, and its comment, too.
const MARK: &str = "dbbackup_scratch_mark";
/// `--read-only` and its like, `--innodb-read-only`.
const READ_ONLY: [Option<u32>; 3] = [Some(1290), Some(1836), Some(1874)];
/// How long a server may take to drop databases of thousands of tables: a guess.
const PATIENCE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_taken_for_scratch_databases() {
        assert!(is_name("dbbackup_scratch_20261122101500_6b1f0c9a"));
        for name in [
            "dbbackup_scratch_20261122101500_6b1f0c9",
            "dbbackup_scratch_20261122101500_6b1f0c9A",
            "dbbackup_scratch_2026112210150_6b1f0c9aa",
            "dbbackup_scratch_20261122101500_6b1f0c9a__dbbackup_00000000",
            "dbbackup_scratch_mine",
            "shop",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_grant_is_for_the_account_that_asks() {
        let there = Server { user: "it's@me@%".to_owned(), place: String::new(), name: String::new() };
        assert_eq!(there.grant(), "GRANT ALL ON `dbbackup\\_scratch\\_%`.* TO 'it''s@me'@'%';");
    }
}
