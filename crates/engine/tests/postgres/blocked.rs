//! Others at work in the database: who is in the way is named, in time, and nothing has changed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use dbbackup::source::postgres::Format;
use dbbackup::source::{Expected, Target as _};
use dbbackup::{Compression, ErrorKind, Run};
use dbbackup_testkit::killed::eventually;
use dbbackup_testkit::postgres::{Database, quoted};

use crate::world::{World, move_on, postgres, postgres_as, servers, shop};

/// Somebody in the middle of a transaction.
struct Holder(Child);

impl Holder {
    /// Begins a transaction as `user`, and does `sql` in it.
    fn start(database: &Database, user: &str, sql: &str) -> Self {
        let mut psql = database.server().tool("psql", database.name(), user);
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1"]).env("PGAPPNAME", "till 7");
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdin = child.stdin.as_mut().unwrap();
        writeln!(stdin, "BEGIN;\nSELECT pg_backend_pid();\n{sql};\n\\echo held").unwrap();
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

const LOCKS: [&str; 3] =
    ["SELECT FROM customer LIMIT 1", "SELECT FROM customer FOR UPDATE", "INSERT INTO later VALUES (7, NULL)"];

#[test]
fn a_restore_names_who_is_in_the_way_and_changes_nothing() {
    for server in servers() {
        let database = shop(&server, true, 100);
        let world = World::default();
        world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
        move_on(&database);
        let clerk = database.role("the clerk");
        database.psql(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}", quoted(&clerk)));
        let before = database.dump_text();
        // Only the superuser may know what others do.
        for (lock, user) in LOCKS.into_iter().zip([database.owner(), server.superuser(), database.owner()]) {
            let holder = Holder::start(&database, &clerk, lock);
            let pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'till 7'
                AND datname = current_database()";
            let pid = database.psql(pid);
            let started = Instant::now();
            let mut target = postgres_as(&database, user).with_lock_timeout(Duration::from_secs(3));
            let error = world.restore(&mut target).unwrap_err();
            assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
            assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
            let state = if user == "postgres" { ", idle in transaction since 20" } else { ")" };
            let who = format!("locked for 3 s by process {} (till 7 of {clerk}{state}", pid.trim());
            assert!(error.to_string().contains(&who), "{error}");
            assert!(error.advice().unwrap().contains("--terminate-connections"), "{error:?}");
            drop(holder);
        }
        assert!(database.dump_text() == before);
        world.restore(&mut postgres(&database)).unwrap();
    }
}

#[test]
fn who_is_in_the_way_is_ended_on_request() {
    for server in servers() {
        let database = shop(&server, true, 100);
        let before = database.dump_text();
        let world = World::default();
        world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
        move_on(&database);
        let clerks: Vec<Holder> = LOCKS.iter().map(|lock| Holder::start(&database, database.owner(), lock)).collect();
        world.restore(&mut postgres(&database).terminating(true)).unwrap();
        assert!(database.dump_text() == before);
        drop(clerks);
    }
}

#[test]
fn sessions_that_the_user_may_not_end_stay() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 100);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let before = database.dump_text();
    let _holder = Holder::start(&database, server.superuser(), LOCKS[0]);
    let error = world.restore(&mut postgres(&database).terminating(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(database.dump_text() == before);
}

#[test]
fn a_backup_names_who_is_in_the_way_and_does_not_wait_longer_than_it_may() {
    for server in servers() {
        let database = shop(&server, true, 100);
        let clerk = database.role("the clerk");
        database.psql("CREATE TABLE django_migrations (id integer, app text, name text)");
        database.psql(&format!(
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO {0}; GRANT ALL ON SCHEMA public TO {0}",
            quoted(&clerk)
        ));
        database.psql(&format!("ALTER TABLE django_migrations OWNER TO {}", quoted(database.owner())));
        for table in ["customer", "django_migrations"] {
            for format in [Format::Custom, Format::Text] {
                let holder = Holder::start(&database, &clerk, &format!("LOCK TABLE {table}"));
                let started = Instant::now();
                let world = World::default();
                let mut source = postgres(&database).with_format(format).with_lock_timeout(Duration::from_secs(2));
                let error = world.backup(&mut source, Compression::Zstd).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Busy, "{table}, {format:?}: {error}");
                let who = format!("cannot back up `{0}` on `127.0.0.1`: locked for 2 s by process ", database.name());
                assert!(error.to_string().starts_with(&who), "{table}, {format:?}: {error}");
                assert!(error.to_string().contains(&format!(" (till 7 of {clerk}")), "{table}, {format:?}: {error}");
                assert!(!error.advice().unwrap().contains("--terminate-connections"), "{error:?}");
                assert!(started.elapsed() < Duration::from_secs(8), "{table}: {:?}", started.elapsed());
                assert!(world.store.bytes("a").is_none());
                drop(holder);
            }
        }
        World::default().backup(&mut postgres(&database), Compression::Zstd).unwrap();
    }
}

#[test]
fn of_two_restores_one_is_busy() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 100);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let before = database.dump_text();
    let mut first = postgres(&database);
    let load = first.begin(&Expected::default(), &Run::default()).unwrap();
    let error = world.restore(&mut postgres(&database)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("another restore is under way"), "{error}");
    // Nor does a restore that has failed stand in the way of the next.
    drop(load);
    for _ in 0..5 {
        world.restore_plain("-- PostgreSQL database dump\nSELECT 1/0;\n", &mut postgres(&database)).unwrap_err();
        world.restore(&mut postgres(&database)).unwrap();
    }
    assert!(database.dump_text() == before);
}

#[test]
fn waiting_for_a_lock_can_be_stopped() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 100);
    let plain = World::default();
    plain.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let before = database.dump_text();
    let holder = Holder::start(&database, "postgres", "LOCK TABLE customer");
    for is_backup in [true, false] {
        let world = World::default().with_store_of(&plain);
        let cancel = world.run.cancel.clone();
        let mut postgres = postgres(&database).with_lock_timeout(Duration::from_secs(60));
        let (error, took) = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                if is_backup {
                    world.backup_as("b", &mut postgres, Compression::Zstd).unwrap_err()
                } else {
                    world.restore(&mut postgres).unwrap_err()
                }
            });
            let waits = "SELECT count(*) > 0 FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            assert!(eventually(|| database.psql(waits).trim() == "t"));
            let started = Instant::now();
            cancel.request(15);
            (waiting.join().unwrap(), started.elapsed())
        });
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND application_name <> 'till 7'";
        assert!(eventually(|| database.psql(others).trim() == "0"));
    }
    drop(holder);
    assert!(database.dump_text() == before);
}

#[test]
fn a_role_that_may_connect_once_can_restore() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 100);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let before = database.dump_text();
    move_on(&database);
    database.psql(&format!("ALTER ROLE {} CONNECTION LIMIT 1", quoted(database.owner())));
    let moved_on = database.dump_text();
    let holder = Holder::start(&database, "postgres", LOCKS[0]);
    let error = world.restore(&mut postgres(&database).with_lock_timeout(Duration::from_secs(2))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(database.dump_text() == moved_on);
    drop(holder);
    world.restore(&mut postgres(&database)).unwrap();
    assert!(database.dump_text() == before);
}
