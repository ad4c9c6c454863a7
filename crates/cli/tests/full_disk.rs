//! A disk that is full: the right status and message, the old state, nothing left behind.
//!
#![cfg(target_os = "linux")]

mod small_disk;
mod world;

use std::process::Command;

use dbbackup_testkit::Shop;
use fs_err as fs;
use small_disk::SmallDisk;
use world::{World, names, run, succeed};

/// Rows of [`Shop`] that make about so many MiB.
fn rows(mib: u32) -> u32 {
    mib * 9_000
}

fn size(shop: &Shop) -> u64 {
    fs::metadata(&shop.path).unwrap().len()
}

fn fail(command: &mut Command, status: i32, message: &str) {
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(status), "{ended:?}");
    assert!(ended.stderr.contains(message), "{ended:?}");
}

#[test]
fn a_full_store_keeps_its_backups_and_gets_no_other() {
    let world = World::new("WAL", rows(2));
    let Some(disk) = SmallDisk::mount(&world.store()) else { return };
    succeed(&mut world.backup(&["--compress", "none"]));
    let before = names(&world.store());
    world.shop.add(rows(10), 2);
    fail(&mut world.backup(&["--compress", "none"]), 1, "No space left on device");
    assert_eq!(names(&world.store()), before);
    world.require_tidy("a full store");
    let ended = run(&mut world.backup(&["--compress", "none", "--json"]));
    assert!(ended.stdout.contains("\"kind\": \"no_space\""), "{ended:?}");
    drop(disk);
}

#[test]
fn a_store_with_room_for_the_payload_but_not_for_its_manifest_gets_neither() {
    let world = World::new("DELETE", rows(2));
    let Some(disk) = SmallDisk::mount(&world.store()) else { return };
    // SQLite's pages and the disk's are alike.
    for more in [0, 1] {
        disk.leave(size(&world.shop) + more);
        fail(&mut world.backup(&["--compress", "none"]), 1, "No space left on device");
        assert_eq!(names(&world.store()), ["filler"]);
    }
    disk.leave(size(&world.shop) + 4096);
    succeed(&mut world.backup(&["--compress", "none"]));
}

#[test]
fn a_full_temporary_folder_is_told_before_the_copy() {
    let world = World::new("DELETE", rows(10));
    let Some(_disk) = SmallDisk::mount(&world.tmp()) else { return };
    fail(&mut world.backup(&[]), 9, "8.00 MiB free");
    assert_eq!(names(&world.tmp()), [""; 0]);
    assert_eq!(names(&world.store()), [""; 0]);
}

#[test]
fn a_target_without_room_is_refused_before_the_first_byte() {
    for journal_mode in ["WAL", "DELETE"] {
        let (world, target, old) = with_target(journal_mode, rows(5));
        let Some(_disk) = SmallDisk::mount(target.path.parent().unwrap()) else { return };
        fs::copy(&old.path, &target.path).unwrap();
        succeed(&mut world.backup(&[]));
        fail(&mut world.restore(&target.path, &["--yes"]), 9, "are needed");
        assert_eq!(target.content(), old.content());
        assert_eq!(names(target.path.parent().unwrap()), ["live.sqlite3"]);
    }
}

/// Without a manifest nobody knows the size, so the disk fills up on the way: in the copy beside, or later in the
/// journal of the transaction.
#[test]
fn a_disk_that_fills_up_on_the_way_leaves_the_old_database() {
    for journal_mode in ["WAL", "DELETE"] {
        for mib in [10, 5] {
            let (world, target, old) = with_target(journal_mode, rows(mib));
            let Some(_disk) = SmallDisk::mount(target.path.parent().unwrap()) else { return };
            fs::copy(&old.path, &target.path).unwrap();
            succeed(&mut world.backup(&[]));
            for manifest in names(&world.store()).iter().filter(|name| name.ends_with(".metadata")) {
                fs::remove_file(world.store().join(manifest)).unwrap();
            }
            let ended = run(&mut world.restore(&target.path, &["--yes"]));
            assert_eq!(ended.status.code(), Some(1), "{journal_mode}, {mib} MiB: {ended:?}");
            assert!(ended.stderr.contains("No space") || ended.stderr.contains("full"), "{ended:?}");
            assert_eq!(target.content(), old.content(), "{journal_mode}, {mib} MiB");
            assert_eq!(names(target.path.parent().unwrap()), ["live.sqlite3"], "{journal_mode}, {mib} MiB");
            let copy = world.folder().join("copy.sqlite3");
            succeed(&mut world.restore(&copy, &[]));
            assert_eq!(Shop { path: copy }.content(), world.shop.content());
        }
    }
}

/// Room for the copy beside, but not for the `-shm` that SQLite needs to open a database in WAL mode: what SQLite made
/// of it goes, too.
#[test]
fn a_disk_without_room_to_open_the_database_is_left_as_it_was() {
    let world = World::new("WAL", 20);
    let old = Shop::new(world.folder().join("old.sqlite3"), "WAL", 10);
    let target = Shop { path: world.folder().join("target").join("live.sqlite3") };
    let Some(disk) = SmallDisk::mount(target.path.parent().unwrap()) else { return };
    let old_content = old.content();
    fs::copy(&old.path, &target.path).unwrap();
    succeed(&mut world.backup(&[]));
    for manifest in names(&world.store()).iter().filter(|name| name.ends_with(".metadata")) {
        fs::remove_file(world.store().join(manifest)).unwrap();
    }
    disk.leave(size(&world.shop) + 24 * 1024);
    let ended = run(&mut world.restore(&target.path, &["--yes", "--json"]));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stdout.contains("\"kind\": \"no_space\""), "{ended:?}");
    assert_eq!(names(target.path.parent().unwrap()), ["filler", "live.sqlite3"]);
    fs::remove_file(target.path.with_file_name("filler")).unwrap();
    assert_eq!(target.content(), old_content);
}

/// A world whose shop has so many rows, a place in a folder of its own, and a database of 1 MiB to put there.
fn with_target(journal_mode: &str, rows_of_shop: u32) -> (World, Shop, Shop) {
    let world = World::new("WAL", rows_of_shop);
    let old = Shop::new(world.folder().join("old.sqlite3"), journal_mode, rows(1));
    let target = Shop { path: world.folder().join("target").join("live.sqlite3") };
    (world, target, old)
}
