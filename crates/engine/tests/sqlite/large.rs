//! More than 1 GiB: the page that SQLite locks and never fills; and disks without room.

use std::path::Path;
use std::process::Command;

use dbbackup::source::Source as _;
use dbbackup::{Compression, ErrorKind, Local};
use fs_err as fs;
use rusqlite::Connection;

use crate::world::{World, skip, sqlite, text};

#[test]
fn a_wal_database_across_the_lock_byte_page_goes_both_ways() {
    require_both_ways("wal");
}

#[test]
fn a_rollback_database_across_the_lock_byte_page_goes_both_ways() {
    require_both_ways("delete");
}

/// The page at 1 GiB exists in the file only: it belongs to no table, and a copy that numbers pages wrongly there
/// has every later row in another's place.
fn require_both_ways(mode: &str) {
    let world = World::new();
    let path = world.path("large");
    let connection = Connection::open(&path).unwrap();
    // Large pages: fewer of them to walk through.
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = 65536; PRAGMA journal_mode = {mode}; PRAGMA synchronous = OFF;
             CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 108)
             INSERT INTO t SELECT i, zeroblob(10000000) FROM n; INSERT INTO t VALUES (1000, 'behind');
             PRAGMA wal_checkpoint(TRUNCATE)"
        ))
        .unwrap();
    drop(connection);
    assert!(fs::metadata(&path).unwrap().len() > 1 << 30);
    let store = Local::new(world.path("store"));
    let request = dbbackup::Backup {
        kind: dbbackup::manifest::Kind::Database,
        reason: dbbackup::manifest::Reason::Asked,
        name: dbbackup::BackupName::Given { name: "a".to_owned(), existing: dbbackup::store::Existing::Refuse },
        alias: "large".to_owned(),
        database: "large".to_owned(),
        servername: "web-1".to_owned(),
        source_id: None,
        compression: Compression::Zstd,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    dbbackup::backup(&request, &mut sqlite(&path), &store, &world.run).unwrap();
    fs::remove_file(&path).unwrap();
    let live = world.shop("live", mode, 100);
    dbbackup::restore("a", &mut sqlite(&live.path), &store, &world.run).unwrap();
    let live = live.connect();
    assert_eq!(text(&live, "SELECT count(*) || ' ' || sum(length(x)) || ' ' || max(id) FROM t"), "109 1080000006 1000");
    assert_eq!(text(&live, "SELECT CAST(x AS TEXT) FROM t WHERE id = 1000"), "behind");
    assert_eq!(text(&live, "PRAGMA quick_check"), "ok");
}

/// A file system of a few MiB, unmounted with the test; `None` where that cannot be made.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "none"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                skip("no rights to mount a small file system");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

#[test]
fn a_temporary_copy_without_room_is_refused_before_it_is_begun() {
    let Some(disk) = SmallDisk::new(1) else { return };
    let mut world = World::new();
    world.run.tmp_dir = disk.path().to_owned();
    let shop = world.shop("shop", "DELETE", 20_000);
    let error = sqlite(&shop.path).open(&world.run).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("free"), "{error}");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
}

#[test]
fn a_restore_without_room_is_refused_and_changes_nothing() {
    let Some(disk) = SmallDisk::new(4) else { return };
    let world = World::new();
    let shop = world.shop("shop", "WAL", 20_000);
    world.backup(&shop.path).unwrap();
    let live = dbbackup_testkit::Shop::new(disk.path().join("live"), "WAL", 10);
    let before = crate::world::files(disk.path());
    let error = world.restore(&live.path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(crate::world::files(disk.path()) == before);
}

/// A plain file has no manifest to tell its size: the disk fills up while the copy is written.
#[test]
fn a_disk_that_fills_up_during_a_restore_changes_nothing() {
    for (megabytes, rows, case) in [(1, 20_000, "the copy"), (4, 35_000, "the journal")] {
        let Some(disk) = SmallDisk::new(megabytes) else { return };
        let world = World::new();
        let shop = world.shop("shop", "DELETE", rows);
        let live = dbbackup_testkit::Shop::new(disk.path().join("live"), "DELETE", 10);
        let before = crate::world::files(disk.path());
        let error = world.restore_plain(&fs::read(&shop.path).unwrap(), &live.path).expect_err(case);
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{case}: {error}");
        assert!(crate::world::files(disk.path()) == before, "{case}");
    }
}
