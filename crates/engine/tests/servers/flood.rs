//! A table that flows through a backup and back, and the memory that this takes.

use dbbackup::source::{Source, Target};
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Local, Run, backup, restore};
use dbbackup_testkit::peak_kib;

/// Backs a database up into a folder and restores it; its dump is at least so large.
pub(crate) fn out_and_in<T: Source + Target>(database: &mut T, mebibytes: u32) {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    let request = Backup {
        kind: dbbackup::manifest::Kind::Database,
        reason: dbbackup::manifest::Reason::Asked,
        name: BackupName::Given { name: "flood".to_owned(), existing: Existing::Replace },
        alias: "flood".to_owned(),
        database: "flood".to_owned(),
        servername: "host".to_owned(),
        source_id: None,
        compression: Compression::Zstd,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    let receipt = backup(&request, database, &store, &Run::default()).unwrap();
    assert!(receipt.record.plain_bytes > u64::from(mebibytes) << 20);
    restore("flood", database, &store, &Run::default()).unwrap();
}

/// Lets tables of two sizes flow. For one test alone: the peak is the whole process's.
pub(crate) fn require_constant_memory(flow: impl Fn(u32)) {
    const BUDGET_KIB: u64 = 64 * 1024;
    let at_rest = peak_kib();
    flow(24);
    let small = peak_kib();
    flow(300);
    let large = peak_kib();
    assert!(large - at_rest < BUDGET_KIB, "{large} KiB, {at_rest} KiB at rest");
    assert!(large - small < 8 * 1024, "12 times the bytes took {} KiB more", large - small);
}
