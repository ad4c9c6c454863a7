//! Drills on a server: a backup is restored into a database of its own there, counted, and dropped; nobody else's is.

use std::process::{Command, Stdio};
use std::time::Duration;

use dbbackup::drill::drill;
use dbbackup::source::postgres::{Connection, Format, Postgres, Tools};
use dbbackup::{Compression, ErrorKind, Local, Phase, Report, Result, Run};
use dbbackup_testkit::killed::{Moment, eventually, signalled};
use dbbackup_testkit::postgres::{Database, Server, Version, literal, quoted};

use crate::world::{World, postgres, postgres_as, servers, shop, text_of, tools};

const MARK: &str = "made by a drill of dbbackup, to be dropped again";

/// Drills the backup `a` where `server` says.
fn drilled(world: &World, server: &Postgres) -> Result<Report> {
    drill("a", &world.store, &[server], &world.run)
}

/// Scratch databases of the server that belong to `owner`.
fn scratches(server: &Server, owner: &str) -> Vec<String> {
    let names = format!(
        "SELECT datname FROM pg_database WHERE datname LIKE 'dbbackup_scratch_%' AND datdba = {}::regrole ORDER BY 1",
        literal(&quoted(owner))
    );
    server.psql("postgres", &names).lines().map(str::to_owned).collect()
}

/// A shop whose owner may make databases.
fn shop_of_a_maker(server: &Server, rows: u32) -> Database {
    let database = shop(server, true, rows);
    database.psql(&format!("ALTER ROLE {} CREATEDB", quoted(database.owner())));
    database
}

fn edit(world: &World, from: &str, to: &str) {
    let manifest = String::from_utf8(world.store.bytes("a.metadata").unwrap()).unwrap();
    assert!(manifest.contains(from), "{manifest}");
    world.store.insert("a.metadata", manifest.replace(from, to).into_bytes());
}

#[test]
fn a_whole_backup_is_restored_counted_and_dropped() {
    for server in servers() {
        for format in [Format::Custom, Format::CleaningText] {
            let database = shop_of_a_maker(&server, 50);
            let before = database.dump_text();
            let world = World::default();
            world.backup(&mut postgres(&database).with_format(format), Compression::Zstd).unwrap();
            let report = drilled(&world, &postgres(&database)).unwrap();
            assert_eq!(report.notes, [""; 0]);
            assert_eq!(
                report.proof,
                "size and SHA-256 of its manifest, PostgreSQL's constraints in the restored database"
            );
            let found = report.drill.unwrap();
            assert_eq!((found.tables, found.rows, found.compared), (5, 122, true), "{found:?}");
            found.require_same("a").unwrap();
            assert_eq!(scratches(&server, database.owner()), [""; 0]);
            assert!(database.dump_text() == before);
        }
    }
}

#[test]
fn what_the_manifest_says_otherwise_is_a_difference() {
    let Some(server) = servers().next() else { return };
    let database = shop_of_a_maker(&server, 50);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    edit(&world, "\"public.customer\": 10", "\"public.customer\": 11, \"public.gone\": 1");
    let found = drilled(&world, &postgres(&database)).unwrap().drill.unwrap();
    let expected = ["`public.customer` has 10 rows, its manifest says 11", "`public.gone` is missing"];
    assert_eq!(found.differences, expected);
    assert_eq!(found.require_same("a").unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_backup_without_a_manifest_or_a_server_is_restored_or_read() {
    let Some(server) = servers().next() else { return };
    let database = shop_of_a_maker(&server, 50);
    let world = World::default();
    let text = text_of(&database);
    world.store.insert("a", text.into_bytes());
    let report = drilled(&world, &postgres(&database)).unwrap();
    let found = report.drill.unwrap();
    assert_eq!((found.tables, found.rows, found.compared), (5, 122, false));
    assert_eq!(report.proof, "PostgreSQL's constraints in the restored database");
    let report = drill("a", &world.store, &[], &world.run).unwrap();
    assert!(report.drill.is_none());
    assert!(report.notes[0].starts_with("it was read and not restored: it is of PostgreSQL, and no server was named"));
}

#[test]
fn loose_ends_and_missing_roles_are_notes() {
    for server in servers() {
        let database = shop_of_a_maker(&server, 50);
        let role = database.role("nobody here");
        database.psql(&format!(
            "CREATE TABLE carts (id integer, part text, PRIMARY KEY (id, part));
             CREATE TABLE lines (cart integer, part text);
             INSERT INTO lines VALUES (1, 'a'), (1, NULL), (2, 'b'); INSERT INTO carts VALUES (2, 'b');
             ALTER TABLE lines ADD CONSTRAINT loose FOREIGN KEY (cart, part) REFERENCES carts NOT VALID;
             ALTER TABLE carts OWNER TO {0}; ALTER TABLE lines OWNER TO {0};
             GRANT ALL ON carts, lines TO {0}, {1}",
            quoted(database.owner()),
            quoted(&role)
        ));
        let world = World::default();
        world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
        let found = drilled(&world, &postgres(&database)).unwrap().drill.unwrap();
        assert_eq!(found.foreign_keys.violations, 1);
        assert_eq!(found.foreign_keys.names, ["`public.lines` to `public.carts` (1)"]);
        assert_eq!(found.differences, [""; 0]);
        database.psql(&format!("DROP OWNED BY {0}; DROP ROLE {0}", quoted(&role)));
        let notes = drilled(&world, &postgres(&database)).unwrap().notes.join("\n");
        assert!(notes.contains(&role), "{notes}");
        assert!(notes.contains("1 row refers to others that are not there"), "{notes}");
    }
}

#[test]
fn tables_that_were_left_out_are_empty() {
    let Some(server) = servers().next() else { return };
    let database = shop_of_a_maker(&server, 50);
    let world = World::default();
    world.backup(&mut postgres(&database).excluding(["log"]), Compression::Zstd).unwrap();
    let report = drilled(&world, &postgres(&database)).unwrap();
    let expected = ["it was made without the rows of `public.log`, `public.log_new`, `public.log_old`"];
    assert_eq!(report.notes, expected);
    assert_eq!(report.drill.unwrap().rows, 62);
    // What others refer to cannot be left out of an empty database.
    world.backup(&mut postgres(&database).excluding(["customer"]), Compression::Zstd).unwrap();
    let error = drilled(&world, &postgres(&database)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
    assert!(error.advice().unwrap().starts_with("it was made without the rows of public.customer"), "{error:?}");
    assert_eq!(scratches(&server, database.owner()), [""; 0]);
}

#[test]
fn a_table_whose_rows_are_hidden_is_not_counted_wrongly() {
    let Some(server) = servers().next() else { return };
    let database = shop_of_a_maker(&server, 50);
    database.psql(&format!(
        "SET ROLE {}; CREATE TABLE hidden AS SELECT 1 AS a;
         ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; ALTER TABLE hidden FORCE ROW LEVEL SECURITY",
        quoted(database.owner())
    ));
    let world = World::default();
    world.backup(&mut postgres_as(&database, server.superuser()), Compression::Zstd).unwrap();
    let report = drilled(&world, &postgres(&database)).unwrap();
    let note = "the rows of `public.hidden` cannot be counted without the application, or more rights";
    assert!(report.notes.iter().any(|said| said == note), "{:?}", report.notes);
    assert_eq!(report.drill.unwrap().differences, [""; 0]);
}

#[test]
fn a_scratch_database_has_the_encoding_and_the_locale_of_the_source() {
    for server in servers() {
        for (encoding, locale) in [("LATIN1", "C"), ("UTF8", "C.UTF-8")] {
            let database = server.owned_database("encoded");
            let (name, owner) = (quoted(database.name()), quoted(database.owner()));
            let made = format!(
                "DROP DATABASE {name}; CREATE DATABASE {name} TEMPLATE template0 OWNER {owner} ENCODING '{encoding}' \
                 LC_COLLATE '{locale}' LC_CTYPE '{locale}'; ALTER ROLE {owner} CREATEDB"
            );
            for statement in made.split(';') {
                server.psql("postgres", statement);
            }
            // Whoever restores it into another encoding or order finds rows that do not fit.
            database.psql(&format!(
                "SET ROLE {owner}; CREATE TABLE words (word text CHECK (octet_length(word) = 3));
                     INSERT INTO words VALUES ('abc')"
            ));
            if encoding == "LATIN1" {
                database.psql("INSERT INTO words VALUES (chr(228) || chr(246) || chr(252))");
            }
            let world = World::default();
            world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
            let elsewhere = Connection::from_url(&server.url("postgres", database.owner())).unwrap();
            for place in [postgres(&database), Postgres::new(elsewhere).with_tools(tools(&server))] {
                let found = drilled(&world, &place).unwrap().drill.unwrap();
                found.require_same("a").unwrap();
                assert_eq!(found.tables, 1);
            }
        }
    }
}

#[test]
fn without_the_right_to_make_databases_the_statement_that_gives_it_is_said() {
    if let Some(server) = servers().next() {
        let database = shop(&server, true, 10);
        let world = World::default();
        world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
        let error = drilled(&world, &postgres(&database)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        let statement = format!("ALTER ROLE {} CREATEDB;", quoted(database.owner()));
        assert!(error.advice().unwrap().contains(&statement), "{error:?}");
        server.psql("postgres", &statement);
        drilled(&world, &postgres(&database)).unwrap();
    }
}

#[test]
fn a_database_that_is_gone_does_not_keep_its_backup_from_being_tried() {
    let Some(server) = servers().next() else { return };
    let database = shop_of_a_maker(&server, 10);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let gone = postgres(&database).database("never there");
    drilled(&world, &gone).unwrap().drill.unwrap().require_same("a").unwrap();
    let nowhere = Connection::from_url(&format!("postgresql://nobody@{}:{}/", server.host(), server.port())).unwrap();
    let nobody = Postgres::new(nowhere).with_tools(tools(&server));
    assert_eq!(drilled(&world, &nobody).unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn a_damaged_backup_leaves_nothing() {
    let Some(server) = servers().next() else { return };
    let database = shop_of_a_maker(&server, 50);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::None).unwrap();
    let whole = world.bytes();
    world.store.insert("a", whole[..whole.len() - 100].to_vec());
    assert_eq!(drilled(&world, &postgres(&database)).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(scratches(&server, database.owner()), [""; 0]);
}

#[test]
fn one_that_is_stopped_leaves_nothing() {
    let Some(server) = servers().next() else { return };
    let database = shop_of_a_maker(&server, 2_000);
    let plain = World::default();
    plain.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    for phase in [Phase::Restore, Phase::Swap, Phase::Check] {
        let cancel = dbbackup::Cancel::default();
        let stopping = cancel.clone();
        let world = World::watched(move |event| {
            if event.phase == phase {
                stopping.request(15);
            }
        });
        let world = World { run: Run { cancel, ..world.run.clone() }, ..world.with_store_of(&plain) };
        let error = drilled(&world, &postgres(&database)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{phase:?}: {error}");
        assert_eq!(scratches(&server, database.owner()), [""; 0], "{phase:?}");
    }
}

/// Not a test: what [`what_a_killed_drill_leaves_the_next_one_drops_and_nobody_elses`] kills.
#[test]
#[ignore = "a part of another test"]
fn drill_until_killed() {
    let of = |name: &str| std::env::var(name).unwrap();
    let phase = of("TEST_PHASE");
    let world = World::watched(move |event| {
        if event.phase.id() == phase {
            std::io::Write::write_all(&mut std::io::stderr(), b"it is there\n").unwrap();
            std::thread::sleep(Duration::from_secs(100));
        }
    });
    let tools = Tools { folders: vec![of("TEST_CLIENTS").into()], ..Tools::default() };
    let server = Postgres::new(Connection::from_url(&of("TEST_URL")).unwrap()).with_tools(tools);
    drill("a", &Local::new(of("TEST_STORE")), &[&server], &world.run).unwrap();
}

fn until_killed(database: &Database, store: &std::path::Path, phase: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "drill::drill_until_killed", "--ignored", "--nocapture"]);
    child.env("TEST_PHASE", phase).env("TEST_URL", database.url()).env("TEST_STORE", store);
    child.env("TEST_CLIENTS", database.server().bin()).stdout(Stdio::null());
    child
}

#[test]
fn what_a_killed_drill_leaves_the_next_one_drops_and_nobody_elses() {
    for server in servers() {
        let database = shop_of_a_maker(&server, 2_000);
        let owner = database.owner();
        let world = World::default();
        world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
        let store = tempfile::tempdir().unwrap();
        for name in ["a", "a.metadata"] {
            fs_err::write(store.path().join(name), world.store.bytes(name).unwrap()).unwrap();
        }
        // Names like ours: without the mark, with another one, of somebody else.
        let lookalikes =
            ["1", "2", "3"].map(|digit| format!("dbbackup_scratch_2026010100000{digit}_{:012x}", std::process::id()));
        for (name, owner) in lookalikes.iter().zip([owner, owner, server.superuser()]) {
            server.psql("postgres", &format!("CREATE DATABASE {name} OWNER {}", quoted(owner)));
        }
        server.psql("postgres", &format!("COMMENT ON DATABASE {} IS 'mine'", lookalikes[1]));
        server.psql("postgres", &format!("COMMENT ON DATABASE {} IS {}", lookalikes[2], literal(MARK)));

        for phase in ["restore", "check"] {
            let moment = Moment { line: Some("it is there"), delay: Duration::ZERO };
            signalled(&mut until_killed(&database, store.path(), phase), "KILL", &moment);
            let left: Vec<String> =
                scratches(&server, owner).into_iter().filter(|name| !lookalikes.contains(name)).collect();
            let [left] = left.try_into().unwrap();
            let sessions = format!(
                "SELECT count(*) FROM pg_stat_activity WHERE {0} IN (datname, application_name)",
                literal(&left)
            );
            assert!(eventually(|| server.psql("postgres", &sessions).trim() == "0"));
            let report = drilled(&world, &postgres(&database)).unwrap();
            assert_eq!(report.notes, [format!("dropped what killed drills had left: {left}")]);
        }
        assert_eq!(scratches(&server, owner), lookalikes[..2]);
        for name in &lookalikes {
            server.psql("postgres", &format!("DROP DATABASE {name}"));
        }
    }
}

#[test]
fn drills_at_once_do_not_drop_each_others() {
    if let Some(server) = servers().next() {
        let database = shop_of_a_maker(&server, 500);
        let world = World::default();
        world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
        std::thread::scope(|scope| {
            let drills = [0, 1, 2, 3].map(|number| {
                let (world, database) = (&world, &database);
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(60 * number));
                    drilled(world, &postgres(database))
                })
            });
            for one in drills {
                let report = one.join().unwrap().unwrap();
                assert_eq!(report.notes, [""; 0]);
                report.drill.unwrap().require_same("a").unwrap();
            }
        });
        assert_eq!(scratches(&server, database.owner()), [""; 0]);
    }
}

#[test]
fn one_that_loses_its_sessions_drops_its_database_all_the_same() {
    let Some(server) = Server::start(Version::V15) else { return };
    let database = shop_of_a_maker(&server, 100);
    let plain = World::default();
    plain.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let (ending, user) = (server.clone(), literal(database.owner()));
    let world = World::watched(move |event| {
        if event.phase == Phase::Check {
            ending.psql(
                "postgres",
                &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {user}"),
            );
        }
    });
    let report = drilled(&world.with_store_of(&plain), &postgres(&database)).unwrap();
    assert_eq!(report.notes, [""; 0]);
    assert_eq!(scratches(&server, database.owner()), [""; 0]);
}
