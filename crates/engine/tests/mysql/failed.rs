//! A restore that fails has changed nothing.

use dbbackup::{Compression, Error, ErrorKind};
use dbbackup_testkit::mysql::{Database, Server};

use crate::world::{World, move_on, mysql, mysql_at, shop};

/// Restores bytes that cannot be, and looks.
fn refused(database: &Database, bytes: &[u8]) -> Error {
    let before = database.dump_text();
    let error = World::default().restore_plain(bytes, &mut mysql(database)).unwrap_err();
    assert_eq!(database.dump_text(), before, "{error}");
    assert_eq!(database.seconds(), Vec::<String>::new(), "{error}");
    error
}

#[test]
fn a_text_that_is_cut_or_damaged_changes_nothing() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 200);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    let text = world.text();
    move_on(&database);
    for cut in [0, 1, text.len() / 4, text.len() / 2, text.len() - 200, text.len() - 30] {
        let error = refused(&database, &text.as_bytes()[..cut]);
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Refused | ErrorKind::Tool), "{cut}: {error}");
    }
    for (from, to) in [
        ("CREATE TABLE `counted`", "CREATE TABEL `counted`"),
        ("INSERT INTO `counted` VALUES", "INSERT INTO `counted` VALUES ('x','y'),"),
        ("`customer` bigint(20) NOT NULL", "`customer` varchar(3) NOT NULL"),
        ("BEGIN SELECT x;", "BEGIN SELEKT x;"),
        ("DEFINER=`", "DEFINER=`no one`@`no where`@`"),
        ("AS select `f`()", "AS select `gone`()"),
        ("ENGINE=InnoDB", "ENGINE=NoSuch"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = refused(&database, text.replacen(from, to, 1).as_bytes());
        assert!(matches!(error.kind(), ErrorKind::Tool | ErrorKind::Refused | ErrorKind::Corrupt), "{from}: {error}");
    }
    // A byte of the stored backup.
    let mut bytes = world.store.bytes("a").unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    world.store.insert("a", bytes);
    let before = database.dump_text();
    let error = world.restore(&mut mysql(&database)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Tool | ErrorKind::Refused), "{error}");
    assert_eq!(database.dump_text(), before);
    assert!(database.seconds().is_empty());
}

#[test]
fn files_of_something_else_are_refused() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    for bytes in [
        b"SQLite format 3\0 and more".as_slice(),
        b"PGDMP\x01\x0e",
        b"--\n-- PostgreSQL database dump\n--\n\nSET x = 0;\nCOPY a FROM stdin;\n1\n\\.\n-- PostgreSQL database dump complete\n",
        b"[{\"model\": \"a.b\"}]",
        b"-----BEGIN PGP SIGNATURE-----\n\niQ\n",
        b"just words",
    ] {
        let error = refused(&database, bytes);
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Refused), "{error}");
    }
}

#[test]
fn who_may_not_make_a_schema_is_told_what_to_grant() {
    let Some(server) = Server::start() else { return };
    let database = shop(&server, 10);
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::None).unwrap();
    let user = database.user("app", &["ALL ON {database}.*"]);
    move_on(&database);
    let before = database.dump_text();
    let error = world.restore(&mut mysql_at(&database.url_of(&user), &server)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(database.dump_text(), before);
}

#[test]
fn a_session_that_the_server_ends_changes_nothing() {
    let Some(server) = Server::start() else { return };
    let database = std::sync::Arc::new(shop(&server, 60_000));
    let plain = World::default();
    let receipt = plain.backup(&mut mysql(&database), Compression::Zstd).unwrap();
    move_on(&database);
    let before = database.dump_text();
    let ending = std::sync::Arc::clone(&database);
    let world = World::at_half(receipt.record.plain_bytes, move || {
        for second in ending.seconds() {
            ending.server().kill_connections(&second);
        }
    });
    let error = world.with_store_of(&plain).restore(&mut mysql(&database)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
    assert_eq!(database.dump_text(), before);
    assert!(database.seconds().is_empty());
}
