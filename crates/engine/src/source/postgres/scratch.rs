//! A scratch database: made on a server for one drill, recognised as such by the next, and dropped.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;

use super::session::Session;
use super::{Postgres, identifier, literal};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;
use crate::unstoppable::{given_up, unstoppable};

/// An empty database that is ours. Dropped, it is removed from the server.
///
/// The session that made it stays open, and says by its application's name that somebody works in the database: the
/// name is there before the database is, and goes with this process, however that ends.
pub(super) struct Scratch {
    /// Where the session connects.
    server: Postgres,
    session: Option<Session>,
    name: String,
    major: u32,
    /// What killed drills had left.
    pub(super) swept: Vec<String>,
    is_there: bool,
}

/// What the server says before anything is made.
#[derive(Deserialize)]
struct Server {
    major: u32,
    user: String,
    is_standby: bool,
    may_create: bool,
    encoding: String,
    locale: Locale,
    name: String,
}

/// How the database that the session is in sorts.
#[derive(Deserialize)]
struct Locale {
    collate: String,
    ctype: String,
    /// `c`, `i`, `b`; nothing before PostgreSQL 15.
    provider: Option<String>,
    name: Option<String>,
    rules: Option<String>,
}

impl Scratch {
    /// Makes one on the server of `postgres`, whose database is only connected to; drops what killed drills of the
    /// same user left there. It has that database's encoding and locale, unless the backup has another `encoding`.
    ///
    /// # Errors
    ///
    /// `Denied` without the right to make databases, `Refused` on a standby, those of a connection.
    pub(super) fn make(postgres: &Postgres, encoding: Option<&str>, run: &Run) -> Result<Self> {
        let (server, mut session) = connect(postgres, run)?;
        let there: Server = session.ask(SERVER)?;
        there.require_rights()?;
        let swept = sweep(&mut session)?;
        let Server { name, major, .. } = &there;
        let made = there.making(encoding);
        // What is begun here must be known to its end.
        session.go_on_as(unstoppable(PATIENCE));
        let session = Some(session);
        let mut scratch = Self { server, session, name: name.clone(), major: *major, swept, is_there: true };
        if let Some(session) = &mut scratch.session {
            session.tell(&format!("SET application_name = {}", literal(name)))?;
            // psql has both statements before the first one runs: also without us it comes to the mark.
            session
                .tell(&made)
                .map_err(|error| run.cancel.check().err().unwrap_or_else(|| given_up(error, PATIENCE)))?;
        }
        run.cancel.check()?;
        Ok(scratch)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Drops it, with whoever is in it.
    ///
    /// # Errors
    ///
    /// The server's: the next drill tries again.
    pub(super) fn remove(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.is_there) {
            return Ok(());
        }
        let sql = self.dropping();
        if let Some(mut session) = self.session.take() {
            session.go_on_as(unstoppable(PATIENCE));
            if session.tell(&sql).is_ok() {
                return Ok(());
            }
        }
        // Ctrl-C ends every program of a terminal, that session's too.
        self.remove_anew(&sql).map_err(|error| given_up(error, PATIENCE))
    }

    fn remove_anew(&self, sql: &str) -> Result<()> {
        let mut session = Session::start(&self.server, Stage::Target, &unstoppable(PATIENCE))?;
        // It may not have come to the mark; one of that name with another is not ours.
        let is_ours = IS_OURS.replace("{name}", &literal(&self.name)).replace("{mark}", &literal(MARK));
        if session.ask(&is_ours)? { session.tell(sql) } else { Ok(()) }
    }

    fn dropping(&self) -> String {
        let name = identifier(&self.name);
        if self.major >= 13 {
            return format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        }
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ";
        format!("{others}{};\nDROP DATABASE IF EXISTS {name}", literal(&self.name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left, the next drill drops.
        let _later = self.remove();
    }
}

impl Server {
    fn require_rights(&self) -> Result<()> {
        if self.is_standby {
            let message = "cannot make a scratch database: the server is a standby, which only reads";
            return Err(Error::new(ErrorKind::Refused, message)
                .at(Stage::Target)
                .hint("name another server for drills: --scratch"));
        }
        if !self.may_create {
            let user = &self.user;
            return Err(Error::new(
                ErrorKind::Denied,
                format!("cannot make a scratch database: `{user}` may not create databases"),
            )
            .at(Stage::Target)
            .subject(user)
            .hint(format!(
                "let a superuser run: ALTER ROLE {} CREATEDB; or name another server, or user, for drills: --scratch",
                identifier(user)
            )));
        }
        Ok(())
    }

    /// Returns what makes the database, marks it, and keeps others out.
    fn making(&self, encoding: Option<&str>) -> String {
        let name = identifier(&self.name);
        let encoding = encoding.unwrap_or(&self.encoding);
        let is_same = encoding.eq_ignore_ascii_case(&self.encoding);
        let locale = if is_same { self.locale.options() } else { Locale::of_every_encoding(self.major) };
        let encoding = literal(encoding);
        format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING {encoding}{locale};\n\
             COMMENT ON DATABASE {name} IS {mark};\n\
             REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            mark = literal(MARK)
        )
    }
}

impl Locale {
    fn options(&self) -> String {
        let mut options = format!(" LC_COLLATE {} LC_CTYPE {}", literal(&self.collate), literal(&self.ctype));
        let locale = self.name.as_deref().map(literal).unwrap_or_default();
        let _ = match self.provider.as_deref() {
            Some("i") => write!(options, " LOCALE_PROVIDER icu ICU_LOCALE {locale}"),
            Some("b") => write!(options, " LOCALE_PROVIDER builtin BUILTIN_LOCALE {locale}"),
            Some(_) => write!(options, " LOCALE_PROVIDER libc"),
            None => Ok(()),
        };
        if let Some(rules) = &self.rules {
            let _ = write!(options, " ICU_RULES {}", literal(rules));
        }
        options
    }

    fn of_every_encoding(major: u32) -> String {
        let provider = (major >= 15).then(|| "c".to_owned());
        Self { collate: "C".to_owned(), ctype: "C".to_owned(), provider, name: None, rules: None }.options()
    }
}

/// Connects to the database that is named; to `postgres`, which every server has, where none is, or where it is gone.
fn connect(postgres: &Postgres, run: &Run) -> Result<(Postgres, Session)> {
    let start = |postgres: Postgres| {
        let session = Session::start(&postgres, Stage::Target, run)?;
        Ok((postgres, session))
    };
    let is_named = ["dbname", "service"].iter().any(|key| postgres.connection.get(key).is_some());
    let otherwise = postgres.database(EVERYWHERE);
    if !is_named {
        return start(otherwise);
    }
    start(postgres.clone()).or_else(|error: Error| {
        if error.kind() == ErrorKind::Config { start(otherwise).map_err(|_| error) } else { Err(error) }
    })
}

/// Drops what killed drills of this user left; returns the names.
fn sweep(session: &mut Session) -> Result<Vec<String>> {
    let left = LEFT.replace("{is_marked}", IS_MARKED).replace("{mark}", &literal(MARK));
    let found: Vec<String> = session.ask(&left)?;
    for name in &found {
        // Whoever came in meanwhile stays, and another drill may be quicker.
        let posted = session.post(&format!("DROP DATABASE IF EXISTS {}", identifier(name)))?;
        session.receive::<bool>(posted)?;
    }
    if found.is_empty() {
        return Ok(found);
    }
    let stays: Vec<String> = session.ask(&left)?;
    Ok(found.into_iter().filter(|name| !stays.contains(name)).collect())
}

/// `to_jsonb` of a row has those of its columns that this version has.
const SERVER: &str = "\
SELECT jsonb_build_object(
  'major', current_setting('server_version_num')::int / 10000,
  'user', current_user,
  'is_standby', pg_is_in_recovery(),
  'may_create', (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user),
  'encoding', pg_encoding_to_char(encoding),
  'locale', jsonb_build_object('collate', datcollate, 'ctype', datctype, 'provider', said ->> 'datlocprovider',
    'name', coalesce(said ->> 'datlocale', said ->> 'daticulocale'), 'rules', said ->> 'daticurules'),
  'name', 'dbbackup_scratch_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS') || '_'
    || substr(md5(concat(random(), clock_timestamp(), pg_backend_pid())), 1, 12))
FROM pg_database, to_jsonb(pg_database) AS said WHERE datname = current_database();";

/// A name of ours alone means nothing.
const IS_MARKED: &str = "\
datname ~ '^dbbackup_scratch_[0-9]{14}_[0-9a-f]{12}$'
AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
AND shobj_description(pg_database.oid, 'pg_database') = {mark}";

/// Marked ones that no session is in, or works for. Autovacuum has no user.
const LEFT: &str = "\
SELECT coalesce(jsonb_agg(datname ORDER BY datname), '[]') FROM pg_database WHERE {is_marked}
AND NOT EXISTS (SELECT FROM pg_stat_activity
  WHERE usesysid IS NOT NULL AND (datid = pg_database.oid OR application_name = pg_database.datname));";

/// Whether one of that name is of this user, and not marked as something else.
const IS_OURS: &str = "\
SELECT to_jsonb(EXISTS (SELECT FROM pg_database WHERE datname = {name}
  AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
  AND coalesce(shobj_description(oid, 'pg_database'), '') IN ('', {mark})));";

/// The comment of a scratch database. The next version must know it, too.
const MARK: &str = "made by a drill of dbbackup, to be dropped again";
/// A database that is there to be connected to.
const EVERYWHERE: &str = "postgres";
/// How long a server may take to make or drop a database; seen: 0.1 s, and some seconds where it waits for a checkpoint.
const PATIENCE: Duration = Duration::from_secs(60);
