"""The storage of the backups: ``STORAGES["dbbackup"]`` as a store of the engine."""

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, InvalidStorageError, storages

from dbbackup._engine import Store
from dbbackup.conf import STORAGE_ALIAS, Settings
from dbbackup.exceptions import AccessDeniedError, ConfigurationError, StorageError, UnsupportedError

__all__ = [
    "StorageError",
    "backup_folders",
    "backup_storage",
    "folder_store",
    "local_file",
    "local_store",
    "media_folder",
]

DEFAULT_FILE_MODE = 0o600
"""Backups hold everything that a database holds: they are for their owner alone."""

_SETTING_TO_WRITE = (
    f'write in the settings: STORAGES = {{..., "{STORAGE_ALIAS}": {{"BACKEND": '
    '"django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "/var/backups/my-project"}}}'
)


def backup_storage(settings: Settings) -> FileSystemStorage:
    """Return the Django storage that the project keeps its backups in.

    Nothing is created. A folder that a web server publishes is refused.

    Raises:
        ConfigurationError: There is none, it cannot be made, or it lies where anyone can download it.
        UnsupportedError: It is of another class than Django's `FileSystemStorage`.

    """
    if settings.storage_options is None:
        if not settings.allow_public_storage:
            message = f"the setting `STORAGES[{STORAGE_ALIAS!r}]` is missing: there is no place for backups"
            raise ConfigurationError(
                message,
                subject=STORAGE_ALIAS,
                hint=_SETTING_TO_WRITE,
            )
        return FileSystemStorage()
    storage = _configured_storage(STORAGE_ALIAS)
    if type(storage) is not FileSystemStorage:
        message = f"backups in a `{_class_path(storage)}` are not supported yet"
        raise UnsupportedError(
            message,
            subject=STORAGE_ALIAS,
            hint=f"only `django.core.files.storage.FileSystemStorage` works so far; {_SETTING_TO_WRITE}",
        )
    if not settings.allow_public_storage:
        _refuse_public(storage, settings)
    return storage


def backup_folders(settings: Settings) -> tuple[str, ...]:
    """Return the folder of ``STORAGES["dbbackup"]``, if it is one, public or not."""
    if settings.storage_options is None:
        return ()
    storage = _configured_storage(STORAGE_ALIAS)
    return (str(storage.location),) if isinstance(storage, FileSystemStorage) else ()


def local_store(storage: FileSystemStorage, settings: Settings) -> Store:
    """Return the engine's store for the folder of `storage`.

    Files get the ``file_permissions_mode`` of ``STORAGES["dbbackup"]["OPTIONS"]``, else 0600:
    ``FILE_UPLOAD_PERMISSIONS``, which the storage would fall back to, is about files that are published.
    """
    mode = (settings.storage_options or {}).get("file_permissions_mode")
    return Store(str(storage.location), file_mode=DEFAULT_FILE_MODE if mode is None else mode)


def folder_store(folder: Path) -> Store:
    """Return a store for a folder that was named on the command line."""
    return Store(str(folder), file_mode=DEFAULT_FILE_MODE)


def local_file(path: str) -> tuple[Path, os.stat_result | None]:
    """Return the file that `path` means, links followed, and what is known of it; ``None``: it is not there.

    Raises:
        AccessDeniedError: It cannot be told, for want of rights.

    """
    # `Path.resolve` would raise on a loop of links.
    file = Path(os.path.realpath(path))
    try:
        return file, file.stat()
    except PermissionError as error:
        message = f"cannot look at `{path}`: {error.strerror}"
        raise AccessDeniedError(message, subject=path) from error
    except OSError:
        return file, None


def media_folder(settings: Settings) -> Path:
    """Return the folder of the media: ``DBBACKUP_MEDIA_PATH``, else that of ``STORAGES["default"]``.

    Raises:
        ConfigurationError: Neither names one.
        UnsupportedError: The default storage is of another class than Django's `FileSystemStorage`.

    """
    if settings.media_path:
        return Path(settings.media_path).absolute()
    storage = _configured_storage("default")
    hint = "name the folder of the media in `DBBACKUP_MEDIA_PATH`"
    if type(storage) is not FileSystemStorage:
        message = f"media in a `{_class_path(storage)}` are not supported yet"
        raise UnsupportedError(message, subject="default", hint=hint)
    # The storage makes the working directory of an empty MEDIA_ROOT, which is Django's default.
    if not storage.base_location:
        message = "the setting `MEDIA_ROOT` is empty: the project has no folder of media"
        raise ConfigurationError(message, subject="MEDIA_ROOT", hint=f"set it, or {hint}")
    return Path(storage.location)


def _class_path(storage: object) -> str:
    return f"{type(storage).__module__}.{type(storage).__qualname__}"


def _configured_storage(alias: str) -> Any:
    try:
        return storages[alias]
    except (ImportError, InvalidStorageError, ImproperlyConfigured, TypeError) as error:
        message = f"cannot use the setting `STORAGES[{alias!r}]`: {error}"
        raise ConfigurationError(message, subject=alias) from error


def _refuse_public(storage: FileSystemStorage, settings: Settings) -> None:
    if not (settings.storage_options or {}).get("location"):
        message = (
            f"`STORAGES[{STORAGE_ALIAS!r}]` names no folder, so that backups would go to the media files"
        )
        raise ConfigurationError(
            message,
            subject=STORAGE_ALIAS,
            hint=_SETTING_TO_WRITE,
        )
    location = Path(storage.location).resolve()
    for setting, root in settings.public_roots.items():
        if location.is_relative_to(Path(root).resolve()):
            message = (
                f"backups in `{location}` would be public: it lies in the folder of `{setting}`, "
                "which web servers publish"
            )
            raise ConfigurationError(
                message,
                subject=str(location),
                hint=(
                    f"{_SETTING_TO_WRITE}; if nobody can download from that folder, write "
                    "DBBACKUP_ALLOW_PUBLIC_STORAGE = True instead"
                ),
            )
