//! A restore where the live file is no database any more: it is replaced, and what was there is kept.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use fs_err as fs;

use crate::backup::crash_in_a_transaction;
use crate::world::{World, beside, journal_mode, skip};

/// Returns the names of what was moved aside, with the time replaced.
fn kept(world: &World) -> Vec<String> {
    let damaged = |name: String| name.contains(".damaged-").then_some(name);
    let without_time = |name: String| {
        let (before, after) = name.split_once(".damaged-").unwrap();
        let time: String = after.chars().take(16).collect();
        assert!(time.ends_with('Z') && time.starts_with("20"), "{name}");
        format!("{before}.damaged{}", &after[16..])
    };
    world.names().into_iter().filter_map(damaged).map(without_time).collect()
}

/// Returns the bytes of what was moved aside, the `ending` of its name being this.
fn kept_bytes(world: &World, ending: &str) -> Vec<u8> {
    let is_it = |name: &String| {
        name.split_once(".damaged-")
            .is_some_and(|(_, after)| after.len() == 16 + ending.len() && after.ends_with(ending))
    };
    fs::read(world.path(&world.names().into_iter().find(is_it).unwrap())).unwrap()
}

#[test]
fn a_live_file_that_is_no_database_is_kept_and_replaced() {
    for mode in ["wal", "delete"] {
        let world = World::new();
        let shop = world.shop("shop", mode, 2_000);
        world.backup(&shop.path).unwrap();
        let (content, whole) = (shop.content(), fs::read(&shop.path).unwrap());
        let gzip = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &whole[..5_000]].concat();
        for (name, ruin) in [
            ("junk", b"once upon a time there was a database, and it was so long that it had a header".repeat(9)),
            ("two bytes", b"xy".to_vec()),
            ("gzip", gzip),
            ("half", whole[..whole.len() / 2 / 4096 * 4096].to_vec()),
            ("cut in a page", whole[..whole.len() / 2 + 77].to_vec()),
            ("header alone", whole[..100].to_vec()),
        ] {
            fs::write(&shop.path, &ruin).unwrap();
            fs::set_permissions(&shop.path, std::fs::Permissions::from_mode(0o640)).unwrap();
            let report = world.restore(&shop.path).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(shop.content(), content, "{name}");
            assert_eq!(journal_mode(&shop.path), mode, "{name}");
            assert_eq!(fs::metadata(&shop.path).unwrap().mode() & 0o7777, 0o640, "{name}");
            assert_eq!(kept(&world), ["shop.damaged"], "{name}");
            assert_eq!(kept_bytes(&world, ""), ruin, "{name}");
            assert!(report.notes.iter().any(|note| note.contains("shop.damaged-")), "{name}: {:?}", report.notes);
            for name in world.names().into_iter().filter(|name| name.contains(".damaged-")) {
                fs::remove_file(world.path(&name)).unwrap();
            }
            assert_eq!(world.names(), ["shop"]);
        }
    }
}

#[test]
fn the_owner_of_what_was_there_is_kept() {
    if !rustix::process::geteuid().is_root() {
        skip("only root gives files away");
        return;
    }
    let world = World::new();
    let shop = world.shop("shop", "WAL", 20);
    world.backup(&shop.path).unwrap();
    for content in [None, Some("junk")] {
        if let Some(junk) = content {
            fs::write(&shop.path, junk).unwrap();
        }
        std::os::unix::fs::chown(&shop.path, Some(1234), Some(4321)).unwrap();
        fs::set_permissions(&shop.path, std::fs::Permissions::from_mode(0o660)).unwrap();
        world.restore(&shop.path).unwrap();
        let metadata = fs::metadata(&shop.path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (1234, 4321, 0o660), "{content:?}");
    }
}

#[test]
fn a_missing_and_an_empty_live_file_are_made() {
    for mode in ["wal", "delete"] {
        let world = World::new();
        let shop = world.shop("shop", mode, 200);
        world.backup(&shop.path).unwrap();
        let content = shop.content();
        fs::remove_file(&shop.path).unwrap();
        world.restore(&shop.path).unwrap();
        assert_eq!(shop.content(), content);
        fs::write(&shop.path, "").unwrap();
        fs::set_permissions(&shop.path, std::fs::Permissions::from_mode(0o640)).unwrap();
        world.restore(&shop.path).unwrap();
        assert_eq!(shop.content(), content);
        assert_eq!(fs::metadata(&shop.path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(world.names(), ["shop"]);
    }
}

/// SQLite would play them back into the restored file as soon as somebody opens it.
#[test]
fn journals_of_a_missing_file_are_moved_out_of_the_way() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 2_000);
    world.backup(&shop.path).unwrap();
    let content = shop.content();
    let other = world.shop("other", "DELETE", 3_000);
    crash_in_a_transaction(&other.path);
    let journal = fs::read(beside(&other.path, "-journal")).unwrap();
    let wal_shop = world.shop("third", "WAL", 5);
    let open = wal_shop.connect();
    open.execute_batch("UPDATE orders SET total = 9").unwrap();
    let wal = fs::read(beside(&wal_shop.path, "-wal")).unwrap();
    for (ending, bytes) in [("-journal", &journal), ("-wal", &wal)] {
        fs::remove_file(&shop.path).unwrap();
        fs::write(beside(&shop.path, ending), bytes).unwrap();
        world.restore(&shop.path).unwrap();
        assert_eq!(shop.content(), content, "{ending}");
        assert_eq!(kept(&world), [format!("shop.damaged{ending}")]);
        assert_eq!(&kept_bytes(&world, ending), bytes);
        for name in world.names().into_iter().filter(|name| name.contains(".damaged-")) {
            fs::remove_file(world.path(&name)).unwrap();
        }
    }
}

/// The journal of another database, as a careless copy leaves it: SQLite believes it.
#[test]
fn a_foreign_hot_journal_does_not_stop_a_restore() {
    for rows in [50, 2_000, 6_000] {
        let world = World::new();
        let shop = world.shop("shop", "DELETE", rows);
        world.backup(&shop.path).unwrap();
        let content = shop.content();
        let other = world.shop("other", "DELETE", 3_000);
        crash_in_a_transaction(&other.path);
        fs::rename(beside(&other.path, "-journal"), beside(&shop.path, "-journal")).unwrap();
        world.restore(&shop.path).unwrap();
        assert_eq!(shop.content(), content, "{rows}");
        let kept = kept(&world);
        assert!(kept.is_empty() || kept == ["shop.damaged"] || kept == ["shop.damaged", "shop.damaged-journal"]);
    }
}

/// Its own journal, on the other hand, leads back to the content before the crash, and then the restore is as any.
#[test]
fn a_hot_journal_of_the_live_file_itself_is_rolled_back_first() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 2_000);
    world.backup(&shop.path).unwrap();
    let content = shop.content();
    shop.add(1_000, 1);
    crash_in_a_transaction(&shop.path);
    world.restore(&shop.path).unwrap();
    assert_eq!(shop.content(), content);
    assert_eq!(world.names(), ["shop"]);
}

#[test]
fn two_ruins_in_one_second_have_names_of_their_own() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 20);
    world.backup(&shop.path).unwrap();
    for ruin in ["first", "second", "third"] {
        fs::write(&shop.path, ruin).unwrap();
        world.restore(&shop.path).unwrap();
    }
    let files = world.files();
    let mut kept: Vec<&[u8]> = files.values().map(Vec::as_slice).filter(|bytes| bytes.len() < 10).collect();
    kept.sort_unstable();
    assert_eq!(kept, [&b"first"[..], b"second", b"third"]);
}
