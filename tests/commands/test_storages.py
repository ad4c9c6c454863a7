"""Backups in any Django storage: what each of their habits does to a backup, and what it must not do."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError
from pytest_django import Settings

from dbbackup._bridge import StorageBridge
from dbbackup._upload import StorageUpload
from dbbackup.exceptions import BackupExistsError, StorageError
from tests import storages as habits
from tests.conftest import Call
from tests.project import Project, fill, pad, rows, wait_until

Configure = Callable[..., Any]

WELL_BEHAVED = [
    habits.Memory,
    habits.Plain,
    habits.Overwriting,
    habits.AsksForSizes,
    habits.Lowercasing,
    habits.Prefixing,
    habits.Slow,
    habits.Scrambling,
]


@pytest.fixture
def configure(store: Path, settings: Settings) -> Configure:
    """Make a class the storage of the backups; return the storage."""

    def use(storage: type, **options: object) -> Any:
        if storage is not habits.Memory:
            options = {"location": str(store), **options}
        backend = f"{storage.__module__}.{storage.__qualname__}"
        settings.STORAGES = settings.STORAGES | {"dbbackup": {"BACKEND": backend, "OPTIONS": options}}
        return storages["dbbackup"]

    return use


def listed(call: Call) -> list[str]:
    return [line.split()[0] for line in call("listbackups", "-q").splitlines()]


def names(storage: Any) -> list[str]:
    return sorted(name.rpartition("/")[2] for name in storage.listdir("")[1])


@pytest.mark.parametrize("storage", WELL_BEHAVED, ids=lambda storage: storage.__name__)
@pytest.mark.parametrize("flag", ["-v1", "-z"])
def test_a_backup_goes_there_and_comes_back(
    call: Call, database: Path, configure: Configure, storage: type, flag: str
) -> None:
    place = configure(storage)
    before = fill(database, ["a", "b"])
    pad(database, 3)
    call("dbbackup", flag)
    (name,) = listed(call)
    assert names(place) == [name, f"{name}.metadata"]
    fill(database, ["c"])
    call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before
    fill(database, ["c"])
    call("dbrestore", "--noinput", "-d", "default", "-i", name)
    assert rows(database) == before


@pytest.mark.parametrize("storage", WELL_BEHAVED, ids=lambda storage: storage.__name__)
def test_cleaning_deletes_exactly_the_old_ones(
    call: Call, database: Path, configure: Configure, settings: Settings, storage: type
) -> None:
    place = configure(storage)
    settings.DBBACKUP_CLEANUP_KEEP = 1
    fill(database, ["a"])
    call("dbbackup")
    call("dbbackup", "--servername", "other")
    call("dbbackup", "--clean", "-z")
    left = listed(call)
    assert [name.endswith(".gz") for name in left] == [False, True]
    assert "other" in left[0]
    assert len(names(place)) == 4


@pytest.mark.parametrize("storage", [habits.Plain, habits.Memory], ids=lambda storage: storage.__name__)
def test_a_taken_name_gets_the_suffix_that_the_storage_gives_it(
    call: Call, database: Path, configure: Configure, storage: type
) -> None:
    place = configure(storage)
    fill(database, ["a"])
    call("dbbackup", "-o", "mine.sqlite3")
    call("dbbackup", "-o", "mine.sqlite3")
    first, second = sorted(listed(call), key=len)
    assert first == "mine.sqlite3"
    assert second.startswith("mine_")
    assert names(place) == sorted([first, f"{first}.metadata", second, f"{second}.metadata"])


def test_a_storage_that_overwrites_keeps_the_name(call: Call, database: Path, configure: Configure) -> None:
    place = configure(habits.Overwriting)
    fill(database, ["a"])
    call("dbbackup", "-o", "mine.sqlite3")
    newest = fill(database, ["b"])
    call("dbbackup", "-o", "mine.sqlite3")
    assert names(place) == ["mine.sqlite3", "mine.sqlite3.metadata"]
    fill(database, ["c"])
    call("dbrestore", "--noinput", "-d", "default", "-i", "mine.sqlite3")
    assert rows(database) == newest


def test_a_storage_that_renames_everything_is_a_warning(
    call: Call, database: Path, configure: Configure
) -> None:
    place = configure(habits.Renaming)
    before = fill(database, ["a"])
    with pytest.raises(CommandError, match="the storage renamed the manifest") as caught:
        call("dbbackup")
    assert caught.value.returncode == 3
    (name,) = names(place)
    fill(database, ["b"])
    call("dbrestore", "--noinput", "-d", "default", "-i", name)
    assert rows(database) == before


def test_a_storage_that_cannot_list_restores_by_name(
    call: Call, database: Path, store: Path, configure: Configure
) -> None:
    configure(habits.WithoutListing)
    before = fill(database, ["a"])
    call("dbbackup", "-o", "mine.sqlite3")
    fill(database, ["b"])
    for command in ("listbackups", "dbrestore", "dbbackup"):
        arguments = {"dbbackup": ["--clean"], "dbrestore": ["-d", "default"]}.get(command, [])
        with pytest.raises(CommandError, match="`WithoutListing` has no `listdir`") as caught:
            call(command, *arguments)
        assert "restore by name with -i" in str(caught.value)
    call("dbrestore", "--noinput", "-d", "default", "-i", "mine.sqlite3")
    assert rows(database) == before


@pytest.mark.parametrize("flag", ["-v1", "-z"])
def test_a_storage_that_fails_in_the_middle_is_left_empty(
    call: Call, database: Path, configure: Configure, flag: str
) -> None:
    place = configure(habits.FailingInTheMiddle)
    fill(database, ["a"])
    pad(database, 2)
    with pytest.raises(CommandError, match="the line went dead") as caught:
        call("dbbackup", flag)
    assert caught.value.returncode == 1
    assert names(place) == []


def test_a_storage_that_loses_bytes_is_found_out(call: Call, database: Path, configure: Configure) -> None:
    place = configure(habits.Truncating)
    fill(database, ["a"])
    with pytest.raises(CommandError, match=r"the storage has \d+ of \d+ bytes"):
        call("dbbackup")
    assert names(place) == []


def test_a_damaged_backup_is_refused(call: Call, database: Path, store: Path, configure: Configure) -> None:
    configure(habits.Plain)
    fill(database, ["a"])
    call("dbbackup")
    (name,) = listed(call)
    now = fill(database, ["b"])
    whole = (store / name).read_bytes()
    for damaged in (whole[:-1], whole[:5000] + b"x" + whole[5001:], whole + b"x", b""):
        (store / name).write_bytes(damaged)
        with pytest.raises(CommandError) as caught:
            call("dbrestore", "--noinput", "-d", "default")
        assert caught.value.returncode == 6, str(caught.value)
        assert rows(database) == now


def test_missing_backups_are_named(call: Call, database: Path, configure: Configure) -> None:
    configure(habits.Plain)
    fill(database, ["a"])
    for arguments in (["-i", "none.sqlite3"], []):
        with pytest.raises(CommandError, match="cannot find") as caught:
            call("dbrestore", "--noinput", "-d", "default", *arguments)
        assert caught.value.returncode == 4


def test_one_that_is_killed_in_the_middle_is_never_listed(project: Project) -> None:
    project.configure(
        'STORAGES["dbbackup"] = {"BACKEND": "tests.storages.KilledInTheMiddle", '
        '"OPTIONS": {"location": BASE_DIR / "backups"}}'
    )
    project.configure(f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})")
    before = fill(project.database, ["a"])
    pad(project.database, 2)
    assert project.manage("dbbackup").code == -signal.SIGKILL
    (name,) = project.backups()
    assert (project.store / name).stat().st_size == 100_000
    assert project.manifest(name)["dbbackup"]["state"] == "writing"
    assert project.ok("listbackups", "-q") == ""
    assert "cannot find a backup" in project.fails(4, "dbrestore", "--noinput")
    assert "it is still being written" in project.fails(4, "dbrestore", "--noinput", "-i", name)
    assert rows(project.database) == before


def test_one_that_hangs_hears_control_c(project: Project) -> None:
    project.configure(
        'STORAGES["dbbackup"] = {"BACKEND": "tests.storages.Hanging", '
        '"OPTIONS": {"location": BASE_DIR / "backups"}}'
    )
    project.configure(f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})")
    fill(project.database, ["a"])
    pad(project.database, 5)
    with project.running("dbbackup") as command:
        wait_until(lambda: project.backups() or command.poll() is not None)
        time.sleep(0.3)
        started = time.monotonic()
        os.kill(command.pid, signal.SIGINT)
        _, err = command.communicate(timeout=20)
        assert command.returncode == 130, err
        assert time.monotonic() - started < 10
    assert project.ok("listbackups", "-q") == ""


@pytest.mark.parametrize("begins_late", [True, False])
def test_of_two_runs_that_want_one_name_each_keeps_its_hands_off_the_others(
    store: Path, begins_late: bool
) -> None:
    storage = habits.Plain(str(store))
    bridge = StorageBridge(storage)
    first, second = (bridge.claim("name", False, b'{"run": %d}' % number) for number in (1, 2))
    first.send(b"first")
    if begins_late:
        finish(first, b"whole")
        with pytest.raises(BackupExistsError):
            second.send(b"second")
        second.abandon()
        assert {path.name: path.read_bytes() for path in store.iterdir()} == {
            "name": b"first",
            "name.metadata": b"whole",
        }
        return
    # As if it had asked at the same moment.
    storage.delete("name.metadata")
    second.send(b"second")
    with pytest.raises(BackupExistsError):
        finish(first, b"whole")
    first.abandon()
    name = second.finish()
    second.commit(b"whole")
    assert ((store / name).read_bytes(), (store / f"{name}.metadata").read_bytes()) == (b"second", b"whole")


def finish(upload: StorageUpload, manifest: bytes) -> None:
    upload.finish()
    upload.commit(manifest)


def test_a_source_that_fails_before_its_first_byte_leaves_the_old_backup_of_that_name(
    call: Call, database: Path, configure: Configure, settings: Settings
) -> None:
    configure(habits.Plain, allow_overwrite=True)
    before = fill(database, ["a"])
    call("dbbackup", "-o", "mine.sqlite3")
    database.rename(database.with_name("away"))
    with pytest.raises(CommandError):
        call("dbbackup", "-o", "mine.sqlite3")
    database.with_name("away").rename(database)
    fill(database, ["b"])
    call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before


def test_a_newer_backup_that_is_damaged_is_not_passed_over_in_silence(
    call: Call, database: Path, store: Path
) -> None:
    before = fill(database, ["a"])
    call("dbbackup")
    fill(database, ["b"])
    call("dbbackup")
    newest = max(path for path in store.iterdir() if path.suffix == ".sqlite3")
    newest.write_bytes(newest.read_bytes()[:-1])
    assert "a newer backup is passed over" in call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before
    with pytest.raises(CommandError) as caught:
        call("verifybackups")
    assert caught.value.returncode == 6


def test_a_replacement_that_fails_at_its_end_leaves_the_old_manifest(store: Path) -> None:
    storage = habits.FailingInTheMiddle(str(store))
    for name, content in (("name", b"old"), ("name.metadata", b"old manifest")):
        habits.Plain(str(store)).save(name, ContentFile(content))
    upload = StorageUpload(StorageBridge(storage), "name", None, replace=True, is_replaced=True)
    upload.send(b"new")
    with pytest.raises(StorageError, match="the line went dead"):
        upload.finish()
    upload.abandon()
    assert (store / "name").read_bytes() == b"old"
    assert (store / "name.metadata").read_bytes() == b"old manifest"
