//! Errors on the way: each file is as it was, or the backup's.

use dbbackup::source::media::{MediaSource, MediaTarget};
use dbbackup::{ErrorKind, Memory};
use dbbackup_testkit::FaultyStore;
use fs_err as fs;

use crate::many::backup_into;
use crate::world::{World, names, pattern, things};

#[test]
fn a_store_that_fails_in_the_first_reading_changes_nothing() {
    let world = World::with_media();
    let mut store = FaultyStore::new(Memory::default());
    let receipt = backup_into(&store, &world.path("media"), dbbackup::Compression::None, &world.run);
    for at in [0, 1, 511, 512, 5000, 200_000, receipt.record.stored_bytes - 1] {
        store.read_fails_at = Some(at);
        let mut target = MediaTarget::new(world.path("other"));
        dbbackup::restore("a.tar", &mut target, &store, &world.run).unwrap_err();
        assert!(!world.path("other").exists(), "{at}");
    }
}

#[test]
fn a_stopped_backup_leaves_nothing() {
    let world = World::with_media();
    world.run.cancel.request(15);
    let error = world.backup_of(&mut MediaSource::new(world.path("media"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(dbbackup::Store::list(&world.store).unwrap().is_empty());
}

#[test]
fn leftovers_of_a_killed_restore_are_swept_by_the_next() {
    let world = World::with_media();
    world.backup().unwrap();
    let other = world.path("other");
    world.restore("other").unwrap();
    let before = things(&other);
    // As a killed one leaves them: named after the folder that is restored into.
    let mut named = MediaTarget::new(&other).replacing();
    for (folder, stays) in [("uploads", false), ("", false), ("uploads/2026", false)] {
        let leftover = other.join(folder).join(format!("{}-b", leftover_prefix(&other)));
        fs::write(&leftover, pattern(10)).unwrap();
        assert!(!stays);
    }
    let somebody_elses = other.join(".dbbackup-file-somebody");
    fs::write(&somebody_elses, "x").unwrap();
    world.restore_into(&mut named).unwrap();
    assert!(somebody_elses.exists());
    fs::remove_file(somebody_elses).unwrap();
    assert_eq!(names(&other), before.keys().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>());
}

/// The first sixteen digits of the path's SHA-256, as letters.
fn leftover_prefix(root: &std::path::Path) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(fs::canonicalize(root).unwrap().as_os_str().as_encoded_bytes());
    let letters: String =
        digest.iter().take(8).flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(b'a' + nibble)).collect();
    format!(".dbbackup-file-{letters}")
}
