//! What any release wrote, and what django-dbbackup wrote, is restored (P3): forever.

use std::path::PathBuf;

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
            let target = folder.path().join("target.sqlite3");
            restore(&backup.name, &mut Sqlite::new(&target), &store, &Run::default()).unwrap();
            let sum: i64 = rusqlite::Connection::open(&target)
                .unwrap()
                .query_row("SELECT sum(total) FROM orders", [], |row| row.get(0))
                .unwrap();
            assert_eq!(sum, 210, "{}", backup.name);
            fs_err::remove_file(&target).unwrap();
            restored += 1;
        }
    }
    assert!(restored >= 5, "{restored}");
}
