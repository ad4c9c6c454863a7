"""Media in a storage that is no folder, by the commands: there and back, and into folders and out of them."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError
from pytest_django import Settings

from tests.conftest import Call
from tests.project import texts

FILES = {"a.txt": "a", "deep/er/b.txt": "b" * 70_000, "ünïcode ☃.txt": "snow", "empty": ""}


@pytest.fixture(params=["Memory", "Scrambling"])
def media(request: pytest.FixtureRequest, store: Path, tmp_path: Path, settings: Settings) -> Any:
    """The default storage of this process, with some files in it."""
    options = {} if request.param == "Memory" else {"location": str(tmp_path / "media")}
    default = {"BACKEND": f"tests.storages.{request.param}", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": default}
    for name, text in FILES.items():
        storages["default"].save(name, ContentFile(text.encode()))
    return storages["default"]


def contents(storage: Any, folder: str = "") -> dict[str, str]:
    folders, files = storage.listdir(folder)
    prefix = f"{folder}/" if folder else ""
    found = {}
    for name in files:
        with storage.open(prefix + name) as file:
            found[prefix + name] = file.read().decode()
    for name in folders:
        found |= contents(storage, prefix + name)
    return found


@pytest.mark.parametrize("arguments", [[], ["-z", "--readers", "4"]])
def test_they_come_back(call: Call, media: Any, arguments: list[str]) -> None:
    out = call("mediabackup", *arguments)
    assert "media: stored" in out
    assert "4 files" in out
    for name in FILES:
        media.delete(name)
    assert contents(media) == {}
    assert "4 new" in call("mediarestore", "--noinput")
    assert contents(media) == FILES


def test_what_is_there_stays_unless_it_is_to_be_replaced(call: Call, media: Any) -> None:
    call("mediabackup")
    media.delete("a.txt")
    media.save("a.txt", ContentFile(b"changed"))
    media.save("later.txt", ContentFile(b"later"))
    assert "would restore" in call("mediarestore", "--noinput", "--dry-run", "--replace")
    call("mediarestore", "--noinput")
    assert contents(media) == {**FILES, "a.txt": "changed", "later.txt": "later"}
    assert " replaced" in call("mediarestore", "--noinput", "--replace")
    assert contents(media) == {**FILES, "later.txt": "later"}


def test_a_damaged_backup_changes_no_file(call: Call, media: Any, store: Path) -> None:
    call("mediabackup", "-z")
    (backup,) = (path for path in store.iterdir() if not path.name.endswith(".metadata"))
    backup.write_bytes(backup.read_bytes()[:-20])
    media.delete("a.txt")
    with pytest.raises(CommandError) as caught:
        call("mediarestore", "--noinput", "-i", backup.name)
    assert caught.value.returncode == 6
    assert contents(media) == {name: text for name, text in FILES.items() if name != "a.txt"}


def test_a_backup_of_a_storage_goes_into_a_folder_and_back(call: Call, media: Any, tmp_path: Path) -> None:
    call("mediabackup")
    call("mediarestore", "--noinput", "--into", str(tmp_path / "folder"))
    assert texts(tmp_path / "folder") == FILES


def test_a_backup_of_a_folder_goes_into_a_storage(
    call: Call, media: Any, tmp_path: Path, settings: Settings
) -> None:
    for name, text in FILES.items():
        path = tmp_path / "uploads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        media.delete(name)
    settings.DBBACKUP_MEDIA_PATH = str(tmp_path / "uploads")
    call("mediabackup")
    del settings.DBBACKUP_MEDIA_PATH
    call("mediarestore", "--noinput")
    assert contents(media) == FILES


def test_excluded_files_and_parts(call: Call, media: Any, settings: Settings) -> None:
    settings.DBBACKUP_MEDIA_EXCLUDE = ["deep/"]
    call("mediabackup")
    for name in FILES:
        media.delete(name)
    call("mediarestore", "--noinput", "--only", "a.txt")
    assert contents(media) == {"a.txt": "a"}
    call("mediarestore", "--noinput")
    assert contents(media) == {name: text for name, text in FILES.items() if not name.startswith("deep/")}


def test_a_storage_that_cannot_list_its_files_is_named(
    call: Call, store: Path, tmp_path: Path, settings: Settings
) -> None:
    backend = {"BACKEND": "tests.storages.WithoutListing", "OPTIONS": {"location": str(tmp_path / "media")}}
    settings.STORAGES = settings.STORAGES | {"default": backend}
    with pytest.raises(CommandError, match="does not list its files") as caught:
        call("mediabackup")
    assert "DBBACKUP_MEDIA_PATH" in str(caught.value)
    assert list(store.iterdir()) == []


def test_the_folder_of_the_backups_is_never_in_them(
    call: Call, tmp_path: Path, store: Path, settings: Settings
) -> None:
    options = {"location": str(tmp_path / "media")}
    default = {"BACKEND": "tests.storages.Scrambling", "OPTIONS": options}
    backups = {
        "BACKEND": "tests.storages.Scrambling",
        "OPTIONS": {"location": str(tmp_path / "media" / "private" / "backups")},
    }
    settings.STORAGES = settings.STORAGES | {"default": default, "dbbackup": backups}
    settings.DBBACKUP_ALLOW_PUBLIC_STORAGE = True
    storages["default"].save("a.txt", ContentFile(b"a"))
    call("mediabackup")
    assert "1 file," in call("mediabackup")
