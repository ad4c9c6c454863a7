//! What was backed up is what comes back, and what the backup does not know stays.

use dbbackup::Compression;
use dbbackup_testkit::mysql::Server;

use crate::world::{World, move_on, mysql, mysql_at, shop};

#[test]
fn a_database_that_has_moved_on_is_what_it_was() {
    let Some(server) = Server::start() else { return };
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let database = shop(&server, 1000);
        let before = database.dump_text();
        let world = World::default();
        let receipt = world.backup(&mut mysql(&database), compression).unwrap();
        let content = receipt.record.content.unwrap();
        assert_eq!(content.tables["or`der"], 1000);
        assert!(content.exact);
        move_on(&database);
        // A view that the backup does not know stays, and is the one difference.
        database.query("DROP VIEW late");
        assert_ne!(database.dump_text(), before);
        let report = world.restore(&mut mysql(&database)).unwrap();
        assert_eq!(report.notes, Vec::<String>::new());
        assert_eq!(database.dump_text(), before, "{compression:?}");
        assert!(database.seconds().is_empty());
        // The sequence, the triggers and the foreign keys are those of the restored tables.
        database.query("INSERT INTO `or``der` (customer) VALUES (1); UPDATE customer SET best = NULL; DELETE FROM customer WHERE id = 5");
        assert_eq!(database.query("SELECT n FROM counted").trim(), "11");
        assert!(
            database
                .server()
                .try_query(database.name(), server.superuser(), "INSERT INTO `or``der` (customer) VALUES (99)")
                .is_err()
        );
    }
}

#[test]
fn an_empty_database_and_another_one_take_it() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 100);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::Zstd).unwrap();
    let other = server.database("other");
    world.restore(&mut mysql(&other)).unwrap();
    assert_eq!(other.dump_text(), database.dump_text());
    let third = server.database("third");
    third.query("CREATE TABLE customer (x int); CREATE VIEW counted AS SELECT 1; CREATE TABLE b (y int); CREATE TABLE own (z int)");
    world.restore(&mut mysql(&third)).unwrap();
    third.query("DROP TABLE own");
    assert_eq!(third.dump_text(), database.dump_text());
}

#[test]
fn a_table_that_stays_keeps_its_rows_its_triggers_and_its_foreign_keys() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 100);
    let world = World::default();
    world.backup(&mut mysql(&database).excluding(["counted"]), Compression::None).unwrap();
    database.query(
        "CREATE TABLE stays (id int PRIMARY KEY, customer bigint, \
           CONSTRAINT into_it FOREIGN KEY (customer) REFERENCES customer (id) ON UPDATE CASCADE);
         CREATE TRIGGER stays BEFORE INSERT ON stays FOR EACH ROW SET NEW.id = NEW.id + 100;
         INSERT INTO stays VALUES (1, 1), (2, 2), (3, NULL);
         UPDATE counted SET n = 42;
         SET foreign_key_checks = 0; INSERT INTO customer (id, name) VALUES (77, 'new'); INSERT INTO stays VALUES (4, 77)",
    );
    let report = world.restore(&mut mysql(&database)).unwrap();
    assert_eq!(report.notes, ["1 rows of `stays` refer by `into_it` to rows that are not there"]);
    assert_eq!(database.query("SELECT n FROM counted").trim(), "42");
    database.query("UPDATE customer SET best = NULL; DELETE FROM `or``der`; UPDATE customer SET id = 1000 WHERE id = 1; INSERT INTO stays VALUES (5, 2)");
    assert_eq!(
        database.query("SELECT id, customer FROM stays ORDER BY id"),
        "101\t1000\n102\t2\n103\tNULL\n104\t77\n105\t2\n"
    );
    let refused = server.try_query(database.name(), server.superuser(), "INSERT INTO stays VALUES (6, 66)");
    assert!(refused.unwrap_err().contains("1452"));
    // Where it is not there, it is made.
    let other = server.database("other");
    world.restore(&mut mysql(&other)).unwrap();
    assert_eq!(other.query("SELECT count(*) FROM counted").trim(), "0");
}

#[test]
fn what_a_dump_says_of_other_databases_touches_none() {
    let Some(server) = Server::start() else { return };
    let (database, other) = (shop(&server, 10), server.database("other"));
    other.query("CREATE TABLE mine (a int); INSERT INTO mine VALUES (1)");
    let before = other.dump_text();
    let text = server.dump(other.name(), &["--databases", "--add-drop-database"]);
    World::default().restore_plain(text, &mut mysql(&database)).unwrap();
    other.query("INSERT INTO mine VALUES (2)");
    assert_eq!(database.query("SELECT a FROM mine").trim(), "1");
    other.query("DELETE FROM mine WHERE a = 2");
    assert_eq!(other.dump_text(), before);
}

#[test]
fn rights_that_are_missing_are_named() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let reader = database.user("reader", &["SELECT, SHOW VIEW, EXECUTE ON {database}.*"]);
    let world = World::default();
    let receipt = world.backup(&mut mysql_at(&database.url_of(&reader), &server), Compression::None).unwrap();
    let names = receipt.record.skipped.names.join("; ");
    assert_eq!(receipt.record.skipped.count, 3, "{names}");
    for right in ["GRANT TRIGGER ON", "GRANT EVENT ON", "GRANT SELECT ON `mysql`.`proc`"] {
        assert!(names.contains(right), "{names}");
    }
    assert!(!world.text().contains("TRIGGER counts"));
    let all = ["SELECT, SHOW VIEW, EXECUTE, TRIGGER, EVENT ON {database}.*", "SELECT ON mysql.proc"];
    let backup = database.user("backup", &all);
    let receipt = world.backup(&mut mysql_at(&database.url_of(&backup), &server), Compression::None).unwrap();
    assert_eq!(receipt.record.skipped.count, 0, "{:?}", receipt.record.skipped);
    let before = database.dump_text();
    world.restore(&mut mysql(&database)).unwrap();
    assert_eq!(database.dump_text(), before);
}
