//! What a server cannot take, or has already, and what psql misreads: nothing of it stops a restore.

use std::ffi::OsString;

use dbbackup::Compression;
use dbbackup::source::postgres::{Format, Postgres, Tools};
use dbbackup_testkit::killed::eventually;
use dbbackup_testkit::postgres::{Database, PASSWORD, Server, Version, quoted};

use crate::world::{World, postgres, postgres_as, servers, shop, tools};

fn with_dump_options(database: &Database, options: &[&str]) -> Postgres {
    postgres(database).with_options(options.iter().map(OsString::from).collect(), Vec::new(), Vec::new())
}

/// Runs SQL as the owner.
fn own(database: &Database, sql: &str) {
    database.server().try_psql(database.name(), database.owner(), sql).unwrap();
}

#[test]
fn routines_with_the_names_of_transaction_commands_come_back() {
    for (server, format) in servers().zip([Format::Custom, Format::CleaningText]) {
        let database = server.owned_database("begin");
        for name in ["begin", "commit", "end", "rollback", "abort", "savepoint", "start", "atomic", "case", "prepare"] {
            let name = quoted(name);
            own(
                &database,
                &format!(
                    "CREATE TABLE {name} ({name} integer); INSERT INTO {name} VALUES (1);
                     CREATE FUNCTION {name}(integer) RETURNS SETOF {name} LANGUAGE sql BEGIN ATOMIC
                       SELECT {name}.{name} FROM {name} WHERE CASE WHEN {name}.{name} > 0 THEN true ELSE false END; END;
                     CREATE FUNCTION {name}({name}) RETURNS integer LANGUAGE sql RETURN $1.{name};
                     CREATE PROCEDURE {name}() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
                     COMMENT ON PROCEDURE {name}() IS 'it; is'; GRANT EXECUTE ON FUNCTION {name}(integer) TO PUBLIC"
                ),
            );
        }
        let before = database.dump_text();
        let world = World::default();
        world.backup(&mut postgres(&database).with_format(format), Compression::Zstd).unwrap();
        own(&database, "DROP TABLE begin CASCADE; CREATE FUNCTION begin(text) RETURNS text LANGUAGE sql RETURN $1;");
        let report = world.restore(&mut postgres(&database)).unwrap();
        assert_eq!(report.notes, [""; 0]);
        assert!(database.dump_text() == before, "PostgreSQL {}, {format:?}", server.version());
    }
}

#[test]
fn a_dump_that_changes_its_session_user_comes_back() {
    for (server, format) in servers().zip([Format::Custom, Format::Text]) {
        let database = shop(&server, true, 50);
        let reader = database.role("reader");
        own(&database, &format!("GRANT SELECT ON customer TO {}", quoted(&reader)));
        let before = database.dump_text();
        let world = World::default();
        let mut source = with_dump_options(&database, &["--use-set-session-authorization"]).with_format(format);
        world.backup(&mut source, Compression::Zstd).unwrap();
        for user in [database.owner(), server.superuser()] {
            own(&database, "DROP VIEW sad; CREATE TABLE later (id integer)");
            let report = world.restore(&mut postgres_as(&database, user)).unwrap();
            assert_eq!(report.notes, [""; 0], "{format:?}, {user}");
            assert!(database.dump_text() == before, "PostgreSQL {}, {format:?}, {user}", server.version());
        }
        // Where nobody of that name is, everything is the user's.
        let other = server.owned_database("other");
        let report = world.restore(&mut postgres(&other)).unwrap();
        assert!(report.notes.join("\n").contains(database.owner()), "{:?}", report.notes);
        let owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE oid >= 16384 AND relkind = 'r'";
        assert_eq!(other.psql(owners).trim(), quoted(other.owner()));
    }
}

#[test]
fn statistics_come_back_where_the_server_takes_them() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let source = shop(&new, true, 500);
    source.psql("ANALYZE");
    let both = Tools { folders: vec![old.bin().to_owned(), new.bin().to_owned()], ..Tools::default() };
    let known =
        "SELECT count(*), max(reltuples) FROM pg_stats JOIN pg_class ON relname = tablename WHERE tablename = 'Order'";
    assert_eq!(source.psql(known).trim(), "4|500");
    for format in [Format::Custom, Format::Text] {
        let world = World::default();
        let mut dump = with_dump_options(&source, &["--statistics"]).with_format(format);
        world.backup(&mut dump, Compression::Zstd).unwrap();
        for server in [&old, &new] {
            let target = shop(server, true, 5);
            let report = world.restore(&mut postgres(&target).with_tools(both.clone())).unwrap();
            assert_eq!(target.psql("SELECT count(*) FROM \"Order\"").trim(), "500");
            let notes = report.notes.join("\n");
            let is_new = server.version() == Version::V18;
            assert_eq!(notes.contains("run ANALYZE"), !is_new, "{format:?}: {notes}");
            assert_eq!(target.psql(known).trim() == "4|500", is_new, "{format:?}");
        }
        let before = source.dump_text();
        assert_eq!(world.restore(&mut postgres(&source)).unwrap().notes, [""; 0]);
        assert!(source.dump_text() == before && source.psql(known).trim() == "4|500", "{format:?}");
    }
}

#[test]
fn a_subscription_stays_and_goes_on_once_it_is_refreshed() {
    let Some(server) = Server::alone(Version::V15, &["wal_level=logical"]) else { return };
    let (publisher, subscriber) = (server.database("publisher"), server.database("subscriber"));
    publisher.psql("CREATE TABLE news (id integer PRIMARY KEY); CREATE PUBLICATION news FOR TABLE news");
    publisher.psql("SELECT pg_create_logical_replication_slot('news', 'pgoutput')");
    let password = PASSWORD.replace('\\', "\\\\").replace('\'', "\\'");
    let connection = format!(
        "host={} port={} user=postgres dbname='{}' password='{password}'",
        server.host(),
        server.port(),
        publisher.name()
    );
    subscriber.psql(&format!(
        "CREATE TABLE news (id integer PRIMARY KEY); CREATE SUBSCRIPTION \"the news\" CONNECTION {} PUBLICATION news
         WITH (create_slot = false, slot_name = news)",
        dbbackup_testkit::postgres::literal(&connection)
    ));
    subscriber.psql("COMMENT ON SUBSCRIPTION \"the news\" IS 'daily'");
    let arrived = |count: &str| eventually(|| subscriber.psql("SELECT count(*) FROM news").trim() == count);
    publisher.psql("INSERT INTO news VALUES (1)");
    assert!(arrived("1"));
    let before = subscriber.dump_text();
    for format in [Format::Custom, Format::CleaningText] {
        let world = World::default();
        world.backup(&mut postgres(&subscriber).with_format(format), Compression::Zstd).unwrap();
        let report = world.restore(&mut postgres(&subscriber)).unwrap();
        let advice = "ALTER SUBSCRIPTION \"the news\" REFRESH PUBLICATION WITH (copy_data = false)";
        assert!(report.notes.iter().any(|note| note.contains(advice)), "{:?}", report.notes);
        assert!(subscriber.dump_text() == before, "{format:?}");
        subscriber.psql(advice);
    }
    publisher.psql("INSERT INTO news VALUES (2)");
    assert!(arrived("2"));

    // One that is gone is made again, and is not connected.
    let world = World::default();
    world.backup(&mut postgres(&subscriber), Compression::Zstd).unwrap();
    subscriber.psql("ALTER SUBSCRIPTION \"the news\" DISABLE");
    subscriber.psql("ALTER SUBSCRIPTION \"the news\" SET (slot_name = NONE)");
    subscriber.psql("DROP SUBSCRIPTION \"the news\"");
    assert_eq!(world.restore(&mut postgres(&subscriber)).unwrap().notes, [""; 0]);
    assert_eq!(subscriber.psql("SELECT subname, subenabled FROM pg_subscription").trim(), "the news|f");
    subscriber.psql("ALTER SUBSCRIPTION \"the news\" SET (slot_name = NONE)");
    subscriber.psql("DROP SUBSCRIPTION \"the news\"");
}

#[test]
fn a_policy_is_for_the_roles_that_are_there() {
    let Some(server) = servers().next() else { return };
    let database = server.database("policies");
    let (stays, goes) = (database.role("stays"), database.role("goes"));
    let (here, gone) = (quoted(&stays), quoted(&goes));
    database.psql(&format!(
        "CREATE TABLE t (a integer); INSERT INTO t VALUES (1), (2); GRANT SELECT ON t TO {here}, {gone};
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY shared ON t TO {gone}, {here} USING (a = 1);
         CREATE POLICY one ON t TO {gone}; COMMENT ON POLICY one ON t IS 'for one';
         CREATE POLICY narrow ON t AS RESTRICTIVE TO {gone} USING (false); COMMENT ON POLICY shared ON t IS 'for both'"
    ));
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    database.psql(&format!("DROP OWNED BY {gone}; DROP ROLE {gone}"));
    let report = world.restore(&mut postgres_as(&database, server.superuser()).with_tools(tools(&server))).unwrap();
    assert!(report.notes.join("\n").contains(&format!("policies for roles that this server does not have: `{goes}`")));
    let policies =
        "SELECT polname, obj_description(oid, 'pg_policy'), cardinality(polroles), polroles[1]::regrole FROM pg_policy";
    assert_eq!(database.psql(policies).trim(), format!("shared|for both|1|{here}"));
    assert_eq!(server.try_psql(database.name(), &stays, "SELECT a FROM t").unwrap().trim(), "1");
}
