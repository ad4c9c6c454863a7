"""Where backups may be kept."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from pytest_django import Settings

from dbbackup._bridge import StorageBridge
from dbbackup._place import backup_place, backup_storage, media_folder
from dbbackup.conf import get_settings
from dbbackup.exceptions import ConfigurationError
from tests import storages as habits

LOCAL = "django.core.files.storage.FileSystemStorage"


def configure(settings: Settings, backend: str = LOCAL, **options: object) -> None:
    settings.STORAGES = {
        "default": {"BACKEND": LOCAL},
        "staticfiles": {"BACKEND": LOCAL},
        "dbbackup": {"BACKEND": backend, "OPTIONS": options},
    }


def refusal() -> str:
    with pytest.raises(ConfigurationError) as caught:
        backup_storage(get_settings())
    return caught.value.for_terminal()


def test_a_folder_of_its_own_is_a_store(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    configure(settings, location=tmp_path / "backups")
    place = backup_place(get_settings())
    assert (place.folder, place.bridge) == (tmp_path / "backups", None)
    assert not (tmp_path / "backups").exists()


def test_no_storage_is_refused_with_the_setting_to_write(settings: Settings) -> None:
    settings.STORAGES = {"default": {"BACKEND": LOCAL}, "staticfiles": {"BACKEND": LOCAL}}
    text = refusal()
    assert "`STORAGES['dbbackup']` is missing" in text
    assert 'write in the settings: STORAGES = {..., "dbbackup": {"BACKEND": "django.core' in text
    settings.DBBACKUP_ALLOW_PUBLIC_STORAGE = True
    assert type(backup_storage(get_settings())) is FileSystemStorage


@pytest.mark.parametrize("setting", ["MEDIA_ROOT", "STATIC_ROOT"])
@pytest.mark.parametrize("folder", ["public", "public/backups", "link/backups"])
def test_a_public_folder_is_refused(settings: Settings, tmp_path: Path, setting: str, folder: str) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "public")
    setattr(settings, setting, str(tmp_path / "public"))
    configure(settings, location=tmp_path / folder)
    text = refusal()
    assert f"it lies in the folder of `{setting}`" in text
    assert "DBBACKUP_ALLOW_PUBLIC_STORAGE = True" in text
    settings.DBBACKUP_ALLOW_PUBLIC_STORAGE = True
    assert Path(backup_storage(get_settings()).location) == tmp_path / folder


def test_a_folder_whose_name_only_begins_alike_is_not_public(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    configure(settings, location=tmp_path / "media-backups")
    assert backup_storage(get_settings())


def test_the_folder_of_the_default_storage_is_public(settings: Settings, tmp_path: Path) -> None:
    configure(settings, location=tmp_path / "uploads" / "backups")
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": LOCAL, "OPTIONS": {"location": tmp_path / "uploads"}}
    }
    assert 'STORAGES["default"]' in refusal()


def test_a_storage_without_a_folder_is_refused(settings: Settings) -> None:
    configure(settings)
    assert "names no folder" in refusal()


def test_a_subclass_may_do_anything_and_is_asked(settings: Settings, tmp_path: Path) -> None:
    configure(settings, "tests.storages.Plain", location=tmp_path / "backups")
    place = backup_place(get_settings())
    assert place.folder is None
    assert place.bridge


def test_a_subclass_in_a_public_folder_is_refused_too(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    configure(settings, "tests.storages.Plain", location=tmp_path / "backups")
    assert "it lies in the folder of `MEDIA_ROOT`" in refusal()


def test_the_storage_of_the_media_is_no_place_for_backups(settings: Settings) -> None:
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    configure(settings)
    settings.STORAGES = settings.STORAGES | {"default": memory, "dbbackup": memory}
    assert "is the storage of the media files" in refusal()
    settings.DBBACKUP_ALLOW_PUBLIC_STORAGE = True
    assert backup_place(get_settings()).bridge


@pytest.mark.parametrize(
    ("storage", "is_atomic"),
    [(habits.Memory(), True), (habits.Plain("x"), False), (habits.WithoutListing("x"), False)],
)
def test_only_storages_known_to_commit_atomically_are_trusted_to(storage: object, is_atomic: bool) -> None:
    assert StorageBridge(storage).is_atomic is is_atomic


def test_an_override_of_save_is_not_trusted(settings: Settings) -> None:
    class Own(habits.Memory):
        def _save(self, name: str, content: Any) -> str:
            return str(super()._save(name, content))  # type: ignore[misc]

    class OwnSave(habits.Memory):
        def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
            return str(super().save(name, content, max_length))

    assert not StorageBridge(Own()).is_atomic
    assert not StorageBridge(OwnSave()).is_atomic


@pytest.mark.parametrize(
    ("backend", "is_folder"),
    [
        (LOCAL, True),
        ("tests.storages.Plain", True),
        ("tests.storages.Overwriting", True),
        ("tests.storages.Scrambling", False),
        ("tests.storages.Memory", False),
    ],
)
def test_media_are_a_folder_where_files_are_kept_as_they_are(
    settings: Settings, tmp_path: Path, backend: str, is_folder: bool
) -> None:
    configure(settings)
    options = {} if backend.endswith("Memory") else {"location": tmp_path}
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": backend, "OPTIONS": options}}
    assert media_folder(get_settings()) == (tmp_path if is_folder else None)


@pytest.mark.parametrize("backend", ["no.such.Storage", LOCAL])
def test_a_storage_that_cannot_be_made_is_a_wrong_setting(settings: Settings, backend: str) -> None:
    configure(settings, backend, bucket="x")
    assert "cannot use the setting `STORAGES['dbbackup']`" in refusal()
