//! Backups that are damaged or something else: refused, the live database is as it was, nothing is left.

use std::io::Write as _;

use dbbackup::ErrorKind;
use dbbackup_testkit::Damage;
use fs_err as fs;

use crate::world::World;

/// Restores `bytes`, which must be refused as `kind`, and compares everything that is there.
fn require_refused(world: &World, case: &str, bytes: &[u8], kind: ErrorKind) {
    let before = world.files();
    let error = world.restore_plain(bytes, world.path("live")).expect_err(case);
    assert_eq!(error.kind(), kind, "{case}: {error}");
    assert!(world.files() == before, "{case}: {:?}", world.names());
    // And where nothing was before.
    let error = world.restore_plain(bytes, world.path("new")).expect_err(case);
    assert_eq!(error.kind(), kind, "{case}: {error}");
    assert!(world.files() == before, "{case}: {:?}", world.names());
}

#[test]
fn what_is_no_sqlite_database_is_refused() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&b"junk ".repeat(10_000)).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut tar = vec![0; 10_240];
    tar[..5].copy_from_slice(b"a.txt");
    tar[257..265].copy_from_slice(b"ustar\x0000");
    let text = |start: &str| format!("{start}{}", "INSERT INTO t VALUES (1);\n".repeat(500)).into_bytes();
    for mode in ["WAL", "DELETE"] {
        let world = World::new();
        let live = world.shop("live", mode, 50);
        for (case, bytes, kind) in [
            ("junk", b"once upon a time".repeat(1000), ErrorKind::Corrupt),
            ("one byte", b"S".to_vec(), ErrorKind::Corrupt),
            ("nothing", Vec::new(), ErrorKind::Corrupt),
            ("zeros", vec![0; 8192], ErrorKind::Corrupt),
            ("a magic alone", b"SQLite format 3\0".to_vec(), ErrorKind::Corrupt),
            ("a gzip of junk", gzip.clone(), ErrorKind::Corrupt),
            ("half a gzip", gzip[..gzip.len() / 2].to_vec(), ErrorKind::Corrupt),
            ("pg_dump", text("--\n-- PostgreSQL database dump\n--\n\n"), ErrorKind::Refused),
            ("pg_dump -Fc", [b"PGDMP\x01\x0e\0\x04\x08".as_slice(), &[7; 5000]].concat(), ErrorKind::Refused),
            ("mysqldump", text("-- MySQL dump 10.13  Distrib 8.0\n--\n"), ErrorKind::Refused),
            ("mariadb-dump", text("-- MariaDB dump 10.19\n--\n"), ErrorKind::Refused),
            (
                "new mariadb-dump",
                text("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n"),
                ErrorKind::Refused,
            ),
            ("tar", tar.clone(), ErrorKind::Refused),
        ] {
            require_refused(&world, case, &bytes, kind);
        }
        assert_eq!(live.content().0, 50);
    }
}

#[test]
fn a_database_that_was_cut_or_grew_is_refused_without_a_manifest() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 3_000);
    world.shop("live", "WAL", 50);
    let whole = fs::read(&shop.path).unwrap();
    let pages = whole.len() / 4096;
    let cuts = [17, 99, 100, 512, 4095, 4096, 4097, whole.len() / 2, (pages - 1) * 4096, whole.len() - 1];
    for length in cuts {
        require_refused(&world, &format!("{length} bytes"), &Damage::CutTo(length).apply(&whole), ErrorKind::Corrupt);
    }
    for more in [&b"\0"[..], b"more", &[0; 4096]] {
        require_refused(&world, "appended", &[&whole, more].concat(), ErrorKind::Corrupt);
    }
    require_refused(&world, "twice", &Damage::Twice.apply(&whole), ErrorKind::Corrupt);
}

/// Of a plain file nothing vouches for a byte inside a row; the structure of every page is its own proof.
#[test]
fn a_database_with_a_torn_page_is_refused_without_a_manifest() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 3_000);
    world.shop("live", "WAL", 50);
    let whole = fs::read(&shop.path).unwrap();
    for page in 0..whole.len() / 4096 {
        for (case, junk) in [("noise", 0xaa), ("zeros", 0)] {
            let mut bytes = whole.clone();
            // Of the first page the header stays: what is there is a database, but a damaged one.
            let from = page * 4096 + if page == 0 { 100 } else { 0 };
            bytes[from..(page + 1) * 4096].fill(junk);
            require_refused(&world, &format!("page {page}: {case}"), &bytes, ErrorKind::Corrupt);
        }
    }
    // The first page in the place of the last: each is sound by itself.
    let mut bytes = whole.clone();
    bytes.copy_within(4096..8192, whole.len() - 4096);
    require_refused(&world, "a page in another's place", &bytes, ErrorKind::Corrupt);
}

#[test]
fn every_damage_is_refused_where_there_is_a_manifest() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 300);
    world.shop("live", "DELETE", 50);
    world.backup(&shop.path).unwrap();
    let whole = world.stored();
    let before = world.files();
    for damage in Damage::everywhere(whole.len(), 40) {
        world.store.insert("a", damage.apply(&whole));
        let error = world.restore(world.path("live")).expect_err(&format!("{damage:?}"));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage:?}: {error}");
        assert!(world.files() == before, "{damage:?}");
    }
}

#[test]
fn a_header_that_lies_about_its_pages_is_refused() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 300);
    world.shop("live", "DELETE", 50);
    let whole = fs::read(&shop.path).unwrap();
    for (case, at, value) in [
        ("no page size", 16, [0, 0]),
        ("an odd page size", 16, [3, 7]),
        ("another page size", 16, [2, 0]),
        ("an unknown format", 18, [9, 9]),
        ("an unknown payload fraction", 21, [9, 9]),
        ("fewer pages", 30, [0, 1]),
        ("more pages", 28, [1, 0]),
    ] {
        let mut bytes = whole.clone();
        bytes[at..at + 2].copy_from_slice(&value);
        // The versions stand for what is read and written; our copy's own are set before it is checked.
        if at == 18 {
            assert!(world.restore_plain(&bytes, world.path("live")).is_ok(), "{case}");
            continue;
        }
        require_refused(&world, case, &bytes, ErrorKind::Corrupt);
    }
}
