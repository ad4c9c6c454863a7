"""``manage.py verifybackups --restore``: backups are really restored, beside the project and not into it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connections
from django.db.backends.signals import connection_created
from pytest_django import Settings

from tests.commands.encrypted import STORAGES, keep_backups_in
from tests.conftest import Call, NewKeyring, UseKeyring
from tests.gnupg import Keys
from tests.project import Project, fill, is_alive, pad, stopped_tool, tree, wait_until


@pytest.fixture
def scratch(tmp_path: Path, settings: Settings) -> Path:
    """The folder of ``DBBACKUP_TMP_DIR``, which is empty."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    settings.DBBACKUP_TMP_DIR = str(folder)
    return folder


@pytest.fixture(autouse=True)
def untouched(database: Path) -> Iterator[Callable[[], None]]:
    """Fail if a drill changes the databases: call it before the first one."""
    before: list[Any] = []
    yield lambda: before.append(tree(database.parent))
    for seen in before:
        assert tree(database.parent) == seen


def run_sql(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def edit_manifest(store: Path, edit: Callable[[dict[str, Any]], None]) -> str:
    """Change what the manifest of the only backup says; return the backup's name."""
    (path,) = store.glob("*.metadata")
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))
    return path.name.removesuffix(".metadata")


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("wal", [True, False])
@pytest.mark.parametrize("options", [[], ["-z"]])
@pytest.mark.parametrize("connector", ["SqliteBackupConnector", "SqliteCPConnector"])
def test_a_whole_backup_is_restored_counted_and_dropped(
    call: Call,
    database: Path,
    settings: Settings,
    scratch: Path,
    untouched: Callable[[], None],
    wal: bool,
    options: list[str],
    connector: str,
) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": f"dbbackup.db.sqlite.{connector}"}}
    fill(database, ["a"] * 1200, wal=wal)
    run_sql(database, "CREATE TABLE empty (x); CREATE VIRTUAL TABLE words USING fts5 (word)")
    call("dbbackup", *options)
    untouched()
    out = call("verifybackups", "--restore")
    assert re.fullmatch(
        r"default-host-.*: restored \(2 tables, 1,200 rows, as in its manifest; .* in \d\.\d s\), proven by size "
        r"and SHA-256 of its manifest, SQLite's quick_check of the restored database\n",
        out,
    )
    assert left_in(scratch) == []
    assert call("verifybackups", "--restore", "-q") == ""


@pytest.mark.parametrize("storage", STORAGES)
def test_a_backup_in_any_storage_is_restored(
    call: Call,
    database: Path,
    store: Path,
    settings: Settings,
    scratch: Path,
    untouched: Callable[[], None],
    storage: str,
) -> None:
    keep_backups_in(settings, store, storage)
    fill(database, ["a"])
    call("dbbackup", "-z")
    untouched()
    assert ": restored (1 table, 1 row, as in its manifest; " in call("verifybackups", "--restore")
    assert left_in(scratch) == []


def test_a_database_without_a_table_is_restored_too(
    call: Call, database: Path, scratch: Path, untouched: Callable[[], None]
) -> None:
    run_sql(database, "PRAGMA user_version = 1")
    call("dbbackup")
    untouched()
    assert "restored (0 tables, 0 rows, as in its manifest; " in call("verifybackups", "--restore")
    assert left_in(scratch) == []


def test_another_content_than_the_manifests_is_damage(
    call: Call, database: Path, store: Path, scratch: Path, untouched: Callable[[], None]
) -> None:
    fill(database, ["a", "b"])
    call("dbbackup")
    untouched()

    def edit(manifest: dict[str, Any]) -> None:
        manifest["dbbackup"]["content"]["tables"] = {"item": 3, "gone": 1}

    name = edit_manifest(store, edit)
    call("verifybackups")  # reading alone cannot see it
    with pytest.raises(CommandError) as caught:
        call("verifybackups", "--restore")
    assert caught.value.returncode == 6
    expected = (
        f"cannot trust backup `{name}`: restored, `item` has 2 rows, its manifest says 3; `gone` is missing"
    )
    assert str(caught.value).startswith(expected)
    assert left_in(scratch) == []


def test_tables_that_were_left_out_are_empty_and_their_loose_ends_are_notes(
    call: Call,
    database: Path,
    store: Path,
    settings: Settings,
    scratch: Path,
    untouched: Callable[[], None],
) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"EXCLUDE": ["cart"]}}
    fill(database, ["a"])
    run_sql(
        database,
        "CREATE TABLE cart (id INTEGER PRIMARY KEY); "
        "CREATE TABLE line (id INTEGER PRIMARY KEY, cart_id REFERENCES cart (id)); "
        "CREATE TABLE loose (cart_id REFERENCES cart (id)); "
        "INSERT INTO cart VALUES (5); INSERT INTO line VALUES (1, 5), (2, 5); INSERT INTO loose VALUES (5)",
    )
    call("dbbackup")
    untouched()
    out = call("verifybackups", "--restore")
    assert "restored (4 tables, 4 rows, as in its manifest; " in out
    assert "  note: it was made without the rows of `cart`\n" in out
    assert "  note: 3 rows refer to others that are not there: " in out
    assert "`line` to `cart` (2)" in out

    def edit(manifest: dict[str, Any]) -> None:
        manifest["dbbackup"]["excluded"] = ["item"]

    edit_manifest(store, edit)
    with pytest.raises(CommandError, match="`item` has 1 row, and was left out"):
        call("verifybackups", "--restore")
    assert left_in(scratch) == []


def test_tables_that_nobody_can_ask_are_named_and_are_no_damage(
    call: Call, database: Path, store: Path, scratch: Path, untouched: Callable[[], None]
) -> None:
    run_sql(
        database,
        "CREATE TABLE cart (id INTEGER PRIMARY KEY, name); CREATE VIRTUAL TABLE words USING fts5 (word); "
        "CREATE TABLE bad (name REFERENCES cart (name)); INSERT INTO bad VALUES ('x'); "
        "CREATE TABLE flat (id TEXT PRIMARY KEY, cart_id REFERENCES cart (id)) WITHOUT ROWID; "
        "INSERT INTO flat VALUES ('a', 9)",
    )
    call("dbbackup")
    untouched()

    def edit(manifest: dict[str, Any]) -> None:
        manifest["dbbackup"]["content"]["tables"]["words_content"] = 0  # an engine that does not know fts5

    edit_manifest(store, edit)
    out = call("verifybackups", "--restore")
    assert ": restored (4 tables, 2 rows, as in its manifest; " in out
    assert "note: the foreign keys of `bad` cannot be checked\n" in out
    assert "note: 1 row refers to others that are not there: `flat` to `cart` (1); " in out
    assert left_in(scratch) == []


def test_the_first_dangling_row_is_named_as_django_names_it(
    call: Call, database: Path, scratch: Path
) -> None:
    run_sql(
        database,
        "CREATE TABLE cart (id INTEGER PRIMARY KEY); INSERT INTO cart VALUES (5); "
        "CREATE TABLE line (id INTEGER PRIMARY KEY, cart_id REFERENCES cart (id)); INSERT INTO line VALUES (1, 6)",
    )
    call("dbbackup")
    out = call("verifybackups", "--restore")
    assert "  note: the first of them: The row in table 'line' with primary key '1' has an invalid" in out
    assert left_in(scratch) == []


def test_one_that_is_damaged_does_not_keep_the_others_from_being_restored(
    call: Call,
    database: Path,
    store: Path,
    scratch: Path,
    untouched: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill(database, ["a"] * 5000)
    for name in ("a.sqlite3", "b.sqlite3", "c.sqlite3"):
        call("dbbackup", "-o", name)
    untouched()
    damaged = store / "b.sqlite3"
    whole = damaged.read_bytes()
    middle = len(whole) // 4096 // 2 * 4096
    damaged.write_bytes(whole[:middle] + b"\xff" * 4096 + whole[middle + 4096 :])
    (store / "b.sqlite3.metadata").unlink()
    call("verifybackups", "b.sqlite3")  # reading alone cannot see it
    with pytest.raises(CommandError, match="not every backup is whole") as caught:
        call("verifybackups", "--restore", "a.sqlite3", "b.sqlite3", "c.sqlite3")
    assert caught.value.returncode == 6
    err = capsys.readouterr().err
    assert "cannot use the backup: the database in it is damaged: " in err
    assert "(`b.sqlite3`)" in err
    assert "hint: take another backup, or another copy of this one" in err
    assert call("verifybackups", "--restore", "a.sqlite3", "c.sqlite3").count(": restored (") == 2
    assert left_in(scratch) == []


def test_what_is_no_sqlite_file_is_verified_and_said_so(
    call: Call, database: Path, settings: Settings, tmp_path: Path, scratch: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.txt").write_text("a")
    fill(database, ["a"])
    call("mediabackup", "-o", "media.tar")
    for connector in ("sqlite.SqliteConnector", "django.DjangoConnector"):
        settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": f"dbbackup.db.{connector}"}}
        call("dbbackup", "-o", f"{connector}.dump")
        call("dbbackup", "-o", f"{connector}.sqlite3")
    out = call("verifybackups", "--restore", "media.tar")
    assert ": whole (1 file, " in out
    assert "note: it was read and not restored: it is of media files, and a drill is for databases" in out
    connectors = ("sqlite.SqliteConnector", "django.DjangoConnector")
    for name in [f"{connector}.{ending}" for connector in connectors for ending in ("dump", "sqlite3")]:
        out = call("verifybackups", "--restore", name)
        assert f"{name}: whole (" in out
        assert "note: it was read and not restored: it is no file of a SQLite database" in out
    with pytest.raises(CommandError) as caught:
        call("verifybackups", "--restore", "nothing")
    assert caught.value.returncode == 4
    assert left_in(scratch) == []


def test_neither_handlers_nor_options_of_the_project_reach_the_restored_database(
    call: Call,
    database: Path,
    scratch: Path,
    untouched: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, ["a"])
    call("dbbackup")
    untouched()
    connections["default"].close()
    other = database.with_name("attached.sqlite3")
    options = {"init_command": f"ATTACH '{other}' AS other"}
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options)
    seen: list[object] = []

    def watch(connection: Any, **_: object) -> None:
        seen.append(connection)

    connection_created.connect(watch)
    try:
        assert ": restored (" in call("verifybackups", "--restore")
    finally:
        connection_created.disconnect(watch)
    assert seen == []
    assert connections["default"].connection is None
    assert not other.exists()
    assert left_in(scratch) == []


def test_a_folder_that_is_not_there_is_an_error(call: Call, database: Path, settings: Settings) -> None:
    fill(database, ["a"])
    call("dbbackup")
    settings.DBBACKUP_TMP_DIR = "/nowhere"
    with pytest.raises(CommandError, match="cannot make a temporary database in `/nowhere`"):
        call("verifybackups", "--restore")


MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    initial = {number} == 1
    dependencies = {dependencies}
    replaces = {replaces}
"""


def write_migration(project: Project, number: int, name: str, replaces: str = "[]") -> None:
    folder = project.root / "shop" / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").touch()
    dependencies = (
        f"[('shop', '{before[-1]}')]" if (before := names_of(folder)) and replaces == "[]" else "[]"
    )
    text = MIGRATION.format(number=number, dependencies=dependencies, replaces=replaces)
    (folder / f"{number:04}_{name}.py").write_text(text)


def names_of(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("0*.py"))


@pytest.fixture
def shop(project: Project) -> Project:
    """A project whose app has one migration, and a temporary folder of its own."""
    project.configure("INSTALLED_APPS += ['shop']\nDBBACKUP_TMP_DIR = BASE_DIR / 'scratch'")
    (project.root / "scratch").mkdir()
    write_migration(project, 1, "first")
    project.ok("migrate", "-v0")
    return project


def test_migrations_that_only_one_side_has_are_notes(shop: Project) -> None:
    shop.ok("dbbackup", "-q")
    assert "migration" not in shop.ok("verifybackups", "--restore")
    write_migration(shop, 2, "second")
    out = shop.ok("verifybackups", "--restore")
    assert "  note: the project has 1 migration that the backup lacks: shop.0002_second\n" in out
    shop.ok("migrate", "-v0")
    shop.ok("dbbackup", "-o", "later.sqlite3", "-q")
    (shop.root / "shop" / "migrations" / "0002_second.py").unlink()
    out = shop.ok("verifybackups", "--restore", "later.sqlite3")
    assert "  note: the backup has 1 migration that the project does not know: shop.0002_second\n" in out


def test_squashed_migrations_stand_for_their_parts(shop: Project) -> None:
    write_migration(shop, 2, "second")
    shop.ok("migrate", "-v0")
    shop.ok("dbbackup", "-q")
    parts = "[('shop', '0001_first'), ('shop', '0002_second')]"
    write_migration(shop, 1, "first_squashed", parts)
    assert "migration" not in shop.ok("verifybackups", "--restore")
    for name in ("0001_first", "0002_second"):
        (shop.root / "shop" / "migrations" / f"{name}.py").unlink()
    assert "migration" not in shop.ok("verifybackups", "--restore")


@pytest.fixture
def small_disk(shop: Project) -> Iterator[Path]:
    """The temporary folder of `shop`, with room for 4 MiB."""
    disk = shop.root / "scratch"
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "dbbackup-test", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        assert os.environ.get("CI") != "true", "CI must be able to mount a small disk"
        pytest.skip("a small disk cannot be mounted here (root can)")
    yield disk
    subprocess.run(["umount", str(disk)], check=False)


def test_too_little_room_is_told_before_and_a_disk_that_fills_up_is_emptied_again(
    shop: Project, small_disk: Path
) -> None:
    pad(shop.database, 6)
    with closing(sqlite3.connect(shop.database)) as connection:
        connection.execute("PRAGMA journal_mode = wal")  # needs no temporary copy
        shop.ok("dbbackup", "-q", "-o", "large.sqlite3")
    assert "are needed" in shop.fails(9, "verifybackups", "--restore")
    assert left_in(small_disk) == []
    (shop.store / "large.sqlite3.metadata").unlink()  # nobody knows the size
    assert "No space left on device" in shop.fails(1, "verifybackups", "--restore", "large.sqlite3")
    assert left_in(small_disk) == []


def test_an_encrypted_backup_is_restored_with_its_key_and_its_passphrase(
    call: Call, database: Path, settings: Settings, scratch: Path, gnupg: Keys, untouched: Callable[[], None]
) -> None:
    fill(database, ["a"])
    call("dbbackup", "-e", "-z", "-o", "open.sqlite3.gz.gpg")
    settings.DBBACKUP_GPG_RECIPIENT = gnupg.locked
    call("dbbackup", "-e", "-z", "-o", "locked.sqlite3.gz.gpg")
    untouched()
    out = call("verifybackups", "--restore", "open.sqlite3.gz.gpg")
    assert ": restored (1 table, 1 row, which no manifest counts; " in out
    out = call("verifybackups", "--restore", "locked.sqlite3.gz.gpg", "-p", gnupg.passphrase)
    assert ": restored (1 table, 1 row, which no manifest counts; " in out
    with pytest.raises(CommandError, match="the passphrase is wrong") as caught:
        call("verifybackups", "--restore", "locked.sqlite3.gz.gpg", "-p", "wrong")
    assert caught.value.returncode == 5
    with pytest.raises(CommandError, match=r"only its stored bytes were verified: .* it needs a passphrase"):
        call("verifybackups", "--restore", "locked.sqlite3.gz.gpg")
    assert left_in(scratch) == []


def test_an_encrypted_backup_without_its_key_is_verified_as_far_as_can_be(
    call: Call,
    database: Path,
    scratch: Path,
    gnupg: Keys,
    new_keyring: NewKeyring,
    use_keyring: UseKeyring,
) -> None:
    fill(database, ["a"])
    call("dbbackup", "-e", "-o", "sealed.sqlite3.gpg")
    call("dbbackup", "-o", "plain.sqlite3")
    use_keyring(new_keyring())
    with pytest.raises(
        CommandError, match=r"sealed\.sqlite3\.gpg: only its stored bytes were verified"
    ) as caught:
        call("verifybackups", "--restore", "sealed.sqlite3.gpg", "plain.sqlite3")
    assert caught.value.returncode == 3
    assert left_in(scratch) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_drill_that_leaves_nothing(shop: Project, number: signal.Signals, code: int) -> None:
    pad(shop.database, 4)
    shop.ok("dbbackup", "-q")
    before = shop.database.read_bytes()
    with shop.running("verifybackups", "--restore") as command:
        tool = stopped_tool(command, "sqlite-load")
        command.send_signal(number)
        os.kill(tool, signal.SIGCONT)
        _, err = command.communicate(timeout=20)
        wait_until(lambda: not is_alive(tool))
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert left_in(shop.root / "scratch") == []
    assert shop.database.read_bytes() == before


def test_what_a_killed_drill_leaves_the_next_one_drops(shop: Project) -> None:
    pad(shop.database, 4)
    shop.ok("dbbackup", "-q")
    scratch = shop.root / "scratch"
    (scratch / "somebody-elses").write_text("x")
    with shop.running("verifybackups", "--restore") as command:
        tool = stopped_tool(command, "sqlite-load")
        command.kill()
        command.wait(20)
        os.kill(tool, signal.SIGKILL)
        wait_until(lambda: not is_alive(tool))
    assert any(name.startswith(".dbbackup-drill-") for name in left_in(scratch))
    assert ": restored (" in shop.ok("verifybackups", "--restore")
    assert left_in(scratch) == ["somebody-elses"]


def test_drills_at_once_do_not_sweep_each_other(shop: Project) -> None:
    pad(shop.database, 4)
    shop.ok("dbbackup", "-q")
    with ExitStack() as stack:
        commands = [stack.enter_context(shop.running("verifybackups", "--restore")) for _ in range(3)]
        for command in commands:
            out, err = command.communicate(timeout=25)
            assert (command.returncode, ": restored (" in out) == (0, True), err
    assert left_in(shop.root / "scratch") == []
