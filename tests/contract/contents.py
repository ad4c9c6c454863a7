"""What SQLite databases hold, one kind of content after the other, and how two of them are compared."""

import sqlite3
import struct
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.contract.both_ways import Loss

VALUES: dict[str, list[Any]] = {
    "lines": ["two\nlines", "\n", "carriage\r\nreturn\r"],
    "ends-of-statements": ["a);\nb", "');\nDELETE FROM items;\n--"],
    "semicolons-and-comments": ["a;b", ";", "x);", "--", "/*"],
    "quotes": ["it's", '"', "''", "'", '"\'"', "`[]"],
    "backslashes": ["\\", "\\n", "C:\\folder\\", "\\'"],
    "emoji": ["🦉", "写真", "\ufeff", "\u2028"],
    "empty-text": [""],
    "null": [None],
    "zero-bytes-in-text": ["a\0b", "\0"],
    "long-text": ["x" * 300_000 + "\n" + "ü" * 300_000],
    "blobs": [b"", b"\0", bytes(range(256)), b"a\nb", b"text"],
    "large-integers": [2**63 - 1, -(2**63), 0],
    "reals": [0.1, -1.5, 1e22, 3.0, 1e300, 0.1 + 0.2, 1 / 3, 5e-324],
    "negative-zero": [-0.0],
    "infinity": [float("inf"), float("-inf")],
    "numbers-as-text": ["12", "1e5", "0x10", "Inf"],
}
"""By name, what goes into the columns of a table."""

TABLES = {
    "reserved-words": """
        CREATE TABLE "select" ("from" INTEGER PRIMARY KEY, "group by" TEXT);
        INSERT INTO "select" VALUES (1, 'a')""",
    "quotes-in-the-name-of-a-table": """
        CREATE TABLE "a ""quoted"" one" (x INTEGER PRIMARY KEY); INSERT INTO "a ""quoted"" one" VALUES (1)""",
    "quotes-in-the-name-of-a-column": """
        CREATE TABLE t (x INTEGER PRIMARY KEY, "a""b" TEXT, "it's" TEXT); INSERT INTO t VALUES (1, 'a', 'b')""",
    "apostrophe-in-the-name-of-a-table": """
        CREATE TABLE "it's" (x INTEGER PRIMARY KEY); INSERT INTO "it's" VALUES (1)""",
    "letters-of-the-world-in-names": """
        CREATE TABLE "写真 🦉" ("größe" INTEGER PRIMARY KEY); INSERT INTO "写真 🦉" VALUES (1)""",
    "line-in-the-name-of-a-table": """
        CREATE TABLE "two\nlines" (x INTEGER PRIMARY KEY); INSERT INTO "two\nlines" VALUES (1)""",
    "definition-in-lines": """
        CREATE TABLE t (\n    id INTEGER PRIMARY KEY,\n    name TEXT\n); INSERT INTO t VALUES (1, 'a')""",
    "definition-in-lines-of-other-layout": """
        CREATE TABLE t (\n\tid INTEGER PRIMARY KEY,\n  name TEXT); INSERT INTO t VALUES (1, 'a')""",
    "comment-in-a-definition": """
        CREATE TABLE t (\n    id INTEGER PRIMARY KEY, -- the key\n    name TEXT\n);
        INSERT INTO t VALUES (1, 'a')""",
    "lines-in-a-default": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'two\n    lines');
        INSERT INTO t VALUES (1, 'a')""",
    "foreign-keys-in-a-circle": """
        CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INTEGER REFERENCES b (id));
        CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id) ON DELETE CASCADE);
        INSERT INTO b VALUES (1, NULL); INSERT INTO a VALUES (1, 1); UPDATE b SET a_id = 1""",
    "indexes": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a');
        CREATE INDEX i ON t (v); CREATE UNIQUE INDEX u ON t (v, id)""",
    "index-in-lines": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE INDEX i\nON t (v); INSERT INTO t VALUES (1, 'a')""",
    "view": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE VIEW w AS SELECT v FROM t;
        INSERT INTO t VALUES (1, 'a')""",
    "view-in-lines": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE VIEW w AS\nSELECT v\nFROM t;
        INSERT INTO t VALUES (1, 'a')""",
    "trigger": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE log (v);
        CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.v); END;
        INSERT INTO t VALUES (1, 'a')""",
    "trigger-in-lines": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE log (v);
        CREATE TRIGGER r AFTER INSERT ON t\nBEGIN\n    INSERT INTO log VALUES (NEW.v);\nEND;
        INSERT INTO t VALUES (1, 'a')""",
    "generated-columns": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w INTEGER AS (v * 2) STORED);
        INSERT INTO t (id, v) VALUES (1, 2)""",
    "without-rowid": """
        CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1)""",
    "strict": """
        CREATE TABLE t (i INTEGER PRIMARY KEY, r REAL, a ANY) STRICT; INSERT INTO t VALUES (1, 1.0, '1')""",
    "equal-rows-without-a-key": """
        CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2), (1, 2), (NULL, NULL)""",
    "counter-of-ids": """
        CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (41); DELETE FROM t""",
    "numbers-of-the-file": """
        CREATE TABLE t (id INTEGER PRIMARY KEY); PRAGMA user_version = 7; PRAGMA application_id = 8""",
    "lower-case-definition": """
        create table t (id integer primary key); INSERT INTO t VALUES (1)""",
    "full-text-search": """
        CREATE VIRTUAL TABLE s USING fts5(title); INSERT INTO s (rowid, title) VALUES (7, 'owl'), (9, 'cat')""",
    "r-tree": """
        CREATE VIRTUAL TABLE s USING rtree(id, x0, x1); INSERT INTO s VALUES (1, 0, 1)""",
    "text-that-is-none": """
        CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, CAST(X'66fc72' AS TEXT))""",
}
"""By name, a script that makes a database with a kind of table."""

CASES = [*VALUES, *TABLES]

BY_LINE = "it restores line by line: a statement must not go on in the next one"

LOSES = {
    "ends-of-statements": Loss(
        "where a line of a text ends like a statement, it runs the beginning",
        is_in_backup=True,
        is_restorable=True,
    ),
    "zero-bytes-in-text": Loss(
        "SQLite's `quote` ends a text at a zero byte", is_in_backup=False, is_restorable=True
    ),
    "negative-zero": Loss("SQLite's `quote` knows no sign of zero", is_in_backup=False, is_restorable=True),
    "infinity": Loss("its backup says Inf, which no SQLite knows", is_in_backup=True, is_restorable=True),
    "text-that-is-none": Loss("its backup fails", is_in_backup=False, is_restorable=True),
    "apostrophe-in-the-name-of-a-table": Loss("its backup fails", is_in_backup=False, is_restorable=True),
    "line-in-the-name-of-a-table": Loss(BY_LINE, is_in_backup=True, is_restorable=False),
    "definition-in-lines-of-other-layout": Loss(BY_LINE, is_in_backup=True, is_restorable=True),
    "comment-in-a-definition": Loss(
        "it joins the lines, and all that follows is in the comment", is_in_backup=False, is_restorable=False
    ),
    "lines-in-a-default": Loss("it joins the lines", is_in_backup=False, is_restorable=False),
    "foreign-keys-in-a-circle": Loss(
        "it checks foreign keys row by row", is_in_backup=True, is_restorable=True
    ),
    "index-in-lines": Loss(BY_LINE, is_in_backup=True, is_restorable=True),
    "view-in-lines": Loss(BY_LINE, is_in_backup=True, is_restorable=True),
    "trigger-in-lines": Loss(BY_LINE, is_in_backup=True, is_restorable=True),
    "counter-of-ids": Loss("it leaves `sqlite_sequence` out", is_in_backup=False, is_restorable=True),
    "numbers-of-the-file": Loss("it writes no pragma", is_in_backup=False, is_restorable=True),
    "full-text-search": Loss(
        "rows of the search come back twice: by itself, and by the tables behind it",
        is_in_backup=True,
        is_restorable=True,
    ),
}
"""What `SqliteConnector` of django-dbbackup does not bring back from its own backup."""


def _is_quoted(value: object) -> bool:
    """Whether SQLite's `quote` writes the value so that it can be read again, which depends on its version."""
    with closing(sqlite3.connect(":memory:")) as connection, suppress(sqlite3.OperationalError):
        (text,) = connection.execute("SELECT quote(?)", [value]).fetchone()
        return repr(connection.execute(f"SELECT {text}").fetchone()) == repr((value,))
    return False


for _case in ("zero-bytes-in-text", "negative-zero", "infinity"):
    if all(_is_quoted(value) for value in VALUES[_case]):
        del LOSES[_case]

COLUMNS = "(id INTEGER PRIMARY KEY, plain, r REAL, t TEXT, n NUMERIC, b BLOB)"


def make(path: Path, case: str) -> None:
    """Make the database of a case."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        if case in TABLES:
            connection.executescript(TABLES[case])
        else:
            add_values(connection, "items", VALUES[case])


def make_kept(path: Path) -> None:
    """Make one database with all values that django-dbbackup brings back, and tables with awkward names."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for case in ("reserved-words", "quotes-in-the-name-of-a-table", "letters-of-the-world-in-names"):
            connection.executescript(TABLES[case])
        for case in VALUES.keys() - LOSES.keys():
            add_values(connection, _quoted(case), VALUES[case])


def add_values(connection: sqlite3.Connection, table: str, values: list[Any]) -> None:
    """Make a table with columns of every affinity, and one row of each value."""
    connection.execute(f"CREATE TABLE {table} {COLUMNS}")
    many = f"INSERT INTO {table} (plain, r, t, n, b) VALUES (?, ?, ?, ?, ?)"
    connection.executemany(many, [(value,) * 5 for value in values])


def content(path: Path) -> dict[str, Any]:
    """What a database holds: rows with the storage class of each value, definitions, and numbers of the file.

    Reals are compared by their bits, definitions without white space, for which columns and their defaults are
    compared as SQLite understands them.
    """
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.text_factory = bytes
        found: dict[str, Any] = {
            pragma: connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in ("application_id", "user_version")
        }
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        found["schema"] = sorted(
            (kind, name, table, sql and b"".join(sql.split())) for kind, name, table, sql in schema
        )
        for kind, name, _table, _sql in schema:
            if kind == b"table":
                found[name.decode()] = rows(connection, name.decode())
        return found


def rows(connection: sqlite3.Connection, table: str) -> tuple[list[Any], list[Any]]:
    """The columns of a table, and its sorted rows with the storage class before each value."""
    columns = connection.execute(f"PRAGMA table_xinfo({_quoted(table)})").fetchall()
    names = [_quoted(column[1].decode()) for column in columns if column[6] != 1]
    values = ", ".join(f"typeof({name}), {name}" for name in names)
    found = connection.execute(f"SELECT {values} FROM {_quoted(table)}").fetchall()
    return columns, sorted(([_bits(value) for value in row] for row in found), key=repr)


def _bits(value: object) -> object:
    return struct.pack(">d", value) if isinstance(value, float) else value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
