//! Pages of every size, over pages of every other size.

use dbbackup::ErrorKind;
use dbbackup_testkit::Shop;
use rusqlite::Connection;

use crate::world::{World, journal_mode, text};

const SIZES: [u32; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

fn shop(world: &World, name: &str, journal_mode: &str, page_bytes: u32, rows: u32) -> Shop {
    let connection = Connection::open(world.path(name)).unwrap();
    connection.execute_batch(&format!("PRAGMA page_size = {page_bytes}; VACUUM")).unwrap();
    drop(connection);
    let shop = world.shop(name, journal_mode, rows);
    assert_eq!(text(&shop.connect(), "PRAGMA page_size"), page_bytes.to_string());
    shop
}

#[test]
fn pages_of_every_size_are_restored_over_pages_of_every_size() {
    for live_mode in ["wal", "delete"] {
        for from_bytes in SIZES {
            let world = World::new();
            let from = shop(&world, "from", "WAL", from_bytes, 700);
            world.backup(&from.path).unwrap();
            let content = from.content();
            for (number, live_bytes) in SIZES.into_iter().enumerate() {
                // In turn a live database that has to grow, and one that has to shrink.
                let rows = if number % 2 == 0 { 1 } else { 2_000 };
                let case = format!("{from_bytes} over {live_bytes} in {live_mode}, {rows} rows");
                let live = shop(&world, "live", live_mode, live_bytes, rows);
                world.restore(&live.path).unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!(live.content(), content, "{case}");
                assert_eq!(journal_mode(&live.path), live_mode, "{case}");
                assert_eq!(text(&live.connect(), "PRAGMA page_size"), from_bytes.to_string(), "{case}");
                assert_eq!(world.names(), ["from", "live"], "{case}");
                fs_err::remove_file(&live.path).unwrap();
            }
        }
    }
}

/// The only case in which the restore has to be alone: SQLite cannot change the size of pages in a `-wal`.
#[test]
fn another_page_size_under_an_open_wal_connection_is_busy_and_says_so() {
    let world = World::new();
    let from = shop(&world, "from", "WAL", 1024, 100);
    let live = shop(&world, "live", "WAL", 4096, 300);
    world.backup(&from.path).unwrap();
    let content = live.content();
    let open = live.connect();
    assert_eq!(text(&open, "SELECT count(*) FROM orders"), "300");
    let error = world.restore(&live.path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("pages of 1024 bytes") && error.to_string().contains("4096"), "{error}");
    assert_eq!(text(&open, "SELECT count(*) FROM orders"), "300");
    assert_eq!(journal_mode(&live.path), "wal");
    assert_eq!(live.content(), content);
    drop(open);
    world.restore(&live.path).unwrap();
    assert_eq!(live.content(), from.content());
    assert_eq!(journal_mode(&live.path), "wal");
}

/// Whoever closes in time is waited for.
#[test]
fn another_page_size_waits_for_the_last_connection() {
    let world = World::new();
    let from = shop(&world, "from", "DELETE", 8192, 100);
    let live = shop(&world, "live", "WAL", 4096, 300);
    world.backup(&from.path).unwrap();
    let open = live.connect();
    assert_eq!(text(&open, "SELECT count(*) FROM orders"), "300");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(400));
            drop(open);
        });
        world.restore(&live.path).unwrap();
    });
    assert_eq!(live.content(), from.content());
}

#[test]
fn an_idle_rollback_connection_follows_to_another_page_size() {
    let world = World::new();
    let from = shop(&world, "from", "DELETE", 1024, 100);
    let live = shop(&world, "live", "DELETE", 16_384, 300);
    world.backup(&from.path).unwrap();
    let open = live.connect();
    assert_eq!(text(&open, "SELECT count(*) FROM orders"), "300");
    world.restore(&live.path).unwrap();
    assert_eq!(text(&open, "SELECT count(*) FROM orders"), "100");
    open.execute_batch("INSERT INTO orders (note, total) VALUES ('later', 2)").unwrap();
    assert_eq!(live.content().0, 101);
}
