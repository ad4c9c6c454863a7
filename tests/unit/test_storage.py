"""``dbbackup.storage``: the storage of the backups for code of one's own, and what signals give."""

import io
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dbbackup.exceptions import BackupNotFoundError, StorageError
from dbbackup.storage import Storage, get_storage, get_storage_class
from tests.conftest import Call
from tests.project import fill
from tests.storages import Plain


@pytest.fixture
def backups(call: Call, database: Path, tmp_path: Path, settings: Settings) -> list[str]:
    """A plain backup, a compressed one, one of another server and one of media; oldest first."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    fill(database, ["a"])
    for arguments in ([], ["-z"], ["-s", "other"]):
        call("dbbackup", *arguments)
    call("mediabackup", "-z")
    return [line.split()[0] for line in call("listbackups", "-q").splitlines()]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"compressed": True}, [1, 3]),
        ({"compressed": False}, [0, 2]),
        ({"encrypted": True}, []),
        ({"content_type": "media"}, [3]),
        ({"content_type": "db", "servername": "host"}, [0, 1]),
        ({"database": "default", "servername": "other"}, [2]),
        ({"database": "defaul"}, []),
        ({"servername": "hos"}, []),
    ],
)
def test_backups_are_listed_by_exactly_what_is_asked_for(
    backups: list[str], filters: dict[str, Any], expected: list[int]
) -> None:
    names = [backups[index] for index in expected]
    storage = get_storage()
    assert storage.list_backups(**filters) == names
    if names:
        assert storage.get_older_backup(**filters) == names[0]
        assert storage.get_latest_backup(**filters) == names[-1]
    else:
        for find in (storage.get_latest_backup, storage.get_older_backup):
            with pytest.raises(StorageError):
                find(**filters)


def test_no_backup_is_an_error_of_its_own(store: Path) -> None:
    store.mkdir()
    with pytest.raises(BackupNotFoundError):
        get_storage().get_latest_backup()


def test_a_wrong_content_type_is_named(backups: list[str]) -> None:
    with pytest.raises(TypeError, match="must be db or media"):
        get_storage().list_backups(content_type="database")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ({"content_type": "db", "database": "default", "keep_number": 1}, [1, 2, 3]),
        ({"content_type": "media", "keep_number": 0}, [0, 1, 2, 3]),
        ({"content_type": "db", "servername": "other", "keep_number": 1}, [0, 1, 2, 3]),
        ({"compressed": True, "keep_number": 1}, [1, 2, 3]),
    ],
)
def test_cleaning_keeps_to_one_server_and_never_deletes_the_newest(
    backups: list[str], arguments: dict[str, Any], left: list[int]
) -> None:
    get_storage().clean_old_backups(**arguments)
    assert get_storage().list_backups() == [backups[index] for index in left]


def test_files_are_written_read_listed_and_deleted(store: Path) -> None:
    storage = get_storage()
    name = storage.write_file(io.BytesIO(b"notes"), "notes.txt")
    assert (name, storage.list_directory()) == ("notes.txt", ["notes.txt"])
    with storage.read_file("notes.txt") as file:
        assert (file.read(), Path(file.name).name) == (b"notes", "notes.txt")
    storage.delete_file("notes.txt")
    assert storage.list_directory() == []


def test_another_class_takes_the_configured_options_and_those_that_are_given(
    store: Path, tmp_path: Path
) -> None:
    path = "tests.storages.Plain"
    assert Path(get_storage(path).storage.location) == store
    assert type(get_storage(path).storage) is Plain
    elsewhere = get_storage(path, {"LOCATION": str(tmp_path / "elsewhere")})
    assert Path(elsewhere.storage.location) == tmp_path / "elsewhere"
    same_class = get_storage(options={"location": str(tmp_path / "elsewhere")})
    assert Path(same_class.storage.location) == tmp_path / "elsewhere"
    assert (str(Storage()), get_storage_class(path)) == ("dbbackup-FileSystemStorage", Plain)
