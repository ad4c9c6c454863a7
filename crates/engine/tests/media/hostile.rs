//! Archives with bad intentions: never a byte outside of the folder, and the rest is restored.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};

use dbbackup::ErrorKind;
use dbbackup::source::media::MediaTarget;
use fs_err as fs;
use tar::{EntryType, Header};

use crate::archive::Archive;
use crate::world::{World, changes, names};

#[test]
fn what_may_not_be_written_is_left_out_and_counted_and_the_rest_restored() {
    let world = World::new();
    let outside = world.path("outside");
    fs::create_dir(&outside).unwrap();
    let target = outside.to_str().unwrap().to_owned();
    world.keep(
        &Archive::default()
            .file("/absolute", b"x")
            .file("../climbing", b"x")
            .file("a/../../climbing", b"x")
            .link(EntryType::Symlink, "link", &target)
            .file("link/through", b"x")
            .link(EntryType::Link, "hard", "/etc/passwd")
            .member(EntryType::Char, "device", b"")
            .member(EntryType::Fifo, "pipe", b"")
            .member(EntryType::new(b'Q'), "unknown", b"content")
            .file("file", b"a file")
            .file("file/in it", b"x")
            .member(EntryType::Directory, "file", b"")
            .member(EntryType::Directory, "folder", b"")
            .file("folder", b"x")
            .file(".dbbackup-part-x", b"x")
            .file("good", b"good")
            .end(),
    );
    let report = world.restore("other").unwrap();
    assert_eq!(names(&world.path("other")), ["file", "folder", "good"]);
    assert_eq!(fs::read(world.path("other/file")).unwrap(), b"a file");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!world.path("climbing").exists());
    assert_eq!(report.left_out.count, 13, "{:#?}", report.left_out.names);
    let preview = world.preview(&mut MediaTarget::new(world.path("elsewhere"))).unwrap();
    assert_eq!(preview.left_out, report.left_out);
    assert_eq!(changes(&preview), changes(&report));
}

#[test]
fn a_file_and_a_folder_that_stand_there_stay() {
    let world = World::new();
    fs::create_dir_all(world.path("other/folder")).unwrap();
    fs::write(world.path("other/file"), "mine").unwrap();
    symlink("nowhere", world.path("other/dangling")).unwrap();
    world.keep(
        &Archive::default()
            .file("folder", b"x")
            .file("file/below", b"x")
            .file("dangling/below", b"x")
            .file("good", b"x")
            .end(),
    );
    let report = world.restore_into(&mut MediaTarget::new(world.path("other")).replacing()).unwrap();
    assert_eq!(report.left_out.count, 3, "{:?}", report.left_out.names);
    assert_eq!(fs::read(world.path("other/file")).unwrap(), b"mine");
    assert!(world.path("other/good").exists() && world.path("other/folder").is_dir());
}

#[test]
fn of_two_members_with_one_name_the_last_wins() {
    let world = World::new();
    world.keep(&Archive::default().file("a", b"first").file("b", b"b").file("a", b"the last").end());
    let report = world.restore("other").unwrap();
    assert_eq!(fs::read(world.path("other/a")).unwrap(), b"the last");
    assert_eq!(changes(&report).new, 2);
}

#[test]
fn a_bomb_of_zeros_takes_no_time_and_no_room() {
    let world = World::new();
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..4].copy_from_slice(b"bomb");
    header.set_entry_type(EntryType::GNUSparse);
    header.as_gnu_mut().unwrap().set_real_size(1 << 60);
    header.set_size(0);
    let mut archive = Archive::default();
    archive.raw(header, b"");
    world.keep(&archive.file("good", b"x").end());
    // As large as it says and without a byte on the disk, or larger than a file can be here.
    let report = world.restore("other").unwrap();
    let found = fs::metadata(world.path("other/bomb"));
    assert!(found.map_or(report.left_out.count == 1, |found| found.blocks() < 100), "{report:?}");
    assert!(fs::read_dir(world.path("other")).unwrap().count() <= 2 && world.path("other/good").exists());
}

#[test]
fn headers_that_lie_about_their_size_are_refused() {
    for (kind, size) in
        [(EntryType::XHeader, 1 << 40), (EntryType::GNULongName, 1 << 40), (EntryType::Regular, u64::MAX >> 1)]
    {
        let world = World::new();
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        let mut archive = Archive::default();
        archive.raw(header, b"short");
        world.keep(&archive.file("good", b"x").end());
        assert_eq!(world.restore("other").unwrap_err().kind(), ErrorKind::Corrupt, "{kind:?}");
        assert!(!world.path("other").exists());
    }
}

#[test]
fn a_pax_size_decides_where_the_next_member_begins() {
    // What the header hides, a reader that believes it would restore.
    let world = World::new();
    let hidden = Archive::default().file("hidden", b"x").0;
    let mut records = Vec::new();
    writeln!(records, "13 size={}", hidden.len()).unwrap();
    assert_eq!(records.len(), 13);
    let mut archive = Archive::default().member(EntryType::XHeader, "PaxHeaders/a", &records);
    let mut header = Header::new_ustar();
    header.set_path("a").unwrap();
    header.set_size(0);
    header.set_entry_type(EntryType::Regular);
    archive.raw(header, &hidden);
    world.keep(&archive.end());
    world.restore("other").unwrap();
    assert_eq!(names(&world.path("other")), ["a"]);
}

#[test]
fn damage_anywhere_is_refused_before_the_first_byte_or_harmless() {
    let world = World::with_media();
    world.backup().unwrap();
    let whole = world.archive();
    for damage in dbbackup_testkit::Damage::everywhere(whole.len(), 40) {
        let damaged = damage.apply(&whole);
        // Without a manifest: the archive itself has to tell.
        world.keep(&damaged);
        let other = tempfile::tempdir().unwrap();
        let root = other.path().join("root");
        let cut = matches!(damage, dbbackup_testkit::Damage::CutTo(_) | dbbackup_testkit::Damage::Empty);
        match dbbackup::restore("a", &mut MediaTarget::new(&root), &world.store, &world.run) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage:?}: {error}");
                assert!(!root.exists(), "{damage:?}");
            }
            Ok(_) => assert!(!cut, "{damage:?} was taken for whole"),
        }
    }
}
