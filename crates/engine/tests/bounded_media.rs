//! Constant memory (P5) for media: neither many files nor a large one make the process larger.

use std::io::Write as _;

use dbbackup::manifest::Kind;
use dbbackup::source::media::{MediaSource, MediaTarget};
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Local, Run, backup, restore};
use dbbackup_testkit::peak_kib;
use fs_err as fs;

/// One test, as the peak is the whole process's.
#[test]
fn the_peak_stays_within_64_mib_at_any_count_and_size() {
    const BUDGET_KIB: u64 = 64 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir_all(media.join("many")).unwrap();
    for number in 0..100_000 {
        fs::write(media.join(format!("many/{number}.txt")), "").unwrap();
    }
    let mut large = fs::File::create(media.join("large")).unwrap();
    let noise: Vec<u8> = (0..1_000_003_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for _ in 0..200 {
        large.write_all(&noise).unwrap();
    }
    drop(large);
    let at_rest = peak_kib();

    let store = Local::new(folder.path().join("store"));
    let request = Backup {
        kind: Kind::Media,
        reason: dbbackup::manifest::Reason::Asked,
        name: BackupName::Given { name: "media.tar".to_owned(), existing: Existing::Refuse },
        alias: "media".to_owned(),
        database: "media".to_owned(),
        servername: "host".to_owned(),
        source_id: None,
        compression: Compression::Zstd,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    let run = Run::default();
    let receipt = backup(&request, &mut MediaSource::new(&media), &store, &run).unwrap();
    assert_eq!(receipt.record.media.unwrap().files, 100_001);
    let target = folder.path().join("target");
    restore("media.tar", &mut MediaTarget::new(&target), &store, &run).unwrap();
    restore("media.tar", &mut MediaTarget::new(&target).replacing(), &store, &run).unwrap();

    let peak = peak_kib();
    println!("at rest {at_rest} KiB, at most {peak} KiB");
    assert!(peak - at_rest < BUDGET_KIB, "{peak} KiB, {at_rest} KiB at rest");
}
