//! Backups without the rows of some tables, by the real program: what the Django app's child says, what is asked
//! before a restore, full disks, runs that meet, kills.

mod small_disk;
mod world;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use dbbackup::source::process::Tool;
use dbbackup::source::{Dump, Source as _};
use dbbackup::{ErrorKind, Run};
use dbbackup_testkit::Shop;
use dbbackup_testkit::killed::{Dice, Moment, signalled};
use fs_err as fs;
use small_disk::SmallDisk;
use world::{World, names, run, succeed};

/// Rows of [`Shop`] that make about so many MiB.
fn rows(mib: u32) -> u32 {
    mib * 9_000
}

/// A world whose shop has logs, too, of about so many MiB.
fn with_logs(journal_mode: &str, mib_of_orders: u32, mib_of_logs: u32) -> World {
    let world = World::new(journal_mode, rows(mib_of_orders));
    let fill = format!(
        "CREATE TABLE logs (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {mib_of_logs})
         INSERT INTO logs SELECT CAST(replace(hex(zeroblob(524288)), '0', 'c') AS BLOB) FROM n"
    );
    world.shop.connect().execute_batch(&fill).unwrap();
    world
}

fn dump(world: &World, table: &str) -> dbbackup::Result<Box<dyn Dump>> {
    let program = env!("CARGO_BIN_EXE_dbbackup").as_ref();
    let path = world.shop.path.as_os_str();
    let tmp = world.tmp();
    let argv = [program, "sqlite-dump".as_ref(), path, "--exclude".as_ref(), table.as_ref()];
    Tool::ours(argv.into_iter().chain(["--tmp-dir".as_ref(), tmp.as_os_str()])).open(&Run::default())
}

#[test]
fn the_child_tells_what_it_left_out_and_why_it_cannot() {
    for journal_mode in ["WAL", "DELETE"] {
        let world = with_logs(journal_mode, 1, 2);
        let mut found = dump(&world, "LOGS").unwrap();
        let mut bytes = Vec::new();
        found.read_to_end(&mut bytes).unwrap();
        let facts = found.finish().unwrap();
        assert_eq!(facts.excluded, ["logs"]);
        assert_eq!(facts.notes, ["without the rows of `logs`"]);
        assert_eq!(facts.content.unwrap().tables["logs"], 0);
        assert!(!bytes.windows(9).any(|window| window == b"ccccccccc"));
        let copy = Shop { path: world.folder().join("copy.sqlite3") };
        fs::write(&copy.path, bytes).unwrap();
        assert_eq!(copy.content(), world.shop.content());

        let error = dump(&world, "order").map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert_eq!(error.advice(), Some("did you mean `orders`?"));
        assert_eq!(names(&world.tmp()), [""; 0]);
    }
}

/// The question needs a terminal, so `script` makes one.
#[test]
fn the_question_before_a_restore_names_the_tables_that_will_be_empty() {
    let world = with_logs("WAL", 0, 1);
    succeed(&mut world.backup(&["--exclude", "logs"]));
    let asks = format!("{} restore --from store --into sqlite:///shop.sqlite3", env!("CARGO_BIN_EXE_dbbackup"));
    let mut script = Command::new("script");
    script.args(["-qec", &asks, "/dev/null"]).current_dir(world.folder()).env("DBBACKUP_CONFIG", "");
    script.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(ended) = script.output() else { return };
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.contains("It was made without the rows of `logs`: they will be empty."), "{said}");
}

#[test]
fn a_temporary_folder_with_room_for_one_copy_only_is_told_before_the_second() {
    for journal_mode in ["WAL", "DELETE"] {
        let world = with_logs(journal_mode, 4, 1);
        let Some(_disk) = SmallDisk::mount(&world.tmp()) else { return };
        let ended = run(&mut world.backup(&["--exclude", "logs"]));
        assert_eq!(ended.status.code(), Some(9), "{ended:?}");
        assert!(ended.stderr.contains("are needed"), "{ended:?}");
        assert_eq!(names(&world.tmp()), [""; 0]);
        assert_eq!(names(&world.store()), [""; 0]);
        // What is left out needs none.
        let world = with_logs(journal_mode, 1, 4);
        let Some(_disk) = SmallDisk::mount(&world.tmp()) else { return };
        succeed(&mut world.backup(&["--exclude", "logs"]));
        assert_eq!(names(&world.tmp()), [""; 0]);
    }
}

#[test]
fn several_at_once_do_not_sweep_each_other() {
    let world = with_logs("WAL", 4, 1);
    let start = |name| {
        std::thread::sleep(Duration::from_millis(30));
        world.backup(&["--quiet", "--exclude", "logs", "--output", name]).spawn().unwrap()
    };
    for mut child in ["a", "b", "c", "d", "e", "f"].map(start) {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(world.listed().len(), 6);
    world.require_tidy("six at once");
}

#[test]
fn a_killed_backup_leaves_nothing_that_the_next_does_not_sweep() {
    let mut dice = Dice::new();
    let mut hits = 0;
    for journal_mode in ["WAL", "DELETE"] {
        let world = with_logs(journal_mode, 3, 3);
        let command = || world.backup(&["--exclude", "logs", "--json"]);
        let usual = succeed(&mut command()).duration;
        for round in 0..4 {
            let before = world.listed();
            // From the copy on.
            let moment = Moment { line: Some("\"snapshot\""), delay: dice.between(Duration::ZERO, usual) };
            let ended = signalled(&mut command(), "KILL", &moment);
            let what = format!("{journal_mode}, round {round}, {moment:?} of {usual:?}");
            hits += u32::from(ended.status.signal() == Some(9));
            world.require_whole(&before, &what);
            succeed(&mut command());
            world.require_tidy(&what);
            world.prune();
        }
        let copy = Shop { path: world.folder().join("copy.sqlite3") };
        succeed(&mut world.restore(&copy.path, &[]));
        assert_eq!(copy.content(), world.shop.content());
    }
    assert!(hits > 2, "only {hits} kills came before the end");
}
