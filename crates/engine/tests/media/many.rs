//! A hundred thousand files, in constant memory and one folder.

use std::path::Path;

use dbbackup::manifest::Kind;
use dbbackup::source::media::{MediaSource, MediaTarget};
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Receipt, Run, Store};
use fs_err as fs;

use crate::world::{World, changes};

pub(crate) fn backup_into(store: &dyn Store, folder: &Path, compression: Compression, run: &Run) -> Receipt {
    let request = Backup {
        kind: Kind::Media,
        reason: dbbackup::manifest::Reason::Asked,
        name: BackupName::Given { name: "a.tar".to_owned(), existing: Existing::Replace },
        alias: "media".to_owned(),
        database: "media".to_owned(),
        servername: "here".to_owned(),
        source_id: None,
        compression,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    dbbackup::backup(&request, &mut MediaSource::new(folder), store, run).unwrap()
}

#[test]
fn a_hundred_thousand_files_come_back() {
    let world = World::new();
    for number in 0..100_000 {
        let folder = world.media(&format!("{:02}", number % 50));
        if number < 50 {
            fs::create_dir(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number}")), if number % 1000 == 0 { "x" } else { "" }).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let store = dbbackup::Local::new(folder.path());
    let receipt = backup_into(&store, &world.path("media"), Compression::Zstd, &world.run);
    assert_eq!(receipt.record.media.unwrap().files, 100_000);
    let mut target = MediaTarget::new(world.path("other"));
    let report = dbbackup::restore("a.tar", &mut target, &store, &world.run).unwrap();
    assert_eq!(changes(&report).new, 100_000);
    let names = |root: &str| -> Vec<_> {
        let folders = fs::read_dir(world.path(root)).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> =
            folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name())).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("other"), names("media"));
}
