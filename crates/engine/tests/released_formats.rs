//! What any release wrote, and what django-dbbackup wrote, is restored (P3): forever.

use std::path::PathBuf;

use dbbackup::manifest::Kind;
use dbbackup::source::media::MediaTarget;
use dbbackup::source::sqlite::Sqlite;
use dbbackup::{Catalogue, Local, Naming, Run, restore, verify};

#[test]
fn every_released_backup_is_restored() {
    let released = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/released");
    let naming = Naming::standard("host", &["default".to_owned(), "orders".to_owned()]).unwrap();
    let mut restored = 0;
    for version in fs_err::read_dir(released).unwrap() {
        // Restored from a copy: a restore takes a lock in the store.
        let folder = tempfile::tempdir().unwrap();
        for file in fs_err::read_dir(version.unwrap().path()).unwrap() {
            let file = file.unwrap();
            fs_err::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let store = Local::new(folder.path());
        for backup in Catalogue::read(&store, &naming).unwrap().backups {
            assert!(backup.alias.is_some() && backup.created_at.is_some(), "{}", backup.name);
            verify(&backup.name, &store, &Run::default()).unwrap();
            restored += 1;
            if backup.kind == Kind::Media {
                restore_media(&backup.name, &store);
                continue;
            }
            let target = folder.path().join("target.sqlite3");
            restore(&backup.name, &mut Sqlite::new(&target), &store, &Run::default()).unwrap();
            let sum: i64 = rusqlite::Connection::open(&target)
                .unwrap()
                .query_row("SELECT sum(total) FROM orders", [], |row| row.get(0))
                .unwrap();
            assert_eq!(sum, 210, "{}", backup.name);
            fs_err::remove_file(&target).unwrap();
        }
    }
    assert!(restored >= 10, "{restored}");
}

fn restore_media(name: &str, store: &Local) {
    let target = tempfile::tempdir().unwrap();
    let report = restore(name, &mut MediaTarget::new(target.path()), store, &Run::default()).unwrap();
    assert_eq!((report.changes.unwrap().new, report.left_out.count), (3, 0), "{name}");
    let read = |path: &str| fs_err::read(target.path().join(path)).unwrap();
    assert_eq!(read("a.txt"), b"one\n", "{name}");
    assert_eq!(read("2026/gr\u{fc}n/b c.txt"), b"two\n", "{name}");
    assert_eq!(read("2026/nothing.bin"), b"", "{name}");
}
