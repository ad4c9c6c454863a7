//! The real program, killed and signalled at random moments: what is listed is whole (P1), a target is all old or
//! all new (P2), success is never claimed falsely (P7), and the next run leaves nothing lying about.

mod world;

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use dbbackup::source::process::Tool;
use dbbackup::source::sqlite::Sqlite;
use dbbackup::{Backup, BackupName, Compression, ErrorKind, Local, Naming, Run};
use dbbackup_testkit::Shop;
use dbbackup_testkit::killed::{Dice, Ended, Moment, eventually, processes, send, signalled};
use fs_err as fs;
use world::{World, names, succeed};

const KILLS_OF_BACKUPS: u64 = 42;
const KILLS_OF_RESTORES: u64 = 44;
const SIGNALS: u64 = 6;
/// About 14 MB: long enough to be hit, short enough to be hit often.
const ROWS: u32 = 120_000;

#[test]
fn killed_backups_are_never_listed() {
    let mut dice = Dice::new();
    let world = World::new("WAL", ROWS);
    let (mut number, mut hits) = (0, 0);
    for compression in ["none", "gzip", "zstd"] {
        for is_fresh in [true, false] {
            // Both ways of reading, with the store's both states, over the rounds.
            world.set_journal_mode(if (number / 7) % 2 == 0 { "WAL" } else { "DELETE" });
            let command = || world.backup(&["--compress", compression]);
            let usual = succeed(&mut command()).duration;
            for round in 1..=KILLS_OF_BACKUPS / 6 {
                number += 1;
                // A run that was killed at once has made no store.
                if is_fresh && world.store().exists() {
                    fs::remove_dir_all(world.store()).unwrap();
                }
                let before = world.listed();
                let ended = signalled(&mut command(), "KILL", &late(&mut dice, usual));
                let what = format!("kill {number}, {compression}, after {:?} of {usual:?}", ended.duration);
                hits += u64::from(ended.status.signal() == Some(9));
                world.require_whole(&before, &what);
                // What several have left, the next one sweeps.
                if round % 3 == 1 {
                    succeed(&mut command());
                    world.require_tidy(&what);
                    world.prune();
                }
            }
        }
    }
    assert_eq!(number, KILLS_OF_BACKUPS);
    assert!(hits > KILLS_OF_BACKUPS / 3, "only {hits} kills came before the end");
    let copy = world.folder().join("copy.sqlite3");
    succeed(&mut world.restore(&copy, &[]));
    assert_eq!(Shop { path: copy }.content(), world.shop.content());
}

#[test]
fn killed_restores_leave_the_old_database_or_the_new() {
    let mut dice = Dice::new();
    let world = World::new("WAL", ROWS);
    succeed(&mut world.backup(&[]));
    let new = world.shop.content();
    let (mut number, mut hits) = (0, 0);
    for there in [There::Wal, There::Delete, There::Nothing, There::Junk] {
        let target = Target::new(&world, there);
        let command = || world.restore(&target.path, &["--yes", "--json"]);
        target.reset();
        let usual = succeed(&mut command()).duration;
        target.reset();
        let until_swap = Moment { line: Some("\"swap\""), delay: Duration::ZERO };
        let swap = usual.saturating_sub(signalled(&mut command(), "KILL", &until_swap).duration);
        let swap = swap.max(Duration::from_millis(5));
        for round in 0..KILLS_OF_RESTORES / 4 {
            number += 1;
            target.reset();
            // An application that has the database open, every other time.
            let open = (target.is_database() && round % 2 == 0).then(|| Shop { path: target.path.clone() }.connect());
            let moment = match dice.below(4) {
                0 => Moment { line: None, delay: dice.between(Duration::ZERO, usual) },
                1 => Moment { line: Some("\"check\""), delay: dice.between(Duration::ZERO, usual / 2) },
                _ => Moment { line: Some("\"swap\""), delay: dice.between(Duration::ZERO, swap.mul_f64(1.2)) },
            };
            let ended = signalled(&mut command(), "KILL", &moment);
            let what = format!("kill {number}, {there:?}, {moment:?} of {usual:?}, {swap:?} of them for the swap");
            drop(open);
            hits += u64::from(ended.status.signal() == Some(9));
            target.require_old_or(&new, &what);
            assert!(ended.status.success() || ended.status.signal() == Some(9), "{what}: {ended:?}");
            if number % 3 == 0 {
                succeed(&mut command());
                target.require_tidy_and(&new, &what);
                world.require_tidy(&what);
            }
        }
    }
    assert_eq!(number, KILLS_OF_RESTORES);
    assert!(hits > KILLS_OF_RESTORES / 3, "only {hits} kills came before the end");
}

#[test]
fn a_signal_ends_a_backup_and_leaves_nothing() {
    let mut dice = Dice::new();
    for journal_mode in ["WAL", "DELETE"] {
        let world = World::new(journal_mode, ROWS);
        let usual = succeed(&mut world.backup(&[])).duration;
        for (signal, status) in [("INT", 130), ("TERM", 143)] {
            for _ in 0..SIGNALS / 2 {
                let before = names(&world.store());
                let moment = Moment { line: None, delay: dice.between(Duration::ZERO, usual) };
                let ended = signalled(&mut world.backup(&[]), signal, &moment);
                let what = format!("SIG{signal}, {journal_mode}, {moment:?} of {usual:?}: {ended:?}");
                if was_stopped(&ended, status, &what) {
                    assert_eq!(names(&world.store()), before, "{what}");
                }
                world.require_tidy(&what);
            }
        }
    }
}

#[test]
fn a_signal_ends_a_restore_and_changes_nothing() {
    let mut dice = Dice::new();
    let world = World::new("WAL", ROWS);
    succeed(&mut world.backup(&[]));
    let new = world.shop.content();
    for there in [There::Wal, There::Delete, There::Nothing, There::Junk] {
        let target = Target::new(&world, there);
        let command = || world.restore(&target.path, &["--yes", "--json"]);
        target.reset();
        let usual = succeed(&mut command()).duration;
        for (signal, status) in [("INT", 130), ("TERM", 143)] {
            for round in 0..SIGNALS / 2 {
                target.reset();
                let line = if round % 2 == 0 { None } else { Some("\"swap\"") };
                let moment =
                    Moment { line, delay: dice.between(Duration::ZERO, usual / (1 + u32::from(line.is_some()) * 9)) };
                let ended = signalled(&mut command(), signal, &moment);
                let what = format!("SIG{signal}, {there:?}, {moment:?} of {usual:?}: {ended:?}");
                if was_stopped(&ended, status, &what) {
                    target.require_old(&what);
                } else {
                    target.require_tidy_and(&new, &what);
                }
                world.require_tidy(&what);
            }
        }
    }
}

/// Whether the run was stopped, as its status must say; else it must have succeeded.
fn was_stopped(ended: &Ended, status: i32, what: &str) -> bool {
    match (ended.status.code(), ended.status.signal()) {
        (Some(0), _) => false,
        // Before the program had its handlers: nothing was begun.
        (None, Some(signal)) => {
            assert_eq!(signal + 128, status, "{what}");
            assert!(ended.stderr.is_empty(), "{what}");
            true
        }
        (code, _) => {
            assert_eq!(code, Some(status), "{what}");
            assert!(format!("{}{}", ended.stdout, ended.stderr).contains("(SIG"), "{what}");
            true
        }
    }
}

/// The Django app's way: the program's child verbs, driven by the engine in this process.
#[test]
fn a_killed_child_is_reported_and_leaves_nothing() {
    let mut dice = Dice::new();
    let world = World::new("WAL", ROWS);
    succeed(&mut world.backup(&[]));
    let before = names(&world.store());
    let name = world.listed().remove(0);
    let target = Target::new(&world, There::Wal);
    target.reset();
    let store = Local::new(world.store());
    for round in 0..SIGNALS {
        let delay = Duration::from_millis(30 + dice.below(200));
        let path = if round % 2 == 0 { &world.shop.path } else { &target.path };
        let killer = std::thread::spawn({
            let text = path.to_string_lossy().into_owned();
            move || {
                eventually(|| !processes(&text).is_empty());
                std::thread::sleep(delay);
                for child in processes(&text) {
                    send(child, "KILL");
                }
            }
        });
        let result = if round % 2 == 0 {
            dump_by_child(&world, &store, &Run::default()).map(drop)
        } else {
            dbbackup::restore(&name, &mut child("sqlite-load", path), &store, &Run::default()).map(drop)
        };
        killer.join().unwrap();
        match result {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Tool, "{error}");
                assert!(error.to_string().contains("SIGKILL"), "{error}");
                assert_eq!(names(&world.store()), before, "after {delay:?}");
            }
            // The child was quicker.
            Ok(()) => world.keep_only(&before),
        }
        // What the killed child could not remove, the next one does.
        let report = dbbackup::restore(&name, &mut child("sqlite-load", &target.path), &store, &Run::default());
        report.unwrap();
        target.require_tidy_and(&world.shop.content(), "after a killed child");
        target.reset();
    }
}

#[test]
fn a_stopped_parent_stops_its_child() {
    let mut dice = Dice::new();
    let world = World::new("DELETE", ROWS);
    succeed(&mut world.backup(&[]));
    let before = names(&world.store());
    let name = world.listed().remove(0);
    let target = Target::new(&world, There::Delete);
    let store = Local::new(world.store());
    for round in 0..SIGNALS {
        target.reset();
        let run = Run { tmp_dir: world.tmp(), ..Run::default() };
        let delay = Duration::from_millis(dice.below(300));
        let stopper = std::thread::spawn({
            let cancel = run.cancel.clone();
            move || {
                std::thread::sleep(delay);
                cancel.request(15);
            }
        });
        let result = if round % 2 == 0 {
            dump_by_child(&world, &store, &run).map(drop)
        } else {
            dbbackup::restore(&name, &mut child("sqlite-load", &target.path), &store, &run).map(drop)
        };
        stopper.join().unwrap();
        match result {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
                assert_eq!(names(&world.store()), before, "after {delay:?}");
                target.require_old(&format!("after {delay:?}"));
            }
            Ok(()) => world.keep_only(&before),
        }
        for path in [&world.shop.path, &target.path] {
            assert!(processes(&path.to_string_lossy()).is_empty(), "a child lives on");
        }
        world.require_tidy("after a stopped parent");
    }
}

#[test]
fn a_killed_parent_takes_its_child_along() {
    let mut dice = Dice::new();
    let world = World::new("WAL", ROWS);
    succeed(&mut world.backup(&[]));
    let name = world.listed().remove(0);
    let target = Target::new(&world, There::Wal);
    for round in 0..SIGNALS {
        target.reset();
        let verb = if round % 2 == 0 { "dump" } else { "load" };
        let mut parent = Command::new(std::env::current_exe().unwrap());
        parent.args(["--exact", "is_the_parent_of_a_child", "--nocapture"]);
        parent.env("DBBACKUP_TEST_PARENT", verb).env("DBBACKUP_TEST_FOLDER", world.folder());
        parent.env("DBBACKUP_TEST_BACKUP", &name);
        let before = world.listed();
        let moment = Moment { line: None, delay: Duration::from_millis(20 + dice.below(400)) };
        signalled(&mut parent, "KILL", &moment);
        let what = format!("{verb}, {moment:?}");
        for path in [&world.shop.path, &target.path] {
            assert!(eventually(|| processes(&path.to_string_lossy()).is_empty()), "{what}: the child lives on");
        }
        target.require_old_or(&world.shop.content(), &what);
        // The child had time to tidy up.
        let left = names(target.path.parent().unwrap());
        assert_eq!(left, ["live.sqlite3"], "{what}");
        world.require_whole(&before, &what);
        succeed(&mut world.backup(&[]));
        succeed(&mut world.restore(&target.path, &["--yes"]));
        world.require_tidy(&what);
    }
}

/// Not a test by itself: the parent that is killed, a process of its own.
#[test]
fn is_the_parent_of_a_child() {
    let Ok(verb) = std::env::var("DBBACKUP_TEST_PARENT") else { return };
    let world = World::at(std::env::var_os("DBBACKUP_TEST_FOLDER").unwrap().as_ref());
    let store = Local::new(world.store());
    if verb == "dump" {
        dump_by_child(&world, &store, &Run::default()).unwrap();
    } else {
        let name = std::env::var("DBBACKUP_TEST_BACKUP").unwrap();
        let target = world.folder().join("target/live.sqlite3");
        dbbackup::restore(&name, &mut child("sqlite-load", &target), &store, &Run::default()).unwrap();
    }
}

fn child(verb: &str, path: &std::path::Path) -> Tool {
    Tool::ours([env!("CARGO_BIN_EXE_dbbackup").as_ref(), verb.as_ref(), path.as_os_str()])
}

fn dump_by_child(world: &World, store: &Local, run: &Run) -> dbbackup::Result<dbbackup::Receipt> {
    let naming = Naming::standard("web-1", &["shop".to_owned()])?;
    let request = Backup {
        kind: dbbackup::manifest::Kind::Database,
        reason: dbbackup::manifest::Reason::Asked,
        name: BackupName::Generated { naming: &naming, extension: "sqlite3" },
        alias: "shop".to_owned(),
        database: "shop".to_owned(),
        servername: "web-1".to_owned(),
        source_id: None,
        compression: Compression::Zstd,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    dbbackup::backup(&request, &mut child("sqlite-dump", &world.shop.path), store, run)
}

/// Two moments of three in the last quarter, where the commit is; one anywhere.
fn late(dice: &mut Dice, usual: Duration) -> Moment {
    let from = if dice.below(3) == 0 { Duration::ZERO } else { usual.mul_f64(0.75) };
    Moment { line: None, delay: dice.between(from, usual.mul_f64(1.05)) }
}

/// What stands at the target before a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Wal,
    Delete,
    Nothing,
    Junk,
}

/// A place to restore into, in a folder of its own.
struct Target {
    path: std::path::PathBuf,
    there: There,
    /// The database as it was; a copy of it is ruined in each round.
    old: Shop,
    old_content: (i64, i64, String),
}

impl Target {
    fn new(world: &World, there: There) -> Self {
        let folder = world.folder().join("target");
        fs::create_dir_all(&folder).unwrap();
        let old = world.folder().join(format!("old-{there:?}.sqlite3"));
        let old = Shop::new(old, if there == There::Delete { "DELETE" } else { "WAL" }, ROWS / 3);
        let old_content = old.content();
        Self { path: folder.join("live.sqlite3"), there, old, old_content }
    }

    fn is_database(&self) -> bool {
        matches!(self.there, There::Wal | There::Delete)
    }

    fn reset(&self) {
        let folder = self.path.parent().unwrap();
        fs::remove_dir_all(folder).unwrap();
        fs::create_dir_all(folder).unwrap();
        match self.there {
            There::Wal | There::Delete => drop(fs::copy(&self.old.path, &self.path).unwrap()),
            There::Junk => fs::write(&self.path, JUNK).unwrap(),
            There::Nothing => {}
        }
    }

    /// The old content, exactly, and nothing beside it.
    fn require_old(&self, what: &str) {
        match self.there {
            There::Wal | There::Delete => {
                assert_eq!(Shop { path: self.path.clone() }.content(), self.old_content, "{what}");
            }
            There::Junk => assert!(fs::read(&self.path).unwrap() == JUNK, "{what}"),
            There::Nothing => {}
        }
        let expected: &[&str] = if self.there == There::Nothing { &[] } else { &["live.sqlite3"] };
        assert_eq!(names(self.path.parent().unwrap()), expected, "{what}");
    }

    /// The old content or the new, whole; leftovers are no matter yet.
    fn require_old_or(&self, new: &(i64, i64, String), what: &str) {
        match self.there {
            There::Nothing if !self.path.exists() => return,
            There::Junk if fs::read(&self.path).unwrap() == JUNK => return,
            _ => {}
        }
        let content = Shop { path: self.path.clone() }.content();
        let is_old = self.is_database() && content == self.old_content;
        assert!(is_old || content == *new, "{what}: {content:?}");
    }

    /// The new content, and nothing beside it but what was moved aside.
    fn require_tidy_and(&self, new: &(i64, i64, String), what: &str) {
        assert_eq!(Shop { path: self.path.clone() }.content(), *new, "{what}");
        let left = names(self.path.parent().unwrap());
        let is_meant = |name: &String| {
            name == "live.sqlite3" || (self.there == There::Junk && name.starts_with("live.sqlite3.damaged-"))
        };
        assert!(left.iter().all(is_meant), "{what}: {left:?}");
    }
}

const JUNK: &[u8] = b"neither a database nor anything like it";

#[test]
fn the_engine_in_this_process_sees_what_the_program_wrote() {
    let world = World::new("WAL", 10);
    succeed(&mut world.backup(&[]));
    let copy = world.folder().join("copy.sqlite3");
    let store = Local::new(world.store());
    dbbackup::restore(&world.listed()[0], &mut Sqlite::new(&copy), &store, &Run::default()).unwrap();
    assert_eq!(Shop { path: copy }.content(), world.shop.content());
}
