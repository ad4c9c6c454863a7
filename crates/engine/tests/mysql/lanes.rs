//! Rows that two sessions bring in turn.

use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::mysql::Server;

use crate::world::{World, move_on, mysql, shop};

#[test]
fn rows_of_many_statements_are_the_same_however_they_were_dumped() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 3000);
    database.query(TABLES);
    let before = database.dump_text();
    for options in [
        &[][..],
        &["--no-autocommit"],
        &["--replace"],
        &["--insert-ignore"],
        &["--complete-insert"],
        &["--skip-extended-insert"],
        &["--skip-opt", "--create-options", "--quick"],
    ] {
        let own = ["--net-buffer-length=4096", "--single-transaction", "--routines", "--events", "--hex-blob"];
        let text = server.dump(database.name(), &[&own[..], options].concat());
        let target = shop(&server, 10);
        move_on(&target);
        World::default().restore_plain(text, &mut mysql(&target).exactly(true)).unwrap();
        assert_eq!(target.dump_text(), before, "{options:?}");
        let order = "SELECT group_concat(n) FROM unordered";
        assert_eq!(target.query(order), database.query(order), "{options:?}");
    }
}

#[test]
fn a_row_that_fails_in_any_of_the_statements_changes_nothing() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let before = database.dump_text();
    for wrong in 1..6 {
        let rows: Vec<String> = (0..6)
            .map(|number| {
                let key = if number == wrong { 0 } else { number };
                format!("INSERT INTO `t` VALUES ({key},'{}');\n", "x".repeat(10_000))
            })
            .collect();
        let rows = rows.concat();
        let text = format!("{TABLE}{rows}-- Dump completed\n");
        let error = World::default().restore_plain(text, &mut mysql(&database)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tool, "{error:?}");
        assert!(error.to_string().contains("Duplicate entry '0'"), "{error}");
        assert_eq!(database.dump_text(), before, "{wrong}");
        assert!(database.seconds().is_empty());
    }
}

#[test]
fn rows_of_another_table_than_the_last_keep_their_order() {
    let Some(server) = Server::start() else { return };
    let database = server.database("shop");
    let unordered = "CREATE TABLE `unordered` (\n  `n` int(11)\n) ENGINE=InnoDB;\n";
    let numbers: Vec<i32> = (0..60).map(|number| number * 37 % 61).collect();
    let filler = "x".repeat(100_000);
    let rows: Vec<String> =
        numbers.iter().map(|number| format!("INSERT INTO `unordered` VALUES ({number}) /* {filler} */;\n")).collect();
    let text = format!("{unordered}{TABLE}{}-- Dump completed\n", rows.concat());
    World::default().restore_plain(text, &mut mysql(&database)).unwrap();
    let expected: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    assert_eq!(database.query("SELECT group_concat(n) FROM unordered").trim(), expected.join(","));
}

#[test]
fn nothing_is_lost_where_the_server_or_the_text_does_not_commit_by_itself() {
    let (Some(server), Some(lazy)) = (Server::start(), Server::alone(&["--autocommit=0"])) else { return };
    let database = shop(&server, 3000);
    let target = lazy.database("shop");
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    world.restore(&mut mysql(&target)).unwrap();
    assert_eq!(target.dump_text(), database.dump_text());
    let text = format!("SET autocommit=0;\n{TABLE}INSERT INTO `t` VALUES (1,'a');\n-- Dump completed\n");
    World::default().restore_plain(text, &mut mysql(&database)).unwrap();
    assert_eq!(database.query("SELECT count(*) FROM t").trim(), "1");
}

const TABLE: &str = "\
CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  `b` text,\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB;\n";

const TABLES: &str = "\
CREATE TABLE unordered (n int); INSERT INTO unordered SELECT seq * 7919 % 5003 FROM seq_1_to_5000; \
CREATE TABLE plain (n int PRIMARY KEY, t text) ENGINE = MyISAM; INSERT INTO plain SELECT seq, md5(seq) FROM seq_1_to_2000; \
CREATE TABLE parts (n int PRIMARY KEY, t text) PARTITION BY HASH (n) PARTITIONS 4; \
INSERT INTO parts SELECT seq, md5(seq) FROM seq_1_to_2000; \
CREATE TABLE empty (n int PRIMARY KEY);";
