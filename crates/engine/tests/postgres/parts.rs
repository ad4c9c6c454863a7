//! Parts of a database: some schemas, no rows of some tables, nothing dropped.

use dbbackup::source::postgres::Format;
use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::postgres::Database;

use crate::world::{World, move_on, postgres, servers, shop};

const FORMATS: [Format; 2] = [Format::Custom, Format::Text];

fn two_schemas(database: &Database, sql: &str) {
    let schemas = "CREATE SCHEMA \"the one\"; CREATE TABLE \"the one\".t (id serial PRIMARY KEY, a text);
        INSERT INTO \"the one\".t (a) VALUES ('one'); CREATE SCHEMA other; CREATE TABLE other.t (a integer);
        INSERT INTO other.t VALUES (1);";
    database.server().try_psql(database.name(), database.owner(), &format!("{schemas}{sql}")).unwrap();
}

#[test]
fn one_schema_comes_back_and_the_others_stay() {
    for server in servers() {
        for format in FORMATS {
            for is_only_that in [true, false] {
                let database = shop(&server, true, 50);
                two_schemas(&database, "");
                let before = database.dump_text();
                let world = World::default();
                let source = postgres(&database).with_format(format);
                let mut source = if is_only_that { source.only_schemas(["the one"]) } else { source };
                world.backup(&mut source, Compression::Zstd).unwrap();
                database.psql("UPDATE \"the one\".t SET a = 'two'; DELETE FROM other.t; DELETE FROM \"Order\"");
                let others = database.psql("SELECT count(*) FROM pg_largeobject_metadata; SELECT * FROM customer");
                world.restore(&mut postgres(&database).only_schemas(["the one"])).unwrap();
                assert_eq!(database.psql("SELECT * FROM \"the one\".t").trim(), "1|one");
                assert_eq!(
                    database.psql("SELECT count(*) FROM other.t; SELECT count(*) FROM \"Order\"").trim(),
                    "0\n0"
                );
                let now = database.psql("SELECT count(*) FROM pg_largeobject_metadata; SELECT * FROM customer");
                assert_eq!(now, others);
                if !is_only_that {
                    world.restore(&mut postgres(&database)).unwrap();
                    assert!(database.dump_text() == before);
                }
            }
        }
    }
}

#[test]
fn what_depends_on_a_schema_is_listed_and_stays() {
    for server in servers() {
        let database = shop(&server, true, 10);
        two_schemas(
            &database,
            "CREATE VIEW other.of_the_one AS SELECT a FROM \"the one\".t;
             ALTER TABLE other.t ADD CONSTRAINT its_key FOREIGN KEY (a) REFERENCES \"the one\".t (id)",
        );
        let world = World::default();
        world.backup(&mut postgres(&database).only_schemas(["the one"]), Compression::Zstd).unwrap();
        database.psql("UPDATE \"the one\".t SET a = 'two'");
        let before = database.dump_text();
        let error = world.restore(&mut postgres(&database).only_schemas(["the one"])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        for name in ["view other.of_the_one", "its_key on other.t"] {
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(database.dump_text() == before);
        world.restore(&mut postgres(&database).only_schemas(["the one"]).cascading(true)).unwrap();
        assert_eq!(database.psql("SELECT to_regclass('other.of_the_one') IS NULL").trim(), "t");
        assert_eq!(database.psql("SELECT a FROM \"the one\".t; SELECT a FROM other.t").trim(), "one\n1");
    }
}

#[test]
fn a_schema_that_is_nowhere_is_an_error() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 10);
    let before = database.dump_text();
    let world = World::default();
    let error = world.backup(&mut postgres(&database).only_schemas(["nowhere"]), Compression::Zstd).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    for format in FORMATS {
        world.backup(&mut postgres(&database).with_format(format), Compression::Zstd).unwrap();
        let error = world.restore(&mut postgres(&database).only_schemas(["nowhere"])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(database.dump_text() == before);
    }
}

#[test]
fn without_dropping_a_conflict_changes_nothing_and_an_empty_database_is_filled() {
    for server in servers() {
        for format in FORMATS {
            let database = shop(&server, true, 100);
            let world = World::default();
            world
                .backup(&mut postgres(&database).with_format(format).excluding(["Customer"]), Compression::Zstd)
                .unwrap();
            move_on(&database);
            let before = database.dump_text();
            let error = world.restore(&mut postgres(&database).dropping(false)).unwrap_err();
            assert!(error.to_string().contains("already exists"), "{error}");
            assert!(database.dump_text() == before);
        }
        let (database, empty) = (shop(&server, true, 100), server.owned_database("empty"));
        let world = World::default();
        world.backup(&mut postgres(&database).excluding(["log"]), Compression::Zstd).unwrap();
        let report = world.restore(&mut postgres(&empty).dropping(false)).unwrap();
        assert!(report.notes.join("\n").contains("`public.log_new`"), "{:?}", report.notes);
        assert_eq!(empty.psql("SELECT count(*) FROM \"Order\"; SELECT count(*) FROM log").trim(), "100\n0");
    }
}

#[test]
fn patterns_mean_what_they_mean_to_pg_dump() {
    for server in servers() {
        let database = shop(&server, true, 100);
        for (pattern, excluded) in [
            ("\"Order\"", &["public.\"Order\""][..]),
            ("public.log", &["public.log", "public.log_new", "public.log_old"]),
            ("log_*", &["public.log_new", "public.log_old"]),
            (r#""odd ""schema".*"#, &[r#""odd ""schema"."a;b""#]),
        ] {
            let world = World::default();
            let receipt = world.backup(&mut postgres(&database).excluding([pattern]), Compression::None).unwrap();
            assert_eq!(receipt.record.excluded, excluded, "{pattern}");
        }
        for unknown in ["order", "nothing", "nowhere.customer"] {
            let error =
                World::default().backup(&mut postgres(&database).excluding([unknown]), Compression::None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(error.to_string().contains(unknown), "{error}");
        }
    }
}

#[test]
fn excluded_tables_keep_their_rows_through_a_restore() {
    for server in servers() {
        for format in FORMATS {
            let database = shop(&server, true, 20);
            let world = World::default();
            // What has values of every kind; what refers to it comes back with the backup's rows.
            let mut source = postgres(&database).with_format(format).excluding(["customer", "log", "orders"]);
            world.backup(&mut source, Compression::Zstd).unwrap();
            let changes = "INSERT INTO customer (name, mood) VALUES ('kept', 'sad');
                INSERT INTO log VALUES ('2026-01-01', 'kept'); DELETE FROM \"Order\"";
            database.psql(changes);
            let kept = "SELECT id, name, mood, loud FROM customer ORDER BY id; SELECT * FROM log ORDER BY at";
            let before = database.psql(kept);
            let report = world.restore(&mut postgres(&database)).unwrap();
            assert_eq!(database.psql(kept), before);
            assert_eq!(database.psql("SELECT count(*) FROM \"Order\"").trim(), "20");
            let notes = report.notes.join("\n");
            assert!(notes.contains("`public.customer` (11 rows)"), "{notes}");
            // The numbers go on behind the rows that are there.
            database.psql("INSERT INTO customer (name) VALUES ('next')");
            assert_eq!(database.psql("SELECT max(id) FROM customer").trim(), "12");
        }
    }
}

#[test]
fn excluded_tables_that_are_not_there_are_empty_and_said() {
    for server in servers() {
        let database = shop(&server, true, 20);
        let world = World::default();
        world.backup(&mut postgres(&database).excluding(["log"]), Compression::Zstd).unwrap();
        let empty = server.owned_database("empty");
        let report = world.restore(&mut postgres(&empty)).unwrap();
        assert_eq!(empty.psql("SELECT count(*) FROM log").trim(), "0");
        let notes = report.notes.join("\n");
        assert!(notes.contains("`public.log_old`") && notes.contains("they are empty now"), "{notes}");
    }
}

#[test]
fn rows_that_a_restore_of_another_schema_does_not_touch_are_not_doubled() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 20);
    two_schemas(&database, "");
    let world = World::default();
    world.backup(&mut postgres(&database).excluding(["other.t", "\"Order\""]), Compression::Zstd).unwrap();
    world.restore(&mut postgres(&database).only_schemas(["the one"])).unwrap();
    assert_eq!(database.psql("SELECT count(*) FROM other.t").trim(), "1");
}
