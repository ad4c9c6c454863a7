//! Constant memory (P5): what a process needs does not grow with what flows through it.

use std::io::Read;

use dbbackup::source::process::Tool;
use dbbackup::source::reader::Reader;
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Local, Run, backup, verify};
use dbbackup_testkit::peak_kib;

/// Gives `left` bytes that compress a little.
struct Flood {
    left: u64,
    state: u64,
}

impl Read for Flood {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        for word in buf[..count].chunks_mut(8) {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            word.copy_from_slice(&(self.state >> 16).to_le_bytes()[..word.len()]);
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn store_one(store: &Local, name: &str, compression: Compression, bytes: u64) {
    let request = Backup {
        kind: dbbackup::manifest::Kind::Database,
        reason: dbbackup::manifest::Reason::Asked,
        name: BackupName::Given { name: name.to_owned(), existing: Existing::Refuse },
        alias: "flood".to_owned(),
        database: "flood".to_owned(),
        servername: "host".to_owned(),
        source_id: None,
        compression,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    let mut source = Reader::new(Flood { left: bytes, state: 7 });
    backup(&request, &mut source, store, &Run::default()).unwrap();
    assert_eq!(verify(name, store, &Run::default()).unwrap().plain_bytes, bytes);
}

/// One test, as the peak is the whole process's.
#[test]
fn the_peak_does_not_grow_with_the_size() {
    const BUDGET_KIB: u64 = 64 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    let at_rest = peak_kib();
    for compression in Compression::ALL {
        store_one(&store, &format!("small-{}", compression.id()), compression, 32 << 20);
    }
    let small = peak_kib();
    for compression in Compression::ALL {
        store_one(&store, &format!("large-{}", compression.id()), compression, 384 << 20);
    }
    let mut tool = Tool::new(["sh", "-c", "head -c 200000000 /dev/zero"]);
    let request = Backup {
        kind: dbbackup::manifest::Kind::Database,
        reason: dbbackup::manifest::Reason::Asked,
        name: BackupName::Given { name: "tool".to_owned(), existing: Existing::Refuse },
        alias: "tool".to_owned(),
        database: "tool".to_owned(),
        servername: "host".to_owned(),
        source_id: None,
        compression: Compression::Zstd,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    let receipt = backup(&request, &mut tool, &store, &Run::default()).unwrap();
    assert_eq!(receipt.record.plain_bytes, 200_000_000);
    let large = peak_kib();
    println!("at rest {at_rest} KiB, small {small} KiB, large {large} KiB");
    assert!(large - at_rest < BUDGET_KIB, "{large} KiB, {at_rest} KiB at rest");
    assert!(large - small < 8 * 1024, "12 times the bytes took {} KiB more", large - small);
}
