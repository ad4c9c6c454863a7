"""SQL text of a SQLite database: what is dumped comes back, bit by bit, here and with other tools."""

import io
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from dbbackup.db._sqlite_literals import real
from dbbackup.db._sqlite_text import TextDump
from dbbackup.db.sqlite import SqliteConnector
from dbbackup.exceptions import ConfigurationError, DumpError, SourceError
from tests.connectors.zoo import TEXTS, content, make_zoo
from tests.project import Project

MIB = 1024 * 1024
ROOT = Path(__file__).parents[2]


def dumped(alias: str = "default", **options: object) -> bytes:
    with closing(SqliteConnector(alias, **options).create_dump()) as dump:
        text: bytes = dump.read()
        return text


def restored(text: bytes, alias: str = "second", **options: object) -> Path:
    connector = SqliteConnector(alias, **options)
    connector.restore_dump(io.BytesIO(text))
    assert connector.path is not None
    return connector.path


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize("exact", [False, True])
def test_everything_comes_back_as_it_was(database: Path, wal: bool, exact: bool) -> None:
    make_zoo(database, wal=wal)
    expected = content(database)
    text = dumped()
    second = restored(text)
    assert content(second) == expected
    restored(text, exact=exact)
    assert content(second) == expected
    restored(text, "default", exact=exact)
    assert content(database) == expected
    assert dumped() == dumped("second") == text


@pytest.mark.parametrize("name", ["SqliteConnector", "SqliteCPConnector", "SqliteBackupConnector"])
def test_the_commands_back_up_and_restore_with_it(tmp_path: Path, name: str) -> None:
    options = {"default": {"CONNECTOR": f"dbbackup.db.sqlite.{name}"}}
    project = Project(tmp_path / "project", extra=f"DBBACKUP_CONNECTORS = {options!r}\n")
    make_zoo(project.database)
    expected = content(project.database)
    project.ok("dbbackup", "-z")
    run(
        project.database,
        "DELETE FROM numbers; DROP TABLE search; INSERT INTO nullable_key VALUES ('mine', 1)",
    )
    said = project.ok("dbrestore", "--noinput")
    if name == "SqliteConnector":
        assert "note: rows that are not in the backup stayed: `nullable_key` (1)" in said
        project.ok("dbrestore", "--noinput", "--exact")
    assert content(project.database) == expected


def test_the_dump_knows_how_many_rows_each_table_has(database: Path) -> None:
    make_zoo(database)
    connector = SqliteConnector("default", exclude=["LOG", "search"])
    with closing(connector.create_dump()) as dump:
        assert connector.content is None
        dump.read()
    assert connector.content is not None
    assert connector.content["exact"] is True
    tables = connector.content["tables"]
    assert tables["texts"] == len(TEXTS)
    assert tables["empty_one"] == 0
    with closing(sqlite3.connect(database)) as connection:
        names = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
            )
            if not name.startswith("sqlite_")
        }
    assert set(tables) == names - {"log"}


def test_an_empty_database_is_a_whole_dump(database: Path) -> None:
    sqlite3.connect(database).close()
    text = dumped()
    assert text == b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT;\n"
    assert rows(restored(text), "SELECT * FROM sqlite_master") == []


def test_a_missing_file_is_an_error_and_stays_missing(database: Path) -> None:
    with pytest.raises(SourceError, match="cannot dump `default`: there is no file"):
        dumped()
    assert not database.exists()


def test_each_row_is_a_line(database: Path) -> None:
    make_zoo(database)
    lines = dumped().split(b"\n")
    assert sum(line.startswith(b'INSERT OR REPLACE INTO "texts" VALUES(') for line in lines) == len(TEXTS)
    assert all(line.endswith(b");") for line in lines if line.startswith(b"INSERT") and b"two" not in line)


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_texts_in_utf_16_come_back(database: Path, encoding: str) -> None:
    run(database, f"PRAGMA encoding='{encoding}'; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany("INSERT INTO t (v) VALUES (?)", [(text,) for text in TEXTS])
    text = dumped()
    assert f"PRAGMA encoding='{encoding}';".encode() in text
    second = restored(text)
    assert rows(second, "SELECT v FROM t ORDER BY id") == [(text,) for text in TEXTS]


def test_a_text_in_utf_16_that_is_none_is_said(database: Path) -> None:
    run(
        database,
        "PRAGMA encoding='UTF-16le'; CREATE TABLE t (v TEXT); INSERT INTO t VALUES (CAST(X'00DC' AS TEXT))",
    )
    connector = SqliteConnector("default")
    with closing(connector.create_dump()) as dump:
        text = dump.read()
    assert connector.notes == ["texts that are not valid were dumped with � in them (1)"]
    restored(text)


def test_every_number_comes_back_bit_by_bit() -> None:
    chance = random.Random(2026)
    numbers = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(20_000)]
    numbers += [
        round(chance.random() * 10 ** chance.randint(0, 9), chance.randint(0, 12)) for _ in range(20_000)
    ]
    numbers += [struct.unpack("<d", struct.pack("<Q", chance.getrandbits(52)))[0] for _ in range(5_000)]
    numbers += [10.0**power for power in range(-323, 309)] + [2.0**power for power in range(-1074, 1024)]
    numbers = [number for number in numbers if number == number]
    with closing(sqlite3.connect(":memory:")) as connection:
        for begin in range(0, len(numbers), 500):
            part = numbers[begin : begin + 500]
            found = connection.execute(
                "SELECT " + ",".join(real(number).decode() for number in part)
            ).fetchone()
            assert [struct.pack("<d", value) for value in found] == [
                struct.pack("<d", value) for value in part
            ]


def test_a_table_with_as_many_columns_as_sqlite_takes(database: Path) -> None:
    names = [f"c{number}" for number in range(2000)]
    run(database, f"CREATE TABLE wide ({', '.join(names)}); INSERT INTO wide (c0, c1999) VALUES (1, 'x');")
    assert rows(restored(dumped()), "SELECT c0, c1, c1999 FROM wide") == [(1, None, "x")]


@pytest.fixture
def wal_zoo(database: Path) -> Path:
    make_zoo(database, wal=True)
    return database


@pytest.mark.parametrize("wal", [False, True])
def test_a_dump_is_of_the_moment_when_it_was_asked_for(database: Path, wal: bool) -> None:
    make_zoo(database, wal=wal)
    expected = dumped()
    with closing(SqliteConnector("default").create_dump()) as dump:
        found = dump.read(1000)
        with closing(sqlite3.connect(database, timeout=0)) as writer, writer:
            writer.execute("DELETE FROM numbers")
            writer.execute("DROP TABLE no_key")
        found += dump.read()
    assert found == expected


@pytest.mark.parametrize("wal", [False, True])
def test_a_dump_that_is_closed_early_lets_go_of_the_database(
    database: Path, settings: Settings, tmp_path: Path, wal: bool
) -> None:
    settings.DBBACKUP_TMP_DIR = tmp_path / "tmp"
    settings.DBBACKUP_TMP_DIR.mkdir()
    make_zoo(database, wal=wal)
    dump = SqliteConnector("default").create_dump()
    dump.read(1000)
    assert bool(list(settings.DBBACKUP_TMP_DIR.iterdir())) is not wal
    dump.close()
    dump.close()
    assert list(settings.DBBACKUP_TMP_DIR.iterdir()) == []
    with closing(sqlite3.connect(database, timeout=0)) as writer:
        writer.execute("PRAGMA journal_mode = DELETE")  # needs the database for itself


def test_a_dump_may_be_read_and_closed_in_other_threads(wal_zoo: Path) -> None:
    expected = dumped()
    dump = SqliteConnector("default").create_dump()
    found = [dump.read(10)]

    def read() -> None:
        found.append(dump.read())
        dump.close()

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert b"".join(found) == expected


def test_a_dump_that_is_closed_while_it_is_read_is_no_whole_one(database: Path) -> None:
    run(database, "PRAGMA journal_mode = WAL; CREATE TABLE t (v)")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany("INSERT INTO t VALUES (?)", ((f"row {number}",) for number in range(300_000)))
    dump = TextDump(SqliteConnector("default"))
    ends: list[object] = []

    def read() -> None:
        try:
            while dump.read(100_000):
                pass
            ends.append("whole")
        except DumpError as error:
            ends.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    dump.close()
    thread.join()
    assert [type(end) for end in ends] == [DumpError]


@pytest.mark.parametrize("wal", [False, True])
def test_a_table_that_cannot_be_read_is_named_and_never_the_end(database: Path, wal: bool) -> None:
    make_zoo(database, wal=wal)
    (page,) = rows(database, "SELECT rootpage FROM sqlite_master WHERE name = 'numbers'")[0]
    with database.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    connector = SqliteConnector("default")
    with closing(connector.create_dump()) as dump:
        for _ in range(2):
            with pytest.raises(DumpError, match=r"cannot dump (the table `numbers` of )?`default`: "):
                dump.read()
    assert connector.content is None


def test_inside_a_transaction_the_dump_has_what_that_sees_and_leaves_it_alone(wal_zoo: Path) -> None:
    connection = connections["default"]
    with transaction.atomic(using="default"):
        connection.cursor().execute("INSERT INTO lower_case (a, b) VALUES (99, 'uncommitted')")
        text = dumped()
        assert connection.in_atomic_block
        transaction.set_rollback(True, using="default")
    assert b"uncommitted" in text
    assert rows(wal_zoo, "SELECT * FROM lower_case WHERE a = 99") == []
    assert rows(restored(text), "SELECT b FROM lower_case WHERE a = 99") == [("uncommitted",)]


@pytest.fixture
def memory(database: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The connection to a database in memory under the alias ``default``."""
    connection = connections["default"]
    connection.settings_dict["NAME"] = request.param
    connection.ensure_connection()
    yield connection
    connection.connection.close()
    connection.connection = None


IN_MEMORY = [":memory:", "file:zoo?mode=memory&cache=shared"]


@pytest.mark.parametrize("memory", IN_MEMORY, indirect=True)
@pytest.mark.parametrize("exact", [False, True])
def test_a_database_in_memory_is_dumped_and_restored(memory: Any, tmp_path: Path, exact: bool) -> None:
    make_zoo(tmp_path / "zoo.sqlite3")
    with closing(sqlite3.connect(tmp_path / "zoo.sqlite3")) as zoo:
        zoo.backup(memory.connection)
    text = dumped()
    assert content(restored(text)) == content(tmp_path / "zoo.sqlite3")
    memory.cursor().execute("DELETE FROM texts WHERE id = 1")
    restored_notes = SqliteConnector("default", exact=exact)
    restored_notes.restore_dump(io.BytesIO(text))
    assert dumped() == text
    assert memory.cursor().execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert memory.get_autocommit()


def test_excluded_tables_are_left_out_with_what_belongs_to_them(wal_zoo: Path) -> None:
    second = restored(dumped(exclude=["TEXTS", "search", "empty_one"]))
    expected = content(wal_zoo)
    found = content(second)
    gone = {"texts", "search", "empty_one", *(name for name in expected if name.startswith("search_"))}
    assert {name for name in expected if name not in found} == gone - {"search"}
    assert not [item for item in found["schema"] if item[2].decode() in gone]  # type: ignore[attr-defined]
    assert found["items"] == expected["items"]
    assert found["sqlite_sequence"] == [[b"items", 1000]]


def test_a_table_to_exclude_must_be_one(wal_zoo: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="cannot exclude the table `txts`: the database `default`"
    ) as caught:
        dumped(exclude=["items", "txts"])
    assert caught.value.hint == "the nearest name is `texts`"
    with pytest.raises(ConfigurationError, match="cannot exclude the table `in_lines`"):
        dumped(exclude=["in_lines"])


def sqlite3_shell(path: Path, *arguments: str, text: bytes = b"") -> bytes:
    tool = shutil.which("sqlite3")
    if tool is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no `sqlite3`")
        pytest.skip("there is no `sqlite3`")
    done = subprocess.run([tool, "-bail", path, *arguments], input=text, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def test_the_sqlite3_shell_runs_our_text(database: Path, tmp_path: Path) -> None:
    make_zoo(database)
    sqlite3_shell(tmp_path / "shell.sqlite3", text=dumped())
    assert content(tmp_path / "shell.sqlite3", stored=False) == content(database, stored=False)


@pytest.mark.parametrize("vacuumed", [False, True])
def test_what_the_sqlite3_shell_writes_is_restored(database: Path, tmp_path: Path, vacuumed: bool) -> None:
    make_zoo(database)
    run(database, "DELETE FROM items WHERE hex(value) = '66FC72' AND typeof(value) = 'text'; ANALYZE")
    if vacuumed:  # then virtual tables stand behind their shadow tables
        run(database, "VACUUM")
    text = sqlite3_shell(database, ".dump")
    run(tmp_path / "expected.sqlite3", text.decode())
    run(tmp_path / "expected.sqlite3", "DROP TABLE sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4")
    expected = content(tmp_path / "expected.sqlite3")
    assert content(restored(text)) == expected
    assert content(restored(text)) == expected
    assert content(restored(text, exact=True)) == expected


NAMES = """
DROP TABLE "select"; DROP TABLE "a ""quoted"" table's [name]; --";
DELETE FROM items WHERE hex(value) = '66FC72' AND typeof(value) = 'text';
"""
"""What neither Python nor the predecessor can write: names with an apostrophe, texts that are none."""

LINE_BREAKS = """
DROP TABLE with_comments; DROP TABLE "two
lines"; DROP INDEX "in
lines"; DROP TRIGGER logs_deletes;
"""
"""What the predecessor can neither write nor read, since it reads by line."""


def test_what_python_writes_is_restored(database: Path) -> None:
    make_zoo(database)
    # Texts are cut at a NUL there, virtual tables of some kinds come twice, and some numbers are rounded.
    run(
        database,
        NAMES
        + """
        DELETE FROM items WHERE id IN (9, 10, 11, 22, 34); DELETE FROM numbers WHERE id IN (6, 18);
        UPDATE texts SET value = 'x' || id WHERE instr(value, char(0));
        DROP TABLE search; DROP TABLE old_search; DROP TABLE places; DROP TABLE external;
        PRAGMA application_id = 0; PRAGMA user_version = 0
        """,
    )
    with closing(sqlite3.connect(database)) as connection:
        text = "\n".join(connection.iterdump()).encode()
    assert content(restored(text)) == content(database)


def test_no_room_for_a_temporary_copy_is_said_before_it_is_made(
    database: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    make_zoo(database)
    settings.DBBACKUP_TMP_DIR = tmp_path
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**6, 10**6, 1000))
    with pytest.raises(SourceError, match=r"MiB are needed, 1000 B are free") as caught:
        dumped()
    assert caught.value.kind == "no_space"
    settings.DBBACKUP_TMP_DIR = tmp_path / "missing"
    with pytest.raises(ConfigurationError, match="cannot make a temporary folder in"):
        dumped()


THEIR_CONNECTOR = """
import sys

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["dbbackup"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}},
    STORAGES={
        "dbbackup": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    },
)
django.setup()

from dbbackup.db.sqlite import SqliteConnector

connector = SqliteConnector("default")
if sys.argv[1] == "dump":
    sys.stdout.buffer.write(connector.create_dump().read())
else:
    connector.restore_dump(sys.stdin.buffer)
"""


def by_predecessor(python: str, verb: str, path: Path, text: bytes = b"") -> tuple[bytes, str]:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJANGO"))
    }
    argv = [python, "-c", THEIR_CONNECTOR, verb, str(path)]
    done = subprocess.run(argv, input=text, capture_output=True, check=True, env=environment)
    return done.stdout, done.stderr.decode()


@pytest.mark.timeout(300)
def test_our_text_is_restored_by_the_predecessor(database: Path, tmp_path: Path, predecessor: str) -> None:
    make_zoo(database)
    run(database, NAMES + LINE_BREAKS)
    _, warnings = by_predecessor(predecessor, "restore", tmp_path / "theirs.sqlite3", dumped())
    assert warnings == ""
    assert content(tmp_path / "theirs.sqlite3", stored=False) == content(database, stored=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("exact", [False, True])
def test_the_predecessors_text_is_restored_with_all_that_it_has(
    database: Path, predecessor: str, exact: bool
) -> None:
    make_zoo(database)
    run(database, NAMES + LINE_BREAKS)
    # It cuts texts at a NUL, and numbers that SQLite rounds; counters and numbers of the file it leaves out.
    run(
        database,
        """
        UPDATE items SET value = 'x' WHERE typeof(value) = 'text' AND instr(value, char(0));
        UPDATE texts SET value = 'x' || id WHERE instr(value, char(0));
        DELETE FROM numbers WHERE id IN (6, 18);
        DELETE FROM items WHERE id IN (22, 34);
        DROP TABLE empty_one;
        UPDATE sqlite_sequence SET seq = 49 WHERE name = 'items';
        PRAGMA application_id = 0;
        PRAGMA user_version = 0;
        """,
    )
    text, _ = by_predecessor(predecessor, "dump", database)
    assert b"VALUES(22,Inf," in text
    expected = content(database, stored=False)
    assert content(restored(text), stored=False) == expected
    assert content(restored(text, exact=exact), stored=False) == expected


MEASURED = """
import sys

import django

django.setup()

from django.db import connections

from dbbackup.db.sqlite import SqliteConnector

def peak():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024

verb, path, text = sys.argv[1:]
connections["default"].settings_dict["NAME"] = path
connector = SqliteConnector("default")
before = peak()
if verb == "dump":
    with open(text, "wb") as file, connector.create_dump() as dump:
        while chunk := dump.read(65536):
            file.write(chunk)
else:
    with open(text, "rb") as file:
        connector.restore_dump(file)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("wal", [False, True])
def test_memory_does_not_grow_with_the_database(tmp_path: Path, wal: bool) -> None:
    path, text = tmp_path / "large.sqlite3", tmp_path / "large.sql"
    with closing(sqlite3.connect(path)) as connection, connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE small (id INTEGER PRIMARY KEY, name TEXT, n REAL)")
        connection.execute("CREATE TABLE large (id TEXT NOT NULL PRIMARY KEY, bytes BLOB)")
        connection.execute("CREATE INDEX small_name ON small (name)")
        numbers = range(50_000)
        connection.executemany(
            "INSERT INTO small VALUES (?, ?, ?)", ((n, f"it's\nrow {n}", n / 7) for n in numbers)
        )
        connection.executemany(
            "INSERT INTO large VALUES (?, randomblob(1000000))", ((str(n),) for n in range(110))
        )
    expected = rows(path, "SELECT count(*), sum(id), sum(n), sum(length(name)) FROM small")
    for verb, target in (("dump", path), ("restore", tmp_path / "new.sqlite3"), ("restore", path)):
        argv = [sys.executable, "-c", MEASURED, verb, str(target), str(text)]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
        assert int(done.stdout) < 64 * MIB, (verb, int(done.stdout) // MIB)
    assert text.stat().st_size > 200 * MIB
    for target in (path, tmp_path / "new.sqlite3"):
        assert rows(target, "SELECT count(*), sum(id), sum(n), sum(length(name)) FROM small") == expected
