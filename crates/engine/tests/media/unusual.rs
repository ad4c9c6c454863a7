//! Archives and folders that are sound and rare: members in another order, twice, deep, long; links beside links.

use std::os::unix::fs::{MetadataExt as _, symlink};

use dbbackup::ErrorKind;
use dbbackup::source::media::{MediaSource, MediaTarget};
use fs_err as fs;
use tar::{EntryType, Header};

use crate::archive::Archive;
use crate::world::{World, changes, names, set_mode};

#[test]
fn members_of_one_folder_may_stand_apart() {
    let world = World::new();
    world.keep(&Archive::default().file("a/x", b"x").file("b/y", b"y").file("a/z", b"z").file("b/w", b"w").end());
    let report = world.restore("other").unwrap();
    assert_eq!(names(&world.path("other")), ["a", "a/x", "a/z", "b", "b/w", "b/y"]);
    assert_eq!((changes(&report).new, changes(&report).folders), (4, 2));
}

#[test]
fn the_last_of_two_wins_whatever_is_there() {
    for (there, counts) in
        [(None, (1, 0, 0)), (Some("last"), (0, 0, 1)), (Some("first"), (0, 1, 0)), (Some("x"), (0, 1, 0))]
    {
        let world = World::new();
        world.keep(&Archive::default().file("f", b"first").file("g", b"g").file("f", b"last").end());
        if let Some(content) = there {
            world.write("f", content.as_bytes());
        }
        world.write("g", b"g");
        let target = || MediaTarget::new(world.path("media")).replacing();
        let preview = changes(&world.preview(&mut target()).unwrap());
        let done = changes(&world.restore_into(&mut target()).unwrap());
        assert_eq!(fs::read(world.media("f")).unwrap(), b"last", "{there:?}");
        assert_eq!((done.new, done.replaced, done.same - 1), counts, "{there:?}");
        assert_eq!((preview.new, preview.replaced, preview.same), (done.new, done.replaced, done.same), "{there:?}");
    }
}

/// The header field of 100 bytes cuts such a path behind a slash, which makes a folder only in V7's format.
#[test]
fn a_file_whose_path_is_cut_behind_a_slash_is_no_folder() {
    for length in 97..103 {
        let world = World::new();
        let path = format!("{}/{}", "a".repeat(length), "b".repeat(200));
        world.write(&path, b"content");
        world.backup().unwrap();
        world.restore("other").unwrap();
        assert_eq!(fs::read(world.path("other").join(&path)).unwrap(), b"content", "{length}");
    }
    let world = World::new();
    let path = format!("{}/{}", "a".repeat(89), "b".repeat(200));
    world.keep(&Archive::default().long(&path, b"content").end());
    world.restore("other").unwrap();
    assert_eq!(fs::read(world.path("other").join(&path)).unwrap(), b"content");
}

#[test]
fn a_real_folder_is_never_left_out_for_a_link_to_it() {
    let world = World::new();
    fs::create_dir_all(world.path("disk/uploads")).unwrap();
    fs::write(world.path("disk/uploads/f"), "f").unwrap();
    symlink("uploads", world.path("disk/current")).unwrap();
    symlink(world.path("disk"), world.media("up")).unwrap();
    let receipt = world.backup().unwrap();
    world.restore("other").unwrap();
    assert_eq!(names(&world.path("other")), ["up", "up/uploads", "up/uploads/f"]);
    assert_eq!(receipt.record.media.unwrap().links, 1);
    assert!(receipt.notes[0].contains("`up/current` is a link to `up/uploads`"), "{:?}", receipt.notes);
}

#[test]
fn a_link_into_the_store_is_left_out_like_the_store() {
    let world = World::new();
    world.write("backups/old/x.tar", b"old");
    world.write("a", b"a");
    symlink("backups/old", world.media("latest")).unwrap();
    let receipt = world.backup_of(&mut MediaSource::new(world.path("media")).never(world.media("backups"))).unwrap();
    let content = receipt.record.media.unwrap();
    assert_eq!((content.files, content.links, receipt.record.skipped.count), (1, 0, 0));
}

#[test]
fn paths_longer_than_the_system_takes_at_once_come_back() {
    let world = World::new();
    let deep = vec!["d".repeat(250); 20].join("/");
    let long = format!("{}/{}", "e".repeat(90), "n".repeat(300));
    world.keep(
        &Archive::default()
            .file("good", b"good")
            .long(&format!("{deep}/f"), b"deep")
            .long(&long, b"too long a name")
            .file("good2", b"good")
            .end(),
    );
    let preview = world.preview(&mut MediaTarget::new(world.path("other"))).unwrap();
    let report = world.restore("other").unwrap();
    assert_eq!((changes(&report).new, report.left_out.count), (3, 1), "{report:?}");
    assert_eq!((changes(&preview), preview.left_out), (changes(&report), report.left_out));
    let again = world.restore_into(&mut MediaTarget::new(world.path("other")).replacing()).unwrap();
    assert_eq!(changes(&again).same, 3);
}

#[test]
fn folders_deeper_than_a_restore_goes_are_told_when_they_are_backed_up() {
    let world = World::new();
    let deep = vec!["d"; 300].join("/");
    fs::create_dir_all(world.media(&deep)).unwrap();
    world.write("a", b"a");
    let receipt = world.backup().unwrap();
    assert_eq!(receipt.record.skipped.count, 1, "{:?}", receipt.record.skipped);
    let report = world.restore("other").unwrap();
    assert_eq!((report.left_out.count, changes(&report).new), (0, 1));
}

#[test]
fn new_folders_get_their_modes_wherever_they_stand_in_the_archive() {
    let world = World::new();
    let archive = Archive::default()
        .folder("./", 0o750, 1_000_000_000)
        .file("late/x", b"x")
        .folder("late", 0o700, 1_000_000_001)
        .folder("early", 0o711, 1_000_000_002)
        .folder("early/in", 0o770, 1_000_000_003)
        .file("early/in/y", b"y")
        .end();
    world.keep(&archive);
    let look = |path: &str| {
        let found = fs::metadata(world.path(path)).unwrap();
        (found.mode() & 0o7777, found.mtime())
    };
    world.restore("other").unwrap();
    assert_eq!(look("other"), (0o750, 1_000_000_000));
    assert_eq!(look("other/late"), (0o700, 1_000_000_001));
    assert_eq!(look("other/early"), (0o711, 1_000_000_002));
    assert_eq!(look("other/early/in"), (0o770, 1_000_000_003));
    // Folders above what is asked for keep it as closed as it was; folders that are there stay as they are.
    world.restore_into(&mut MediaTarget::new(world.path("part")).only(["early/in/y".to_owned()])).unwrap();
    assert_eq!((look("part/early").0, look("part/early/in").0), (0o711, 0o770));
    set_mode(&world.path("other/early"), 0o755);
    world.restore_into(&mut MediaTarget::new(world.path("other")).replacing()).unwrap();
    assert_eq!(look("other/early").0, 0o755);
}

#[test]
fn a_link_to_nothing_is_no_file_that_was_kept() {
    let world = World::new();
    world.keep(&Archive::default().file("f", b"f").end());
    symlink("nowhere", world.media("f")).unwrap();
    let report = world.restore("media").unwrap();
    assert_eq!((report.left_out.count, changes(&report).kept), (1, 0));
    world.restore_into(&mut MediaTarget::new(world.path("media")).replacing()).unwrap();
    assert_eq!(fs::read(world.media("f")).unwrap(), b"f");
}

#[test]
fn an_empty_path_to_restore_is_an_error_and_not_everything() {
    let world = World::with_media();
    world.backup().unwrap();
    for path in ["", "./", "/"] {
        let mut target = MediaTarget::new(world.path("other")).only([path.to_owned()]);
        assert_eq!(world.restore_into(&mut target).unwrap_err().kind(), ErrorKind::Config, "{path:?}");
    }
    // What nobody asked for is not told either.
    world.keep(&Archive::default().file("/absolute", b"x").file("a", b"a").end());
    let report = world.restore_into(&mut MediaTarget::new(world.path("other")).only(["a".to_owned()])).unwrap();
    assert_eq!((report.left_out.count, changes(&report).new), (0, 1));
}

#[test]
fn holes_of_terabytes_are_compared_at_once_and_counted_without_overflow() {
    let world = World::new();
    world.keep(&Archive::default().hole("f", 1 << 42).end());
    fs::File::create(world.media("f")).unwrap().set_len(1 << 42).unwrap();
    let report = world.restore_into(&mut MediaTarget::new(world.path("media")).replacing()).unwrap();
    assert_eq!(changes(&report).same, 1);

    let largest = u64::MAX >> 1;
    world.keep(&Archive::default().hole("a", largest).hole("b", largest).hole("c", largest).end());
    let preview = world.preview(&mut MediaTarget::new(world.path("other"))).unwrap();
    assert_eq!(changes(&preview).bytes, u64::MAX);
    let report = world.restore("other").unwrap();
    assert_eq!(report.left_out.count + changes(&report).new, 3);
    dbbackup::verify("a", &world.store, &world.run).unwrap();
}

#[test]
fn headers_of_careless_tars_are_read_as_other_tars_read_them() {
    let world = World::new();
    let mut archive = Archive::default();
    // No version behind `ustar`, a prefix, and a size that is blank.
    let mut header = Header::new_ustar();
    header.as_ustar_mut().unwrap().name[..8].copy_from_slice(b"file.jpg");
    header.as_ustar_mut().unwrap().prefix[..5].copy_from_slice(b"sub/d");
    header.as_ustar_mut().unwrap().version = *b"\0\0";
    header.set_entry_type(EntryType::Regular);
    header.as_old_mut().size = [b' '; 12];
    archive.raw(header, b"");
    // Before 1970, in GNU's binary form.
    let mut header = Header::new_gnu();
    header.set_path("old").unwrap();
    header.set_size(0);
    header.set_mode(0o644);
    header.as_old_mut().mtime = [0xff; 12];
    archive.raw(header, b"");
    // A global time, which the second file takes back.
    archive = archive.member(EntryType::XGlobalHeader, "g", b"20 mtime=1000000000\n");
    archive = archive.file("global", b"");
    archive = archive.member(EntryType::XHeader, "x", b"9 mtime=\n").file("local", b"");
    world.keep(&archive.end());
    world.restore("other").unwrap();
    let time = |path: &str| fs::metadata(world.path("other").join(path)).unwrap().mtime();
    assert!(world.path("other/sub/d/file.jpg").is_file());
    assert_eq!((time("old"), time("global"), time("local")), (-1, 1_000_000_000, 1));
}
