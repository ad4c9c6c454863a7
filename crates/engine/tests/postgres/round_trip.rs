//! Out and back, in every format, into the same database and into others.

use dbbackup::source::postgres::{Format, Postgres, Tools};
use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::postgres::{Database, Server, Version};

use crate::world::{World, move_on, postgres, servers, shop};

/// Formats with a compression each.
const WAYS: [(Format, Compression); 3] =
    [(Format::Custom, Compression::Zstd), (Format::Text, Compression::Gzip), (Format::CleaningText, Compression::None)];

#[test]
fn a_database_that_moved_on_is_what_it_was_again() {
    for server in servers() {
        for is_owned in [true, false] {
            let database = shop(&server, is_owned, 2_000);
            let before = database.dump_text();
            for (format, compression) in WAYS {
                let world = World::default();
                world.backup(&mut postgres(&database).with_format(format), compression).unwrap();
                move_on(&database);
                assert_ne!(database.dump_text(), before);
                let report = world.restore(&mut postgres(&database)).unwrap();
                assert_eq!(report.notes, [""; 0], "{format:?}");
                assert!(database.dump_text() == before, "PostgreSQL {}, {format:?}", server.version());
            }
        }
    }
}

#[test]
fn every_compression_comes_back() {
    let Some(server) = servers().next() else { return };
    let database = shop(&server, true, 1_000);
    let before = database.dump_text();
    for compression in Compression::ALL {
        for format in [Format::Custom, Format::Text] {
            let world = World::default();
            world.backup(&mut postgres(&database).with_format(format), compression).unwrap();
            world.restore(&mut postgres(&database)).unwrap();
            assert!(database.dump_text() == before, "{format:?}, {compression:?}");
        }
    }
}

#[test]
fn an_empty_database_of_another_owner_gets_everything() {
    for server in servers() {
        let source = shop(&server, true, 500);
        for (format, compression) in WAYS {
            let world = World::default();
            world.backup(&mut postgres(&source).with_format(format), compression).unwrap();
            let empty = server.owned_database("empty");
            world.restore(&mut postgres(&empty)).unwrap();
            assert_eq!(content(&empty), content(&source), "{format:?}");
            let owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE oid >= 16384 AND relkind = 'r'";
            assert_eq!(empty.psql(owners).trim(), format!("\"{}\"", empty.owner()), "{format:?}");
        }
    }
}

/// What a database holds, whatever the server's version.
fn content(database: &Database) -> String {
    let tables = r#"SELECT * FROM customer ORDER BY id; SELECT * FROM "Order" ORDER BY id; SELECT * FROM log ORDER BY at;
        SELECT * FROM "odd ""schema"."a;b"; SELECT * FROM orders ORDER BY 1; SELECT * FROM sad; SELECT last_value FROM "Order_id_seq";
        SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid"#;
    database.psql(tables)
}

fn restored(world: &World, target: &mut Postgres, from: &Database, into: &Database) {
    world.restore(target).unwrap();
    assert_eq!(content(into), content(from));
}

#[test]
fn a_backup_of_one_version_goes_into_the_other() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let both = Tools { folders: vec![old.bin().to_owned(), new.bin().to_owned()], ..Tools::default() };
    for (from, to) in [(&old, &new), (&new, &old)] {
        let (source, target) = (shop(from, true, 500), shop(to, true, 5));
        for (format, compression) in WAYS {
            let world = World::default();
            world.backup(&mut postgres(&source).with_format(format), compression).unwrap();
            let mut target_of_it = postgres(&target).with_tools(both.clone());
            restored(&world, &mut target_of_it, &source, &target);
        }
    }
}

#[test]
fn an_archive_that_no_client_reads_changes_nothing_and_says_what_to_install() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let (source, target) = (shop(&new, true, 50), shop(&old, true, 5));
    let world = World::default();
    world.backup(&mut postgres(&source), Compression::Zstd).unwrap();
    let before = target.dump_text();
    let only = Tools { pg_restore: vec![old.bin().join("pg_restore").into()], ..Tools::default() };
    let error = world.restore(&mut postgres(&target).with_tools(only)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("pg_dump 17 or later made the archive"), "{error}");
    assert!(error.advice().unwrap().contains("postgresql-client-17"), "{error:?}");
    assert!(target.dump_text() == before);
}
