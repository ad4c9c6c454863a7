//! Restore: drop what is there, run the dump, and commit once everything was proven: one transaction.

use std::io::{self, Cursor, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::archive::Archive;
use super::blockers::Blockers;
use super::clear::{IS_KEPT, UNLINK, clearing};
use super::encoding::{encoding_of, spell};
use super::keep::Kept;
use super::script::{Injections, Script, Surroundings, Wanted};
use super::session::Session;
use super::spelling::shown;
use super::{Postgres, identifier};
use crate::archive::custom::Custom;
use crate::child::{Heard, Running};
use crate::count::{drain, fill};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::piped::Piped;
use crate::run::{Phase, Run};
use crate::source::{Expected, Load, LoadFacts, Target};

impl Target for Postgres {
    fn begin(&mut self, expected: &Expected, run: &Run) -> Result<Box<dyn Load + '_>> {
        // A wrong password is told before the backup is read.
        let mut session = Session::start(self, Stage::Target, run)?;
        let server: Server = session.ask(&SERVER.replace("{is_kept}", IS_KEPT))?;
        if server.is_standby {
            return Err(Error::new(ErrorKind::Refused, "cannot restore: the server is a standby, which only reads")
                .at(Stage::Target)
                .hint("restore into the primary"));
        }
        if !session.ask::<bool>(LOCK)? {
            let place = self.connection.describe();
            return Err(Error::new(ErrorKind::Busy, format!("cannot restore {place}: another restore is under way"))
                .at(Stage::Target)
                .subject(place)
                .hint("try again when that has ended"));
        }
        let mut blockers = Blockers::of_a_restore(self, server.pid, run);
        session.watch(move |waited| blockers.look(waited));
        Ok(Box::new(PostgresLoad {
            postgres: self,
            session,
            server,
            excluded: expected.excluded.clone(),
            run: run.clone(),
            facts: LoadFacts::default(),
        }))
    }
}

/// What the server says before anything is done.
#[derive(Deserialize)]
struct Server {
    major: u32,
    pid: i32,
    is_standby: bool,
    #[serde(flatten)]
    surroundings: Surroundings,
}

struct PostgresLoad<'a> {
    postgres: &'a Postgres,
    session: Session,
    server: Server,
    /// Tables that the backup has no rows of.
    excluded: Vec<String>,
    run: Run,
    facts: LoadFacts,
}

impl PostgresLoad<'_> {
    /// Returns the text of a dump, whatever its format; `Ok(0)` means that `pg_restore` exited with status 0.
    fn text<'r>(&self, archive: Archive, plain: Box<dyn Read + Send + 'r>) -> Result<Box<dyn Read + Send + 'r>> {
        let Archive::Custom { needed_major } = archive else { return Ok(plain) };
        let tools = &self.postgres.tools;
        let client = tools.pg_restore(needed_major, self.server.major)?;
        let mut command = tools.command(&client, &self.postgres.connection);
        command.args(["-f", "-"]).args(&self.postgres.restore_options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let running =
            Running::start("pg_restore".to_owned(), command, Stage::Target, &self.run, |_| Heard::<()>::Text)?;
        let verdict = |ended: &crate::piped::Ended<()>| {
            match ended.status.code() {
                Some(0) => Ok(()),
                Some(_) => Err(unreadable(&ended.failed)),
                // Somebody killed it: that says nothing of the archive.
                None => Err(Error::new(ErrorKind::Tool, ended.failed.to_string()).at(Stage::Target)),
            }
        };
        Ok(Box::new(Piped::through(running, plain, &[], Box::new(verdict))?))
    }

    fn settle(&mut self) -> Result<()> {
        self.session.tell("BEGIN")?;
        self.session.tell(&self.postgres.lock_timeout())
    }
}

impl Load for PostgresLoad<'_> {
    fn replaces_all(&self) -> bool {
        // Tables that a backup was made without keep their rows, or the facts say so.
        false
    }

    fn write(&mut self, plain: &mut (dyn Read + Send)) -> Result<()> {
        let mut head = vec![0; HEAD_BYTES];
        let count = fill(plain, &mut head)
            .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the backup").at(Stage::Store))?;
        head.truncate(count);
        let archive = Archive::of(&head)?;
        let (mut surroundings, mut wanted) = (self.server.surroundings.clone(), self.postgres.schemas.clone());
        spell(&mut self.session, encoding_of(&head).as_deref(), &mut surroundings, &mut wanted)?;
        let mut walk = matches!(archive, Archive::Custom { .. }).then(Custom::new);
        let mut watched = Walked { inner: Cursor::new(head).chain(&mut *plain), walk: walk.as_mut() };
        let text = self.text(archive, Box::new(&mut watched))?;

        self.settle()?;
        let schemas = &self.postgres.schemas;
        let kept = if self.postgres.drops {
            Kept::copy(&mut self.session, &self.excluded, schemas)?
        } else {
            Kept::nothing(&self.excluded, schemas)
        };
        if self.postgres.drops {
            self.session.tell(&clearing(self.postgres))?;
        }
        let injections = Injections {
            before_large_objects: if self.postgres.drops { UNLINK.to_owned() } else { String::new() },
            before_post_data: kept.back(),
        };
        let mut script = Script::new(text, surroundings, Wanted { schemas: wanted }, injections);
        let session = &mut self.session;
        drain(&mut script, Stage::Target, |part| session.send(part))?;
        let told = script.finish()?;
        if !told.saw_end_comment {
            self.require_accepted()?;
        }
        if let Some(schema) = told.missing_schemas.first().map(|schema| shown(schema)) {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("cannot restore schema `{schema}`: the backup has nothing of it"),
            )
            .at(Stage::Target)
            .subject(schema));
        }
        self.facts.notes.extend(kept.notes());
        self.facts.notes.extend(told.notes);
        self.facts.notes.extend(self.server.surroundings.subscriptions.iter().map(|name| stale(name)));

        // `pg_restore` reads on, or does not: its end is not that of the backup.
        let mut rest = 0;
        drain(&mut watched, Stage::Store, |part| {
            rest += part.len();
            Ok(())
        })?;
        let is_proven = match walk {
            Some(walk) => walk.finish()?,
            None => false,
        };
        if rest > 0 && !is_proven {
            return Err(Error::new(ErrorKind::Corrupt, "cannot use the backup: there are bytes after its end")
                .at(Stage::Archive)
                .hint("take another backup"));
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<LoadFacts> {
        self.run.phase(Phase::Swap, None)?;
        let transaction: i64 = self.session.ask("SELECT pg_catalog.txid_current()")?;
        match self.session.tell("COMMIT") {
            Ok(()) => {}
            // The server's own word, before the end of the connection.
            Err(error) if error.kind() != ErrorKind::Tool && error.kind() != ErrorKind::Interrupted => {
                return Err(error);
            }
            Err(error) => self.require_committed(transaction, error)?,
        }
        Ok(self.facts)
    }
}

impl PostgresLoad<'_> {
    /// Fails where the end of a text cannot be proven, unless the user takes it so.
    fn require_accepted(&mut self) -> Result<()> {
        if self.postgres.accepts_unproven {
            let note = "nothing marks the end of the text: what stood behind it, if anything did, is not restored";
            self.facts.notes.push(note.to_owned());
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt, "cannot use the backup: its text does not end as pg_dump ends one")
            .at(Stage::Archive)
            .hint(
                "it was cut short, or written to afterwards: take another backup, or what is there with \
                 --accept-unproven",
            ))
    }

    /// Asks, after the connection was lost, what became of the transaction.
    fn require_committed(&self, transaction: i64, lost: Error) -> Result<()> {
        let deadline = Instant::now() + VERDICT;
        while Instant::now() < deadline {
            // What asked us to stop came too late: this must be known.
            let asked = Session::start(self.postgres, Stage::Target, &self.run.unstopped())
                .and_then(|mut session| session.ask(&format!("SELECT to_jsonb(txid_status({transaction}))")));
            match asked.unwrap_or(None::<String>).as_deref() {
                Some("committed") => return Ok(()),
                Some("aborted") => return Err(lost),
                _ => std::thread::sleep(PAUSE),
            }
        }
        let message =
            format!("cannot tell whether the restore of {} was committed", self.postgres.connection.describe());
        Err(Error::new(ErrorKind::Tool, message)
            .at(Stage::Target)
            .hint(format!("ask the server when it is back: SELECT txid_status({transaction})"))
            .because(lost))
    }
}

/// A dump on its way, of which an archive is walked over.
struct Walked<'a, R> {
    inner: R,
    walk: Option<&'a mut Custom>,
}

impl<R: Read> Read for Walked<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        if let Some(walk) = &mut self.walk {
            walk.watch(&buf[..count])?;
        }
        Ok(count)
    }
}

/// Says what is left to do for a subscription that stays while its tables are made anew.
fn stale(name: &str) -> String {
    let (name, subscription) = (shown(name), shown(&identifier(name)));
    format!(
        "subscription `{name}` is what it was, and gets no rows for the tables that were made anew before \
         `ALTER SUBSCRIPTION {subscription} REFRESH PUBLICATION WITH (copy_data = false)`"
    )
}

fn unreadable(failed: &Error) -> Error {
    let said = failed.to_string();
    let has_any = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let kind = if has_any(&["unsupported version"]) {
        ErrorKind::Unsupported
    } else if has_any(&[
        "unrecognized option",
        "invalid option",
        "cannot be used together",
        "cannot specify both",
        "requires option",
        "Try \"pg_restore --help\"",
    ]) {
        ErrorKind::Config
    } else {
        ErrorKind::Corrupt
    };
    Error::new(kind, format!("cannot read the archive: {said}")).at(Stage::Archive)
}

/// One answer for everything: [`Surroundings`], and what decides whether it is possible.
const SERVER: &str = "\
SELECT jsonb_build_object(
  'major', current_setting('server_version_num')::int / 10000,
  'pid', pg_backend_pid(),
  'is_standby', pg_is_in_recovery(),
  'settings', (SELECT jsonb_agg(name) FROM pg_settings),
  'statistics', (SELECT coalesce(jsonb_agg(DISTINCT proname), '[]') FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_restore_.*_stats$'),
  'encoding', current_setting('client_encoding'),
  'extensions', (SELECT jsonb_agg(extname) FROM pg_extension),
  'kept_schemas', (SELECT coalesce(jsonb_agg(nspname), '[]') FROM pg_namespace WHERE {is_kept}),
  'subscriptions', (SELECT coalesce(jsonb_agg(subname), '[]') FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())),
  'roles', (SELECT jsonb_object_agg(rolname, pg_has_role(oid, 'MEMBER')) FROM pg_roles),
  'untouchable', (SELECT coalesce(jsonb_agg(jsonb_build_array(nspname, relname)), '[]')
    FROM pg_extension, unnest(extconfig) AS config JOIN pg_class ON pg_class.oid = config
      JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE NOT (has_table_privilege(config, 'INSERT') AND has_table_privilege(config, 'DELETE'))),
  'user', current_user,
  'is_superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user));";

/// One restore for each database; the session holds it.
const LOCK: &str = "SELECT to_jsonb(pg_try_advisory_lock(hashtext('dbbackup restore')))";

/// An archive tells its encoding behind the names of its database and its versions, a text behind some settings.
const HEAD_BYTES: usize = 4 * 1024;
/// How long to look for an answer after a connection was lost in the moment of the commit.
const VERDICT: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
