//! Paths with every character, and links.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use fs_err as fs;
use fs_err::os::unix::fs::symlink;

use crate::world::{World, journal_mode};

const NAMES: &[&[u8]] = &[
    b"a b",
    b"it's \"quoted\"",
    b"q?mode=memory",
    b"sharp#1",
    b"100%25",
    b"file:x?immutable=1",
    "gr\u{fc}\u{df}e \u{1f600}".as_bytes(),
    b"latin-\xe9\xff",
    b"-wal",
    b":memory:",
    b"new\nline",
    b"semi;colon$HOME`ls`\\",
];

#[test]
fn paths_hold_any_character() {
    for name in NAMES {
        for mode in ["wal", "delete"] {
            let world = World::new();
            // As the name of the file, and as that of its folder.
            let folder = world.folder().join(OsStr::from_bytes(name));
            fs::create_dir(&folder).unwrap();
            let shop = dbbackup_testkit::Shop::new(folder.join(OsStr::from_bytes(name)), mode, 100);
            let content = shop.content();
            world.backup(&shop.path).unwrap_or_else(|error| panic!("{}: {error}", shop.path.display()));
            shop.add(50, 1);
            world.restore(&shop.path).unwrap_or_else(|error| panic!("{}: {error}", shop.path.display()));
            assert_eq!(shop.content(), content);
            assert_eq!(journal_mode(&shop.path), mode);
            let new = folder.join("new");
            world.restore(&new).unwrap();
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "{}", folder.display());
        }
    }
}

#[test]
fn a_link_means_the_file_behind_it_and_stays_a_link() {
    for mode in ["WAL", "DELETE"] {
        let world = World::new();
        fs::create_dir(world.path("data")).unwrap();
        let shop = world.shop("data/shop", mode, 100);
        let content = shop.content();
        symlink("data/shop", world.path("middle")).unwrap();
        symlink("middle", world.path("link")).unwrap();
        world.backup(world.path("link")).unwrap();
        shop.add(50, 1);
        world.restore(world.path("link")).unwrap();
        assert_eq!(shop.content(), content);
        // Junk is replaced by a rename: of the file, not of the link.
        fs::write(&shop.path, "junk").unwrap();
        world.restore(world.path("link")).unwrap();
        assert_eq!(shop.content(), content);
        for link in ["middle", "link"] {
            assert!(world.path(link).symlink_metadata().unwrap().is_symlink());
        }
        assert!(shop.path.symlink_metadata().unwrap().is_file());
    }
}

#[test]
fn links_that_lead_nowhere_are_refused() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 10);
    world.backup(&shop.path).unwrap();
    symlink("nowhere", world.path("dangling")).unwrap();
    symlink("loop", world.path("loop")).unwrap();
    for name in ["dangling", "loop", "no-folder/shop"] {
        assert!(world.backup(world.path(name)).is_err(), "{name}");
        let error = world.restore(world.path(name)).unwrap_err();
        assert_eq!(error.kind(), dbbackup::ErrorKind::Config, "{error}");
    }
    assert_eq!(world.names(), ["shop"]);
}

#[test]
fn a_folder_is_no_target() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 10);
    world.backup(&shop.path).unwrap();
    fs::create_dir(world.path("folder")).unwrap();
    let error = world.restore(world.path("folder")).unwrap_err();
    assert_eq!(error.kind(), dbbackup::ErrorKind::Config);
    assert!(error.to_string().contains("it is a folder"), "{error}");
    assert_eq!(fs::read_dir(world.path("folder")).unwrap().count(), 0);
}
