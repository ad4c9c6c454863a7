"""The commands with every connector of SQLite: each dump comes back, by its content, without a flag."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django import DjangoDbBlocker, Settings

from tests.conftest import Call
from tests.project import Project, fill, rows

ROOT = Path(__file__).parents[2]

CONNECTORS = {
    "SqliteBackupConnector": ("sqlite3", b"SQLite format 3\0"),
    "SqliteCPConnector": ("dump", b"SQLite format 3\0"),
    "SqliteConnector": ("dump", b"CREATE TABLE"),
}


@pytest.fixture(autouse=True)
def databases_may_be_used(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let Django open the databases, which each test brings itself."""
    with django_db_blocker.unblock():
        yield


def use(settings: Settings, connector: str, **options: object) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": f"dbbackup.db.sqlite.{connector}", **options}}


@pytest.mark.parametrize("connector", CONNECTORS)
@pytest.mark.parametrize("flag", ["-v1", "-z"])
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_dump_comes_back_whatever_the_settings_say_by_then(
    call: Call,
    database: Path,
    store: Path,
    settings: Settings,
    connector: str,
    flag: str,
    with_manifest: bool,
) -> None:
    extension, _begin = CONNECTORS[connector]
    use(settings, connector)
    before = fill(database, ["a", "b'); --", "ünï\n☃"])
    call("dbbackup", flag)
    (manifest,) = store.glob("*.metadata")
    backup = manifest.with_suffix("")
    assert backup.name.removesuffix(".gz").endswith(f".{extension}")
    record = json.loads(manifest.read_text())
    assert record["connector"] == f"dbbackup.db.sqlite.{connector}"
    assert record["dbbackup"]["content"] == {"tables": {"item": 3}, "exact": True}
    if not with_manifest:
        manifest.unlink()
    settings.DBBACKUP_CONNECTORS = {}
    fill(database, ["c"])
    call("dbrestore", "--noinput", "-d", "default", "-i", backup.name)
    assert rows(database) == before


@pytest.mark.parametrize("connector", CONNECTORS)
def test_excluded_tables_are_left_out_and_named(
    call: Call, database: Path, store: Path, settings: Settings, connector: str
) -> None:
    before = fill(database, ["a"])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE secret (x TEXT)")
        connection.execute("INSERT INTO secret VALUES ('canary')")
    use(settings, connector, EXCLUDE=["secret"])
    call("dbbackup", "-x", "secret")
    (manifest,) = store.glob("*.metadata")
    assert b"canary" not in manifest.with_suffix("").read_bytes()
    assert json.loads(manifest.read_text())["dbbackup"]["excluded"] == ["secret"]
    out = call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before
    assert "it was made without `secret`" in out
    with closing(sqlite3.connect(database)) as connection:
        left = connection.execute("SELECT * FROM secret").fetchall()
    # Pages replace everything; rows of text leave other tables alone.
    is_emptied = connector != "SqliteConnector"
    assert left == ([] if is_emptied else [("canary",)])
    assert ("they are empty now" in out) == is_emptied


@pytest.mark.parametrize("connector", CONNECTORS)
def test_an_unknown_table_to_exclude_is_an_error(
    call: Call, database: Path, store: Path, settings: Settings, connector: str
) -> None:
    fill(database, ["a"])
    use(settings, connector)
    with pytest.raises(CommandError, match="itme") as caught:
        call("dbbackup", "-x", "itme")
    assert caught.value.returncode == 2
    assert "item" in str(caught.value)
    assert not any(store.iterdir())


def test_text_keeps_other_rows_unless_it_is_to_be_exact(
    call: Call, database: Path, settings: Settings
) -> None:
    use(settings, "SqliteConnector")
    before = fill(database, ["a", "b"])
    call("dbbackup")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE item SET name = 'changed' WHERE id = 1")
        connection.execute("INSERT INTO item VALUES (7, 'later')")
    out = call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == [*before, (7, "later")]
    assert "rows that are not in the backup stayed: `item` (1)" in out
    call("dbrestore", "--noinput", "-d", "default", "--exact")
    assert rows(database) == before


def test_the_question_tells_text_from_pages(project: Project) -> None:
    project.configure(
        'DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": "dbbackup.db.sqlite.SqliteConnector"}}'
    )
    fill(project.database, ["a"])
    project.ok("dbbackup")
    out = project.manage("dbrestore", stdin="n\n").out
    assert "Rows of the database `default` will be replaced; those that the backup does not have stay" in out
    out = project.manage("dbrestore", "--exact", stdin="n\n").out
    assert "will be replaced, with everything in it" not in out
    assert "Tables of the database `default` will be replaced, with all their rows" in out


def test_text_that_was_cut_is_refused(
    call: Call, database: Path, store: Path, settings: Settings, tmp_path: Path
) -> None:
    use(settings, "SqliteConnector")
    fill(database, ["a" * 500] * 50)
    call("dbbackup")
    (manifest,) = store.glob("*.metadata")
    text = manifest.with_suffix("").read_bytes()
    now = fill(database, ["b"])
    for place in (0, 1, len(text) // 2, len(text) - 3):
        (tmp_path / "cut.dump").write_bytes(text[:place])
        with pytest.raises(CommandError):
            call("dbrestore", "--noinput", "-d", "default", "-I", str(tmp_path / "cut.dump"))
        assert rows(database) == now


def test_a_database_in_memory_is_backed_up_and_restored_in_its_process(tmp_path: Path) -> None:
    script = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", INSTALLED_APPS=["dbbackup"], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    STORAGES={{
        "default": {{"BACKEND": "django.core.files.storage.FileSystemStorage"}},
        "dbbackup": {{"BACKEND": "django.core.files.storage.InMemoryStorage"}},
    }},
)
django.setup()
from django.core.management import call_command
from django.db import connection
run = connection.cursor().execute
run("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
run("INSERT INTO item VALUES (1, 'a')")
call_command("dbbackup", "-z", verbosity=0)
run("DELETE FROM item")
call_command("dbrestore", interactive=False, verbosity=0)
print(connection.cursor().execute("SELECT * FROM item").fetchall())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "[(1, 'a')]\n"), done.stderr
