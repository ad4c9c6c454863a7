//! Processes that end in the middle: ours, the clients, the server's. Nothing has changed then; or, in the moment of
//! the commit, what the answer says is what is there.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dbbackup::source::postgres::{Connection, Format, Postgres, Tools};
use dbbackup::{Compression, ErrorKind, Event, Local, Phase, Result};
use dbbackup_testkit::killed::{Moment, eventually, processes, send, signalled};
use dbbackup_testkit::postgres::{Database, Server, Version};
use tempfile::TempDir;

use crate::world::{World, move_on, postgres, servers, shop, text_of, tools};

/// Programs under names of this test's own, by which their processes are found.
struct Clients(TempDir);

impl Clients {
    fn of(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for program in ["psql", "pg_dump", "pg_restore"] {
            symlink(server.bin().join(program), folder.path().join(program)).unwrap();
        }
        Self(folder)
    }

    fn tools(&self) -> Tools {
        let own = |program: &str| vec![self.0.path().join(program).into()];
        Tools { pg_dump: own("pg_dump"), pg_restore: own("pg_restore"), psql: own("psql"), ..Tools::default() }
    }

    fn signal(&self, program: &str, signal: &str) {
        let path = self.0.path().join(program);
        let found = processes(path.to_str().unwrap());
        assert!(!found.is_empty(), "{program} runs");
        for process in found {
            send(process, signal);
        }
    }
}

/// Waits until nobody else is in a database: what was not committed is rolled back then.
fn is_left(database: &Database) -> bool {
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually(|| database.psql(sessions).trim() == "0")
}

/// Backs up, moves on, and restores while `act` happens in the middle; returns the error.
fn disturbed(
    database: &Database,
    format: Format,
    tools: &Tools,
    act: impl Fn() + Send + Sync + 'static,
) -> dbbackup::Error {
    let (error, before) = disturbed_since(database, format, tools, act);
    assert!(database.dump_text() == before, "{error}");
    // And then it goes.
    let plain = World::default();
    plain.backup(&mut postgres(database), Compression::None).unwrap();
    plain.restore(&mut postgres(database)).unwrap();
    error
}

/// The same, but for looking; returns the text from before, too.
fn disturbed_since(
    database: &Database,
    format: Format,
    tools: &Tools,
    act: impl Fn() + Send + Sync + 'static,
) -> (dbbackup::Error, String) {
    let plain = World::default();
    let receipt = plain.backup(&mut postgres(database).with_format(format), Compression::Zstd).unwrap();
    move_on(database);
    let before = database.dump_text();
    let world = World::at_half(receipt.record.plain_bytes, act).with_store_of(&plain);
    let error = world.restore(&mut postgres(database).with_tools(tools.clone())).unwrap_err();
    assert!(is_left(database));
    (error, before)
}

/// A crash may let a sequence jump ahead, by 32.
fn without_sequences(text: &str) -> String {
    text.lines().filter(|line| !line.contains("pg_catalog.setval(")).collect::<Vec<_>>().join("\n")
}

/// More than the pipes hold, so that half of the backup is not the end for the server.
const ROWS: u32 = 60_000;

#[test]
fn a_client_that_is_killed_changes_nothing() {
    for server in servers() {
        let clients = Arc::new(Clients::of(&server));
        for (program, format) in [("psql", Format::Text), ("psql", Format::Custom), ("pg_restore", Format::Custom)] {
            let database = shop(&server, true, ROWS);
            let killing = Arc::clone(&clients);
            let error = disturbed(&database, format, &clients.tools(), move || killing.signal(program, "KILL"));
            assert_eq!(error.kind(), ErrorKind::Tool, "{program}: {error}");
            assert!(error.to_string().contains("SIGKILL"), "{program}: {error}");
        }
    }
}

#[test]
fn a_session_that_the_server_ends_changes_nothing() {
    for server in servers() {
        let database = Arc::new(shop(&server, true, ROWS));
        let ending = Arc::clone(&database);
        let error = disturbed(&database, Format::Custom, &tools(&server), move || {
            assert_ne!(ending.kill_backends(), 0);
        });
        assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
        assert!(error.to_string().contains("terminating connection due to administrator command"), "{error}");
    }
}

#[test]
fn a_server_that_crashes_has_changed_nothing() {
    let Some(server) = Server::alone(Version::V15, &[]) else { return };
    let database = shop(&server, true, ROWS);
    let crashing = server.clone();
    let (error, before) = disturbed_since(&database, Format::Custom, &tools(&server), move || crashing.crash());
    assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
    assert_eq!(without_sequences(&database.dump_text()), without_sequences(&before));
}

#[test]
fn a_server_that_is_stopped_is_an_error() {
    let Some(server) = Server::alone(Version::V15, &[]) else { return };
    let database = shop(&server, true, ROWS);
    let plain = World::default();
    let receipt = plain.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let stopping = server.clone();
    let world = World::at_half(receipt.record.plain_bytes, move || stopping.stop()).with_store_of(&plain);
    assert_eq!(world.restore(&mut postgres(&database)).unwrap_err().kind(), ErrorKind::Tool);
    assert_eq!(world.restore(&mut postgres(&database)).unwrap_err().kind(), ErrorKind::Tool);
}

/// Not a test: what [`a_restore_that_is_killed_changes_nothing`] kills. Restores, says where it is, and stays there.
#[test]
#[ignore = "a part of another test"]
fn restore_until_killed() {
    let of = |name: &str| std::env::var(name).unwrap();
    let (phase, half) = (of("TEST_PHASE"), of("TEST_HALF").parse::<u64>().unwrap());
    let world = World::watched(move |event| {
        if event.phase.id() == phase && event.done >= half {
            std::io::Write::write_all(&mut std::io::stderr(), b"it is there\n").unwrap();
            std::thread::sleep(Duration::from_secs(100));
        }
    });
    let folders = vec![of("TEST_CLIENTS").into()];
    let connection = Connection::from_url(&of("TEST_URL")).unwrap();
    let mut target = Postgres::new(connection).with_tools(Tools { folders, ..Tools::default() });
    dbbackup::restore("a", &mut target, &Local::new(of("TEST_STORE")), &world.run).unwrap();
}

#[test]
fn a_restore_that_is_killed_changes_nothing() {
    for server in servers() {
        for format in [Format::Custom, Format::Text] {
            let database = shop(&server, true, ROWS);
            let world = World::default();
            let receipt = world.backup(&mut postgres(&database).with_format(format), Compression::Zstd).unwrap();
            let store = tempfile::tempdir().unwrap();
            for name in ["a", "a.metadata"] {
                fs_err::write(store.path().join(name), world.store.bytes(name).unwrap()).unwrap();
            }
            move_on(&database);
            let before = database.dump_text();
            for (phase, half) in [("restore", receipt.record.plain_bytes / 2), ("swap", 0)] {
                let mut child = Command::new(std::env::current_exe().unwrap());
                child.args(["--exact", "killed::restore_until_killed", "--ignored", "--nocapture"]);
                child.env("TEST_PHASE", phase).env("TEST_HALF", half.to_string()).env("TEST_URL", database.url());
                child.env("TEST_CLIENTS", server.bin()).env("TEST_STORE", store.path());
                let moment = Moment { line: Some("it is there"), delay: Duration::ZERO };
                let ended = signalled(&mut child, "KILL", &moment);
                assert!(ended.stderr.contains("it is there") && !ended.status.success(), "{ended:?}");
                assert!(is_left(&database), "{format:?}, {phase}");
                assert!(database.dump_text() == before, "{format:?}, {phase}");
            }
            world.restore(&mut postgres(&database)).unwrap();
        }
    }
}

/// A restore whose `COMMIT` waits for a lock that the test holds.
struct Committing {
    database: Arc<Database>,
    clients: Clients,
    before: String,
    world: World,
    holder: Mutex<Option<std::process::Child>>,
}

impl Committing {
    fn in_database_of(server: &Server) -> Self {
        let database = Arc::new(shop(server, true, 100));
        let text = text_of(&database);
        let last = "--\n-- PostgreSQL database dump complete";
        let text = text.replacen(last, &format!("{WAITING}\n\n{last}"), 1);
        move_on(&database);
        let world = World::default();
        world.store.insert("a", text.into_bytes());
        let before = database.dump_text();
        Self { before, clients: Clients::of(server), database, world, holder: Mutex::default() }
    }

    /// Restores, and does `act` once the server works on the `COMMIT`.
    fn meanwhile(&self, act: impl FnOnce() + Send) -> Result<()> {
        self.hold();
        std::thread::scope(|scope| {
            let restoring = scope.spawn(|| {
                let mut target = postgres(&self.database).with_tools(self.clients.tools());
                self.world.restore(&mut target).map(drop)
            });
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
                AND query LIKE 'COMMIT%' AND wait_event_type = 'Lock'";
            assert!(eventually(|| restoring.is_finished() || self.database.psql(waits).trim() == "1"));
            act();
            self.release();
            restoring.join().unwrap()
        })
    }

    fn hold(&self) {
        let mut psql = self.database.server().tool("psql", self.database.name(), "postgres");
        let mut child = psql.args(["-XAtq"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.as_mut().unwrap();
        std::io::Write::write_all(stdin, b"SELECT pg_advisory_lock(4711);\n").unwrap();
        let is_held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND granted";
        assert!(eventually(|| self.database.psql(is_held).trim() == "1"));
        *self.holder.lock().unwrap() = Some(child);
    }

    /// Lets the `COMMIT` go on.
    fn release(&self) {
        if let Some(mut child) = self.holder.lock().unwrap().take() {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    fn is_committed(&self) -> bool {
        self.database.psql("SELECT to_regclass('public.waiting') IS NOT NULL").trim() == "t"
    }
}

const WAITING: &str = "\
CREATE TABLE public.waiting (a integer);
CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.pg_advisory_lock_shared(4711);
  RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER waiting AFTER INSERT ON public.waiting DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION public.wait();
INSERT INTO public.waiting VALUES (1);";

#[test]
fn a_session_that_ends_in_the_commit_has_changed_nothing() {
    for server in servers() {
        let committing = Committing::in_database_of(&server);
        let pid = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'COMMIT%'";
        let result = committing.meanwhile(|| assert_eq!(committing.database.psql(pid).trim(), "1"));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Tool);
        assert!(committing.database.dump_text() == committing.before);
    }
}

#[test]
fn a_client_that_is_killed_after_the_commit_has_restored() {
    for server in servers() {
        let committing = Committing::in_database_of(&server);
        let result = committing.meanwhile(|| {
            // It does not hear the answer.
            committing.clients.signal("psql", "STOP");
            committing.release();
            assert!(eventually(|| committing.is_committed()));
            committing.clients.signal("psql", "KILL");
        });
        result.unwrap();
        assert!(committing.is_committed());
    }
}

#[test]
fn a_client_that_is_killed_in_the_commit_tells_what_became_of_it() {
    for server in servers() {
        let committing = Committing::in_database_of(&server);
        let result = committing.meanwhile(|| committing.clients.signal("psql", "KILL"));
        assert!(is_left(&committing.database));
        assert_eq!(result.is_ok(), committing.is_committed(), "{result:?}");
        if result.is_err() {
            assert!(committing.database.dump_text() == committing.before);
        }
    }
}

#[test]
fn a_run_that_is_stopped_in_the_commit_tells_what_became_of_it() {
    for server in servers() {
        let committing = Committing::in_database_of(&server);
        let result = committing.meanwhile(|| committing.world.run.cancel.request(15));
        assert!(is_left(&committing.database));
        assert_eq!(result.is_ok(), committing.is_committed(), "{result:?}");
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
            assert!(committing.database.dump_text() == committing.before);
        }
    }
}

#[test]
fn a_server_that_crashes_in_the_commit_has_changed_nothing() {
    let Some(server) = Server::alone(Version::V15, &[]) else { return };
    let committing = Committing::in_database_of(&server);
    let result = committing.meanwhile(|| server.crash());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Tool);
    assert_eq!(without_sequences(&committing.database.dump_text()), without_sequences(&committing.before));
}

#[test]
fn a_run_that_is_stopped_at_any_event_changes_nothing() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 5_000);
    let plain = World::default();
    plain.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    move_on(&database);
    let before = database.dump_text();
    for stop_at in 0.. {
        let events = Arc::new(Mutex::new(Vec::<Event>::new()));
        let cancel = dbbackup::Cancel::default();
        let (seen, request) = (Arc::clone(&events), cancel.clone());
        let mut world = World::watched(move |event| {
            seen.lock().unwrap().push(event);
            if seen.lock().unwrap().len() == stop_at + 1 {
                request.request(2);
            }
        });
        world.run.cancel = cancel;
        let result = world.with_store_of(&plain).restore(&mut postgres(&database));
        let events = events.lock().unwrap();
        let Some(stopped) = events.get(stop_at) else {
            result.unwrap();
            break;
        };
        // In the last moment it may have come too late.
        match result {
            Ok(_) => assert_eq!(stopped.phase, Phase::Swap),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Interrupted, "event {stop_at}: {error}");
                assert!(is_left(&database));
                assert!(database.dump_text() == before, "event {stop_at}");
            }
        }
    }
}
