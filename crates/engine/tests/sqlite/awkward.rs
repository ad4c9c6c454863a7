//! Databases that only their application understands: all are restored, and damage in them is still refused.

use dbbackup::ErrorKind;
use fs_err as fs;
use rusqlite::Connection;

use crate::programs::Program;
use crate::world::{World, text};

/// What the application makes, and the question whose answer a restore must not change.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) make: &'static str,
    pub(crate) ask: &'static str,
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a CHECK by REGEXP, as Django's regex validators as constraints",
        make: "CREATE TABLE t (x CHECK (x REGEXP '^a')); INSERT INTO t SELECT 'a' || value FROM n",
        ask: "SELECT count(*), max(x) FROM t WHERE x REGEXP '9$'",
    },
    Case {
        name: "a collation of a column and its index",
        make: "CREATE TABLE t (x COLLATE backwards); CREATE INDEX i ON t (x); INSERT INTO t SELECT value FROM n",
        ask: "SELECT count(*), max(x) FROM t WHERE x > 'k'",
    },
    Case {
        name: "a table without rowid that is keyed by a collation",
        make: "CREATE TABLE t (x COLLATE backwards PRIMARY KEY, y) WITHOUT ROWID; INSERT INTO t SELECT value, 1 FROM n",
        ask: "SELECT count(*), max(x) FROM t WHERE x > 'k'",
    },
    Case {
        name: "an index over an expression",
        make: "CREATE TABLE t (x); CREATE INDEX i ON t (f(x)); INSERT INTO t SELECT value FROM n",
        ask: "SELECT count(*) FROM t INDEXED BY i WHERE f(x) = 'f(7 sunny days)'",
    },
    Case {
        name: "a partial index",
        make: "CREATE TABLE t (x); CREATE INDEX i ON t (x) WHERE f(x) > 'f(5'; INSERT INTO t SELECT value FROM n",
        ask: "SELECT count(*) FROM t INDEXED BY i WHERE f(x) > 'f(5'",
    },
    Case {
        name: "generated columns",
        make: "CREATE TABLE t (x, s TEXT NOT NULL AS (f(x)) STORED, v TEXT NOT NULL AS (f(x)) VIRTUAL, u UNIQUE);
               CREATE INDEX i ON t (v); INSERT INTO t (x, u) SELECT value, value FROM n",
        ask: "SELECT count(*), max(s), max(v) FROM t WHERE v > 'f(4'",
    },
    Case {
        name: "a view and a trigger",
        make: "CREATE TABLE t (x); CREATE VIEW w AS SELECT f(x) AS y FROM t;
               CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET x = f(x) WHERE rowid = new.rowid; END;
               INSERT INTO t SELECT value FROM n",
        ask: "SELECT count(*), max(y) FROM w",
    },
    Case {
        name: "a module that nobody knows",
        make: "CREATE TABLE t (x); INSERT INTO t SELECT value FROM n; PRAGMA writable_schema = ON;
               INSERT INTO sqlite_schema VALUES ('table', 'm', 'm', 0, 'CREATE VIRTUAL TABLE m USING moonbase(7)');
               PRAGMA writable_schema = OFF",
        ask: "SELECT count(*), (SELECT sql FROM sqlite_schema WHERE name = 'm') FROM t",
    },
    Case {
        name: "a full-text index with a tokenizer that nobody knows",
        make: "CREATE VIRTUAL TABLE t USING fts5(x); INSERT INTO t SELECT value FROM n; PRAGMA writable_schema = ON;
               UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE t USING fts5(x, tokenize = ''moon'')' WHERE name = 't';
               PRAGMA writable_schema = OFF",
        ask: "SELECT count(*) FROM t_content",
    },
    Case {
        name: "full-text search, its indexes of other tables being out of date",
        make: "CREATE VIRTUAL TABLE t USING fts5(x); INSERT INTO t SELECT value FROM n; CREATE TABLE c (x);
               INSERT INTO c SELECT value FROM n; CREATE VIRTUAL TABLE e USING fts5(x, content = 'c');
               CREATE VIRTUAL TABLE o USING fts4(x, content=\"c\"); INSERT INTO e(e) VALUES ('rebuild');
               INSERT INTO o(o) VALUES ('rebuild'); DELETE FROM c WHERE rowid > 100; INSERT INTO c VALUES ('new')",
        ask: "SELECT count(*), (SELECT count(*) FROM c) FROM t WHERE t MATCH 'sunny'",
    },
    Case {
        name: "an R*Tree",
        make: "CREATE VIRTUAL TABLE t USING rtree(id, x, y); INSERT INTO t SELECT NULL, rowid, rowid + 1 FROM n",
        ask: "SELECT count(*) FROM t WHERE x > 100",
    },
    Case {
        name: "rows that break a rule which the table got later",
        make: "CREATE TABLE t (x); INSERT INTO t VALUES (NULL), (1); INSERT INTO t SELECT value FROM n;
               PRAGMA writable_schema = ON;
               UPDATE sqlite_schema SET sql = 'CREATE TABLE t (x TEXT NOT NULL)' WHERE name = 't';
               PRAGMA writable_schema = OFF",
        ask: "SELECT count(*), typeof(x) FROM t",
    },
    Case {
        name: "UTF-16",
        make: "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (x); CREATE INDEX i ON t (x); INSERT INTO t SELECT value || 'ü' FROM n",
        ask: "SELECT count(*), max(x) FROM t",
    },
];

/// `n` is a table of the words `0 sunny days` to `299 sunny days`, most of which come before their numbers.
pub(crate) fn make(path: &std::path::Path, journal_mode: &str, statements: &str) {
    let statements: Vec<String> = statements.split(';').map(|statement| format!("{statement:?}")).collect();
    let script = format!(
        "db.executescript('''CREATE TEMP TABLE n (value);
         WITH RECURSIVE i (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM i WHERE i < 299)
         INSERT INTO n SELECT i || ' sunny days' FROM i''')
script = [{}]
if 'encoding' in script[0]: db.execute(script.pop(0))
db.execute('PRAGMA journal_mode = {journal_mode}')
if not any('TRIGGER' in statement for statement in script): [db.execute(statement) for statement in script]
else: db.executescript(';'.join(script))",
        statements.join(", ")
    );
    crate::programs::run(path, &script);
}

pub(crate) fn ask(path: &std::path::Path, question: &str) -> String {
    let mut program = Program::start_and_ask(path, question);
    program.line()
}

#[test]
fn what_only_the_application_knows_is_restored() {
    for (case, journal_mode) in CASES.iter().zip(["WAL", "DELETE"].into_iter().cycle()) {
        let world = World::new();
        let path = world.path("database");
        make(&path, journal_mode, case.make);
        let answer = ask(&path, case.ask);
        assert!(!answer.is_empty(), "{}", case.name);
        world.backup(&path).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        world.restore(world.path("new")).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert!(fs::read(world.path("new")).unwrap() == world.stored(), "{}", case.name);
        let live = world.shop("live", "WAL", 300);
        world.restore(&live.path).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        for restored in ["new", "live"] {
            assert_eq!(ask(&world.path(restored), case.ask), answer, "{}: {restored}", case.name);
        }
    }
}

/// Every page in turn is overwritten: passing over what only the application knows must not pass over that.
#[test]
fn damage_beside_what_only_the_application_knows_is_refused() {
    for case in CASES {
        let world = World::new();
        let path = world.path("database");
        make(&path, "DELETE", case.make);
        let whole = fs::read(&path).unwrap();
        let live = world.shop("live", "DELETE", 10);
        let before = fs::read(&live.path).unwrap();
        let connection = Connection::open(&path).unwrap();
        // Free pages hold nothing.
        let mut used = connection.prepare("SELECT DISTINCT pageno - 1 FROM dbstat").unwrap();
        for page in used.query_map([], |row| row.get::<_, u32>(0)).unwrap().map(Result::unwrap) {
            let mut bytes = whole.clone();
            bytes[page as usize * 4096..][..4096].fill(0xaa);
            let error = world.restore_plain(&bytes, &live.path).expect_err(&format!("{}: page {page}", case.name));
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{}: page {page}: {error}", case.name);
        }
        assert_eq!(fs::read(&live.path).unwrap(), before);
    }
}

/// More complaints about values than SQLite lists, and a record behind them whose header is longer than itself.
#[test]
fn many_passed_over_complaints_do_not_hide_a_real_one() {
    let world = World::new();
    let path = world.path("database");
    make(
        &path,
        "DELETE",
        "CREATE TABLE t (x); INSERT INTO t SELECT NULL FROM n; INSERT INTO t VALUES ('the last one');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE TABLE t (x NOT NULL)' WHERE name = 't';
         PRAGMA writable_schema = OFF",
    );
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.windows(12).rposition(|window| window == b"the last one").unwrap();
    assert!(world.restore_plain(&bytes, world.path("sound")).is_ok());
    // Before the text stand the header's length, 2, and the type.
    assert_eq!(bytes[last - 2], 2);
    bytes[last - 2] = 0x7f;
    let error = world.restore_plain(&bytes, world.path("new")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

/// SQLite before 3.7.0 did not keep the count of pages in the header; such a database needs no other care.
#[test]
fn a_header_without_a_count_of_pages_is_completed() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 500);
    let content = shop.content();
    let mut bytes = fs::read(&shop.path).unwrap();
    bytes[28..32].fill(0);
    bytes[92..100].fill(0);
    fs::write(&shop.path, &bytes).unwrap();
    assert_eq!(shop.content(), content);
    fs::write(&shop.path, &bytes).unwrap();
    world.copy(&shop.path, world.path("new"));
    assert_eq!(world.shop_at("new").content(), content);
}

#[test]
fn auto_vacuum_is_kept() {
    for (mode, number) in [("FULL", "1"), ("INCREMENTAL", "2")] {
        for live_mode in ["WAL", "DELETE"] {
            let world = World::new();
            let path = world.path("database");
            let connection = Connection::open(&path).unwrap();
            let make = format!(
                "PRAGMA auto_vacuum = {mode}; PRAGMA journal_mode = {live_mode}; CREATE TABLE t (x);
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                 INSERT INTO t SELECT randomblob(i) FROM n; DELETE FROM t WHERE rowid % 3 = 0"
            );
            connection.execute_batch(&make).unwrap();
            let live = world.shop("live", live_mode, 1_000);
            world.copy(&path, &live.path);
            let live = live.connect();
            assert_eq!(text(&live, "PRAGMA auto_vacuum"), number);
            assert_eq!(text(&live, "PRAGMA integrity_check"), "ok");
            let sum = "SELECT sum(length(x)) FROM t";
            assert_eq!(text(&live, sum), text(&connection, sum));
        }
    }
}
