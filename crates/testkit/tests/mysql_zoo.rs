//! The database that restores of MariaDB are tested with is dumped and restored exactly by MariaDB's own tools.

use std::collections::HashSet;

use dbbackup_testkit::mysql::{Server, Zoo, quoted};

/// What a dump of one of everything holds.
const PARTS: [&str; 52] = [
    " AUTO_INCREMENT=",
    " COMPRESSED",
    " CHECK (",
    " DEFAULT uuid()",
    " DEFAULT nextval(",
    " GENERATED ALWAYS AS ",
    " INVISIBLE",
    " ON UPDATE current_timestamp(6)",
    " STORED",
    " VIRTUAL",
    " zerofill",
    " bit(64)",
    " enum(",
    " geometrycollection",
    " inet4",
    " inet6",
    " multipolygon",
    " set(",
    " uuid",
    " year(4)",
    "json_valid(",
    " CHARACTER SET latin1",
    " CHARACTER SET sjis",
    " COLLATE utf8mb4_bin",
    " DESC",
    " FULLTEXT KEY ",
    " SPATIAL KEY ",
    " USING HASH",
    " IGNORED",
    " ON DELETE CASCADE",
    " ON DELETE SET NULL",
    " PARTITION BY RANGE ",
    " PARTITION BY LIST ",
    " PARTITION BY HASH ",
    " PARTITION BY LINEAR KEY ",
    "SUBPARTITION BY HASH ",
    " PERIOD FOR ",
    " WITH SYSTEM VERSIONING",
    " WITHOUT OVERLAPS",
    "ENGINE=Aria",
    "ENGINE=CSV",
    "ENGINE=MEMORY",
    "ENGINE=MRG_MyISAM",
    "ENGINE=MyISAM",
    "CREATE SEQUENCE ",
    "SETVAL(",
    " AGGREGATE FUNCTION ",
    " PACKAGE BODY ",
    " PROCEDURE ",
    " TRIGGER ",
    " EVENT ",
    "WITH CASCADED CHECK OPTION",
];

#[test]
fn the_zoo_is_the_same_after_a_dump_and_its_restore() {
    let Some(server) = Server::start() else { return };
    let (zoo, restored) = (Zoo::new(&server), server.database("restored"));
    // It names the database that it comes from, see `zoo.sql`.
    let dump = replaced(&server.dump(zoo.name(), &[]), &quoted(zoo.name()), &quoted(restored.name()));
    restored.query("ALTER DATABASE COLLATE utf8mb4_unicode_ci");
    restored.load(&dump);
    let (before, after) = (zoo.dump_text(), restored.dump_text());
    let lines = before.lines().zip(after.lines()).enumerate();
    // The first is the database's own comment, which no dump of one database has.
    for (number, (expected, actual)) in lines.skip(1) {
        assert!(expected == actual, "line {number}:\n{expected:.300}\n{actual:.300}");
    }
    assert_eq!(before.lines().count(), after.lines().count());
}

#[test]
fn the_zoo_has_one_of_everything() {
    let Some(server) = Server::start() else { return };
    let zoo = Zoo::new(&server);
    let text = zoo.dump_text();
    let missing: Vec<_> = PARTS.into_iter().filter(|part| !text.contains(part)).collect();
    assert_eq!(missing, [""; 0]);
    let order = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = database()
        AND event_object_table = 'book' AND action_timing = 'BEFORE' AND event_manipulation = 'INSERT' ORDER BY action_order";
    assert_eq!(zoo.query(order), "book_first\nbook_second\nbook_third\n");
}

#[test]
fn it_moves_on_everywhere() {
    let Some(server) = Server::start() else { return };
    let zoo = Zoo::in_database(server.database("moving"));
    let before = zoo.dump_text();
    zoo.move_on();
    let after = zoo.dump_text();
    let of_after: HashSet<_> = after.lines().collect();
    let gone = before.lines().filter(|line| !of_after.contains(line)).count();
    assert!(gone > 200, "only {gone} lines are gone");
    let later = ["later_refers", "later_view", "later_on_old", "later_event", "later_procedure", "later_sequence"];
    assert_eq!(later.map(|name| after.contains(&quoted(name))), [true; 6]);
}

fn replaced(dump: &[u8], old: &str, new: &str) -> Vec<u8> {
    let mut result = Vec::with_capacity(dump.len());
    let mut rest = dump;
    while let Some(at) = rest.windows(old.len()).position(|window| window == old.as_bytes()) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(new.as_bytes());
        rest = &rest[at + old.len()..];
    }
    result.extend_from_slice(rest);
    result
}
