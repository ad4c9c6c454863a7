"""Where backups may be kept."""

from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from pytest_django import Settings

from dbbackup.conf import get_settings
from dbbackup.exceptions import ConfigurationError, UnsupportedError
from dbbackup.storage import backup_storage, local_store

LOCAL = "django.core.files.storage.FileSystemStorage"


class Subclass(FileSystemStorage):
    """May do anything, so it is not treated as a folder."""


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
    read = get_settings()
    assert str(local_store(backup_storage(read), read).location) == str(tmp_path / "backups")
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


@pytest.mark.parametrize(
    "backend", ["django.core.files.storage.InMemoryStorage", f"{__name__}.{Subclass.__name__}"]
)
def test_other_storages_are_named_as_unsupported(settings: Settings, backend: str) -> None:
    configure(settings, backend)
    with pytest.raises(UnsupportedError, match=backend.rpartition(".")[2]) as caught:
        backup_storage(get_settings())
    assert "only `django.core.files.storage.FileSystemStorage` works so far" in caught.value.for_terminal()


@pytest.mark.parametrize("backend", ["no.such.Storage", LOCAL])
def test_a_storage_that_cannot_be_made_is_a_wrong_setting(settings: Settings, backend: str) -> None:
    configure(settings, backend, bucket="x")
    assert "cannot use the setting `STORAGES['dbbackup']`" in refusal()
