//! Passwords and names with every character that means something to somebody on their way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dbbackup::source::postgres::{Connection, Format, Postgres};
use dbbackup::{Compression, ErrorKind, Secret};
use dbbackup_testkit::postgres::{Database, Version, literal, quoted};

use crate::world::{World, servers, tools};

const AWKWARD: [&str; 6] = [
    r#"p@ss'w "ord%41/:#$&?="#,
    r"back\slash\\'' \n",
    "host=elsewhere password=x",
    "postgresql://x:y@z/w?a=b",
    "Größe 数据 🐘",
    "two\nlines\tand\ttabs; DROP",
];

fn connection(database: &Database, user: &str) -> Connection {
    Connection::default()
        .with("host", database.server().host())
        .with("port", database.server().port().to_string())
        .with("dbname", database.name())
        .with("user", user)
}

fn target(database: &Database, connection: Connection) -> Postgres {
    Postgres::new(connection).with_tools(tools(database.server())).with_lock_timeout(Duration::from_secs(20))
}

#[allow(clippy::format_collect)] // a few bytes
fn encoded(part: &str) -> String {
    part.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn awkward_passwords_and_names_arrive_as_they_are() {
    for server in servers() {
        let long = "long ".repeat(40);
        for password in AWKWARD.into_iter().chain([long.as_str()]) {
            // A password of several lines cannot be in a variable of a password file, but in ours.
            let database = server.owned_database(password);
            let owner = database.owner();
            database.psql(&format!("ALTER ROLE {} PASSWORD {}", quoted(owner), literal(password)));
            let schema = quoted(password.get(..40).unwrap_or(password));
            database.psql(&format!(
                "CREATE SCHEMA {schema} AUTHORIZATION {0}; SET ROLE {0}; CREATE TABLE {schema}.{schema} ({schema} text);
                 INSERT INTO {schema}.{schema} VALUES ({1}); CREATE TABLE t (a text); INSERT INTO t VALUES ('kept')",
                quoted(owner),
                literal(password)
            ));
            let before = database.dump_text();
            let [user, secret, name] = [owner, password, database.name()].map(encoded);
            let url = format!("postgresql://{user}:{secret}@{}:{}/{name}", server.host(), server.port());
            let by_parts = connection(&database, owner).with_password(Secret::new(password));
            let by_url = Connection::from_url(&url).unwrap();
            // One way on each server: this takes long enough.
            {
                let connection = if server.version() == Version::V15 { by_parts } else { by_url };
                let world = World::default();
                let plain_schema = password.get(..40).unwrap_or(password);
                let postgres = target(&database, connection);
                let excluded = format!("{schema}.{schema}");
                let mut source = postgres.clone().only_schemas([plain_schema]).excluding([&excluded]);
                world.backup(&mut source, Compression::Zstd).unwrap();
                let report = world.restore(&mut postgres.clone().only_schemas([plain_schema])).unwrap();
                assert!(report.notes.join(" ").contains("(1 rows)"), "{:?}", report.notes);
                assert!(database.dump_text() == before, "{password}");
            }
        }
    }
}

/// Looks at all command lines until it is dropped.
fn watched<T>(canary: &str, act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (watching, is_over) = (scope.spawn(|| watch(canary, &is_over)), &is_over);
        let result = act();
        is_over.store(true, Ordering::Relaxed);
        let (programs, seen) = watching.join().unwrap();
        assert!(programs.iter().any(|program| program.contains("fallback_application_name=dbbackup")));
        assert!(seen.is_empty(), "{seen:?}");
        result
    })
}

fn watch(canary: &str, is_over: &AtomicBool) -> (Vec<String>, Vec<String>) {
    let (mut programs, mut seen) = (Vec::new(), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        for entry in fs_err::read_dir("/proc").unwrap().flatten() {
            let Ok(line) = fs_err::read(entry.path().join("cmdline")) else { continue };
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(canary) {
                seen.push(line);
            } else if line.contains("dbname=") && programs.len() < 1000 {
                programs.push(line);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (programs, seen)
}

#[test]
fn a_password_is_on_no_command_line_and_in_no_manifest_and_no_error() {
    let Some(server) = servers().next() else { return };
    let canary = format!("canary-{}", "x'y".repeat(3));
    let database = server.owned_database("shop");
    database.psql(&format!(
        "ALTER ROLE {0} PASSWORD {1}; SET ROLE {0}; CREATE TABLE t AS SELECT n FROM generate_series(1, 50000) AS n",
        quoted(database.owner()),
        literal(&canary)
    ));
    let known = connection(&database, database.owner()).with_password(Secret::new(&*canary));
    watched(&canary, || {
        for format in [Format::Custom, Format::Text] {
            let world = World::default();
            let mut postgres = target(&database, known.clone()).with_format(format);
            world.backup(&mut postgres, Compression::Zstd).unwrap();
            world.restore(&mut postgres).unwrap();
            postgres.summary(&world.run).unwrap();
            postgres.execute("SELECT 1", &world.run).unwrap();
            let manifest = String::from_utf8(world.store.bytes("a.metadata").unwrap()).unwrap();
            assert!(!manifest.contains("canary") && manifest.contains("PostgreSQL"), "{manifest}");
            assert!(!format!("{postgres:?}").contains("canary"));
            // What fails on the way.
            let world = World::default();
            let text = "-- PostgreSQL database dump\nSELECT 1/0;\n";
            let failed = world.restore_plain(text, &mut postgres).unwrap_err();
            let missing = target(&database, known.clone().with("dbname", "no such database"));
            let missing = missing.summary(&world.run).unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::Config, "{missing}");
            for error in [failed, missing] {
                assert!(!format!("{error} {error:?} {:?}", error.to_report()).contains("canary"));
            }
        }
    });
    let wrong = connection(&database, database.owner()).with_password(Secret::new("wrong canary"));
    for (connection, kind) in [
        (wrong.clone(), ErrorKind::Denied),
        (wrong.clone().with("user", "nobody of that name"), ErrorKind::Denied),
        (wrong.clone().with("port", "1"), ErrorKind::Tool),
        (wrong.with("sslmode", "nonsense"), ErrorKind::Tool),
    ] {
        let mut postgres = target(&database, connection);
        let world = World::default();
        let backup = world.backup(&mut postgres, Compression::Zstd).unwrap_err();
        let restore = world.restore_plain("-- PostgreSQL database dump\n", &mut postgres).unwrap_err();
        for error in [backup, restore] {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!format!("{error} {error:?} {:?}", error.to_report()).contains("canary"), "{error:?}");
        }
    }
}
