//! The databases that exact restores are tested with are dumped and restored exactly by PostgreSQL's own tools.

use std::io::Write as _;

use dbbackup_testkit::postgres::{Database, Server, Version, Zoo, postgis, quoted};

/// What a dump has entries of. Missing: subscriptions and security labels (see `zoo.sql`), transforms (their languages are
/// not on every server).
const KINDS: [&str; 54] = [
    "ACCESS METHOD",
    "ACL",
    "AGGREGATE",
    "BLOBS",
    "CAST",
    "CHECK CONSTRAINT",
    "COLLATION",
    "COMMENT",
    "CONSTRAINT",
    "CONVERSION",
    "DEFAULT",
    "DEFAULT ACL",
    "DOMAIN",
    "EVENT TRIGGER",
    "EXTENSION",
    "FK CONSTRAINT",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "INDEX",
    "INDEX ATTACH",
    "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA",
    "OPERATOR",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "POLICY",
    "PROCEDURAL LANGUAGE",
    "PROCEDURE",
    "PUBLICATION",
    "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA",
    "ROW SECURITY",
    "RULE",
    "SCHEMA",
    "SEQUENCE",
    "SEQUENCE OWNED BY",
    "SEQUENCE SET",
    "SERVER",
    "SHELL TYPE",
    "STATISTICS",
    "TABLE",
    "TABLE ATTACH",
    "TABLE DATA",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "TRIGGER",
    "TYPE",
    "USER MAPPING",
    "VIEW",
    "CLUSTER ON",
    "REPLICA IDENTITY",
];

#[test]
fn the_zoo_is_the_same_after_a_dump_and_its_restore() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        let zoo = Zoo::new(&server, false);
        let restored = server.database("restored");
        copy(&zoo, &restored);
        same(&zoo.dump_text(), &restored.dump_text());
    }
}

#[test]
fn a_portable_zoo_moves_to_a_newer_server() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let (zoo, restored) = (Zoo::new(&old, true), new.database("moved"));
    let roles = zoo.roles().map(quoted);
    new.psql("postgres", &roles.each_ref().map(|role| format!("CREATE ROLE {role};")).concat());
    copy(&zoo, &restored);
    let counted = "SELECT count(*) FROM zoo.texts; SELECT count(*) FROM pg_largeobject_metadata";
    assert_eq!(restored.psql(counted), zoo.psql(counted));
    drop(restored);
    new.psql("postgres", &format!("DROP ROLE {}", roles.join(", ")));
}

#[test]
fn the_zoo_has_one_of_everything() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        let zoo = Zoo::new(&server, true);
        let text =
            server.tool("pg_dump", zoo.name(), server.superuser()).arg("-Fc").output().expect("pg_dump is there");
        let mut archive = tempfile::NamedTempFile::new().expect("a file can be made");
        archive.write_all(&text.stdout).expect("it can be written");
        let mut listing = server.tool("pg_restore", zoo.name(), server.superuser());
        let listing = listing.arg("--list").arg(archive.path()).output().expect("pg_restore is there").stdout;
        let (listing, text) = (String::from_utf8(listing).expect("it is UTF-8"), zoo.dump_text());
        let written = |kind: &str| {
            let listed = format!(" {kind} ");
            listing.contains(&listed) || text.contains(&listed)
        };
        let missing: Vec<_> = KINDS.into_iter().filter(|kind| !written(kind)).collect();
        assert_eq!(missing, [""; 0], "{version}");
    }
}

#[test]
fn it_moves_on_everywhere() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        let zoo = Zoo::new(&server, false);
        let before = zoo.dump_text();
        zoo.move_on();
        let after = zoo.dump_text();
        let of_after: std::collections::HashSet<_> = after.lines().collect();
        let gone = before.lines().filter(|line| !of_after.contains(line)).count();
        assert!(gone > 200, "{version}: only {gone} lines are gone");
        assert!(after.lines().count() > before.lines().count() / 2);
    }
}

#[test]
fn a_users_row_of_an_extension_is_dumped_and_restored() {
    let Some(server) = Server::start(Version::V15) else { return };
    let Some(database) = postgis(&server) else { return };
    assert!(database.dump_text().contains("zoo; it's\t1\t"));
    let restored = server.database("restored postgis");
    copy(&database, &restored);
    same(&database.dump_text(), &restored.dump_text());
}

fn copy(from: &Database, to: &Database) {
    let server = from.server();
    let dump = server.tool("pg_dump", from.name(), server.superuser()).output().expect("pg_dump is there");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.write_all(&dump.stdout).expect("it can be written");
    to.load(file.path(), &[]);
}

/// Fails at the first line that differs: the whole text has megabytes.
fn same(expected: &str, actual: &str) {
    for (number, (expected, actual)) in expected.lines().zip(actual.lines()).enumerate() {
        assert!(expected == actual, "line {number}:\n{expected:.300}\n{actual:.300}");
    }
    assert_eq!(expected.len(), actual.len());
}
