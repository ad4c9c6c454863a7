//! Others at work in the database: whoever has to wait is told in time, and nothing has changed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use dbbackup::source::{Expected, Target as _};
use dbbackup::{Compression, ErrorKind, Run};
use dbbackup_testkit::killed::eventually;
use dbbackup_testkit::mysql::{Database, Server};

use crate::border::Client;
use crate::world::{World, move_on, mysql, shop};

/// Somebody in the middle of something.
struct Holder(Child);

impl Holder {
    /// Does `sql`, and stays.
    fn start(database: &Database, sql: &str) -> Self {
        let mut client = database.server().client(database.server().superuser());
        client.args(["--batch", "--skip-column-names", "--unbuffered", database.name()]);
        let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{sql};\nSELECT 'held';").unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "held"), "{sql}");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

const SHORT: Duration = Duration::from_secs(2);

#[test]
fn a_restore_that_waits_for_others_is_busy_and_changes_nothing() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    move_on(&database);
    database.query("DROP EVENT often");
    let before = database.dump_text();
    for lock in [
        "START TRANSACTION; SELECT count(*) FROM `or``der`",
        "START TRANSACTION; SELECT count(*) FROM counted",
        "START TRANSACTION; UPDATE customer SET best = 1 WHERE id = 1",
        "LOCK TABLES counted WRITE",
        "FLUSH TABLES WITH READ LOCK",
    ] {
        let holder = Holder::start(&database, lock);
        let started = Instant::now();
        let error = world.restore(&mut mysql(&database).with_lock_timeout(SHORT)).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(12), "{lock}: {:?}", started.elapsed());
        assert_eq!(error.kind(), ErrorKind::Busy, "{lock}: {error}");
        drop(holder);
        if !database.seconds().is_empty() {
            World::default().restore_plain(b"no dump".as_slice(), &mut mysql(&database)).unwrap_err();
        }
        assert_eq!(database.dump_text(), before, "{lock}");
    }
    world.restore(&mut mysql(&database)).unwrap();
}

#[test]
fn a_backup_that_waits_for_others_is_busy() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    database.query("CREATE TABLE django_migrations (id int, app varchar(9), name varchar(9))");
    for (lock, excluded) in [("customer", None), ("django_migrations", None), ("counted", Some("counted"))] {
        let _holder = Holder::start(&database, &format!("LOCK TABLES {lock} WRITE"));
        let started = Instant::now();
        let world = World::default();
        let mut source = mysql(&database).with_lock_timeout(SHORT).excluding(excluded);
        match world.backup(&mut source, Compression::Zstd) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Busy, "{lock}: {error}");
                assert!(world.store.bytes("a").is_none());
            }
            // Rows that are left out are in nobody's way.
            Ok(_) => assert!(excluded.is_some(), "{lock}"),
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{lock}: {:?}", started.elapsed());
    }
    World::default().backup(&mut mysql(&database), Compression::Zstd).unwrap();
}

#[test]
fn of_two_restores_one_is_busy() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::Zstd).unwrap();
    let mut first = mysql(&database);
    let load = first.begin(&Expected::default(), &Run::default()).unwrap();
    let error = world.restore(&mut mysql(&database)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("another restore is under way"), "{error}");
    // A backup of what is there now is as good as ever.
    world.backup(&mut mysql(&database), Compression::Zstd).unwrap();
    drop(load);
    world.restore(&mut mysql(&database)).unwrap();
    assert!(database.seconds().is_empty());
}

#[test]
fn a_session_that_ends_while_the_tables_wait_for_others_changes_nothing() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    move_on(&database);
    database.query("DROP EVENT often; CREATE TABLE held (a int)");
    let before = database.dump_text();
    let client = Client::of(&server);
    for by_server in [true, false] {
        // No trigger of it is in the way before the rename.
        let holder = Holder::start(&database, "START TRANSACTION; SELECT count(*) FROM counted");
        let act = "printf '%s\\n;\\n' \"$line\" >&4; sleep 1; kill -9 $real";
        let act = if by_server { "" } else { act };
        let result = std::thread::scope(|scope| {
            let restoring =
                scope.spawn(|| world.restore(&mut client.acting(&database, "RENAME TABLE*", 1, act)).map(drop));
            let waiting = format!(
                "SELECT id FROM information_schema.processlist WHERE info LIKE 'RENAME TABLE `{}`%'",
                database.name()
            );
            assert!(eventually(|| !database.query(&waiting).is_empty()));
            if by_server {
                database.query(&format!("KILL {}", database.query(&waiting).trim()));
            }
            restoring.join().unwrap()
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Tool);
        drop(holder);
        assert!(database.seconds().is_empty());
        assert_eq!(database.dump_text(), before);
    }
}
