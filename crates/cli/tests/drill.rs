//! Drills, by the real program: what is whole is restored and counted, what is not is named, nothing stays behind,
//! and the database that was backed up is not touched.

mod small_disk;
mod world;

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use dbbackup_testkit::killed::{Dice, Ended, Moment, signalled};
use fs_err as fs;
use serde_json::Value;
use small_disk::SmallDisk;
use world::{World, names, run, succeed};

/// A drill of the newest backup, in the world's temporary folder.
fn drill(world: &World, more: &[&str]) -> Command {
    let mut command = world.dbbackup(&["verify", "store", "--restore"]);
    command.args(more);
    command
}

/// The objects of a run with `--json`.
fn verified(ended: &Ended) -> Vec<Value> {
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    object["verified"].as_array().unwrap().clone()
}

/// Changes what the manifest of the only backup says.
fn edit_manifest(world: &World, edit: impl FnOnce(&mut Value)) -> String {
    let [name] = world.listed().try_into().unwrap();
    let path = world.store().join(format!("{name}.metadata"));
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut manifest["dbbackup"]);
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    name
}

fn sql(world: &World, batch: &str) {
    world.shop.connect().execute_batch(batch).unwrap();
}

#[test]
fn a_whole_backup_is_restored_counted_and_dropped() {
    for (journal_mode, compress) in [("WAL", "zstd"), ("WAL", "gzip"), ("DELETE", "none")] {
        let world = World::new(journal_mode, 1_234);
        sql(
            &world,
            "CREATE TABLE empty (x); CREATE TABLE \"odd \"\"name\" (x); INSERT INTO \"odd \"\"name\" VALUES (1)",
        );
        succeed(&mut world.backup(&["--compress", compress]));
        let before = fs::read(&world.shop.path).unwrap();
        let ended = succeed(&mut drill(&world, &[]));
        assert!(ended.stdout.starts_with("restored shop-web-1-"), "{ended:?}");
        assert!(ended.stdout.contains("(3 tables, 1,235 rows, as in its manifest; "), "{ended:?}");
        assert_eq!(ended.stderr, "");
        let ended = succeed(&mut drill(&world, &["--json"]));
        let [object] = verified(&ended).try_into().unwrap();
        let found = &object["drill"];
        assert_eq!((found["tables"].as_u64(), found["rows"].as_u64()), (Some(3), Some(1_235)), "{ended:?}");
        assert_eq!(found["compared"], true);
        assert_eq!(found["differences"], Value::Array(Vec::new()));
        assert_eq!(found["foreign_keys"]["violations"], 0);
        assert!(fs::read(&world.shop.path).unwrap() == before, "{journal_mode}: the database changed");
        world.require_tidy(journal_mode);
    }
}

#[test]
fn a_database_without_a_table_or_a_byte_is_restored_too() {
    let world = World::new("DELETE", 0);
    sql(&world, "DROP TABLE orders");
    succeed(&mut world.backup(&["--output", "no-tables"]));
    fs::write(&world.shop.path, "").unwrap();
    succeed(&mut world.backup(&["--output", "no-bytes"]));
    for name in ["no-tables", "no-bytes"] {
        let ended = succeed(&mut drill(&world, &[name]));
        assert!(ended.stdout.contains("(0 tables, 0 rows, as in its manifest; "), "{ended:?}");
    }
    let [object] = verified(&succeed(&mut drill(&world, &["no-bytes", "--json"]))).try_into().unwrap();
    assert_eq!(object["proof"], "size and SHA-256 of its manifest");
    world.require_tidy("empty");
}

#[test]
fn tables_that_were_left_out_are_empty_and_their_loose_ends_are_named() {
    let world = World::new("WAL", 10);
    sql(
        &world,
        "CREATE TABLE carts (id INTEGER PRIMARY KEY); CREATE TABLE lines (cart REFERENCES carts (id));
         INSERT INTO carts VALUES (1), (2); INSERT INTO lines VALUES (1), (1), (2)",
    );
    succeed(&mut world.backup(&["--exclude", "carts"]));
    let ended = succeed(&mut drill(&world, &[]));
    assert!(ended.stdout.contains("(3 tables, 13 rows, as in its manifest; "), "{ended:?}");
    assert!(ended.stderr.contains("note: it was made without the rows of `carts`\n"), "{ended:?}");
    assert!(
        ended.stderr.contains("note: 3 rows refer to others that are not there: `lines` to `carts` (3)"),
        "{ended:?}"
    );
    let name = edit_manifest(&world, |record| record["excluded"] = Value::from(vec!["lines"]));
    let ended = run(&mut drill(&world, &[]));
    assert_eq!(ended.status.code(), Some(6), "{ended:?}");
    let message =
        format!("DAMAGED  {name}: cannot trust backup `{name}`: restored, `lines` has 3 rows, and was left out");
    assert!(ended.stdout.starts_with(&message), "{ended:?}");
}

#[test]
fn a_manifest_that_says_something_else_is_damage_that_names_the_tables() {
    let world = World::new("WAL", 10);
    sql(&world, "CREATE TABLE other (x); CREATE TABLE third (x)");
    succeed(&mut world.backup(&[]));
    let name = edit_manifest(&world, |record| {
        let tables = record["content"]["tables"].as_object_mut().unwrap();
        tables["orders"] = Value::from(11);
        tables.insert("gone".to_owned(), Value::from(0));
        tables.remove("third");
    });
    // Reading alone cannot see it.
    succeed(&mut world.dbbackup(&["verify", "store"]));
    let ended = run(&mut drill(&world, &["--quiet"]));
    assert_eq!(ended.status.code(), Some(6), "{ended:?}");
    let message = "restored, `orders` has 10 rows, its manifest says 11; `gone` is missing\nhint: ";
    assert!(ended.stdout.contains(message), "{ended:?}");
    let ended = run(&mut drill(&world, &["--json"]));
    assert_eq!(ended.status.code(), Some(6), "{ended:?}");
    let [object] = verified(&ended).try_into().unwrap();
    assert_eq!(object["name"], name.as_str());
    assert_eq!(object["error"]["kind"], "corrupt");
    assert_eq!(object["drill"]["differences"].as_array().unwrap().len(), 2);
    assert_eq!(object["notes"][0], "its manifest says nothing of `third`");
    world.require_tidy("another manifest");
}

#[test]
fn without_exact_counts_nothing_is_compared() {
    let world = World::new("WAL", 10);
    succeed(&mut world.backup(&[]));
    edit_manifest(&world, |record| {
        record["content"]["exact"] = Value::from(false);
        record["content"]["tables"]["orders"] = Value::from(99);
    });
    let estimated = succeed(&mut drill(&world, &[]));
    edit_manifest(&world, |record| drop(record.as_object_mut().unwrap().remove("content")));
    let without = succeed(&mut drill(&world, &[]));
    let [name] = world.listed().try_into().unwrap();
    fs::remove_file(world.store().join(format!("{name}.metadata"))).unwrap();
    let alone = succeed(&mut drill(&world, &[]));
    for ended in [estimated, without, alone] {
        assert!(ended.stdout.contains("(1 table, 10 rows, which no manifest counts; "), "{ended:?}");
    }
}

#[test]
fn one_that_is_damaged_does_not_keep_the_others_from_being_restored() {
    let world = World::new("DELETE", 2_000);
    for name in ["a.sqlite3", "b.sqlite3", "c.sqlite3"] {
        succeed(&mut world.backup(&["--output", name, "--compress", "none"]));
    }
    let middle = world.store().join("b.sqlite3");
    let mut bytes = fs::read(&middle).unwrap();
    // A page in the middle, and no manifest whose SHA-256 would tell.
    let at = bytes.len() / 4096 / 2 * 4096;
    bytes[at..at + 4096].fill(0xff);
    fs::write(&middle, bytes).unwrap();
    let by_digest = run(&mut drill(&world, &["a.sqlite3", "b.sqlite3", "c.sqlite3"]));
    fs::remove_file(world.store().join("b.sqlite3.metadata")).unwrap();
    // Reading alone cannot see it.
    succeed(&mut world.dbbackup(&["verify", "store", "b.sqlite3"]));
    let by_check = run(&mut drill(&world, &["a.sqlite3", "b.sqlite3", "c.sqlite3"]));
    for (ended, why) in [(by_digest, "its SHA-256 is not the one in its manifest"), (by_check, "is damaged: ")] {
        assert_eq!(ended.status.code(), Some(6), "{ended:?}");
        // What SQLite says of it may have several lines.
        let is_verdict = |line: &&str| line.starts_with("restored ") || line.starts_with("DAMAGED ");
        let verdicts: Vec<&str> = ended.stdout.lines().filter(is_verdict).collect();
        assert!(verdicts[0].starts_with("restored a.sqlite3 ("), "{ended:?}");
        assert!(verdicts[1].starts_with("DAMAGED  b.sqlite3: ") && verdicts[1].contains(why), "{ended:?}");
        assert!(verdicts[2].starts_with("restored c.sqlite3 ("), "{ended:?}");
        assert!(ended.stdout.contains("\nhint: ") && !ended.stdout.contains("target"), "{ended:?}");
    }
    assert_eq!(names(&world.tmp()), [""; 0]);
}

#[test]
fn what_is_no_sqlite_database_is_verified_and_said_so() {
    let world = World::new("WAL", 1);
    fs::create_dir(world.folder().join("photos")).unwrap();
    fs::write(world.folder().join("photos/a.txt"), "a").unwrap();
    succeed(&mut world.dbbackup(&["media", "backup", "photos", "--to", "store"]));
    fs::write(world.store().join("text.dump"), "INSERT INTO a VALUES (1);\n").unwrap();
    let [media] = names(&world.store())
        .into_iter()
        .filter(|name| name.ends_with(".tar.zst"))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let ended = succeed(&mut drill(&world, &[&media, "text.dump"]));
    assert_eq!(ended.stdout.lines().filter(|line| line.starts_with("ok       ")).count(), 2, "{ended:?}");
    assert!(
        ended.stderr.contains("note: it was read and not restored: it is of media files, and a drill is for databases"),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("note: it was read and not restored: it is neither a file of a SQLite database nor a dump"),
        "{ended:?}"
    );
    succeed(&mut world.backup(&["--output", "other"]));
    let path = world.store().join("other.metadata");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["engine"] = Value::from("django.db.backends.postgresql");
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    let ended = succeed(&mut drill(&world, &["other"]));
    assert!(ended.stderr.contains("it is no dump of PostgreSQL's own"), "{ended:?}");
    // Its name says that it is one.
    fs::write(world.store().join("junk.sqlite3"), "junk".repeat(1000)).unwrap();
    let ended = run(&mut drill(&world, &["junk.sqlite3"]));
    assert_eq!(ended.status.code(), Some(6), "{ended:?}");
    let ended = run(&mut drill(&world, &["nothing"]));
    assert_eq!(ended.status.code(), Some(4), "{ended:?}");
    assert_eq!(names(&world.tmp()), [""; 0]);
}

#[test]
fn too_little_room_is_told_before_and_a_disk_that_fills_up_is_emptied_again() {
    let world = World::new("WAL", 45_000);
    succeed(&mut world.backup(&[]));
    let disk = world.folder().join("disk");
    let Some(_disk) = SmallDisk::mount(&disk) else { return };
    let ended = run(&mut drill(&world, &["--tmp-dir", "disk"]));
    assert_eq!(ended.status.code(), Some(9), "{ended:?}");
    assert!(ended.stdout.contains("are needed"), "{ended:?}");
    assert_eq!(names(&disk), [""; 0]);
    // Nobody knows the size.
    let [name] = world.listed().try_into().unwrap();
    fs::remove_file(world.store().join(format!("{name}.metadata"))).unwrap();
    let ended = run(&mut drill(&world, &["--tmp-dir", "disk", "--json"]));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(verified(&ended)[0]["error"]["kind"], "no_space", "{ended:?}");
    assert_eq!(names(&disk), [""; 0]);
    let ended = run(&mut drill(&world, &["--tmp-dir", "nowhere"]));
    assert!(ended.stdout.contains("cannot make a temporary database in `nowhere`"), "{ended:?}");
    succeed(&mut drill(&world, &[]));
}

#[test]
fn a_signal_ends_a_drill_and_leaves_nothing() {
    let mut dice = Dice::new();
    let world = World::new("WAL", 120_000);
    succeed(&mut world.backup(&[]));
    let before = fs::read(&world.shop.path).unwrap();
    let command = || drill(&world, &["--json"]);
    let usual = succeed(&mut command()).duration;
    let mut hits = 0;
    for (signal, status) in [("INT", 130), ("TERM", 143), ("TERM", 143)] {
        for line in [None, Some("\"restore\""), Some("\"check\""), Some("\"swap\"")] {
            let moment = Moment { line, delay: dice.between(Duration::ZERO, usual / 2) };
            let ended = signalled(&mut command(), signal, &moment);
            let what = format!("SIG{signal}, {moment:?} of {usual:?}: {ended:?}");
            // One that came before the program listens.
            let is_early = line.is_none() && ended.status.signal().is_some();
            assert!(ended.status.success() || ended.status.code() == Some(status) || is_early, "{what}");
            hits += u32::from(!ended.status.success());
            assert_eq!(names(&world.tmp()), [""; 0], "{what}");
        }
    }
    assert!(hits > 2, "only {hits} signals came before the end");
    assert!(fs::read(&world.shop.path).unwrap() == before);
}

#[test]
fn what_a_killed_drill_leaves_the_next_one_drops() {
    let mut dice = Dice::new();
    let world = World::new("WAL", 120_000);
    succeed(&mut world.backup(&[]));
    fs::write(world.tmp().join("somebody-elses"), "x").unwrap();
    let command = || drill(&world, &["--json"]);
    let usual = succeed(&mut command()).duration;
    let mut left = 0;
    for line in [None, Some("\"restore\""), Some("\"check\""), Some("\"swap\""), Some("\"swap\"")] {
        let moment = Moment { line, delay: dice.between(Duration::ZERO, usual / 2) };
        signalled(&mut command(), "KILL", &moment);
        left += u32::from(names(&world.tmp()).iter().any(|name| name.starts_with(".dbbackup-drill-")));
        if line.is_some() {
            succeed(&mut command());
            assert_eq!(names(&world.tmp()), ["somebody-elses"], "{moment:?} of {usual:?}");
        }
    }
    assert!(left > 1, "only {left} kills left anything");
}

#[test]
fn drills_at_once_do_not_sweep_each_other() {
    let world = World::new("WAL", 60_000);
    succeed(&mut world.backup(&[]));
    let start = |_| {
        std::thread::sleep(Duration::from_millis(20));
        drill(&world, &["--quiet"]).spawn().unwrap()
    };
    for mut child in (0..6).map(start).collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(names(&world.tmp()), [""; 0]);
}
