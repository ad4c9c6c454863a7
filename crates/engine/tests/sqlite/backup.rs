//! What a backup takes, what it leaves alone, and whom it does not block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dbbackup::{ErrorKind, Phase};
use fs_err as fs;
use rusqlite::Connection;

use crate::world::{World, beside, files, text};

#[test]
fn rows_that_are_only_in_the_wal_are_in_the_backup() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 10);
    let open = shop.connect();
    open.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    open.execute_batch(
        "INSERT INTO orders (note, total) SELECT 'wal', 1 FROM json_each('[' || substr(replace(hex(zeroblob(3000)), '00', ',0'), 2) || ']')",
    )
    .unwrap();
    let main_file = fs::read(&shop.path).unwrap();
    world.copy(&shop.path, world.path("copy"));
    assert_eq!(fs::read(&shop.path).unwrap(), main_file);
    let copy = Connection::open(world.path("copy")).unwrap();
    assert_eq!(text(&copy, "SELECT count(*) FROM orders"), "3010");
    assert_eq!(text(&copy, "SELECT count(*) FROM orders WHERE note = 'wal'"), "3000");
}

#[test]
fn a_backup_changes_no_byte_and_leaves_nothing_beside_the_database() {
    for journal_mode in ["WAL", "DELETE", "TRUNCATE", "PERSIST"] {
        let world = World::new();
        let shop = world.shop("shop", journal_mode, 500);
        let (before, modified) = (world.files(), fs::metadata(&shop.path).unwrap().modified().unwrap());
        world.backup(&shop.path).unwrap();
        assert_eq!(world.files(), before, "{journal_mode}");
        assert_eq!(fs::metadata(&shop.path).unwrap().modified().unwrap(), modified, "{journal_mode}");
    }
}

/// What a killed application leaves: its `-wal` is the only place of its last rows.
#[test]
fn a_wal_that_a_crash_left_is_read_and_stays_as_it_is() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 10);
    let open = shop.connect();
    open.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE orders SET total = 2").unwrap();
    let crashed = tempfile::tempdir().unwrap();
    let path = crashed.path().join("shop");
    for ending in ["", "-wal"] {
        fs::copy(beside(&shop.path, ending), beside(&path, ending)).unwrap();
    }
    drop(open);
    let before = files(crashed.path());
    world.copy(&path, world.path("copy"));
    let mut after = files(crashed.path());
    // An index of the `-wal`, made anew by whoever opens it first; it holds no content.
    after.retain(|name, _| name != "shop-shm");
    assert_eq!(after, before);
    let copy = Connection::open(world.path("copy")).unwrap();
    assert_eq!(text(&copy, "SELECT sum(total) FROM orders"), "20");
}

#[test]
fn a_hot_journal_is_rolled_back_before_the_backup() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 2_000);
    let content = shop.content();
    crash_in_a_transaction(&shop.path);
    assert!(beside(&shop.path, "-journal").exists());
    world.copy(&shop.path, world.path("copy"));
    assert_eq!(world.shop_at("copy").content(), content);
}

/// Money moves between two tables at full rate: every snapshot that is one moment has the same sum.
#[test]
fn a_backup_under_full_load_is_one_moment_and_blocks_no_writer() {
    for journal_mode in ["WAL", "DELETE"] {
        let bank = Arc::new(Bank::default());
        let watcher = Arc::clone(&bank);
        let has_waited = AtomicBool::new(false);
        let world = World::new().watched_by(move |event| {
            // In the middle of the upload: if the writers were kept out, this would never end.
            if event.phase == Phase::Backup && event.done > 0 && !has_waited.swap(true, Ordering::Relaxed) {
                watcher.wait_for_transfers(20);
            }
        });
        let path = world.path("bank");
        Bank::open(&path, journal_mode);
        let sum = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..2).map(|_| scope.spawn(|| bank.move_money(&path))).collect();
            bank.wait_for_transfers(20);
            let copied = world.backup_of(&mut dbbackup::source::sqlite::Sqlite::new(&path));
            bank.is_closed.store(true, Ordering::Relaxed);
            for writer in writers {
                writer.join().unwrap();
            }
            copied.unwrap();
            world.restore(world.path("copy")).unwrap();
            let copy = Connection::open(world.path("copy")).unwrap();
            assert_eq!(text(&copy, "PRAGMA integrity_check"), "ok");
            text(&copy, "SELECT (SELECT sum(money) FROM a) + (SELECT sum(money) FROM b)")
        });
        assert_eq!(sum, "2000000", "{journal_mode}");
    }
}

#[derive(Default)]
struct Bank {
    transfers: AtomicU32,
    is_closed: AtomicBool,
}

impl Bank {
    fn open(path: &std::path::Path, journal_mode: &str) {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", journal_mode).unwrap();
        for table in ["a", "b"] {
            let create = format!(
                "CREATE TABLE {table} (id INTEGER PRIMARY KEY, money INTEGER, ballast BLOB);
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                 INSERT INTO {table} SELECT i, 1000, randomblob(3000) FROM n;"
            );
            connection.execute_batch(&create).unwrap();
        }
    }

    fn move_money(&self, path: &std::path::Path) {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(20)).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        while !self.is_closed.load(Ordering::Relaxed) {
            connection
                .execute_batch(
                    "BEGIN IMMEDIATE;
                     UPDATE a SET money = money - 7 WHERE id = 1 + abs(random() % 1000);
                     UPDATE b SET money = money + 7 WHERE id = 1 + abs(random() % 1000);
                     COMMIT;",
                )
                .unwrap();
            self.transfers.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn wait_for_transfers(&self, count: u32) {
        let (start, deadline) = (self.transfers.load(Ordering::Relaxed), Instant::now() + Duration::from_secs(15));
        while self.transfers.load(Ordering::Relaxed) < start + count {
            assert!(Instant::now() < deadline, "the writers are blocked");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn the_temporary_copy_of_a_rollback_database_is_private_and_goes_away() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tmp = tempfile::tempdir().unwrap();
    let (folder, found) = (tmp.path().to_owned(), Arc::clone(&seen));
    let mut world = World::new().watched_by(move |_| {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        found.lock().unwrap().extend(entries.map(|entry| entry.metadata().unwrap().permissions().mode() & 0o777));
    });
    world.run.tmp_dir = tmp.path().to_owned();
    let shop = world.shop("shop", "DELETE", 500);
    world.backup(&shop.path).unwrap();
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|&mode| mode == 0o600), "{seen:?}");
    assert_eq!(files(tmp.path()).len(), 0);
}

#[test]
fn the_copy_that_a_killed_run_left_is_removed_by_the_next_backup() {
    for journal_mode in ["WAL", "DELETE"] {
        let tmp = tempfile::tempdir().unwrap();
        fs::write(tmp.path().join(".dbbackup-copy-left"), "a whole database").unwrap();
        fs::write(tmp.path().join("of somebody else"), "").unwrap();
        let mut world = World::new();
        world.run.tmp_dir = tmp.path().to_owned();
        world.backup(&world.shop("shop", journal_mode, 10).path).unwrap();
        assert_eq!(files(tmp.path()).into_keys().collect::<Vec<_>>(), ["of somebody else"], "{journal_mode}");
    }
}

#[test]
fn a_wal_database_needs_no_temporary_copy() {
    let mut world = World::new();
    world.run.tmp_dir = world.path("missing");
    let shop = world.shop("shop", "WAL", 500);
    world.backup(&shop.path).unwrap();
    let shop = world.shop("other", "DELETE", 500);
    assert!(world.backup(&shop.path).is_err());
}

#[test]
fn what_is_no_file_is_a_wrong_setting() {
    let world = World::new();
    fs::create_dir(world.path("folder")).unwrap();
    for name in ["missing", "missing/shop", "folder"] {
        let error = world.backup(world.path(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(world.names(), [""; 0]);
    assert!(world.store.bytes("a").is_none());
}

#[test]
fn a_file_that_is_no_database_is_corrupt() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 500);
    let whole = fs::read(&shop.path).unwrap();
    for bytes in [&b"once upon a time"[..], &whole[..whole.len() / 2]] {
        fs::write(world.path("junk"), bytes).unwrap();
        assert_eq!(world.backup(world.path("junk")).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(world.store.bytes("a").is_none());
    }
}

/// A backup that no restore would take is no backup: better to fail today than then.
#[test]
fn a_damaged_table_is_no_success() {
    for journal_mode in ["WAL", "DELETE"] {
        let world = World::new();
        let shop = world.shop("shop", journal_mode, 5_000);
        let mut bytes = fs::read(&shop.path).unwrap();
        let pages = bytes.len() / 4096;
        for page in pages / 3..pages / 2 {
            bytes[page * 4096..][..100].fill(0xaa);
        }
        fs::write(&shop.path, bytes).unwrap();
        let error = world.backup(&shop.path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{journal_mode}");
        assert!(world.store.bytes("a").is_none());
    }
}

#[test]
fn an_empty_database_file_goes_both_ways() {
    let world = World::new();
    fs::write(world.path("empty"), "").unwrap();
    let receipt = world.backup(world.path("empty")).unwrap();
    assert_eq!(receipt.record.plain_bytes, 0);
    world.restore(world.path("new")).unwrap();
    assert_eq!(fs::read(world.path("new")).unwrap(), b"");
    for journal_mode in ["WAL", "DELETE"] {
        let shop = world.shop(journal_mode, journal_mode, 100);
        world.restore(&shop.path).unwrap();
        let connection = shop.connect();
        assert_eq!(text(&connection, "SELECT count(*) FROM sqlite_schema"), "0");
        assert_eq!(text(&connection, "PRAGMA integrity_check"), "ok");
        assert_eq!(text(&connection, "PRAGMA journal_mode").to_uppercase(), journal_mode);
    }
}

/// Kills a writer in the middle of a transaction that has reached the file: its journal is the way back.
pub(crate) fn crash_in_a_transaction(path: &std::path::Path) {
    let script = "db.execute('PRAGMA cache_size = 1'); db.execute('BEGIN')
db.execute('UPDATE orders SET total = total + 1, note = note || note')";
    crate::programs::Program::start(path, script).kill();
}
