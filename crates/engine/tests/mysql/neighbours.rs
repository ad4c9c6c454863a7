//! What is beside that which is restored: tables that stay, other schemas, and what was not there before.

use std::sync::Arc;

use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::killed::eventually;
use dbbackup_testkit::mysql::{Server, quoted};

use crate::border::Client;
use crate::world::{World, move_on, mysql, mysql_at, shop};

#[test]
fn keys_and_triggers_of_another_schema_go_on() {
    let Some(server) = Server::start() else { return };
    let (database, other) = (shop(&server, 20), server.database("other"));
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    let shop = quoted(database.name());
    other.query(&format!(
        "CREATE TABLE far (id int, customer bigint, CONSTRAINT far_key FOREIGN KEY (customer) REFERENCES {shop}.customer (id)
           ON DELETE SET NULL ON UPDATE CASCADE);
         CREATE TRIGGER far AFTER INSERT ON far FOR EACH ROW UPDATE {shop}.counted SET n = n + 1;
         INSERT INTO far VALUES (1, 1), (2, NULL)"
    ));
    let before = other.dump_text();
    move_on(&database);
    let report = world.restore(&mut mysql(&database)).unwrap();
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!(other.dump_text(), before);
    let refused = server.try_query(other.name(), server.superuser(), "INSERT INTO far VALUES (3, 99)");
    assert!(refused.unwrap_err().contains("1452"));
    let counted = database.query("SELECT n FROM counted");
    other.query("INSERT INTO far VALUES (4, 2)");
    assert_ne!(database.query("SELECT n FROM counted"), counted);
    database.query("UPDATE customer SET best = NULL; DELETE FROM `or``der`; UPDATE customer SET id = 50 WHERE id = 2; DELETE FROM customer WHERE id = 1");
    assert_eq!(other.query("SELECT id, customer FROM far ORDER BY id"), "1\tNULL\n2\tNULL\n4\t50\n");
}

#[test]
fn a_dump_of_several_databases_is_refused_and_touches_none() {
    let Some(server) = Server::start() else { return };
    let (database, other) = (shop(&server, 10), server.database("other"));
    other.query("CREATE TABLE mine (a int); INSERT INTO mine VALUES (1)");
    let texts = [database.dump_text(), other.dump_text()];
    let one = server.dump(database.name(), &["--databases"]);
    let two = server.dump(other.name(), &["--databases"]);
    let path = format!("INSERT INTO {}.mine VALUES (7);\n-- Dump completed\n", quoted(other.name()));
    let drop = format!("DROP TABLE {}.mine;\n-- Dump completed\n", quoted(other.name()));
    let truncate = format!("TRUNCATE {}.mine;\n-- Dump completed\n", quoted(other.name()));
    let head = b"-- MariaDB dump\n".as_slice();
    for text in [
        [one.as_slice(), &two].concat(),
        [head, path.as_bytes()].concat(),
        [head, drop.as_bytes()].concat(),
        [head, truncate.as_bytes()].concat(),
    ] {
        let error = World::default().restore_plain(text, &mut mysql(&database)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert_eq!([database.dump_text(), other.dump_text()], texts);
        assert!(database.seconds().is_empty());
    }
}

#[test]
fn a_database_that_is_not_there_is_named_and_not_made() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    let error = world.restore(&mut mysql_at(&server.url("not there", "root"), &server)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("`not there`"), "{error}");
    let error = world.backup(&mut mysql_at(&server.url("not there", "root"), &server), Compression::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(server.query("", "SHOW DATABASES LIKE 'not there%'"), "");
}

#[test]
fn a_database_of_another_character_set_keeps_it_and_gets_all() {
    let Some(server) = Server::start() else { return };
    let (database, other) = (shop(&server, 10), server.database("other"));
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    other.query("ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german1_ci");
    world.restore(&mut mysql(&other)).unwrap();
    let (texts, charset) = (other.dump_text(), "schema\tlatin1_german1_ci\t\n");
    let expected = database.dump_text();
    assert_eq!(texts.strip_prefix(charset), expected.split_once('\n').map(|(_, rest)| rest));
}

#[test]
fn what_the_backup_does_not_know_goes_on_request() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let before = database.dump_text();
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    move_on(&database);
    database.query(
        "CREATE TABLE surplus (a bigint, CONSTRAINT surplus_key FOREIGN KEY (a) REFERENCES customer (id));
         CREATE TRIGGER surplus BEFORE INSERT ON surplus FOR EACH ROW SET NEW.a = 1;
         CREATE SEQUENCE surplus_numbers; CREATE PROCEDURE surplus () SELECT 1; CREATE FUNCTION surplus () RETURNS int RETURN 1;
         CREATE EVENT surplus ON SCHEDULE EVERY 1 DAY DO DO 1",
    );
    world.restore(&mut mysql(&database).exactly(true)).unwrap();
    assert_eq!(database.dump_text(), before);
    assert!(database.seconds().is_empty());
}

#[test]
fn events_do_not_run_before_the_tables_are_in_place() {
    let Some(server) = Server::start() else { return };
    let database = Arc::new(shop(&server, 10));
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    let (client, folder) = (Client::of(&server), tempfile::tempdir().unwrap());
    let (there, go) = (folder.path().join("there"), folder.path().join("go"));
    let act = format!("touch '{}'; until [ -e '{}' ]; do sleep 0.01; done", there.display(), go.display());
    std::thread::scope(|scope| {
        let restoring = scope.spawn(|| {
            world.restore(&mut client.acting(&database, "CREATE DATABASE IF NOT EXISTS *", 1, &act)).map(drop)
        });
        assert!(eventually(|| there.exists()));
        let second = database.seconds().remove(0);
        let states =
            format!("SELECT event_name, status FROM information_schema.events WHERE event_schema = '{second}'");
        let found = database.query(&states);
        fs_err::write(&go, "").unwrap();
        assert_eq!(found, "often\tDISABLED\n");
        restoring.join().unwrap().unwrap();
    });
    let states = "SELECT status FROM information_schema.events WHERE event_schema = database()";
    assert_eq!(database.query(states), "ENABLED\n");
}
