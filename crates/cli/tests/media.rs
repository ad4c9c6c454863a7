//! Media through the real program: killed at random moments, on full disks, and what it says of files that it skips.
//! Each file is all old or all new (P2), what is listed is whole (P1), and the next run leaves nothing lying about.

mod small_disk;
mod world;

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dbbackup_testkit::killed::{Dice, Moment, signalled};
use fs_err as fs;
use small_disk::SmallDisk;
use world::{World, names, run, succeed};

const KILLS: u64 = 40;
const FILES: u32 = 1500;

#[test]
fn killed_backups_are_never_listed() {
    let mut dice = Dice::new();
    let world = with_media(FILES);
    let command = || back_up(&world, &[]);
    let usual = succeed(&mut command()).duration;
    let mut hits = 0;
    for number in 0..KILLS / 2 {
        let before = world.listed();
        let moment = Moment { line: None, delay: dice.between(Duration::ZERO, usual) };
        let ended = signalled(&mut command(), "KILL", &moment);
        let what = format!("kill {number}, {moment:?} of {usual:?}");
        hits += u64::from(ended.status.signal() == Some(9));
        world.require_whole(&before, &what);
        if number % 3 == 1 {
            succeed(&mut command());
            world.require_tidy(&what);
        }
    }
    assert!(hits > KILLS / 8, "only {hits} kills came before the end");
}

#[test]
fn killed_restores_leave_each_file_old_or_new() {
    let mut dice = Dice::new();
    let world = with_media(FILES);
    succeed(&mut back_up(&world, &[]));
    let new = content(&world.folder().join("media"));
    let target = world.folder().join("target");
    let (mut hits, mut mixed) = (0, 0);
    for replaces in [true, false] {
        let command = || bring_back(&world, if replaces { &["--replace", "--yes", "--json"] } else { &["--json"] });
        let old = old_files(&target);
        let usual = succeed(&mut command()).duration;
        for number in 0..KILLS / 2 {
            old_files(&target);
            // Most of it is reading; names are given at the end.
            let moment = match dice.below(3) {
                0 => Moment { line: None, delay: dice.between(Duration::ZERO, usual) },
                1 => Moment { line: Some("\"restore\""), delay: dice.between(Duration::ZERO, usual) },
                _ => Moment { line: None, delay: dice.between(usual.mul_f64(0.7), usual) },
            };
            let ended = signalled(&mut command(), "KILL", &moment);
            let what = format!("kill {number}, replace: {replaces}, {moment:?} of {usual:?}");
            hits += u64::from(ended.status.signal() == Some(9));
            let there = content(&target);
            for (path, text) in &there {
                let is_ours = path.file_name().unwrap().to_string_lossy().starts_with(".dbbackup-");
                let is_known = [&old, &new].iter().any(|known| known.get(path) == Some(text));
                assert!(is_ours || is_known, "{what}: {} is neither old nor new", path.display());
            }
            let is_new = |path: &&PathBuf| there.get(*path) == new.get(*path);
            let renewed = new.keys().filter(is_new).count();
            mixed += u64::from(renewed > 1 && renewed < new.len());
            if number % 3 == 0 {
                succeed(&mut command());
                let mut expected = old.clone();
                for (path, text) in &new {
                    if replaces || !old.contains_key(path) {
                        expected.insert(path.clone(), text.clone());
                    }
                }
                assert!(content(&target) == expected, "{what}: the next restore is not the backup's");
            }
        }
    }
    assert!(hits > KILLS / 4, "only {hits} kills came before the end");
    assert!(mixed > 0, "no kill came while files got their names");
}

#[test]
fn a_signal_ends_a_media_run_and_leaves_nothing_half_done() {
    let mut dice = Dice::new();
    let world = with_media(FILES);
    let usual = succeed(&mut back_up(&world, &[])).duration;
    let target = world.folder().join("target");
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        for _ in 0..3 {
            let before = names(&world.store());
            let moment = Moment { line: None, delay: dice.between(Duration::from_millis(3), usual / 2) };
            let ended = signalled(&mut back_up(&world, &[]), signal, &moment);
            let what = format!("SIG{signal}, {moment:?}: {ended:?}");
            match ended.status.code() {
                Some(0) => {}
                code => assert!(code == Some(status) && names(&world.store()) == before, "{what}"),
            }
            old_files(&target);
            let ended = signalled(&mut bring_back(&world, &["--replace", "--yes"]), signal, &moment);
            assert!(matches!(ended.status.code(), Some(0)) || ended.status.code() == Some(status), "{ended:?}");
            let ours = content(&target).into_keys().filter(|path| path.to_string_lossy().contains(".dbbackup-"));
            assert_eq!(ours.count(), 0, "{what}");
        }
    }
}

#[test]
fn a_full_store_gets_no_half_of_a_media_backup() {
    let world = with_media(FILES);
    let Some(_disk) = SmallDisk::mount(&world.store()) else { return };
    let ended = run(&mut back_up(&world, &["--compress", "none"]));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("No space left on device"), "{ended:?}");
    assert_eq!(names(&world.store()), [""; 0]);
}

#[test]
fn a_backup_that_has_no_room_is_refused_before_the_first_file() {
    let world = with_media(FILES);
    succeed(&mut back_up(&world, &[]));
    let target = world.folder().join("target");
    let Some(_disk) = SmallDisk::mount(&target) else { return };
    let ended = run(&mut bring_back(&world, &[]));
    assert_eq!(ended.status.code(), Some(9), "{ended:?}");
    assert!(ended.stderr.contains("are needed"), "{ended:?}");
    assert_eq!(names(&target), [""; 0]);
    // A part of it has.
    succeed(&mut bring_back(&world, &["--only", "3/3.txt"]));
}

#[test]
fn a_disk_that_fills_up_on_the_way_has_whole_files_and_no_others() {
    let world = with_media(FILES);
    succeed(&mut back_up(&world, &[]));
    let target = world.folder().join("target");
    // Room for the bytes, and not for so many files.
    let Some(_disk) = SmallDisk::with_files(&target, 500) else { return };
    let ended = run(&mut bring_back(&world, &["--json"]));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stdout.contains("\"kind\": \"no_space\""), "{ended:?}");
    let new = content(&world.folder().join("media"));
    for (path, text) in content(&target) {
        assert!(new.get(&path) == Some(&text), "{} is not the backup's", path.display());
    }
}

#[test]
fn what_is_skipped_is_named_and_makes_status_3() {
    let world = with_media(10);
    symlink("nowhere", world.folder().join("media/dangling")).unwrap();
    let ended = run(&mut back_up(&world, &["--quiet"]));
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert_eq!(ended.stderr, "warning: 1 not stored, or not whole:\n  dangling: it is a link to nothing\n");
    let ended = run(&mut back_up(&world, &["--json"]));
    assert!(ended.stdout.contains("\"dangling: it is a link to nothing\""), "{ended:?}");
    assert_eq!(ended.status.code(), Some(3));
    succeed(&mut bring_back(&world, &[]));
}

#[test]
fn what_may_not_be_read_or_written_is_named_and_the_rest_is_done() {
    let world = with_media(10);
    let media = world.folder().join("media");
    set_mode(&media.join("3/3.txt"), 0o000);
    set_mode(&media.join("4"), 0o000);
    let Some(mut command) = as_nobody(&world, &["media", "backup", "media", "--to", "store", "--server", "web-1"])
    else {
        return;
    };
    let ended = run(&mut command);
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    for named in ["  3/3.txt: no right to read it\n", "  4: no right to read it\n"] {
        assert!(ended.stderr.contains(named), "{ended:?}");
    }

    // A folder where nothing may be written, and one in which a part may.
    let target = world.folder().join("target");
    fs::create_dir_all(target.join("5")).unwrap();
    set_mode(&target, 0o777);
    set_mode(&target.join("5"), 0o555);
    let restore = ["media", "restore", "--from", "store", "--name", "media", "--server", "web-1", "--into", "target"];
    let ended = run(&mut as_nobody(&world, &restore).unwrap());
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(ended.stderr.contains("  5/5.txt: no right to write there\n"), "{ended:?}");
    assert_eq!(content(&target).len(), 7);
    let closed = ["media", "restore", "--from", "store", "--name", "media", "--server", "web-1", "--into", "target/5"];
    let ended = run(&mut as_nobody(&world, &closed).unwrap());
    assert_eq!(ended.status.code(), Some(10), "{ended:?}");
    set_mode(&media.join("4"), 0o755);
}

/// The program as a user who owns nothing, in a world that is open to all; `None` where that cannot be done.
fn as_nobody(world: &World, arguments: &[&str]) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        return Some(world.dbbackup(arguments));
    }
    // A copy, as the build's own folder may be closed to others.
    let program = world.folder().join("program");
    fs::copy(env!("CARGO_BIN_EXE_dbbackup"), &program).unwrap();
    fs::create_dir_all(world.store()).unwrap();
    for folder in [world.folder(), &world.store(), &world.tmp()] {
        set_mode(folder, 0o777);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).args(arguments);
    command.current_dir(world.folder()).env("DBBACKUP_CONFIG", "").env("XDG_CONFIG_HOME", world.folder());
    command.env("TMPDIR", world.tmp());
    let is_there = Command::new("setpriv").arg("--version").output().is_ok();
    assert!(is_there || std::env::var("CI").as_deref() != Ok("true"), "CI needs setpriv");
    is_there.then_some(command)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn with_media(files: u32) -> World {
    let world = World::new("WAL", 10);
    let media = world.folder().join("media");
    for number in 0..files {
        let path = media.join(format!("{}/{number}.txt", number % 30));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text("new", number)).unwrap();
    }
    world
}

/// A third of the files, with another content of another length.
fn old_files(target: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if target.exists() {
        fs::remove_dir_all(target).unwrap();
    }
    for number in (0..FILES).step_by(3) {
        let path = target.join(format!("{}/{number}.txt", number % 30));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text("old", number)).unwrap();
    }
    content(target)
}

/// Up to 20 KB that no other file has.
fn text(word: &str, number: u32) -> String {
    let line = format!("{word} {number}\n");
    line.repeat(1 + usize::try_from(number).unwrap() * 7919 % 1700)
}

fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(folder).unwrap().to_owned();
                files.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn back_up(world: &World, more: &[&str]) -> Command {
    let mut command = world.dbbackup(&["media", "backup", "media", "--to", "store", "--server", "web-1"]);
    command.args(more);
    command
}

fn bring_back(world: &World, more: &[&str]) -> Command {
    let arguments = ["media", "restore", "--from", "store", "--name", "media", "--server", "web-1", "--into", "target"];
    let mut command = world.dbbackup(&arguments);
    command.args(more);
    command
}
