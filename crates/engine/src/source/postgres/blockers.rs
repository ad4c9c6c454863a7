//! Who is in the way of a restore that waits for a lock.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Postgres;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// Asks on a second connection, while the first one waits.
pub(super) struct Blockers {
    postgres: Postgres,
    pid: i32,
    run: Run,
    looked: Option<Instant>,
    session: Option<Session>,
    /// When the same wait was first seen to be for a lock.
    blocked_since: Option<Instant>,
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
    pub(super) fn new(postgres: &Postgres, pid: i32, run: &Run) -> Self {
        let (postgres, run) = (postgres.clone(), run.clone());
        Self { postgres, pid, run, looked: None, session: None, blocked_since: None }
    }

    /// Looks who is in the way, once in a while; ends them if that was asked for.
    ///
    /// # Errors
    ///
    /// `Busy`, which names them, shortly before the lock timeout: after it nobody could tell.
    pub(super) fn look(&mut self, waited: Duration) -> Result<()> {
        let now = Instant::now();
        let patience = PATIENCE.min(self.postgres.lock_timeout / 4);
        if waited < patience || self.looked.is_some_and(|looked| now.duration_since(looked) < patience) {
            return Ok(());
        }
        self.looked = Some(now);
        let session = self.session.take();
        let Some((mut session, blockers)) = self.ask(session)? else { return Ok(()) };
        if blockers.is_empty() {
            self.blocked_since = None;
        } else if self.postgres.terminates {
            for blocker in &blockers {
                session.tell(&format!("SELECT pg_terminate_backend({})", blocker.pid))?;
            }
        } else {
            let since = *self.blocked_since.get_or_insert(now);
            let left = self.postgres.lock_timeout.saturating_sub(now.duration_since(since));
            if left <= 2 * patience {
                return Err(self.busy(&blockers));
            }
        }
        self.session = Some(session);
        Ok(())
    }

    /// Returns who is in the way; `None` if there is no second connection: the lock timeout holds without, and the role
    /// or the server may have no more of them.
    fn ask(&self, session: Option<Session>) -> Result<Option<(Session, Vec<Blocker>)>> {
        let asked = session.map_or_else(|| Session::start(&self.postgres, Stage::Target, &self.run), Ok).and_then(
            |mut session| {
                let blockers = session.ask(&BLOCKERS.replace("{pid}", &self.pid.to_string()))?;
                Ok((session, blockers))
            },
        );
        match asked {
            Err(error) if error.kind() != ErrorKind::Interrupted => Ok(None),
            asked => asked.map(Some),
        }
    }

    fn busy(&self, blockers: &[Blocker]) -> Error {
        let place = self.postgres.connection.describe();
        let seconds = self.postgres.lock_timeout.as_secs_f32();
        let mut message = format!("cannot restore {place}: locked for {seconds} s by ");
        let most = blockers.iter().take(MOST).map(Blocker::describe).collect::<Vec<_>>().join(", ");
        message.push_str(&most);
        if blockers.len() > MOST {
            let _ = write!(message, " and {} more", blockers.len() - MOST);
        }
        Error::new(ErrorKind::Busy, message)
            .at(Stage::Target)
            .subject(place)
            .hint("try again when they have ended, or give --terminate-connections")
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
FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids({pid}));";

/// How often to look.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many are named.
const MOST: usize = 5;
