//! Who is in the way of a backup or a restore that waits for a lock.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::session::Session;
use super::{Postgres, literal};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// Asks on a second connection, while the first one waits.
pub(super) struct Blockers {
    postgres: Postgres,
    waiting: Waiting,
    stage: Stage,
    run: Run,
    looked: Option<Instant>,
    session: Option<Session>,
    /// When the same wait was first seen to be for a lock.
    blocked_since: Option<Instant>,
}

/// Whose session waits.
pub(super) enum Waiting {
    Process(i32),
    /// The one of a program, by the name that it has there.
    Application(String),
}

impl Waiting {
    /// Returns the condition for it in `pg_stat_activity`.
    fn condition(&self) -> String {
        match self {
            Self::Process(pid) => format!("pid = {pid}"),
            Self::Application(name) => format!(
                "application_name = {} AND usename = session_user AND datname = current_database() \
                 AND wait_event_type = 'Lock'",
                literal(name)
            ),
        }
    }
}

#[derive(Deserialize)]
struct Blocker {
    pid: i32,
    application: Option<String>,
    user: Option<String>,
    state: Option<String>,
    since: Option<String>,
}

impl Blockers {
    /// Looks for a backup, which ends nobody.
    pub(super) fn new(postgres: &Postgres, waiting: Waiting, run: &Run) -> Self {
        let (postgres, run) = (postgres.clone().terminating(false), run.clone());
        Self { postgres, waiting, stage: Stage::Source, run, looked: None, session: None, blocked_since: None }
    }

    /// Looks for a restore, which ends those in the way if that was asked for.
    pub(super) fn of_a_restore(postgres: &Postgres, pid: i32, run: &Run) -> Self {
        let waiting = Waiting::Process(pid);
        Self { postgres: postgres.clone(), stage: Stage::Target, ..Self::new(postgres, waiting, run) }
    }

    /// Looks who is in the way, once in a while; ends them if that was asked for.
    ///
    /// # Errors
    ///
    /// `Busy`, which names them, at the lock timeout: the server's own comes later, for after it nobody could tell.
    pub(super) fn look(&mut self, waited: Duration) -> Result<()> {
        if !self.is_time(waited) {
            return Ok(());
        }
        let session = self.session.take();
        let Some((mut session, blockers)) = self.ask(session)? else { return Ok(()) };
        self.judge(&mut session, &blockers)?;
        self.session = Some(session);
        Ok(())
    }

    /// The same on a session that is there anyway.
    ///
    /// # Errors
    ///
    /// As [`Self::look`], and those of the session.
    pub(super) fn look_on(&mut self, session: &mut Session, waited: Duration) -> Result<()> {
        if !self.is_time(waited) {
            return Ok(());
        }
        let blockers = self.blockers(session)?;
        self.judge(session, &blockers)
    }

    fn is_time(&mut self, waited: Duration) -> bool {
        let now = Instant::now();
        let is_early = self.looked.is_some_and(|looked| now.duration_since(looked) < self.patience());
        if waited < self.patience() || is_early {
            return false;
        }
        self.looked = Some(now);
        true
    }

    /// Whether somebody who waits for a lock has waited as long as he may.
    pub(super) fn is_long(&self, waited: Duration) -> bool {
        waited >= self.postgres.lock_timeout
    }

    fn patience(&self) -> Duration {
        PATIENCE.min(self.postgres.lock_timeout / 4)
    }

    fn judge(&mut self, session: &mut Session, blockers: &[Blocker]) -> Result<()> {
        if blockers.is_empty() {
            self.blocked_since = None;
        } else if self.postgres.terminates {
            for blocker in blockers {
                session.tell(&format!("SELECT pg_terminate_backend({})", blocker.pid))?;
            }
        } else {
            // The first look comes late by one pause.
            let since = *self.blocked_since.get_or_insert_with(Instant::now);
            if self.is_long(since.elapsed() + self.patience()) {
                return Err(self.busy(blockers));
            }
        }
        Ok(())
    }

    /// Returns who is in the way; `None` if there is no second connection: the lock timeout holds without, and the role
    /// or the server may have no more of them.
    fn ask(&self, session: Option<Session>) -> Result<Option<(Session, Vec<Blocker>)>> {
        let asked = session.map_or_else(|| Session::start(&self.postgres, self.stage, &self.run), Ok).and_then(
            |mut session| {
                let blockers = self.blockers(&mut session)?;
                Ok((session, blockers))
            },
        );
        match asked {
            Err(error) if error.kind() != ErrorKind::Interrupted => Ok(None),
            asked => asked.map(Some),
        }
    }

    fn blockers(&self, session: &mut Session) -> Result<Vec<Blocker>> {
        // A transaction sees the same sessions all the time.
        session.tell("SELECT pg_stat_clear_snapshot()")?;
        session.ask(&BLOCKERS.replace("{waiting}", &self.waiting.condition()))
    }

    fn busy(&self, blockers: &[Blocker]) -> Error {
        let place = self.postgres.connection.describe();
        let seconds = self.postgres.lock_timeout.as_secs_f32();
        let is_backup = self.stage == Stage::Source;
        let verb = if is_backup { "back up" } else { "restore" };
        let mut message = format!("cannot {verb} {place}: locked for {seconds} s by ");
        let most = blockers.iter().take(MOST).map(Blocker::describe).collect::<Vec<_>>().join(", ");
        message.push_str(&most);
        if blockers.len() > MOST {
            let _ = write!(message, " and {} more", blockers.len() - MOST);
        }
        Error::new(ErrorKind::Busy, message).at(self.stage).subject(place).hint(if is_backup {
            "try again when they have ended"
        } else {
            "try again when they have ended, or give --terminate-connections"
        })
    }
}

impl Blocker {
    /// `process 4711 (psql of ada, idle in transaction since 10:15:00)`
    fn describe(&self) -> String {
        let application = self.application.as_deref().filter(|name| !name.is_empty()).unwrap_or("unknown");
        let user = self.user.as_deref().unwrap_or("unknown");
        // Only superusers and roles of `pg_read_all_stats` may know of others.
        let state = self.state.as_deref().map_or(String::new(), |state| format!(", {state}"));
        let since = self.since.as_deref().map_or(String::new(), |since| format!(" since {since}"));
        format!("process {} ({application} of {user}{state}{since})", self.pid)
    }
}

const BLOCKERS: &str = "\
SELECT coalesce(jsonb_agg(jsonb_build_object('pid', pid, 'application', application_name, 'user', usename, 'state', state,
  'since', to_char(coalesce(xact_start, query_start, backend_start), 'YYYY-MM-DD HH24:MI:SS TZ')) ORDER BY pid), '[]')
FROM pg_stat_activity AS blocking
WHERE EXISTS (SELECT FROM pg_stat_activity AS waiting WHERE {waiting} AND blocking.pid = ANY (pg_blocking_pids(waiting.pid)));";

/// How often to look.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many are named.
const MOST: usize = 5;
