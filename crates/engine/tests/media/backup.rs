//! What is stored, what is not, and what is said of it.

use std::num::NonZero;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use dbbackup::ErrorKind;
use dbbackup::source::media::{Exclude, MediaSource};
use fs_err as fs;

use crate::world::{World, changes, names, pattern, set_mode, things};

#[test]
fn times_modes_and_empty_folders_come_back() {
    let world = World::with_media();
    set_mode(&world.media("a.txt"), 0o640);
    set_mode(&world.media("uploads/empty folder"), 0o750);
    let at = SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    for name in ["a.txt", "uploads/empty folder", "uploads"] {
        fs::File::open(world.media(name)).unwrap().into_file().set_modified(at).unwrap();
    }
    let before = things(&world.path("media"));

    let receipt = world.backup().unwrap();
    let report = world.restore("other").unwrap();

    assert_eq!(things(&world.path("other")), before);
    let content = receipt.record.media.unwrap();
    assert_eq!((content.files, content.folders, content.bytes), (4, 3, 300_008));
    assert_eq!((changes(&report).new, changes(&report).folders), (4, 3));
    assert_eq!(receipt.record.skipped.count, 0);
}

#[test]
fn the_same_folder_gives_the_same_archive() {
    let world = World::with_media();
    let one = world.backup().unwrap().record.stored_sha256;
    let mut source = MediaSource::new(world.path("media")).with_readers(NonZero::new(4).unwrap());
    assert_eq!(world.backup_of(&mut source).unwrap().record.stored_sha256, one);
}

#[test]
fn links_are_followed_and_each_real_folder_is_stored_once() {
    let world = World::with_media();
    fs::create_dir_all(world.path("elsewhere/deep")).unwrap();
    fs::write(world.path("elsewhere/deep/x.txt"), "x").unwrap();
    symlink(world.path("elsewhere"), world.media("outside")).unwrap();
    symlink(world.path("elsewhere"), world.media("outside again")).unwrap();
    symlink("uploads", world.media("inside")).unwrap();
    symlink("a.txt", world.media("file")).unwrap();

    let receipt = world.backup().unwrap();
    world.restore("other").unwrap();

    let stored = names(&world.path("other"));
    assert!(stored.contains(&"outside/deep/x.txt".to_owned()));
    assert!(stored.contains(&"uploads/2026/photo one.jpg".to_owned()));
    assert!(!stored.iter().any(|name| name.starts_with("inside") || name.starts_with("outside again")), "{stored:?}");
    assert_eq!(fs::read(world.path("other/file")).unwrap(), b"one");
    assert_eq!(receipt.record.skipped.count, 0);
    assert!(receipt.notes.iter().any(|note| note.contains("`inside`") && note.contains("`uploads`")), "{receipt:?}");
}

#[test]
fn what_dangles_loops_or_is_no_file_is_counted_and_the_rest_is_whole() {
    let world = World::with_media();
    symlink("nothing", world.media("dangling")).unwrap();
    symlink("nothing", world.media("new\nline\u{1b}[31m")).unwrap();
    symlink("self", world.media("self")).unwrap();
    symlink("..", world.media("uploads/up")).unwrap();
    symlink("/", world.media("everything")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.media("pipe"), rustix::fs::Mode::RUSR).unwrap();

    let receipt = world.backup().unwrap();

    let skipped = receipt.record.skipped;
    assert_eq!(skipped.count, 6, "{:?}", skipped.names);
    // Names of anybody's uploads do not write into a terminal.
    assert!(
        skipped.names.contains(&"new\\nline\\u{1b}[31m: it is a link to nothing".to_owned()),
        "{:?}",
        skipped.names
    );
    for (name, why) in [("dangling", "link to nothing"), ("self", "leads back to itself"), ("uploads/up", "it is in")] {
        assert!(skipped.names.iter().any(|said| said.starts_with(name) && said.contains(why)), "{:?}", skipped.names);
    }
    world.restore("other").unwrap();
    assert_eq!(fs::read(world.path("other/a.txt")).unwrap(), b"one");
}

#[test]
fn excluded_files_and_folders_are_left_out_and_the_patterns_are_kept() {
    let world = World::with_media();
    world.write("cache/x", b"x");
    world.write("uploads/draft.tmp", b"x");
    let patterns = ["cache/", "*.tmp"].map(str::to_owned);
    let mut source = MediaSource::new(world.path("media")).excluding(Exclude::new(patterns.clone()).unwrap());

    let receipt = world.backup_of(&mut source).unwrap();

    world.restore("other").unwrap();
    let stored = names(&world.path("other"));
    assert!(!stored.iter().any(|name| name.contains("cache") || name.contains(".tmp")), "{stored:?}");
    assert_eq!(receipt.record.excluded, patterns);
    assert_eq!(receipt.record.skipped.count, 0);
}

#[test]
fn the_store_is_never_in_its_own_backup() {
    let world = World::with_media();
    world.write("backups/old.tar", &pattern(1000));
    symlink("backups", world.media("linked")).unwrap();
    let mut source = MediaSource::new(world.path("media")).never(world.media("backups"));
    world.backup_of(&mut source).unwrap();
    world.restore("other").unwrap();
    assert!(!names(&world.path("other")).iter().any(|name| name.contains("old.tar")));

    let mut source = MediaSource::new(world.path("media")).never(world.path("media"));
    assert_eq!(world.backup_of(&mut source).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn leftovers_of_ours_are_no_media() {
    let world = World::with_media();
    world.write("uploads/.dbbackup-file-abc", b"x");
    world.write(".dbbackup-part-abc", b"x");
    assert_eq!(world.backup().unwrap().record.media.unwrap().files, 4);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let world = World::new();
    let error = world.backup_of(&mut MediaSource::new(world.path("gone"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("gone"), "{error}");
    world.write("file", b"");
    let error = world.backup_of(&mut MediaSource::new(world.media("file"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn an_empty_folder_is_a_backup_too() {
    let world = World::new();
    world.backup().unwrap();
    world.restore("other").unwrap();
    assert!(world.path("other").is_dir());
    assert_eq!(names(&world.path("other")), Vec::<String>::new());
}
