//! Drills on a server: a backup is restored into a database of its own there, counted, and dropped; nobody else's is.

use std::process::{Command, Stdio};
use std::time::Duration;

use dbbackup::drill::drill;
use dbbackup::source::mysql::{Connection, Mysql, Tools};
use dbbackup::{Compression, ErrorKind, Local, Phase, Report, Result, Run};
use dbbackup_testkit::killed::{Moment, eventually, signalled};
use dbbackup_testkit::mysql::{Database, Server, literal, quoted};

use crate::world::{World, mysql, mysql_at, shop};

/// A shop, and a user who may make databases for drills and restore what others have defined.
struct Place {
    database: Database,
    user: String,
}

impl Place {
    fn new(server: &Server, rows: u32) -> Self {
        let database = shop(server, rows);
        let user = database.user("driller", &["ALL ON {database}.*", "SET USER ON *.*", &scratches()]);
        Self { database, user }
    }

    fn mysql(&self) -> Mysql {
        mysql_at(&self.database.url_of(&self.user), self.database.server())
    }

    fn drilled(&self, world: &World) -> Result<Report> {
        drill("a", &world.store, &[&self.mysql()], &world.run)
    }

    /// Scratch databases of its user.
    fn left(&self) -> Vec<String> {
        let marks = format!(
            "SELECT table_schema FROM information_schema.tables WHERE table_name = 'dbbackup_scratch_mark'
            AND table_comment LIKE {}",
            literal(&format!("% as {}@%", self.user))
        );
        self.database.server().query("", &marks).lines().map(str::to_owned).collect()
    }

    /// Nothing is there that a drill of its user has made.
    fn require_tidy(&self) {
        assert_eq!(self.left(), [""; 0]);
        let alone =
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'dbbackup\\_scratch\\_%\\_\\_%'
            AND LEFT(schema_name, 40) NOT IN (SELECT schema_name FROM information_schema.schemata)";
        // Those of other tests come and go.
        assert!(eventually(|| self.database.server().query("", alone).is_empty()));
    }
}

/// The right to make databases for drills.
fn scratches() -> String {
    "ALL ON `dbbackup\\_scratch\\_%`.*".to_owned()
}

fn edit(world: &World, from: &str, to: &str) {
    let manifest = String::from_utf8(world.store.bytes("a.metadata").unwrap()).unwrap();
    assert!(manifest.contains(from), "{manifest}");
    world.store.insert("a.metadata", manifest.replace(from, to).into_bytes());
}

#[test]
fn a_whole_backup_is_restored_counted_and_dropped() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 50);
    place.database.query("DROP EVENT often");
    let before = place.database.dump_text();
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    let report = place.drilled(&world).unwrap();
    assert_eq!(report.notes, [""; 0]);
    assert_eq!(report.proof, "size and SHA-256 of its manifest, MySQL's constraints in the restored database");
    let found = report.drill.unwrap();
    assert_eq!((found.tables, found.rows, found.compared), (3, 61, true), "{found:?}");
    found.require_same("a").unwrap();
    place.require_tidy();
    assert_eq!(place.database.dump_text(), before);
}

#[test]
fn what_the_manifest_says_otherwise_is_a_difference() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 50);
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    edit(&world, "\"customer\": 10", "\"customer\": 11, \"gone\": 1");
    let found = place.drilled(&world).unwrap().drill.unwrap();
    assert_eq!(found.differences, ["`customer` has 10 rows, its manifest says 11", "`gone` is missing"]);
    assert_eq!(found.require_same("a").unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_dump_of_somebody_elses_is_restored_or_read() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 50);
    let world = World::default();
    let own =
        format!("ALTER DATABASE {} CHARACTER SET latin1 COLLATE latin1_german1_ci", quoted(place.database.name()));
    place.database.query(&own);
    let mut dump = server.tool("mariadb-dump", server.superuser());
    let text = dump.args(["--routines", "--databases", place.database.name()]).output().unwrap().stdout;
    world.store.insert("a", text);
    let found = place.drilled(&world).unwrap().drill.unwrap();
    assert_eq!((found.tables, found.rows, found.compared), (3, 61, false));
    let report = drill("a", &world.store, &[], &world.run).unwrap();
    assert!(report.drill.is_none());
    assert!(report.notes[0].starts_with("it was read and not restored: it is of MySQL, and no server was named"));
}

#[test]
fn rows_without_a_parent_are_notes() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 50);
    place.database.query(
        "CREATE TABLE carts (id int, part varchar(9), PRIMARY KEY (id, part));
         CREATE TABLE `li``nes` (cart int, part varchar(9), CONSTRAINT loose FOREIGN KEY (cart, part) REFERENCES carts (id, part));
         INSERT INTO carts VALUES (2, 'b'); SET foreign_key_checks = 0;
         INSERT INTO `li``nes` VALUES (1, 'a'), (1, NULL), (2, 'b'), (2, 'c')",
    );
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    let report = place.drilled(&world).unwrap();
    let found = report.drill.unwrap();
    assert_eq!((found.foreign_keys.violations, found.differences.len()), (2, 0));
    assert_eq!(found.foreign_keys.names, ["`li`nes` to `carts` (2)"]);
    assert!(report.notes.concat().contains("2 rows refer to others that are not there"), "{:?}", report.notes);
}

#[test]
fn tables_that_were_left_out_are_empty_and_keys_into_them_not_judged() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 50);
    let world = World::default();
    world.backup(&mut mysql(&place.database).excluding(["counted", "customer"]), Compression::Zstd).unwrap();
    let report = place.drilled(&world).unwrap();
    let expected =
        ["it was made without the rows of `counted`, `customer`", "the foreign keys of `or`der` cannot be checked"];
    assert_eq!(report.notes, expected);
    assert_eq!(report.drill.unwrap().rows, 50);
    place.require_tidy();
}

#[test]
fn tables_that_show_the_rows_of_others_count_none() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 20);
    place.database.query(
        "CREATE TABLE one (a int PRIMARY KEY) ENGINE = MyISAM; INSERT INTO one VALUES (1), (2);
         CREATE TABLE all_of (a int PRIMARY KEY) ENGINE = MERGE UNION = (one);
         CREATE TABLE past (a int) WITH SYSTEM VERSIONING; INSERT INTO past VALUES (1); UPDATE past SET a = 2;",
    );
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    let found = place.drilled(&world).unwrap().drill.unwrap();
    assert_eq!(found.tables, 6, "{found:?}");
    found.require_same("a").unwrap();
}

#[test]
fn a_server_that_knows_small_letters_only_has_the_tables_of_the_manifest() {
    let Some(server) = Server::start() else { return };
    let options = ["--lower-case-table-names=1", "--innodb-flush-log-at-trx-commit=0"];
    let Some(small) = Server::alone(&options) else { return };
    let database = server.database("Shop");
    database.query(
        "CREATE TABLE Orders (a int PRIMARY KEY); CREATE TABLE Items (a int, FOREIGN KEY (a) REFERENCES Orders (a))",
    );
    database.query("INSERT INTO Orders VALUES (1), (2); INSERT INTO Items VALUES (2)");
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::Zstd).unwrap();
    let found = drill("a", &world.store, &[&mysql(&small.database("any"))], &world.run).unwrap().drill.unwrap();
    assert_eq!((found.rows, found.differences.len()), (3, 0), "{found:?}");
}

#[test]
fn an_event_never_runs_in_a_scratch_database() {
    let Some(server) = Server::alone(&["--event-scheduler=ON", "--innodb-flush-log-at-trx-commit=0"]) else { return };
    let (place, other) = (Place::new(&server, 50), server.database("other"));
    other.query("CREATE TABLE ran (place varchar(99))");
    place.database.query(&format!(
        "ALTER EVENT often ON SCHEDULE EVERY 1 SECOND ENABLE DO INSERT INTO {}.ran VALUES (database())",
        quoted(other.name())
    ));
    let plain = World::default();
    plain.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    place.database.query("DROP EVENT often");
    other.query("DELETE FROM ran");
    let waiting = server.clone();
    let world = World::watched(move |event| {
        if event.phase == Phase::Check {
            let there = "SELECT COUNT(*) FROM information_schema.events WHERE event_schema LIKE 'dbbackup%'";
            assert_eq!(waiting.query("", there).trim(), "1");
            std::thread::sleep(Duration::from_millis(1500));
        }
    });
    place.drilled(&world.with_store_of(&plain)).unwrap();
    assert_eq!(other.query("SELECT * FROM ran"), "");
}

#[test]
fn a_scratch_database_has_the_character_set_of_the_source() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 20);
    place.database.query(&format!("ALTER DATABASE {} COLLATE latin1_german1_ci", quoted(place.database.name())));
    let plain = World::default();
    plain.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    let looking = server.clone();
    let user = place.user.clone();
    let world = World::watched(move |event| {
        if event.phase == Phase::Check {
            let of = format!(
                "SELECT default_collation_name FROM information_schema.schemata JOIN information_schema.tables
                ON table_schema = schema_name WHERE table_comment LIKE {}",
                literal(&format!("% as {user}@%"))
            );
            assert_eq!(looking.query("", &of).trim(), "latin1_german1_ci");
        }
    });
    let world = world.with_store_of(&plain);
    place.drilled(&world).unwrap();
    // One that the server does not know is left to it.
    edit(&world, "latin1_german1_ci", "latin1_nowhere_ci");
    drill("a", &world.store, &[&place.mysql()], &Run::default()).unwrap().drill.unwrap().require_same("a").unwrap();
}

#[test]
fn without_the_rights_the_statement_that_gives_them_is_said() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::Zstd).unwrap();
    let user = database.user("it's me", &["ALL ON {database}.*"]);
    let place = Place { database, user };
    let error = place.drilled(&world).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let hint = error.advice().unwrap();
    let grant = hint.split_once("run: ").unwrap().1.split_once(';').unwrap().0;
    assert!(hint.contains(&format!("TO {}@'%'", literal(&place.user))), "{hint}");
    server.query("", grant);
    // What others have defined takes another right.
    let error = place.drilled(&world).unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.advice().unwrap().contains("SET USER"), "{error:?}");
    place.require_tidy();
    server.query("", &format!("GRANT SET USER ON *.* TO {}@'%'", literal(&place.user)));
    place.drilled(&world).unwrap();
}

#[test]
fn a_server_is_enough_and_one_that_only_reads_is_not() {
    let Some(server) = Server::alone(&["--innodb-flush-log-at-trx-commit=0"]) else { return };
    let place = Place::new(&server, 10);
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    let tools = Tools { folders: vec![server.bin().to_owned()], ..Tools::default() };
    let nowhere = Connection::from_server_url(&server.url("", &place.user)).unwrap();
    let nowhere = Mysql::new(nowhere).with_tools(tools);
    drill("a", &world.store, &[&nowhere], &world.run).unwrap().drill.unwrap().require_same("a").unwrap();
    server.query("", "SET GLOBAL read_only = 1");
    let error = place.drilled(&world).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().starts_with("cannot make a scratch database: the server only reads"), "{error}");
}

#[test]
fn a_damaged_backup_leaves_nothing() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 50);
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::None).unwrap();
    let text = world.text();
    world.store.insert("a", text[..text.len() - 100].into());
    assert_eq!(place.drilled(&world).unwrap_err().kind(), ErrorKind::Corrupt);
    place.require_tidy();
}

#[test]
fn one_that_is_stopped_leaves_nothing() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 2_000);
    let plain = World::default();
    plain.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    for phase in [Phase::Restore, Phase::Swap, Phase::Check] {
        let cancel = dbbackup::Cancel::default();
        let stopping = cancel.clone();
        let world = World::watched(move |event| {
            if event.phase == phase {
                stopping.request(15);
            }
        });
        let world = World { run: Run { cancel, ..world.run.clone() }, ..world.with_store_of(&plain) };
        let error = place.drilled(&world).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{phase:?}: {error}");
        place.require_tidy();
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
    let server = Mysql::new(Connection::from_url(&of("TEST_URL")).unwrap()).with_tools(tools);
    drill("a", &Local::new(of("TEST_STORE")), &[&server], &world.run).unwrap();
}

fn until_killed(place: &Place, store: &std::path::Path, phase: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "drill::drill_until_killed", "--ignored", "--nocapture"]);
    child.env("TEST_PHASE", phase).env("TEST_URL", place.database.url_of(&place.user)).env("TEST_STORE", store);
    child.env("TEST_CLIENTS", place.database.server().bin()).stdout(Stdio::null());
    child
}

#[test]
fn what_a_killed_drill_leaves_the_next_one_drops_and_nobody_elses() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 2_000);
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    let store = tempfile::tempdir().unwrap();
    for name in ["a", "a.metadata"] {
        fs_err::write(store.path().join(name), world.store.bytes(name).unwrap()).unwrap();
    }
    // Names like ours: without the mark, with another one, with that of another user.
    let lookalikes =
        ["1", "2", "3"].map(|digit| format!("dbbackup_scratch_2026010100000{digit}_{:08x}", std::process::id()));
    for (name, comment) in lookalikes.iter().zip(["", "mine", "made by a drill of dbbackup as ada@% on x/1"]) {
        let table = if comment.is_empty() { "mine" } else { "dbbackup_scratch_mark" };
        server.query("", &format!("CREATE DATABASE {name}; CREATE TABLE {name}.{table} (a int) COMMENT '{comment}'"));
    }
    for phase in ["restore", "swap", "check"] {
        let moment = Moment { line: Some("it is there"), delay: Duration::ZERO };
        signalled(&mut until_killed(&place, store.path(), phase), "KILL", &moment);
        let [left] = place.left().try_into().unwrap();
        assert!(eventually(|| server.query("", &format!("SELECT IS_FREE_LOCK('{left}')")).trim() == "1"));
        let report = place.drilled(&world).unwrap();
        assert_eq!(report.notes, [format!("dropped what killed drills had left: {left}")], "{phase}");
        place.require_tidy();
    }
    let dropping: Vec<String> = lookalikes.iter().map(|name| format!("DROP DATABASE {name}")).collect();
    server.query("", &dropping.join(";"));
}

#[test]
fn drills_at_once_do_not_drop_each_others() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 500);
    let world = World::default();
    world.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    std::thread::scope(|scope| {
        let drills = [0, 1, 2].map(|number| {
            let (world, place) = (&world, &place);
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(60 * number));
                place.drilled(world)
            })
        });
        for one in drills {
            let report = one.join().unwrap().unwrap();
            assert_eq!(report.notes, [""; 0]);
            report.drill.unwrap().require_same("a").unwrap();
        }
    });
    place.require_tidy();
}

#[test]
fn one_that_loses_its_sessions_drops_its_database_all_the_same() {
    let Some(server) = Server::start() else { return };
    let place = Place::new(&server, 100);
    let plain = World::default();
    plain.backup(&mut mysql(&place.database), Compression::Zstd).unwrap();
    let (ending, user) = (server.clone(), place.user.clone());
    let world = World::watched(move |event| {
        if event.phase == Phase::Check {
            ending.query("", &format!("KILL USER {}", literal(&user)));
        }
    });
    let report = place.drilled(&world.with_store_of(&plain)).unwrap();
    assert_eq!(report.notes, [""; 0]);
    place.require_tidy();
}
