//! Tables whose rows stay out of a backup.

use std::collections::BTreeSet;
use std::path::Path;

use dbbackup::manifest::Manifest;
use dbbackup::{Error, ErrorKind, Receipt, Result};
use fs_err as fs;
use rusqlite::Connection;

use crate::awkward::{CASES, ask, make};
use crate::interruption::stopped_at;
use crate::world::{World, files, journal_mode, sqlite, text};

/// What stands in rows that are left out; no other word holds it, nor does SQLite cut it up.
const CANARY: &str = "canaryintheexcludedrows";

/// Rows of a shop, and sessions that nobody wants in a backup.
fn with_sessions(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    let sessions = format!(
        "CREATE TABLE Sessions (id INTEGER PRIMARY KEY AUTOINCREMENT, secret TEXT);
         CREATE INDEX s ON Sessions (secret);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO Sessions (secret) SELECT '{CANARY}' || i FROM n"
    );
    database.execute_batch(&sessions).unwrap();
    database
}

fn backup(world: &World, path: impl AsRef<Path>, tables: &[&str]) -> Result<Receipt> {
    world.backup_of(&mut sqlite(path).excluding(tables.iter().copied()))
}

fn holds(bytes: &[u8], word: &str) -> bool {
    // Written by an index over prefixes, too: the word's end.
    bytes.windows(12).any(|window| window == &word.as_bytes()[word.len() - 12..])
}

#[test]
fn rows_are_left_out_and_the_table_stays() {
    for mode in ["WAL", "DELETE"] {
        let (mut world, tmp) = (World::new(), tempfile::tempdir().unwrap());
        world.run.tmp_dir = tmp.path().to_owned();
        let shop = world.shop("shop", mode, 500);
        drop(with_sessions(&shop.path));
        let before = world.files();
        assert!(holds(&before[shop.path.file_name().unwrap()], CANARY));

        let receipt = backup(&world, &shop.path, &["sessions"]).unwrap();
        assert_eq!(receipt.notes, ["without the rows of `Sessions`"]);
        assert_eq!(receipt.record.excluded, ["Sessions"]);
        let manifest = Manifest::parse("a", &world.store.bytes("a.metadata").unwrap()).unwrap();
        let content = manifest.dbbackup.unwrap().content.unwrap();
        assert_eq!((content.tables["Sessions"], content.tables["orders"], content.exact), (0, 500, true));
        assert_eq!(receipt.record.source["journal_mode"], mode.to_lowercase().as_str());
        assert!(!holds(&world.stored(), CANARY), "{mode}");
        assert_eq!(world.files(), before, "{mode}");
        assert_eq!(files(tmp.path()).len(), 0);

        let report = world.restore(world.path("new")).unwrap();
        assert_eq!(report.notes, ["the backup was made without the rows of `Sessions`: they are empty now"]);
        assert_eq!(world.shop_at("new").content(), shop.content());
        assert_eq!(journal_mode(&world.path("new")), mode.to_lowercase());
        let new = Connection::open(world.path("new")).unwrap();
        assert_eq!(text(&new, "SELECT count(*) FROM Sessions"), "0");
        // No id is given twice.
        new.execute_batch("INSERT INTO Sessions (secret) VALUES ('x')").unwrap();
        assert_eq!(text(&new, "SELECT id FROM Sessions WHERE secret = 'x'"), "3001");
    }
}

/// Pages that were freed, and those that other tables took over without filling them.
#[test]
fn what_was_deleted_before_is_not_in_the_backup_either() {
    for mode in ["WAL", "DELETE"] {
        let world = World::new();
        let shop = world.shop("shop", mode, 10);
        let database = with_sessions(&shop.path);
        database.execute_batch("DELETE FROM Sessions WHERE id % 3 > 0; DELETE FROM Sessions WHERE id > 1000").unwrap();
        shop.add(50, 1);
        database.execute_batch("DELETE FROM Sessions").unwrap();
        drop(database);
        assert!(holds(&fs::read(&shop.path).unwrap(), CANARY));
        world.backup(&shop.path).unwrap();
        assert!(holds(&world.stored(), CANARY));
        let receipt = backup(&world, &shop.path, &["Sessions"]).unwrap();
        assert!(!holds(&world.stored(), CANARY), "{mode}");
        assert!(receipt.record.plain_bytes < shop.path.metadata().unwrap().len() / 4);
        world.restore(world.path("new")).unwrap();
        assert_eq!(world.shop_at("new").content(), shop.content());
    }
}

#[test]
fn neither_triggers_nor_foreign_keys_see_the_rows_go() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 10);
    let database = with_sessions(&shop.path);
    database
        .execute_batch(
            "CREATE TABLE audit (what TEXT);
             CREATE TRIGGER t AFTER DELETE ON Sessions BEGIN INSERT INTO audit VALUES (old.secret); END;
             CREATE TABLE carts (session INTEGER REFERENCES sessions ON DELETE CASCADE);
             CREATE TABLE wishes (session REFERENCES Sessions (id) ON DELETE RESTRICT);
             CREATE TABLE guests (session REFERENCES Sessions (id));
             INSERT INTO carts VALUES (1), (2); INSERT INTO wishes VALUES (3); INSERT INTO guests VALUES (NULL)",
        )
        .unwrap();
    let receipt = backup(&world, &shop.path, &["sessions"]).unwrap();
    assert_eq!(
        receipt.notes,
        ["without the rows of `Sessions`", "rows of `carts`, `wishes` refer to rows that were left out"]
    );
    assert!(!holds(&world.stored(), CANARY));
    world.restore(world.path("new")).unwrap();
    let new = Connection::open(world.path("new")).unwrap();
    let counts = "SELECT (SELECT count(*) FROM audit) || (SELECT count(*) FROM carts) || (SELECT count(*) FROM wishes)";
    assert_eq!(text(&new, counts), "021");
    assert_eq!(text(&new, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), "1");
    // Nothing dangles where all that refer go too.
    let receipt = backup(&world, &shop.path, &["sessions", "carts", "Sessions", "wishes"]).unwrap();
    assert_eq!(receipt.notes, ["without the rows of `Sessions`, `carts`, `wishes`"]);
}

#[test]
fn samples_of_rows_that_analyze_took_go_with_them() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 500);
    with_sessions(&shop.path).execute_batch("ANALYZE").unwrap();
    backup(&world, &shop.path, &["sessions"]).unwrap();
    assert!(!holds(&world.stored(), CANARY));
    world.restore(world.path("new")).unwrap();
    let new = Connection::open(world.path("new")).unwrap();
    assert_eq!(text(&new, "SELECT group_concat(DISTINCT tbl) FROM sqlite_stat4"), "orders");
    assert_eq!(text(&new, "SELECT group_concat(DISTINCT tbl) FROM sqlite_stat1"), "orders");
}

#[test]
fn full_text_indexes_and_trees_are_emptied_with_their_parts() {
    for (make, excluded, of_another) in [
        ("CREATE VIRTUAL TABLE t USING fts5(x); INSERT INTO t (x) SELECT secret FROM Sessions", "t", false),
        (
            "CREATE VIRTUAL TABLE t USING fts5(x, prefix = '23', content = ''); INSERT INTO t (x) SELECT secret FROM Sessions",
            "T",
            false,
        ),
        (
            "CREATE VIRTUAL TABLE t USING fts5(secret, content = 'Sessions', content_rowid = 'id');
             INSERT INTO t (t) VALUES ('rebuild')",
            "t",
            true,
        ),
        (
            "CREATE VIRTUAL TABLE \"t t\" USING fts4(x); INSERT INTO \"t t\" (x) SELECT secret FROM Sessions",
            "t t",
            false,
        ),
        (
            "CREATE VIRTUAL TABLE t USING fts4(secret, content=\"Sessions\"); INSERT INTO t (t) VALUES ('rebuild')",
            "t",
            true,
        ),
        (
            "CREATE VIRTUAL TABLE t USING rtree(id, a, b, +x); INSERT INTO t SELECT id, id, id + 1, secret FROM Sessions",
            "t",
            false,
        ),
    ] {
        for with_content in [false, true] {
            let world = World::new();
            let path = world.path("database");
            let database = with_sessions(&path);
            database.execute_batch(make).unwrap();
            // An index over another table's text is a table of its own, and so is the other one.
            if of_another && !with_content {
                database.execute_batch("UPDATE Sessions SET secret = 'another'").unwrap();
            } else if !of_another {
                database.execute_batch("DELETE FROM Sessions").unwrap();
            }
            database.execute_batch("ANALYZE").unwrap();
            drop(database);
            let all = if with_content && of_another { vec!["sessions", excluded] } else { vec![excluded] };
            backup(&world, &path, &all).unwrap_or_else(|error| panic!("{make}: {error}"));
            assert!(!holds(&world.stored(), CANARY), "{make}");
            world.restore(world.path("new")).unwrap();
            let new = Connection::open(world.path("new")).unwrap();
            // fts4 compares its index with the other table, which may have stayed.
            let (sound, may_differ) = (text(&new, "PRAGMA integrity_check"), of_another && !with_content);
            assert!(sound == "ok" || may_differ && sound.contains("inverted index for FTS4"), "{make}: {sound}");
            if !of_another {
                assert_eq!(text(&new, &format!("SELECT count(*) FROM \"{excluded}\"")), "0", "{make}");
            }
            if make.contains("fts") {
                let again = format!("INSERT INTO \"{excluded}\" (rowid, {}) VALUES (7, 'words of old')", column(make));
                new.execute_batch(&again).unwrap_or_else(|error| panic!("{make}: {error}"));
                let found = format!("SELECT group_concat(rowid) FROM \"{excluded}\" WHERE \"{excluded}\" MATCH 'old'");
                assert_eq!(text(&new, &found), "7", "{make}");
            } else {
                new.execute_batch("INSERT INTO t VALUES (7, 1, 2, 'x')").unwrap();
                assert_eq!(text(&new, "SELECT group_concat(id) FROM t WHERE a < 5"), "7");
            }
        }
    }
}

fn column(make: &str) -> &'static str {
    if make.contains("(secret") { "secret" } else { "x" }
}

#[test]
fn a_name_that_cannot_be_left_out_is_an_error_before_anything_is_copied() {
    let mut world = World::new();
    world.run.tmp_dir = world.path("missing");
    let shop = world.shop("shop", "DELETE", 10);
    let database = with_sessions(&shop.path);
    database
        .execute_batch(
            "CREATE VIEW seen AS SELECT * FROM orders; CREATE VIRTUAL TABLE words USING fts5(x);
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema VALUES ('table', 'm', 'm', 0, 'CREATE VIRTUAL TABLE m USING moonbase(7)')",
        )
        .unwrap();
    drop(database);
    for (name, kind, says) in [
        ("sesions", ErrorKind::Config, "there is no such table"),
        ("", ErrorKind::Config, "there is no such table"),
        ("seen", ErrorKind::Config, "it is a view"),
        ("s", ErrorKind::Config, "there is no such table"),
        ("words_content", ErrorKind::Config, "it is a part of a virtual table"),
        ("SQLite_Sequence", ErrorKind::Config, "it belongs to SQLite"),
        ("sqlite_schema", ErrorKind::Config, "it belongs to SQLite"),
        ("m", ErrorKind::Unsupported, "no such module: moonbase"),
    ] {
        let error: Error = backup(&world, &shop.path, &["orders", name]).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let expected = format!("cannot exclude table `{name}` of `{}`: ", shop.path.display());
        assert!(error.to_string().starts_with(&expected) && error.to_string().contains(says), "{error}");
        assert!(world.store.bytes("a").is_none());
    }
    let error = backup(&world, &shop.path, &["sesions"]).unwrap_err();
    assert_eq!(error.advice(), Some("did you mean `Sessions`?"));
    fs::write(world.path("empty"), "").unwrap();
    let error = backup(&world, world.path("empty"), &["orders"]).unwrap_err();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Config, None));
}

/// By a new file where SQLite can write it, by the emptied copy where only the application could.
#[test]
fn what_only_the_application_knows_stays_as_it_is() {
    let mut emptied = 0;
    for (case, mode) in CASES.iter().zip(["DELETE", "WAL"].into_iter().cycle()) {
        let world = World::new();
        let path = world.path("database");
        make(&path, mode, case.make);
        let answer = ask(&path, case.ask);
        drop(with_sessions(&path));
        let receipt = backup(&world, &path, &["sessions"]).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert!(!holds(&world.stored(), CANARY), "{}", case.name);
        if let Some(note) = receipt.notes.get(1) {
            assert!(note.starts_with("SQLite cannot write the database anew without the application (no such "));
            emptied += 1;
        }
        world.restore(world.path("new")).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(ask(&world.path("new"), case.ask), answer, "{}", case.name);
        assert_eq!(journal_mode(&world.path("new")), mode.to_lowercase(), "{}", case.name);
    }
    assert_eq!(emptied, 6, "of {}", CASES.len());
}

#[test]
fn tables_that_only_the_application_knows_can_be_left_out() {
    for case in CASES.iter().filter(|case| !case.name.contains("tokenizer")) {
        let world = World::new();
        let path = world.path("database");
        make(&path, "WAL", case.make);
        let tables = if case.make.contains("TABLE c") { ["t", "c", "e", "o"].as_slice() } else { &["t"] };
        backup(&world, &path, tables).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert!(!holds(&world.stored(), "123 sunny days"), "{}", case.name);
        world.restore(world.path("new")).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(ask(&world.path("new"), "SELECT count(*) FROM t"), "(0,)", "{}", case.name);
    }
}

#[test]
fn rowids_and_the_settings_of_the_file_are_kept() {
    for mode in ["WAL", "DELETE"] {
        let world = World::new();
        let path = world.path("database");
        let database = Connection::open(&path).unwrap();
        let make = format!(
            "PRAGMA page_size = 2048; PRAGMA auto_vacuum = FULL; PRAGMA encoding = 'UTF-16le'; PRAGMA journal_mode = {mode};
             PRAGMA user_version = 7; PRAGMA application_id = 77; CREATE TABLE t (x); CREATE TABLE gone (x);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
             INSERT INTO t SELECT randomblob(i) FROM n; INSERT INTO gone SELECT x FROM t; DELETE FROM t WHERE rowid % 3"
        );
        database.execute_batch(&make).unwrap();
        backup(&world, &path, &["gone"]).unwrap();
        world.restore(world.path("new")).unwrap();
        let new = Connection::open(world.path("new")).unwrap();
        for question in [
            "PRAGMA page_size",
            "PRAGMA auto_vacuum",
            "PRAGMA encoding",
            "PRAGMA journal_mode",
            "PRAGMA user_version",
            "PRAGMA application_id",
            "SELECT group_concat(rowid || hex(x)) FROM t",
        ] {
            assert_eq!(text(&new, question), text(&database, question), "{question}");
        }
        assert_eq!(text(&new, "PRAGMA integrity_check"), "ok");
    }
}

/// The writer has the lock again while the copy is written anew.
#[test]
fn a_backup_without_some_rows_is_one_moment_and_lets_writers_go_on() {
    for mode in ["WAL", "DELETE"] {
        let path = std::sync::Arc::new(std::sync::Mutex::new(None::<std::path::PathBuf>));
        let target = std::sync::Arc::clone(&path);
        let world = World::new().watched_by(move |event| {
            if event.phase == dbbackup::Phase::Backup
                && let Some(path) = target.lock().unwrap().take()
            {
                Connection::open(path).unwrap().execute_batch("INSERT INTO orders (total) VALUES (1)").unwrap();
            }
        });
        let shop = world.shop("shop", mode, 5_000);
        drop(with_sessions(&shop.path));
        let content = shop.content();
        *path.lock().unwrap() = Some(shop.path.clone());
        let receipt = backup(&world, &shop.path, &["sessions"]).unwrap();
        assert_eq!(receipt.record.content.unwrap().tables["orders"], 5_000);
        assert_eq!(shop.content().0, 5_001);
        world.restore(world.path("new")).unwrap();
        assert_eq!(world.shop_at("new").content(), content);
    }
}

#[test]
fn a_backup_without_some_rows_that_is_stopped_anywhere_leaves_nothing() {
    for mode in ["WAL", "DELETE"] {
        let plain = World::new();
        let shop = plain.shop("shop", mode, 20_000);
        drop(with_sessions(&shop.path));
        let before = plain.files();
        let tmp = tempfile::tempdir().unwrap();
        let mut stopped_in = BTreeSet::new();
        for stop_at in 0.. {
            let (mut world, phases) = stopped_at(stop_at);
            world.run.tmp_dir = tmp.path().to_owned();
            let result = backup(&world, &shop.path, &["sessions"]);
            assert_eq!(files(tmp.path()).len(), 0);
            assert!(plain.files() == before);
            let phases = phases.lock().unwrap();
            if phases.len() <= stop_at {
                result.unwrap();
                break;
            }
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Interrupted, "{mode}: event {stop_at}");
            assert!(world.store.bytes("a").is_none());
            stopped_in.insert((phases[stop_at].id(), stop_at > 1));
        }
        let expected = [("backup", true), ("snapshot", false), ("snapshot", true)];
        assert_eq!(stopped_in.into_iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_damaged_table_that_stays_is_no_success() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 5_000);
    let mut bytes = fs::read(&shop.path).unwrap();
    let pages = bytes.len() / 4096;
    for page in pages / 3..pages / 2 {
        bytes[page * 4096..][..100].fill(0xaa);
    }
    fs::write(&shop.path, bytes).unwrap();
    Connection::open(&shop.path).unwrap().execute_batch("CREATE TABLE gone (x)").unwrap();
    let mut database = sqlite(&shop.path).excluding(["gone"]);
    assert_eq!(world.backup_of(&mut database).unwrap_err().kind(), ErrorKind::Corrupt);
    let mut uncounted = database.with_content_timeout(std::time::Duration::ZERO);
    assert_eq!(world.backup_of(&mut uncounted).unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(world.store.bytes("a").is_none());
}
