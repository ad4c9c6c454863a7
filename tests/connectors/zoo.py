"""A SQLite database with everything that text has ever been wrong about, and what is in any such database."""

import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

TEXTS = [
    "",
    "plain",
    "it's ''quoted'' \"twice\"",
    "two\nlines",
    "\n\n",
    "ends like a statement);\nDELETE FROM items;\n');--",
    "carriage\r\nreturn\r",
    "emoji 🦉 and 写真",
    "null\0in\0it",
    "\0",
    "\\n is no line break\nthis is, (\\1) and \\0 is no \0",
    "/* no comment */ -- no comment",
    "x" * 70_000 + "\n" + "ü" * 70_000,
    "\x01\x1b\x7f\u2028\ufeff",
    "12",
    "Inf",
]

NUMBERS: list[Any] = [
    0,
    -1,
    2**63 - 1,
    -(2**63),
    0.0,
    -0.0,
    0.1,
    0.1 + 0.2,
    1.5,
    19.99,
    -1e-7,
    1e22,
    6.02214076e23,
    409666.561043144,
    299259.8185196298,
    1.7976931348623157e308,
    1e308,
    -2.2606631148481385e-299,
    2.2250738585072014e-308,
    2.0140091565146283e-308,
    5e-324,
    float("inf"),
    float("-inf"),
    123456789012345680.0,
    1 / 3,
    3.0,
]

BLOBS = [b"", b"\0", b"'", bytes(range(256)), b"text", b"\xff" * 300_000]

SCHEMA = """
PRAGMA application_id = 123456;
PRAGMA user_version = -7;
create table lower_case (a integer primary key, b text);
CREATE TABLE "items" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "value");
CREATE TABLE "texts" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "value" text NOT NULL);
CREATE TABLE numbers (id INTEGER PRIMARY KEY, value, r REAL, n NUMERIC, i INTEGER, t TEXT, b BLOB);
CREATE TABLE with_comments (
    id INTEGER PRIMARY KEY, -- the key; not more
    /* a block;
       of lines */
    name TEXT DEFAULT 'it''s;
two lines'
);
CREATE TABLE many_lines (
    id INTEGER PRIMARY KEY,
    name TEXT DEFAULT 'a  b',
\tCHECK (name <> 'x')
);
CREATE TABLE generated (
    a INTEGER PRIMARY KEY, b INTEGER AS (a * 2) STORED, c TEXT,
    d TEXT GENERATED ALWAYS AS (c || '!') VIRTUAL);
CREATE TABLE without_rowid (k TEXT, n INTEGER, v, PRIMARY KEY (k, n)) WITHOUT ROWID;
CREATE TABLE strict_one (i INTEGER PRIMARY KEY, r REAL, t TEXT, b BLOB, a ANY) STRICT;
CREATE TABLE "select" ("from" INTEGER PRIMARY KEY, "group by" TEXT, "it's" TEXT, "a""b" TEXT, [c [d] TEXT,
                       `e``f` TEXT);
CREATE TABLE "a ""quoted"" table's [name]; --" (x INTEGER PRIMARY KEY);
CREATE TABLE "写真 🦉" ("größe" INTEGER PRIMARY KEY);
CREATE TABLE "two
lines" ("a
b" INTEGER PRIMARY KEY);
CREATE TABLE no_key (a, b);
CREATE TABLE nullable_key (code TEXT PRIMARY KEY, n INTEGER);
CREATE TABLE parent (id INTEGER PRIMARY KEY, favourite INTEGER REFERENCES child (id));
CREATE TABLE child (id INTEGER PRIMARY KEY,
                    parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE,
                    self_id INTEGER REFERENCES child (id));
CREATE TABLE log (id INTEGER PRIMARY KEY, line TEXT);
CREATE TABLE empty_one (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE UNIQUE INDEX "texts value" ON texts (value, id);
CREATE INDEX partial ON numbers (r) WHERE r > 0;
CREATE UNIQUE INDEX by_expression ON child (abs(id), coalesce(self_id, 0));
CREATE INDEX "in
lines" ON lower_case (b COLLATE NOCASE DESC);
CREATE VIEW in_lines AS
SELECT id,
       value
FROM texts; -- what a view
CREATE VIEW of_a_view AS SELECT count(*) AS n FROM in_lines WHERE value <> ';';
CREATE TRIGGER logs_texts AFTER INSERT ON texts BEGIN
    INSERT INTO log (line) VALUES ('insert; ' || NEW.id);
    UPDATE log SET line = CASE WHEN line LIKE '%;%' THEN line ELSE 'END;' END;
END;
CREATE TRIGGER logs_deletes BEFORE DELETE ON texts WHEN OLD.id > 3 BEGIN
    -- a comment; END;
    DELETE FROM log WHERE line = 'END';
    SELECT RAISE(IGNORE);
END;
CREATE TRIGGER into_view INSTEAD OF INSERT ON in_lines
BEGIN INSERT INTO texts (value) VALUES (NEW.value); END;
CREATE VIRTUAL TABLE search USING fts5(title, body);
CREATE VIRTUAL TABLE old_search USING fts4(body);
CREATE VIRTUAL TABLE places USING rtree(id, x0, x1);
CREATE VIRTUAL TABLE external USING fts5(value, content='texts', content_rowid='id');
"""


def make_zoo(path: Path, *, wal: bool = False) -> None:
    """Make the database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        for statement in _statements(SCHEMA):
            connection.execute(statement)
        connection.execute("BEGIN")
        many = connection.executemany
        many("INSERT INTO items (value) VALUES (?)", [(value,) for value in (*TEXTS, *NUMBERS, *BLOBS, None)])
        connection.execute("INSERT INTO items (value) VALUES (CAST(X'66fc72' AS TEXT))")
        connection.execute("INSERT INTO items (id) VALUES (1000)")
        connection.execute("DELETE FROM items WHERE id = 1000")
        many("INSERT INTO texts (value) VALUES (?)", [(value,) for value in TEXTS])
        many(
            "INSERT INTO numbers (value, r, n, i, t, b) VALUES (?, ?, ?, ?, ?, ?)",
            [(value,) * 6 for value in NUMBERS],
        )
        many("INSERT INTO lower_case (b) VALUES (?)", [("a",), (None,)])
        many("INSERT INTO with_comments (id) VALUES (?)", [(1,), (2,)])
        many("INSERT INTO many_lines (id) VALUES (?)", [(1,), (-5,)])
        many("INSERT INTO generated (a, c) VALUES (?, ?)", [(1, "x"), (2, None)])
        many("INSERT INTO without_rowid VALUES (?, ?, ?)", [("a", 1, b"x"), ("a", 2, None), ("", -1, 1.5)])
        many(
            "INSERT INTO strict_one VALUES (?, ?, ?, ?, ?)",
            [(1, 1.0, "1", b"1", "1"), (2, None, None, None, 2)],
        )
        many('INSERT INTO "select" VALUES (?, ?, ?, ?, ?, ?)', [(1, "a", "b", "c", "d", "e")])
        many('INSERT INTO "a ""quoted"" table\'s [name]; --" VALUES (?)', [(1,), (2,)])
        many('INSERT INTO "写真 🦉" VALUES (?)', [(1,), (2,)])
        many('INSERT INTO "two\nlines" VALUES (?)', [(1,), (2,)])
        many("INSERT INTO no_key VALUES (?, ?)", [(1, 2), (1, 2), (None, None)])
        many("INSERT INTO nullable_key VALUES (?, ?)", [("a", 1), (None, 2), (None, 2)])
        many("INSERT INTO parent VALUES (?, ?)", [(1, 1), (2, 3)])
        many("INSERT INTO child VALUES (?, ?, ?)", [(1, 2, 1), (2, 1, 3), (3, 1, None)])
        many(
            "INSERT INTO search (rowid, title, body) VALUES (?, ?, ?)",
            [(n * 7, f"t{n}", f"owl {n}") for n in range(500)],
        )
        connection.execute("DELETE FROM search WHERE rowid % 2")
        many("INSERT INTO old_search (docid, body) VALUES (?, ?)", [(n * 7, f"owl {n}") for n in range(500)])
        many("INSERT INTO places VALUES (?, ?, ?)", [(n, n, n + 1) for n in range(1, 500)])
        connection.execute("INSERT INTO external (external) VALUES ('rebuild')")
        connection.execute("INSERT INTO empty_one VALUES (41)")
        connection.execute("DELETE FROM empty_one")
        connection.execute("COMMIT")


def content(path: Path, *, stored: bool = True) -> dict[str, object]:
    """Everything that a database holds, bit by bit.

    Args:
        path: The file.
        stored: With statements as they are stored; without: with white space and comments taken out of them.

    """
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.text_factory = bytes
        found: dict[str, object] = {
            pragma: connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in ("application_id", "user_version", "encoding")
        }
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        found["schema"] = sorted(
            (kind, name, table, sql if stored or sql is None else b"".join(sql.split()))
            for kind, name, table, sql in schema
        )
        for kind, name, _, sql in schema:
            if kind == b"table" and not sql.upper().startswith(b"CREATE VIRTUAL"):
                found[name.decode()] = rows_of(connection, name.decode())
        return found


def rows_of(connection: sqlite3.Connection, table: str) -> list[list[object]]:
    """The rows of a table with their types, reals as their bits; sorted."""
    name = '"' + table.replace('"', '""') + '"'
    rows = connection.execute(f"SELECT * FROM {name}").fetchall()
    return sorted(([_bits(value) for value in row] for row in rows), key=repr)


def _bits(value: object) -> object:
    return struct.pack(">d", value) if isinstance(value, float) else value


def _statements(script: str) -> list[str]:
    found, begin = [], 0
    for place, character in enumerate(script):
        if character == ";" and sqlite3.complete_statement(script[begin : place + 1]):
            found.append(script[begin : place + 1])
            begin = place + 1
    return found
