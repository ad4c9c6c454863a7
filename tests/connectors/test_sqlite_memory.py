"""A SQLite database in memory, page by page: through Django's own connection, and a temporary file."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from dbbackup.db import _sqlite_connection
from dbbackup.db.sqlite import SqliteBackupConnector, SqliteCPConnector
from dbbackup.exceptions import BusyError, ConfigurationError, CorruptBackupError, RefusedError
from tests.conftest import Call
from tests.connectors.zoo import content, make_zoo

SHARED = "file:zoo?mode=memory&cache=shared"
NAMES = [":memory:", "file::memory:?cache=shared", SHARED]


@pytest.fixture
def tmp_dir(tmp_path: Path, settings: Settings) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    settings.DBBACKUP_TMP_DIR = folder
    return folder


@pytest.fixture(params=NAMES)
def memory(request: pytest.FixtureRequest, database: Path, tmp_dir: Path) -> Iterator[Any]:
    """The connection of the alias ``default`` to a database in memory, in which nothing is."""
    connection = connections["default"]
    connection.settings_dict["NAME"] = request.param
    connection.ensure_connection()
    yield connection
    connection.connection.close()
    connection.connection = None


@pytest.fixture
def zoo(memory: Any, tmp_path: Path) -> Path:
    """A file with what is in `memory` now."""
    path = tmp_path / "zoo.sqlite3"
    make_zoo(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.backup(memory.connection)
    return path


def dumped(**options: object) -> bytes:
    with closing(SqliteBackupConnector("default", **options).create_dump()) as dump:
        pages: bytes = dump.read()
        return pages


def saved(memory: Any, path: Path) -> Path:
    """Write what is in `memory` into a file."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        memory.connection.backup(connection)
    return path


def test_the_dump_is_a_database_file(memory: Any, zoo: Path, tmp_path: Path) -> None:
    (tmp_path / "dump.sqlite3").write_bytes(dumped())
    assert content(tmp_path / "dump.sqlite3") == content(zoo)


def test_a_database_with_nothing_in_it_is_a_database_file(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "dump.sqlite3").write_bytes(dumped())
    assert (tmp_path / "dump.sqlite3").read_bytes().startswith(b"SQLite format 3\0")
    assert content(tmp_path / "dump.sqlite3")["schema"] == []


def test_the_dump_is_of_the_moment_when_it_was_asked_for(memory: Any, zoo: Path, tmp_dir: Path) -> None:
    expected = dumped()
    with closing(SqliteBackupConnector("default").create_dump()) as dump:
        memory.cursor().execute("DELETE FROM items")
        assert len(list(tmp_dir.iterdir())) == 1
        assert dump.read(100) + dump.read() == expected
    assert list(tmp_dir.iterdir()) == []


def test_a_dump_that_is_closed_early_leaves_no_file(memory: Any, zoo: Path, tmp_dir: Path) -> None:
    dump = SqliteBackupConnector("default").create_dump()
    dump.read(1)
    dump.close()
    dump.close()
    assert list(tmp_dir.iterdir()) == []


def test_inside_a_transaction_the_dump_has_what_that_sees(memory: Any, zoo: Path, tmp_path: Path) -> None:
    with transaction.atomic(using="default"):
        memory.cursor().execute("INSERT INTO lower_case (a, b) VALUES (99, 'uncommitted')")
        (tmp_path / "dump.sqlite3").write_bytes(dumped())
        transaction.set_rollback(True, using="default")
    assert content(tmp_path / "dump.sqlite3")["lower_case"] == [[1, b"a"], [2, None], [99, b"uncommitted"]]
    assert content(saved(memory, tmp_path / "now.sqlite3")) == content(zoo)


def test_excluded_tables_have_no_rows_and_that_is_said(memory: Any, zoo: Path, tmp_path: Path) -> None:
    connector = SqliteBackupConnector("default", exclude=["TEXTS", "items", "search", "parent"])
    with closing(connector.create_dump()) as dump:
        (tmp_path / "dump.sqlite3").write_bytes(dump.read())
    found, expected = content(tmp_path / "dump.sqlite3"), content(zoo)
    assert (found["texts"], found["parent"], found["search_content"]) == ([], [], [])
    assert connector.notes == ["the rows of `TEXTS`, `items`, `search`, `parent` were left out"]
    changed = {name for name in expected if found[name] != expected[name]}
    shadows = {"search_content", "search_data", "search_docsize", "search_idx"}
    assert changed == {"texts", "items", "parent", *shadows}
    assert b"ends like a statement" in dumped()
    assert b"ends like a statement" not in (tmp_path / "dump.sqlite3").read_bytes()


def test_a_table_to_exclude_must_be_one(memory: Any, zoo: Path, tmp_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot exclude the table `nothing`"):
        dumped(exclude=["nothing"])
    assert list(tmp_dir.iterdir()) == []


@pytest.mark.parametrize("connector_class", [SqliteBackupConnector, SqliteCPConnector])
def test_a_restore_replaces_everything(
    memory: Any, zoo: Path, tmp_path: Path, tmp_dir: Path, connector_class: type[SqliteBackupConnector]
) -> None:
    pages = dumped()
    memory.cursor().execute("DELETE FROM items")
    memory.cursor().execute("CREATE TABLE other (a)")
    connector_class("default").restore_dump(io.BytesIO(pages))
    assert content(saved(memory, tmp_path / "now.sqlite3")) == content(zoo)
    assert memory.cursor().execute("SELECT count(*) FROM search WHERE search MATCH 'owl'").fetchone() == (
        250,
    )
    assert list(tmp_dir.iterdir()) == []


@pytest.mark.parametrize("page_bytes", [512, 65536])
@pytest.mark.parametrize("wal", [False, True])
def test_a_file_of_another_page_size_or_in_wal_mode_is_restored(
    memory: Any, zoo: Path, tmp_path: Path, page_bytes: int, wal: bool
) -> None:
    with closing(sqlite3.connect(zoo, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.execute("VACUUM")
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
    pages = zoo.read_bytes()
    memory.cursor().execute("DELETE FROM items")
    SqliteBackupConnector("default").restore_dump(io.BytesIO(pages))
    assert content(saved(memory, tmp_path / "now.sqlite3")) == content(zoo)


@pytest.mark.parametrize("damage", ["cut", "junk"])
def test_a_damaged_backup_changes_nothing(
    memory: Any, zoo: Path, tmp_path: Path, tmp_dir: Path, damage: str
) -> None:
    pages = dumped()
    pages = pages[: len(pages) // 2] if damage == "cut" else b"junk" * 1000
    with pytest.raises(CorruptBackupError):
        SqliteBackupConnector("default").restore_dump(io.BytesIO(pages))
    assert content(saved(memory, tmp_path / "now.sqlite3")) == content(zoo)
    assert list(tmp_dir.iterdir()) == []


def test_texts_in_another_encoding_are_refused(memory: Any, zoo: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "utf16.sqlite3")) as connection:
        connection.executescript("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a);")
    pages = (tmp_path / "utf16.sqlite3").read_bytes()
    with pytest.raises(RefusedError, match="cannot restore texts in UTF-16le"):
        SqliteBackupConnector("default").restore_dump(io.BytesIO(pages))
    assert content(saved(memory, tmp_path / "now.sqlite3")) == content(zoo)


def test_inside_a_transaction_a_restore_is_refused(memory: Any, zoo: Path) -> None:
    pages = dumped()
    with (
        transaction.atomic(using="default"),
        pytest.raises(RefusedError, match="inside a transaction of its own"),
    ):
        SqliteBackupConnector("default").restore_dump(io.BytesIO(pages))


@pytest.mark.parametrize("memory", [SHARED], indirect=True)
def test_a_reader_of_the_same_memory_is_waited_for_and_then_an_error(
    memory: Any, zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite_connection, "LOCK_TIMEOUT_SECONDS", 0.2)
    pages = dumped()
    memory.cursor().execute("DELETE FROM items")
    with closing(sqlite3.connect(SHARED, uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM items").fetchall()
        with pytest.raises(BusyError, match="another connection holds a lock"):
            SqliteBackupConnector("default").restore_dump(io.BytesIO(pages))
        reader.execute("ROLLBACK")
        assert memory.cursor().execute("SELECT count(*) FROM items").fetchone() == (0,)
        SqliteBackupConnector("default").restore_dump(io.BytesIO(pages))
        assert reader.execute("SELECT count(*) FROM items").fetchone() == (50,)


def test_the_commands_back_up_and_restore_it(call: Call, memory: Any, zoo: Path, tmp_path: Path) -> None:
    call("dbbackup", "-z")
    memory.cursor().execute("DELETE FROM items")
    call("dbrestore", database="default", interactive=False)
    assert content(saved(memory, tmp_path / "now.sqlite3")) == content(zoo)
