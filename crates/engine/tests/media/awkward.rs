//! Names of any bytes, holes, sizes at every edge, files that change while they are read.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dbbackup::{Event, Progress};
use fs_err as fs;

use crate::world::{World, name, names, pattern, things};

#[test]
fn names_of_any_bytes_come_back() {
    let world = World::new();
    let long = "n".repeat(255);
    let deep = vec!["a rather long name of a folder"; 20].join("/");
    for bytes in [
        &b"not \xff\xfe UTF-8"[..],
        b"new\nline",
        b"=equals 12 path=x",
        b"\xc3\xbcber",
        b" blank ",
        b"back\\slash",
        b"-dash",
        b"quote'\"",
        long.as_bytes(),
        "\u{fc}".repeat(127).as_bytes(),
    ] {
        fs::write(world.path("media").join(name(bytes)), bytes).unwrap();
    }
    world.write(&format!("{deep}/{long}"), b"deep");
    for length in 95..=105 {
        world.write(&"x".repeat(length), b"x");
        world.write(&format!("{}/{}", "p".repeat(150), "y".repeat(length)), b"y");
        world.write(&format!("{}/{}/z", "q".repeat(50), "r".repeat(length)), b"z");
    }
    let before = things(&world.path("media"));
    let receipt = world.backup().unwrap();
    world.restore("other").unwrap();
    assert_eq!(things(&world.path("other")), before);
    assert_eq!(receipt.record.skipped.count, 0);
}

#[test]
fn sizes_at_every_edge_come_back() {
    let world = World::new();
    for length in [0, 1, 511, 512, 513, 65_535, 65_536, 262_143, 262_144, 262_145, 1_048_576, 3_000_001] {
        world.write(&format!("{length}"), &pattern(length));
    }
    let before = things(&world.path("media"));
    world.backup().unwrap();
    world.restore("other").unwrap();
    assert_eq!(things(&world.path("other")), before);
}

#[test]
fn times_before_1970_and_far_ahead_come_back() {
    use std::time::{Duration, SystemTime};
    let world = World::with_media();
    let epoch = SystemTime::UNIX_EPOCH;
    for (name, at) in [
        ("old", epoch - Duration::new(86_400, 1)),
        ("zero", epoch),
        ("later", epoch + Duration::new(10_000_000_000, 5)),
    ] {
        world.write(name, b"");
        fs::File::open(world.media(name)).unwrap().into_file().set_modified(at).unwrap();
    }
    let before = things(&world.path("media"));
    world.backup().unwrap();
    world.restore("other").unwrap();
    assert_eq!(things(&world.path("other")), before);
}

/// Nine gigabytes, of which a few bytes are on the disk: the size does not fit into a header's twelve digits.
#[test]
fn a_file_of_more_than_8_gb_comes_back_with_its_holes() {
    let world = World::new();
    let mut file = fs::File::create(world.media("large")).unwrap();
    let places = [0, 4_000_000_000, 9_000_000_000];
    for place in places {
        file.seek(SeekFrom::Start(place)).unwrap();
        file.write_all(b"here").unwrap();
    }
    drop(file);
    let folder = tempfile::tempdir().unwrap();
    let store = dbbackup::Local::new(folder.path());
    let receipt = crate::many::backup_into(&store, &world.path("media"), dbbackup::Compression::Zstd, &world.run);
    let mut target = dbbackup::source::media::MediaTarget::new(world.path("other"));
    dbbackup::restore(&receipt.name, &mut target, &store, &world.run).unwrap();

    let found = fs::metadata(world.path("other/large")).unwrap();
    assert_eq!(found.len(), 9_000_000_004);
    assert!(found.blocks() * 512 < 10_000_000, "{} blocks", found.blocks());
    let mut file = fs::File::open(world.path("other/large")).unwrap();
    for place in places {
        let mut here = [0; 4];
        file.seek(SeekFrom::Start(place)).unwrap();
        std::io::Read::read_exact(&mut file, &mut here).unwrap();
        assert_eq!(&here, b"here");
    }
}

/// Does something once, when the first bytes have flowed.
struct Once<F>(AtomicBool, F);

impl<F: Fn() + Send + Sync> Progress for Once<F> {
    fn tell(&self, event: Event) {
        if event.done > 0 && !self.0.swap(true, Ordering::Relaxed) {
            (self.1)();
        }
    }
}

#[test]
fn a_file_that_grows_or_shrinks_while_it_is_read_is_told_and_the_rest_is_whole() {
    for (change, word) in [(4_000_000_u64, "changed"), (1_000_000, "shrank")] {
        let mut world = World::new();
        world.write("b large", &pattern(3_000_000));
        world.write("c after", b"after");
        let path = world.media("b large");
        let change = move || fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(change).unwrap();
        world.run.progress = Arc::new(Once(AtomicBool::new(false), change));

        let receipt = world.backup().unwrap();

        let skipped = receipt.record.skipped;
        assert_eq!(skipped.count, 1, "{:?}", skipped.names);
        assert!(skipped.names[0].starts_with("b large") && skipped.names[0].contains(word), "{:?}", skipped.names);
        world.restore("other").unwrap();
        assert_eq!(fs::metadata(world.path("other/b large")).unwrap().len(), 3_000_000);
        assert_eq!(fs::read(world.path("other/c after")).unwrap(), b"after");
    }
}

#[test]
fn a_file_that_vanishes_is_told_and_the_rest_is_whole() {
    let mut world = World::new();
    world.write("a large", &pattern(3_000_000));
    world.write("b gone", b"gone");
    world.write("c after", b"after");
    let path = world.media("b gone");
    world.run.progress = Arc::new(Once(AtomicBool::new(false), move || fs::remove_file(&path).unwrap()));
    let receipt = world.backup().unwrap();
    assert_eq!(receipt.record.skipped.names, ["b gone: it vanished"]);
    world.restore("other").unwrap();
    assert_eq!(names(&world.path("other")), ["a large", "c after"]);
}
