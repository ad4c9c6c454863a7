//! What a restore does to what is there.

use std::os::unix::fs::{MetadataExt as _, symlink};

use dbbackup::ErrorKind;
use dbbackup::source::media::MediaTarget;
use fs_err as fs;

use crate::world::{World, changes, names, things};

#[test]
fn files_that_are_there_stay_unless_they_are_to_be_replaced() {
    let world = World::with_media();
    world.backup().unwrap();
    world.write("a.txt", b"newer");
    fs::remove_file(world.media("uploads/2026/photo one.jpg")).unwrap();
    world.write("mine.txt", b"mine");

    let kept = changes(&world.restore("media").unwrap());
    assert_eq!(fs::read(world.media("a.txt")).unwrap(), b"newer");
    assert_eq!((kept.new, kept.kept, kept.replaced, kept.same), (1, 3, 0, 0));

    let replaced = changes(&world.restore_into(&mut MediaTarget::new(world.path("media")).replacing()).unwrap());
    assert_eq!(fs::read(world.media("a.txt")).unwrap(), b"one");
    assert_eq!(fs::read(world.media("mine.txt")).unwrap(), b"mine");
    assert_eq!((replaced.new, replaced.kept, replaced.replaced, replaced.same), (0, 0, 1, 3));
}

#[test]
fn a_preview_tells_what_the_restore_then_does_and_changes_nothing() {
    let world = World::with_media();
    world.backup().unwrap();
    world.write("a.txt", b"two");
    fs::remove_dir_all(world.media("uploads/2026")).unwrap();
    let before = things(&world.path("media"));
    for replaces in [false, true] {
        let target = || {
            let target = MediaTarget::new(world.path("media"));
            if replaces { target.replacing() } else { target }
        };
        let preview = world.preview(&mut target()).unwrap();
        assert_eq!(things(&world.path("media")), before);
        let copy = world.path("copy");
        if replaces {
            assert_eq!(changes(&world.restore_into(&mut target()).unwrap()), changes(&preview));
        } else {
            // Into a folder that is not there.
            let preview = changes(&world.preview(&mut MediaTarget::new(&copy)).unwrap());
            assert!(!copy.exists());
            assert_eq!(changes(&world.restore("copy").unwrap()), preview);
        }
    }
}

#[test]
fn only_what_is_asked_for_is_restored() {
    let world = World::with_media();
    world.write("uploads2/x", b"x");
    world.backup().unwrap();
    let only = |path: &str| MediaTarget::new(world.path("other")).only([path.to_owned()]);
    world.restore_into(&mut only("./uploads/2026/")).unwrap();
    assert_eq!(
        names(&world.path("other")),
        ["uploads", "uploads/2026", "uploads/2026/photo one.jpg", "uploads/2026/\u{fc}ber \u{1f600}.txt"]
    );
    let error = world.restore_into(&mut only("upload")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn one_path_that_the_backup_lacks_stops_the_others() {
    let world = World::with_media();
    world.backup().unwrap();
    let only = ["uploads", "nowhere", "uploads/2027"].map(str::to_owned);
    let error = world.restore_into(&mut MediaTarget::new(world.path("other")).only(only)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("cannot find `nowhere`, `uploads/2027`"), "{error}");
    assert!(!world.path("other").exists());
}

#[test]
fn a_link_that_stood_there_before_is_followed() {
    let world = World::with_media();
    world.backup().unwrap();
    fs::create_dir_all(world.path("disk")).unwrap();
    fs::create_dir_all(world.path("other")).unwrap();
    symlink(world.path("disk"), world.path("other/uploads")).unwrap();
    world.restore("other").unwrap();
    assert!(world.path("disk/2026/photo one.jpg").is_file());
}

#[test]
fn a_read_only_folder_comes_back_with_its_content_and_its_mode() {
    let world = World::with_media();
    crate::world::set_mode(&world.media("uploads/2026"), 0o555);
    world.backup().unwrap();
    let before = things(&world.path("media"));
    world.restore("other").unwrap();
    assert_eq!(things(&world.path("other")), before);
    for root in ["media", "other"] {
        crate::world::set_mode(&world.path(root).join("uploads/2026"), 0o755);
    }
}

#[test]
fn an_unchanged_file_is_not_touched() {
    let world = World::with_media();
    world.backup().unwrap();
    let number = |name: &str| fs::metadata(world.media(name)).unwrap().ino();
    let before = number("a.txt");
    world.restore_into(&mut MediaTarget::new(world.path("media")).replacing()).unwrap();
    assert_eq!(number("a.txt"), before);
}

#[test]
fn two_restores_into_one_folder_do_not_meet() {
    let world = World::with_media();
    world.backup().unwrap();
    // The file that a restore makes and locks: its name is the same for every folder.
    let name = ".dbbackup-lock-odlameecjipmbmbe";
    let held = fs::File::create(world.media(name)).unwrap();
    rustix::fs::flock(held.file(), rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(world.restore("media").unwrap_err().kind(), ErrorKind::Busy);
    drop(held);
    world.restore("media").unwrap();
    assert!(!world.media(name).exists());
}

#[test]
fn setuid_and_sticky_bits_do_not_come_back() {
    let world = World::with_media();
    crate::world::set_mode(&world.media("a.txt"), 0o6755);
    world.backup().unwrap();
    world.restore("other").unwrap();
    assert_eq!(fs::metadata(world.path("other/a.txt")).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn a_database_is_no_media() {
    let world = World::new();
    world.keep(b"SQLite format 3\0 and more");
    assert_eq!(world.restore("other").unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(!world.path("other").exists());
}
