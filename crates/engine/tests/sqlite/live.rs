//! A restore into a database that is in use: open connections, readers, journal modes.

use dbbackup::ErrorKind;

use crate::world::{World, beside, journal_mode, sqlite, text};

#[test]
fn a_reader_keeps_its_snapshot_and_then_everyone_sees_the_restored_rows() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 10);
    world.backup(&shop.path).unwrap();
    let writer = shop.connect();
    assert_eq!(text(&writer, "SELECT count(*) FROM orders"), "10");
    // This one stays open, so that nobody else's closing moves the rows into the file.
    shop.add(3_000, 1);
    assert!(beside(&shop.path, "-wal").metadata().unwrap().len() > 100_000);
    let reader = shop.connect();
    let mut prepared = writer.prepare("SELECT count(*) FROM orders").unwrap();
    let mut count = move || prepared.query_row([], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(count(), 3_010);
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(text(&reader, "SELECT count(*) FROM orders"), "3010");

    world.restore(&shop.path).unwrap();

    assert_eq!(text(&reader, "SELECT count(*) FROM orders"), "3010");
    assert_eq!(text(&reader, "SELECT count(*) FROM orders WHERE total = 1"), "3010");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(text(&reader, "SELECT count(*) FROM orders"), "10");
    assert_eq!(count(), 10);
    writer.execute_batch("INSERT INTO orders (note, total) VALUES ('later', 2)").unwrap();
    assert_eq!(text(&reader, "SELECT count(*) FROM orders"), "11");
    assert_eq!(shop.content().0, 11);
}

#[test]
fn an_idle_connection_to_a_rollback_database_sees_the_restored_rows() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 10);
    world.backup(&shop.path).unwrap();
    let idle = shop.connect();
    shop.add(3_000, 1);
    let mut prepared = idle.prepare("SELECT count(*) FROM orders").unwrap();
    let mut count = || prepared.query_row([], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(count(), 3_010);
    world.restore(&shop.path).unwrap();
    assert_eq!(count(), 10);
    idle.execute_batch("INSERT INTO orders (note, total) VALUES ('later', 2)").unwrap();
    assert_eq!(shop.content().0, 11);
}

#[test]
fn the_live_database_keeps_its_journal_mode() {
    for backed_up in ["WAL", "DELETE"] {
        for live in ["WAL", "DELETE", "TRUNCATE", "PERSIST"] {
            let world = World::new();
            let (from, into) = (world.shop("from", backed_up, 200), world.shop("into", live, 900));
            let before = journal_mode(&into.path);
            world.copy(&from.path, &into.path);
            assert_eq!(journal_mode(&into.path), before, "{backed_up} over {live}");
            assert_eq!(into.content(), from.content());
            assert_eq!(world.names(), ["from", "into"], "{backed_up} over {live}");
        }
    }
}

#[test]
fn a_new_file_has_the_journal_mode_of_the_backup() {
    for mode in ["wal", "delete"] {
        let world = World::new();
        let shop = world.shop("shop", mode, 200);
        world.copy(&shop.path, world.path("new"));
        assert_eq!(journal_mode(&world.path("new")), mode);
        assert_eq!(world.names(), ["new", "shop"]);
    }
}

/// Threads that write all the time: what the restore brings is one moment, and no write is lost half-way.
#[test]
fn writers_go_on_after_a_restore_under_their_feet() {
    use std::sync::atomic::{AtomicBool, Ordering};
    for mode in ["WAL", "DELETE"] {
        let world = World::new();
        let shop = world.shop("shop", mode, 2_000);
        shop.connect().execute_batch("CREATE TABLE other (total)").unwrap();
        world.backup(&shop.path).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let connection = shop.connect();
                while !is_over.load(Ordering::Relaxed) {
                    connection
                        .execute_batch(
                            "BEGIN IMMEDIATE; INSERT INTO orders (note, total) VALUES ('both', 1);
                             INSERT INTO other VALUES (1); COMMIT",
                        )
                        .unwrap();
                }
            });
            let mut patient = sqlite(&shop.path).with_lock_timeout(std::time::Duration::from_secs(20));
            let restored = dbbackup::restore("a", &mut patient, &world.store, &world.run);
            is_over.store(true, Ordering::Relaxed);
            restored.unwrap();
        });
        assert_eq!(
            shop.content().0 - 2_000,
            text(&shop.connect(), "SELECT count(*) FROM other").parse::<i64>().unwrap()
        );
    }
}

#[test]
fn two_restores_at_once_into_one_database_do_not_mix() {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    let (begun, is_begun) = channel();
    let (go, may_go) = channel::<()>();
    let (begun, may_go) = (Mutex::new(Some(begun)), Mutex::new(may_go));
    let slow = World::new().watched_by(move |_| {
        if let Some(begun) = begun.lock().unwrap().take() {
            begun.send(()).unwrap();
            may_go.lock().unwrap().recv().unwrap();
        }
    });
    let quick = World::new();
    let (from, into) = (quick.shop("from", "WAL", 100), quick.shop("into", "WAL", 5));
    quick.backup(&from.path).unwrap();
    for name in ["a", "a.metadata"] {
        slow.store.insert(name, quick.store.bytes(name).unwrap());
    }
    std::thread::scope(|scope| {
        let first = scope.spawn(|| slow.restore(&into.path));
        is_begun.recv().unwrap();
        let error = quick.restore(&into.path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(error.to_string().contains("another restore is running"), "{error}");
        assert_eq!(into.content().0, 5);
        go.send(()).unwrap();
        first.join().unwrap().unwrap();
    });
    assert_eq!(into.content(), from.content());
    assert_eq!(quick.names(), ["from", "into"]);
}
