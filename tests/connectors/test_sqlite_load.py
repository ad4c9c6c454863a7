"""Restoring SQL text: what becomes of what is there, and that nothing does if anything is wrong."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from dbbackup.db import _sqlite_connection
from dbbackup.db.sqlite import SqliteConnector
from dbbackup.exceptions import BusyError, CorruptBackupError, DbbackupError, RefusedError, RestoreError
from tests.connectors.zoo import content, make_zoo

NO_END = "the backup has no end mark: nothing tells whether it was cut short between two statements"


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def restore(text: str | bytes, *, framed: bool = True, **options: object) -> list[str]:
    """Restore a text into the alias ``default``; return what is said about it."""
    connector = SqliteConnector("default", **options)
    if isinstance(text, str):
        text = (f"BEGIN;{text};COMMIT;" if framed else text).encode()
    connector.restore_dump(io.BytesIO(text))
    return connector.notes


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Nothing that happens inside makes a difference to the database."""
    before = content(path)
    yield
    assert content(path) == before
    assert not path.with_name(path.name + "-journal").exists()


def dumped(**options: object) -> bytes:
    with closing(SqliteConnector("default", **options).create_dump()) as dump:
        text: bytes = dump.read()
        return text


ITEMS = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"


def test_rows_of_the_backup_replace_and_others_stay_and_are_counted(database: Path) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old'), (2, 'b'), (3, 'c'); CREATE TABLE mine (a)")
    notes = restore(f"{ITEMS}; INSERT INTO item VALUES (1, 'a'); INSERT INTO item VALUES (4, 'b')")
    assert rows(database, "SELECT * FROM item") == [(1, "a"), (3, "c"), (4, "b")]
    assert notes == ["rows that are not in the backup stayed: `item` (1)"]
    assert rows(database, "SELECT name FROM sqlite_master WHERE name = 'mine'") == [("mine",)]


def test_a_note_names_the_first_tables_only(database: Path) -> None:
    schema = "".join(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY);" for number in range(7))
    run(database, schema + "".join(f"INSERT INTO t{number} VALUES (1), (2);" for number in range(7)))
    notes = restore(schema)
    assert notes == [
        "rows that are not in the backup stayed: `t0` (2), `t1` (2), `t2` (2), `t3` (2), `t4` (2) and 2 more"
    ]


def test_an_exact_restore_removes_other_rows_and_leaves_other_tables(database: Path) -> None:
    run(
        database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old'), (2, 'b'); CREATE TABLE mine AS SELECT 5 AS a"
    )
    run(database, "CREATE TABLE empty (a PRIMARY KEY); INSERT INTO empty VALUES (1)")
    notes = restore(
        f"{ITEMS}; CREATE TABLE empty (a PRIMARY KEY); INSERT INTO item VALUES (1, 'a')", exact=True
    )
    assert rows(database, "SELECT * FROM item") == [(1, "a")]
    assert rows(database, "SELECT * FROM empty") == []
    assert rows(database, "SELECT * FROM mine") == [(5,)]
    assert notes == []


@pytest.mark.parametrize("exact", [False, True])
def test_rows_without_a_definition_go_into_the_table_that_is_there(database: Path, exact: bool) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old'), (2, 'b')")
    restore("INSERT INTO item (name, id) VALUES ('a', 1)", exact=exact)
    assert rows(database, "SELECT * FROM item") == [(1, "a"), *([] if exact else [(2, "b")])]


def test_a_table_without_a_key_is_emptied_first_and_that_is_said(database: Path) -> None:
    run(database, "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 1), (2, 2); CREATE INDEX i ON t (a)")
    notes = restore("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 1), (1, 1)")
    assert rows(database, "SELECT * FROM t") == [(1, 1), (1, 1)]
    assert notes == ["tables whose rows no key tells apart were emptied first: `t` (2)"]
    assert restore("CREATE TABLE new (a); INSERT INTO new VALUES (1)") == []


@pytest.mark.parametrize(
    "key", ["a TEXT PRIMARY KEY, b UNIQUE", "a UNIQUE, b UNIQUE", "a, b, UNIQUE (a, b), UNIQUE (b)"]
)
def test_rows_with_a_key_of_null_are_not_there_twice(database: Path, key: str) -> None:
    run(database, f"CREATE TABLE t ({key}); INSERT INTO t VALUES (NULL, NULL), (NULL, NULL), ('x', 'y')")
    text = dumped()
    for _ in range(2):
        notes = restore(text)
        assert rows(database, "SELECT count(*) FROM t") == [(3,)]
        assert notes == ["rows that no key tells apart were deleted first: `t` (2)"]


@pytest.mark.parametrize(
    "key",
    [
        "a INTEGER PRIMARY KEY, b",
        "a TEXT NOT NULL PRIMARY KEY, b",
        "a TEXT, b TEXT NOT NULL UNIQUE",
        "a, b, PRIMARY KEY (a, b)) WITHOUT ROWID --",
    ],
)
def test_a_key_that_is_never_null_tells_rows_apart(database: Path, key: str) -> None:
    run(database, f"CREATE TABLE t ({key}\n); INSERT INTO t VALUES (1, 1), (2, 2)" if "--" not in key else "")
    if "--" in key:
        run(
            database,
            "CREATE TABLE t (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO t VALUES (1, 1), (2, 2)",
        )
    text = dumped()
    run(database, "INSERT INTO t VALUES (3, 3); UPDATE t SET b = 5 WHERE a = 9")
    assert restore(text) == ["rows that are not in the backup stayed: `t` (1)"]
    assert len(rows(database, "SELECT * FROM t")) == 3


@pytest.mark.parametrize("between", [" ", "/* ; */", "\n--\n", ""])
def test_values_without_column_names_are_in_the_backups_order(database: Path, between: str) -> None:
    run(database, "CREATE TABLE t (b, a PRIMARY KEY)")
    restore(f'CREATE TABLE t (a PRIMARY KEY, b); INSERT INTO"t"{between}VALUES (1, 2)')
    assert rows(database, "SELECT a, b FROM t") == [(1, 2)]


def test_columns_may_stand_in_another_order(database: Path) -> None:
    run(
        database,
        """
        CREATE TABLE t (b TEXT, id INTEGER PRIMARY KEY, C TEXT, d AS (b || C));
        INSERT INTO t VALUES ('x', 9, 'y');
        """,
    )
    restore(
        """
        CREATE TABLE T (id INTEGER PRIMARY KEY, c TEXT, d AS (b || c), b TEXT);
        INSERT INTO t VALUES (1, 'c', 'b')
        """
    )
    assert rows(database, "SELECT id, b, c, d FROM t") == [(1, "b", "c", "bc"), (9, "x", "y", "xy")]


OTHERS = [
    "id INTEGER PRIMARY KEY",
    "id INTEGER PRIMARY KEY, name TEXT, x",
    "id INTEGER, name TEXT AS (id)",
    "id INTEGER PRIMARY KEY, name",
    "id INTEGER PRIMARY KEY, name INTEGER",
    "id INTEGER PRIMARY KEY, name FLOAT",
    "id INTEGER PRIMARY KEY, name BLOB",
    "id REAL, name TEXT",
]


@pytest.mark.parametrize("others", OTHERS)
def test_a_table_with_other_columns_is_an_error_with_both_lists(database: Path, others: str) -> None:
    run(database, f"CREATE TABLE item ({others}); INSERT INTO item (id) VALUES (7)")
    with unchanged(database), pytest.raises(RestoreError) as caught:
        restore(f"CREATE TABLE first (a); {ITEMS}; INSERT INTO item VALUES (1, 'a')")
    text = str(caught.value)
    assert text.startswith(
        "cannot restore statement 3 of the backup, `CREATE TABLE item (id INTEGER PRIMARY KEY"
    )
    assert "its columns are (id INTEGER, name TEXT), and here they are (id " in text
    assert caught.value.hint == "an exact restore makes the table anew, as the backup has it"
    restore(f"{ITEMS}; INSERT INTO item VALUES (1, 'a')", exact=True)
    assert rows(database, "SELECT * FROM item") == [(1, "a")]


@pytest.mark.parametrize(
    "alike", ["id BIGINT UNSIGNED PRIMARY KEY, name varchar(20) UNIQUE", "name CLOB, id bool"]
)
def test_columns_that_keep_the_same_values_are_the_same(database: Path, alike: str) -> None:
    run(database, f"CREATE TABLE item ({alike})")
    restore(f"{ITEMS}; INSERT INTO item VALUES (1, '007')")
    assert rows(database, "SELECT id, name FROM item") == [(1, "007")]


def test_a_definition_that_differs_in_more_than_layout_is_the_backups_in_an_exact_restore(
    database: Path,
) -> None:
    run(database, "CREATE TABLE item (id INTEGER PRIMARY KEY,\n  name TEXT UNIQUE /* x */)")
    before = rows(database, "SELECT sql FROM sqlite_master")
    restore(f"{ITEMS};", exact=True)
    assert rows(database, "SELECT sql FROM sqlite_master") == before
    restore("CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR)", exact=True)
    restore("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
    assert rows(database, "SELECT sql FROM sqlite_master") == [
        ("CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR)",)
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "CREATE UNIQUE INDEX rule ON t (v)",
        "CREATE UNIQUE INDEX rule ON t (v) WHERE v > 0",
        "CREATE UNIQUE INDEX rule ON t (abs(v))",
    ],
)
def test_a_rule_that_could_cost_rows_of_the_backup_is_an_error(database: Path, rule: str) -> None:
    run(database, f"CREATE TABLE t (id INTEGER PRIMARY KEY, v); {rule}; INSERT INTO t VALUES (9, 9)")
    backup = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 5); INSERT INTO t VALUES (2, 5)"
    )
    with (
        unchanged(database),
        pytest.raises(RestoreError, match=r"rows of `t` may have the same (v|rule) in the backup"),
    ):
        restore(backup)
    run(database, "DELETE FROM t")
    with unchanged(database), pytest.raises(RestoreError):
        restore(backup)
    fitting = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 5);"
    assert restore(f"{fitting} {rule.replace('rule', 'other')}") == []
    assert restore(f"{fitting} {rule}") == []


def test_a_null_is_never_replaced_by_a_default(database: Path) -> None:
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v NOT NULL DEFAULT 5)")
    with unchanged(database), pytest.raises(RestoreError, match="`v` of `t` may be NULL in the backup"):
        restore("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, NULL)")


def test_triggers_do_not_fire_and_stay(database: Path) -> None:
    run(
        database,
        f"""
        {ITEMS}; CREATE TABLE log (id INTEGER PRIMARY KEY, what); INSERT INTO item VALUES (1, 'old');
        CREATE TRIGGER mine AFTER INSERT ON item BEGIN INSERT INTO log (what) VALUES ('mine'); END;
        CREATE TRIGGER both AFTER DELETE ON item BEGIN INSERT INTO log (what) VALUES ('old both'); END;
        """,
    )
    backup = f"""
        {ITEMS};
        CREATE TRIGGER both AFTER DELETE ON item BEGIN INSERT INTO log (what) VALUES ('new both'); END;
        INSERT INTO item VALUES (1, 'a');
        """
    for exact in (False, True):
        restore(backup, exact=exact)
        assert rows(database, "SELECT * FROM log") == []
    run(database, "INSERT INTO item VALUES (5, 'e'); DELETE FROM item WHERE id = 5")
    assert rows(database, "SELECT what FROM log") == [("mine",), ("new both",)]


def test_indexes_and_views_of_the_same_name_are_the_backups(database: Path) -> None:
    run(
        database,
        f"{ITEMS}; CREATE INDEX i ON item (id); CREATE INDEX mine ON item (id, name)",
    )
    run(database, "CREATE VIEW v AS SELECT 1; CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN SELECT 1; END")
    restore(f"CREATE VIEW v AS SELECT 2 AS two; CREATE INDEX IF NOT EXISTS i ON item (name DESC); {ITEMS}")
    found = dict(rows(database, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    assert found["i"] == "CREATE INDEX i ON item (name DESC)"
    assert found["v"] == "CREATE VIEW v AS SELECT 2 AS two"
    assert {"mine", "t"} < set(found)


@pytest.mark.parametrize(
    ("here", "backup", "message"),
    [
        ("CREATE VIEW t AS SELECT 1", "CREATE TABLE t (a)", "`t` is a view here, and a table in the backup"),
        ("CREATE TABLE t (a)", "CREATE VIEW t AS SELECT 1", "`t` is a table here, and a view in the backup"),
        (
            "CREATE TABLE t (a)",
            "CREATE VIRTUAL TABLE t USING fts5(a)",
            "`t` is a table here, and a virtual table",
        ),
        (
            "CREATE VIRTUAL TABLE t USING fts5(a)",
            "CREATE TABLE t (a)",
            "`t` is a virtual table here, and a table",
        ),
        (
            "CREATE VIRTUAL TABLE t USING fts5(a)",
            "CREATE TABLE t_data (a)",
            "tables of the virtual table `t`, and not",
        ),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
def test_something_else_of_the_same_name_is_an_error(
    database: Path, here: str, backup: str, message: str, exact: bool
) -> None:
    run(database, here)
    with unchanged(database), pytest.raises(RestoreError, match=message):
        restore(backup, exact=exact)


@pytest.mark.parametrize(("exact", "last"), [(False, 40), (True, 7)])
def test_counters_of_ids_go_back_only_in_an_exact_restore(database: Path, exact: bool, last: int) -> None:
    run(
        database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (40); DELETE FROM t",
    )
    run(database, "CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO u VALUES (3)")
    restore(
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO t VALUES (2);
        DELETE FROM sqlite_sequence;
        INSERT INTO sqlite_sequence VALUES ('t', 7);
        INSERT INTO sqlite_sequence VALUES ('other', 7);
        """,
        exact=exact,
    )
    assert rows(database, "SELECT * FROM sqlite_sequence ORDER BY name") == [("t", last), ("u", 3)]


def test_foreign_keys_are_checked_and_what_is_missing_is_said(database: Path) -> None:
    notes = restore(
        """
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id REFERENCES parent (id));
        INSERT INTO child VALUES (1, 1); INSERT INTO child VALUES (2, 5); INSERT INTO child VALUES (3, 6);
        CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1);
        """
    )
    assert notes == ["rows refer to others that do not exist: `child` to `parent` (2)"]
    assert connections["default"].cursor().execute("PRAGMA foreign_keys").fetchone() == (1,)
    notes = restore(
        "CREATE TABLE other (a PRIMARY KEY, b REFERENCES parent (missing)); INSERT INTO other VALUES (1, 1)"
    )
    assert notes[-1].startswith("foreign keys could not be checked: foreign key mismatch")


def test_rows_are_replaced_without_what_a_foreign_key_would_do(database: Path) -> None:
    make_zoo(database)
    text = dumped()
    before = content(database)
    restore(text)
    assert content(database)["child"] == before["child"]


def test_a_failing_statement_is_named_and_everything_stays(database: Path) -> None:
    make_zoo(database)
    lines = dumped().split(b"\n")
    lines.insert(len(lines) // 2, b"INSERT INTO log VALUES (1, 2, 3);")
    with unchanged(database), pytest.raises(RestoreError) as caught:
        restore(b"\n".join(lines))
    assert "of the backup, `INSERT INTO log VALUES (1, 2, 3)`: " in str(caught.value)
    assert "3 values for 2 columns" in str(caught.value)


def test_a_failure_shows_the_beginning_of_the_statement_only(database: Path) -> None:
    run(database, ITEMS)
    with pytest.raises(RestoreError) as caught:
        restore(f"-- nothing\nINSERT  INTO\nnowhere VALUES ('{'x' * 1000}')")
    shown = f"INSERT INTO nowhere VALUES ('{'x' * 50}"
    message = f"cannot restore statement 2 of the backup, `{shown}`: no such table: nowhere"
    assert str(caught.value) == message


@pytest.mark.parametrize("where", ["index", "trigger", "view"])
def test_a_failure_after_the_last_row_leaves_everything_too(database: Path, where: str) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old')")
    wrong = {
        "index": "CREATE UNIQUE INDEX i ON item (length(name))",
        "trigger": "CREATE TRIGGER t AFTER INSERT ON nothing BEGIN SELECT 1; END",
        "view": "CREATE VIEW v AS SELECT",
    }[where]
    with (
        unchanged(database),
        pytest.raises(RestoreError, match=f"cannot restore statement 2 of the backup, `{wrong[:12]}"),
    ):
        restore(f"{wrong}; {ITEMS}; INSERT INTO item VALUES (1, 'a'); INSERT INTO item VALUES (2, 'b')")


def test_a_database_that_was_not_there_is_not_there_after_a_failure(database: Path) -> None:
    with pytest.raises(RestoreError):
        restore(f"{ITEMS}; INSERT INTO nothing VALUES (1)")
    assert list(database.parent.iterdir()) == []
    restore(ITEMS)
    assert database.exists()


def test_our_text_is_refused_wherever_it_is_cut(database: Path) -> None:
    make_zoo(database)
    text = dumped()
    places = [len(text) * number // 50 for number in range(50)]
    ends = [place for place in range(len(text)) if text[place : place + 2] == b";\n"]
    with unchanged(database):
        for place in [*places, *(end + 2 for end in ends[:: len(ends) // 50][:-1]), len(text) - 2]:
            with pytest.raises(CorruptBackupError):
                restore(text[:place])


def test_a_text_without_an_end_mark_is_refused_or_is_what_is_there(database: Path) -> None:
    text = "".join(f"INSERT INTO item VALUES ({number}, 'it''s;\n{number}');\n" for number in range(20))
    text = f"{ITEMS};\n{text}CREATE INDEX i ON item (name);\n"
    whole = 0
    for number in range(1, 51):
        database.unlink(missing_ok=True)
        part = text[: len(text) * number // 50]
        try:
            assert restore(part, framed=False) == [NO_END]
        except CorruptBackupError:
            assert not database.exists()
        else:
            whole += 1
            assert rows(database, "SELECT count(*) FROM item") == [(part.count("INSERT"),)]
    assert whole >= 1


@pytest.mark.parametrize("text", ["", "\n\n", "-- only a comment", "/* only */ ; -- comments\n;"])
def test_a_file_without_a_statement_is_no_backup(database: Path, text: str) -> None:
    run(database, ITEMS)
    with unchanged(database), pytest.raises(CorruptBackupError, match="the backup holds no SQL statement"):
        restore(text, framed=False)


@pytest.mark.parametrize(
    "text", [b"SQLite format 3\0" + bytes(4096), b"\x1f\x8b\x08\x00\xff\xff", b"PK;\xff"]
)
def test_a_file_that_is_no_text_is_no_backup(database: Path, text: bytes) -> None:
    run(database, ITEMS)
    with unchanged(database), pytest.raises(CorruptBackupError, match="the backup is no SQL text"):
        restore(text)


def test_a_dump_that_says_it_failed_is_refused(database: Path) -> None:
    run(database, ITEMS)
    with unchanged(database), pytest.raises(CorruptBackupError, match="ends in ROLLBACK"):
        restore("BEGIN TRANSACTION; CREATE TABLE t (a); ROLLBACK; -- due to errors", framed=False)


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '{other}' AS other",
        "DETACH DATABASE main",
        "VACUUM",
        "VACUUM INTO '{other}'",
        "SAVEPOINT x",
        "RELEASE x",
        "UPDATE item SET name = 'x'",
        "DELETE FROM item",
        "DELETE FROM item WHERE 1",
        "DROP TABLE item",
        "ALTER TABLE item RENAME TO x",
        "CREATE TEMP TABLE t (a)",
        "CREATE TABLE temp.t (a)",
        "INSERT INTO temp.t VALUES (1)",
        "INSERT INTO sqlite_master (type,name,tbl_name,rootpage,sql) VALUES (0,'t','t',2,'CREATE TABLE t')",
        "SELECT load_extension('x')",
        "REINDEX",
        "SET search_path = x",
        "hello",
    ],
)
def test_statements_that_no_dump_has_are_refused(database: Path, tmp_path: Path, statement: str) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old')")
    other = tmp_path / "other.sqlite3"
    with (
        unchanged(database),
        pytest.raises(RefusedError, match="cannot restore "),
    ):
        restore(f"{ITEMS}; INSERT INTO item VALUES (1, 'a'); {statement.format(other=other)}")
    assert not other.exists()


def test_the_file_can_neither_commit_nor_change_how_it_is_restored(database: Path) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old')")
    with unchanged(database), pytest.raises(RestoreError, match="statement 9"):
        restore(
            """
            PRAGMA foreign_keys=ON; PRAGMA writable_schema=ON; PRAGMA journal_mode=WAL; BEGIN;
            INSERT INTO item VALUES (1, 'a'); COMMIT; BEGIN; END; INSERT INTO missing VALUES (1);
            """,
            framed=False,
        )


@pytest.mark.parametrize("clause", ["ROLLBACK", "FAIL", "ABORT"])
def test_a_conflict_clause_cannot_commit_a_half(database: Path, clause: str) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old')")
    with unchanged(database), pytest.raises(RestoreError, match="UNIQUE constraint failed"):
        restore(
            f"{ITEMS}; INSERT INTO item VALUES (2, 'b'); INSERT OR {clause} INTO item VALUES (3, ''), (2, '')"
        )


def test_numbers_of_the_file_are_restored(database: Path) -> None:
    restore("PRAGMA user_version=5; PRAGMA application_id = -3; PRAGMA page_size=8192; PRAGMA user_version")
    assert rows(database, "PRAGMA user_version") == [(5,)]
    assert rows(database, "PRAGMA application_id") == [(-3,)]


def test_infinities_of_the_predecessor_are_numbers(database: Path) -> None:
    restore(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, Inf, 'Inf'), (2, -Inf, 1)"
    )
    assert rows(database, "SELECT * FROM t") == [(1, float("inf"), "Inf"), (2, float("-inf"), 1)]


def test_a_table_made_twice_is_made_once(database: Path) -> None:
    restore(
        f"""
        {ITEMS}; INSERT INTO item VALUES (1, 'a');
        CREATE TABLE IF NOT EXISTS ITEM (id); INSERT INTO item VALUES (2, 'b')
        """
    )
    assert rows(database, "SELECT * FROM item") == [(1, "a"), (2, "b")]
    with pytest.raises(RestoreError, match="already exists"):
        restore(f"{ITEMS}; {ITEMS}")


def test_rows_of_a_virtual_table_without_its_shadows_are_restored(database: Path) -> None:
    text = "CREATE VIRTUAL TABLE v USING fts5(a); INSERT INTO v VALUES ('owl'); INSERT INTO v VALUES ('cat')"
    for _ in range(2):
        restore(text)
        assert rows(database, "SELECT rowid FROM v WHERE v MATCH 'cat'") == [(2,)]


def test_inside_a_transaction_a_restore_is_refused(database: Path) -> None:
    run(database, ITEMS)
    with (
        transaction.atomic(using="default"),
        pytest.raises(RefusedError, match="inside a transaction of its own"),
    ):
        restore(ITEMS)


def test_a_lock_of_another_connection_is_waited_for_and_then_an_error(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite_connection, "LOCK_TIMEOUT_SECONDS", 0.2)
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old')")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        for hold in ("BEGIN IMMEDIATE", "BEGIN; SELECT * FROM item"):
            for statement in hold.split(";"):
                other.execute(statement).fetchall()
            with pytest.raises(BusyError) as caught:
                restore(f"{ITEMS}; INSERT INTO item VALUES (1, 'a')")
            assert caught.value.retry
            other.execute("ROLLBACK")
    assert rows(database, "SELECT * FROM item") == [(1, "old")]


def test_another_name_in_the_settings_is_another_database(
    database: Path, tmp_path: Path, settings: Settings
) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old')")
    settings.DBBACKUP_CONNECTORS = {"default": {"NAME": str(tmp_path / "other.sqlite3")}}
    with unchanged(database):
        restore(f"{ITEMS}; INSERT INTO item VALUES (1, 'a')")
        assert rows(tmp_path / "other.sqlite3", "SELECT * FROM item") == [(1, "a")]
        with transaction.atomic(using="second"):
            assert b"'a'" in dumped()


class Torn(io.BytesIO):
    """A backup that cannot be proven when all of it was read."""

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        if not part:
            message = "the backup is damaged"
            raise CorruptBackupError(message)
        return part


def test_nothing_is_committed_before_the_end_of_the_file_is_proven(database: Path) -> None:
    run(database, f"{ITEMS}; INSERT INTO item VALUES (1, 'old')")
    with unchanged(database), pytest.raises(DbbackupError, match="the backup is damaged"):
        SqliteConnector("default").restore_dump(
            Torn(f"BEGIN;{ITEMS};INSERT INTO item VALUES (1, 'a');COMMIT;".encode())
        )
    assert SqliteConnector._restore_dump.is_atomic is True
