//! Restore: load beside the database, check, then let the tables change places in one statement.

use std::io::Read;
use std::time::Duration;

use super::definers::Definers;
use super::fill::Filling;
use super::journal::Journal;
use super::loaded::Loaded;
use super::make::{make_all, unmade};
use super::object::Object;
use super::script::{self, ScriptFacts};
use super::session::{Session, seconds};
use super::swap::Swap;
use super::{Mysql, identifier, literal};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::{Phase, Run};
use crate::source::{Expected, Load, LoadFacts, Target};

impl Target for Mysql {
    fn begin(&mut self, expected: &Expected, run: &Run) -> Result<Box<dyn Load + '_>> {
        self.connection.require_defaults_file()?;
        // A wrong password is told before the backup is read.
        let mut session = Session::start(self, Stage::Target, run)?;
        let charset = self.charset(&mut session)?;
        self.lock(&mut session, MOMENT)?;
        let mut facts = LoadFacts::default();
        let live = self.connection.database().to_owned();
        for journal in Journal::left_behind(&mut session, &live)? {
            let (same, note) = Swap::new(self, journal, session, run).recover()?;
            session = same;
            facts.notes.push(note);
        }
        let beside = match Journal::create(&mut session, &live, &charset) {
            Ok(journal) => Some(journal),
            Err(error) if error.kind() == ErrorKind::Denied && self.may_load_in_place => {
                session = self.connect_again(run)?;
                facts.notes.push("it was restored in place: the user may not make a schema beside it".to_owned());
                None
            }
            Err(error) if error.kind() == ErrorKind::Denied => return Err(error.advise(needed_grant(&live))),
            Err(error) => {
                self.sweep(run);
                return Err(error);
            }
        };
        let mysql: &Self = self;
        let is_proven = expected.plain_bytes.is_some() || self.accepts_unproven;
        let loaded = Loaded::default();
        let session = Some(session);
        Ok(Box::new(MysqlLoad { mysql, session, beside, charset, loaded, is_proven, run: run.clone(), facts }))
    }
}

/// Says what lets a user make a schema beside the database.
fn needed_grant(live: &str) -> String {
    format!(
        "a restore loads into a schema beside the database: GRANT ALL ON {}.* TO the user",
        identifier(&Journal::pattern(live))
    )
}

impl Mysql {
    /// Whether the user may make a schema beside the database, so that a restore is whole or not at all.
    ///
    /// # Errors
    ///
    /// `Config` without such a database; `Denied`, `Tool`: there is no connection.
    pub fn may_load_beside(&self, run: &Run) -> Result<bool> {
        self.connection.require_defaults_file()?;
        let mut session = Session::start(self, Stage::Target, run)?;
        let charset = self.charset(&mut session)?;
        self.lock(&mut session, MOMENT)?;
        match Journal::create(&mut session, self.connection.database(), &charset) {
            Ok(journal) => journal.drop(&mut session).and_then(|()| session.end()).map(|()| true),
            Err(error) if error.kind() == ErrorKind::Denied => Ok(false),
            Err(error) => {
                self.sweep(run);
                Err(error)
            }
        }
    }

    /// Drops what a restore that could not begin has left. What this cannot, the next run does.
    fn sweep(&self, run: &Run) {
        let _next_run = self.connect_again(&run.unstopped()).and_then(|mut session| {
            let left = Journal::left_behind(&mut session, self.connection.database())?;
            left.iter().try_for_each(|journal| journal.drop(&mut session)).and_then(|()| session.end())
        });
    }

    /// Connects in place of a session that has ended. The lock is free once the server has noticed: whatever was sent
    /// there is done by then, or never will be.
    pub(super) fn connect_again(&self, run: &Run) -> Result<Session> {
        let mut session = Session::start(self, Stage::Target, run)?;
        self.lock(&mut session, self.lock_timeout + MOMENT)?;
        Ok(session)
    }

    /// Takes the lock that every restore of the database holds, for which it waits as long as `timeout`.
    fn lock(&self, session: &mut Session, timeout: Duration) -> Result<()> {
        let lock = literal(&lock_name(self.connection.database()));
        let query = format!("SELECT COALESCE(GET_LOCK({lock}, {}), 'null')", seconds(timeout));
        if session.ask::<Option<u8>>(&query)? == Some(1) {
            return Ok(());
        }
        let place = self.connection.describe();
        Err(Error::new(ErrorKind::Busy, format!("cannot restore {place}: another restore is under way"))
            .at(Stage::Target)
            .subject(place)
            .hint("try again when that has ended"))
    }

    /// Returns the database's character set and collation, as a statement has them.
    ///
    /// # Errors
    ///
    /// `Config` if there is no such database.
    pub(super) fn charset(&self, session: &mut Session) -> Result<String> {
        let database = self.connection.database();
        let found: Vec<(String, String)> = session.ask_each(&format!(
            "SELECT JSON_ARRAY(DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA \
             WHERE SCHEMA_NAME = {}",
            literal(database)
        ))?;
        match found.first() {
            Some((charset, collation)) => Ok(format!("CHARACTER SET {charset} COLLATE {collation}")),
            None => Err(Error::new(ErrorKind::Config, format!("cannot use `{database}`: there is no such database"))
                .at(Stage::Target)
                .subject(database)
                .hint(format!("create it first: CREATE DATABASE {} CHARACTER SET utf8mb4", identifier(database)))),
        }
    }
}

/// Returns the name of the lock that a restore of a database holds.
pub(super) fn lock_name(database: &str) -> String {
    format!("dbbackup {database}").chars().take(64).collect()
}

/// How long a server may take to notice that a session has ended.
const MOMENT: Duration = Duration::from_secs(2);

struct MysqlLoad<'a> {
    mysql: &'a Mysql,
    /// Holds the lock. `None`: it was handed on.
    session: Option<Session>,
    /// Where the backup is loaded. `None`: into the database itself.
    beside: Option<Journal>,
    charset: String,
    loaded: Loaded,
    /// A manifest proves the backup whole, or nobody asks.
    is_proven: bool,
    run: Run,
    facts: LoadFacts,
}

impl Load for MysqlLoad<'_> {
    fn needs_proof(&self) -> bool {
        self.beside.is_none()
    }

    fn replaces_all(&self) -> bool {
        // Tables that the backup lacks stay as they are.
        false
    }

    fn rehearse(&mut self, plain: &mut (dyn Read + Send)) -> Result<LoadFacts> {
        let mut definers = Definers::default();
        let facts = self.read(plain, &mut definers)?;
        definers.require_rights(self.mysql, &self.run)?;
        Ok(LoadFacts { notes: facts.notes, ..LoadFacts::default() })
    }

    fn write(&mut self, plain: &mut (dyn Read + Send)) -> Result<()> {
        let live = self.mysql.connection.database();
        let mut filling = Filling::start(self.mysql, self.beside.as_ref().map(|journal| &*journal.new), &self.run)?;
        let facts = self.read(plain, &mut filling).map_err(|error| self.half_done(error))?;
        self.loaded = filling.finish(live, &facts).map_err(|error| self.half_done(error))?;
        self.facts.notes.extend(facts.notes);
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<LoadFacts> {
        self.run.phase(Phase::Swap, None)?;
        let Some(session) = self.session.take() else {
            return Err(Error::new(ErrorKind::Bug, "a load has no session"));
        };
        let loaded = std::mem::take(&mut self.loaded);
        match self.beside.take() {
            Some(journal) => {
                let (session, attached) = Swap::new(self.mysql, journal, session, &self.run).exchange(&loaded)?;
                session.end()?;
                self.facts.notes.extend(attached.notes);
                self.leave_out(&attached.failed);
            }
            None => self.finish_in_place(session, loaded)?,
        }
        Ok(std::mem::take(&mut self.facts))
    }
}

impl MysqlLoad<'_> {
    fn read(&self, plain: &mut dyn Read, loader: &mut dyn script::Loader) -> Result<ScriptFacts> {
        let facts = script::run(plain, loader)?;
        if facts.saw_end_comment || self.is_proven {
            return Ok(facts);
        }
        let message = "cannot use the backup: its text does not end as a dump of MySQL or MariaDB does";
        Err(Error::new(ErrorKind::Corrupt, message)
            .at(Stage::Archive)
            .hint("it was cut short, or made with --skip-comments: take another backup, or accept it as it is with --accept-unproven"))
    }

    /// Says of an error that it leaves the database neither old nor new.
    fn half_done(&self, error: Error) -> Error {
        if self.beside.is_some() {
            return error;
        }
        let database = self.mysql.connection.database();
        let message = format!("{error}; `{database}` has some of the old and some of the new now");
        let hint = error.advice().map(str::to_owned);
        let half = Error::new(error.kind(), message).at(Stage::Target).because(error);
        if let Some(hint) = hint { half.hint(hint) } else { half }
    }

    /// Makes what belongs to the tables.
    fn finish_in_place(&mut self, mut session: Session, loaded: Loaded) -> Result<()> {
        if self.mysql.is_exact {
            for (kind, name) in loaded.surplus(&mut session, self.mysql.connection.database())? {
                session.tell(&kind.dropping(self.mysql.connection.database(), &name))?;
            }
        }
        let failed = make_all(self.mysql, &mut session, loaded.objects, &self.charset, &self.run)?;
        self.leave_out(&failed);
        session.end()
    }

    fn leave_out(&mut self, failed: &[(Object, Error)]) {
        self.facts.left_out.count += failed.len() as u64;
        self.facts.left_out.names.extend(failed.iter().map(unmade));
    }
}

impl Drop for MysqlLoad<'_> {
    /// Drops what was loaded and is not wanted any more. What this cannot, the next run does.
    fn drop(&mut self) {
        let Some(journal) = self.beside.take() else { return };
        let _next_run = Session::start(self.mysql, Stage::Target, &self.run.unstopped())
            .and_then(|mut session| journal.drop(&mut session).and_then(|()| session.end()));
    }
}
