//! Damage is refused: at every place, in every form, and before anything is touched.

use std::io::Read;
use std::num::NonZero;

use dbbackup::compress::{BLOCK_BYTES, decode, encode};
use dbbackup::name::DATE_FORMAT;
use dbbackup::source::sqlite::Sqlite;
use dbbackup::{Backup, BackupName, Compression, ErrorKind, Memory, Naming, Run, Store as _, backup, restore, verify};
use dbbackup_testkit::{Damage, Shop};
use jiff::tz::TimeZone;

fn naming() -> Naming {
    let template = Some("{databasename}-{servername}-{datetime}.{extension}".to_owned());
    Naming::new(template, DATE_FORMAT, TimeZone::UTC, "host", &["shop".to_owned()], &[]).unwrap()
}

fn a_backup(shop: &Shop, store: &Memory, compression: Compression) -> String {
    let naming = naming();
    let request = Backup {
        kind: dbbackup::manifest::Kind::Database,
        reason: dbbackup::manifest::Reason::Asked,
        name: BackupName::Generated { naming: &naming, extension: "sqlite3" },
        alias: "shop".to_owned(),
        database: "shop".to_owned(),
        servername: "host".to_owned(),
        source_id: None,
        compression,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    backup(&request, &mut Sqlite::new(&shop.path), store, &Run::default()).unwrap().name
}

/// gzip's and zstd's own checks: no manifest, no knowledge of the content.
#[test]
fn a_codec_alone_sees_every_cut_and_every_flipped_bit_of_its_data() {
    let plain: Vec<u8> = (0..2 * BLOCK_BYTES + 77).map(|byte| u8::try_from(byte * 31 % 251).unwrap()).collect();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut stored = Vec::new();
        encode(&plain[..], compression, NonZero::<usize>::MIN).unwrap().read_to_end(&mut stored).unwrap();
        for damage in Damage::everywhere(stored.len(), 60) {
            let damaged = damage.apply(&stored);
            let mut back = Vec::new();
            let opened = decode(&damaged[..], None).map_err(std::io::Error::other);
            if opened.as_ref().is_ok_and(|(found, _)| *found == Compression::None) {
                // Its first bytes are gone, so nobody takes it for compressed: the target's own check refuses it.
                continue;
            }
            let result = opened.and_then(|(_, mut plain)| plain.read_to_end(&mut back));
            // Bytes that say nothing of the content (a member's time, a frame's reserved bit) may differ.
            let same_content = result.is_ok() && back == plain;
            let whole_twice = matches!(damage, Damage::Twice) && back.len() == 2 * plain.len();
            assert!(result.is_err() || same_content || whole_twice, "{compression:?}, {damage:?}");
        }
    }
}

#[test]
fn whatever_happens_to_a_stored_file_the_target_keeps_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "WAL", 3000);
    let live = Shop::new(folder.path().join("live.sqlite3"), "WAL", 50);
    let before = live.content();
    for compression in Compression::ALL {
        let store = Memory::default();
        let name = a_backup(&shop, &store, compression);
        let whole = store.bytes(&name).unwrap();
        for damage in Damage::everywhere(whole.len(), 25) {
            store.insert(&name, damage.apply(&whole));
            for result in [
                verify(&name, &store, &Run::default()),
                restore(&name, &mut Sqlite::new(&live.path), &store, &Run::default()),
            ] {
                let kind = result.expect_err(&format!("{compression:?}, {damage:?}")).kind();
                assert!(
                    matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported),
                    "{compression:?}, {damage:?}: {kind:?}"
                );
            }
        }
        assert_eq!(live.content(), before);
        store.insert(&name, whole);
        verify(&name, &store, &Run::default()).unwrap();
    }
    let left: Vec<_> = fs_err::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".dbbackup")), "{left:?}");
}

#[test]
fn without_a_manifest_cuts_and_additions_are_still_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "DELETE", 3000);
    let live = Shop::new(folder.path().join("live.sqlite3"), "WAL", 50);
    let mut before = live.content();
    for compression in Compression::ALL {
        let store = Memory::default();
        let name = a_backup(&shop, &store, compression);
        let whole = store.bytes(&name).unwrap();
        store.delete(&format!("{name}.metadata")).unwrap();
        for damage in Damage::everywhere(whole.len(), 25) {
            // A plain file has no checksum: a flipped bit in a row cannot be seen, which the docs say.
            if compression == Compression::None && matches!(damage, Damage::FlipBit(_)) {
                continue;
            }
            let damaged = damage.apply(&whole);
            store.insert(&name, damaged.clone());
            let result = restore(&name, &mut Sqlite::new(&live.path), &store, &Run::default());
            if let Ok(report) = result {
                // Bytes of a codec's header that do not say anything of the content.
                assert_eq!(report.plain_bytes, fs_err::metadata(&shop.path).unwrap().len(), "{damage:?}");
                assert_eq!(live.content(), shop.content(), "{compression:?}, {damage:?}");
                fs_err::remove_file(&live.path).unwrap();
                before = Shop::new(&live.path, "WAL", 50).content();
            }
            assert_eq!(live.content(), before, "{compression:?}, {damage:?}");
        }
    }
}

#[test]
fn a_manifest_of_another_backup_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "WAL", 100);
    let store = Memory::default();
    let first = a_backup(&shop, &store, Compression::Zstd);
    shop.add(100, 5);
    let second = a_backup(&shop, &store, Compression::Zstd);
    store.insert(&format!("{first}.metadata"), store.bytes(&format!("{second}.metadata")).unwrap());
    let error = verify(&first, &store, &Run::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    store.insert(&format!("{first}.metadata"), b"junk".to_vec());
    let error = restore(&first, &mut Sqlite::new(&shop.path), &store, &Run::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn nothing_is_restored_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let live = Shop::new(folder.path().join("live.sqlite3"), "WAL", 50);
    let before = live.content();
    let store = Memory::default();
    store.insert("empty.sqlite3", Vec::new());
    let error = restore("empty.sqlite3", &mut Sqlite::new(&live.path), &store, &Run::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(live.content(), before);
}
