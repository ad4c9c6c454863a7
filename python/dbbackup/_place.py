"""Places for backups: ``STORAGES["dbbackup"]``, a folder, an S3 bucket; and the folder of the media."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.core.files.storage import FileSystemStorage, storages

from dbbackup import _engine
from dbbackup._bridge import StorageBridge
from dbbackup.conf import STORAGE_ALIAS
from dbbackup.exceptions import AccessDeniedError, ConfigurationError

if TYPE_CHECKING:
    from dbbackup.conf import Settings

DEFAULT_FILE_MODE = 0o600
"""Backups hold everything that a database holds: they are for their owner alone."""

_SETTING_TO_WRITE = (
    f'write in the settings: STORAGES = {{..., "{STORAGE_ALIAS}": {{"BACKEND": '
    '"django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "/var/backups/my-project"}}}'
)

_ANOTHER_PLACE = "give it a bucket or a folder of its own"

_TO_OVERRIDE = "if nobody can download from there, write DBBACKUP_ALLOW_PUBLIC_STORAGE = True instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where backups are kept. Nothing has been opened yet."""

    store: _engine.Store
    folder: Path | None
    """The folder, where the place is one."""
    bridge: StorageBridge | None
    """The way to the storage, where it is no folder."""

    def take_warnings(self) -> tuple[str, ...]:
        """Return what the storage made us notice since the last call, one sentence each."""
        if self.bridge is None:
            return ()
        warnings, self.bridge.warnings = tuple(self.bridge.warnings), []
        return warnings


def backup_place(settings: Settings) -> Place:
    """Return the place of the project's backups.

    A `FileSystemStorage` itself is its folder. Files there get the ``file_permissions_mode`` of
    ``STORAGES["dbbackup"]["OPTIONS"]``, else 0600: ``FILE_UPLOAD_PERMISSIONS``, which the storage would fall back
    to, is about files that are published. Folders that are made get its ``directory_permissions_mode``. Every
    other class, subclasses too, may do anything, and is asked.

    Raises:
        ConfigurationError: There is no storage, it cannot be made, or it lies where anyone can download it.

    """
    return place_of(backup_storage(settings), settings)


def place_of(storage: Any, settings: Settings) -> Place:
    """Return the place that a storage is."""
    if type(storage) is FileSystemStorage:
        options = settings.storage_options or {}
        mode = options.get("file_permissions_mode")
        return folder_place(
            Path(storage.location),
            file_mode=DEFAULT_FILE_MODE if mode is None else mode,
            folder_mode=options.get("directory_permissions_mode"),
        )
    return _bridged(StorageBridge(storage, tmp_dir=settings.tmp_dir))


def folder_place(
    folder: Path, *, file_mode: int = DEFAULT_FILE_MODE, folder_mode: int | None = None
) -> Place:
    """Return a folder as a place."""
    store = _engine.Store(str(folder), file_mode=file_mode, folder_mode=folder_mode)
    return Place(store=store, folder=folder, bridge=None)


def s3_place(url: str, settings: Settings) -> tuple[Place, str]:
    """Return the bucket's folder that ``s3://bucket/folder/name`` means, and the name; empty after a last slash.

    The storage is one of the class of ``STORAGES["dbbackup"]``, with its options but for the bucket and the
    ``location``.

    Raises:
        ConfigurationError: The configured storage is no S3 storage, or the URL names no bucket.

    """
    bucket, _, path = url.removeprefix("s3://").partition("/")
    folder, slash, name = path.rpartition("/")
    configured = backup_storage(settings)
    if not any(base.__name__ in _S3_CLASSES for base in type(configured).__mro__):
        message = f"cannot use `{url}`: the class of `STORAGES[{STORAGE_ALIAS!r}]` is no S3 storage"
        hint = "the bucket is reached with that storage's class and credentials: configure one of django-storages"
        raise ConfigurationError(message, subject=url, hint=hint)
    if not bucket:
        message = f"cannot use `{url}`: it names no bucket"
        raise ConfigurationError(message, subject=url, hint="write s3://bucket/folder/name")
    options = {**(settings.storage_options or {}), "bucket_name": bucket, "location": ""}
    options.pop("bucket", None)
    bridge = StorageBridge(type(configured)(**options), prefix=folder + slash, tmp_dir=settings.tmp_dir)
    return _bridged(bridge), name


def backup_storage(settings: Settings) -> Any:
    """Return the Django storage that the project keeps its backups in.

    Nothing is created. A folder that a web server publishes is refused.

    Raises:
        ConfigurationError: There is none, it cannot be made, or it lies where anyone can download it.

    """
    if settings.storage_options is None:
        if not settings.allow_public_storage:
            message = f"the setting `STORAGES[{STORAGE_ALIAS!r}]` is missing: there is no place for backups"
            raise ConfigurationError(message, subject=STORAGE_ALIAS, hint=_SETTING_TO_WRITE)
        return FileSystemStorage()
    storage = configured_storage(STORAGE_ALIAS)
    if not settings.allow_public_storage:
        _refuse_public(storage, settings)
    return storage


def backup_folders(settings: Settings) -> tuple[str, ...]:
    """Return the folder of ``STORAGES["dbbackup"]``, if it is one, public or not."""
    if settings.storage_options is None:
        return ()
    storage = configured_storage(STORAGE_ALIAS)
    return (str(storage.location),) if isinstance(storage, FileSystemStorage) else ()


def media_folder(settings: Settings) -> Path | None:
    """Return the folder of the media: ``DBBACKUP_MEDIA_PATH``, else that of ``STORAGES["default"]``.

    ``None``: the media are in a storage that is no folder, or that may do more with its files than keep them.

    Raises:
        ConfigurationError: The project has no place for media.

    """
    if settings.media_path:
        return Path(settings.media_path).absolute()
    storage = configured_storage("default")
    if not isinstance(storage, FileSystemStorage) or not _keeps_files_as_they_are(type(storage)):
        return None
    # The storage makes the working directory of an empty MEDIA_ROOT, which is Django's default.
    if not storage.base_location:
        message = "the setting `MEDIA_ROOT` is empty: the project has no folder of media"
        hint = "set it, or name the folder of the media in `DBBACKUP_MEDIA_PATH`"
        raise ConfigurationError(message, subject="MEDIA_ROOT", hint=hint)
    return Path(storage.location)


def folder_of_backups_in(media: Any, backups: Place) -> str | None:
    """Return the folder in the storage `media` that the backups lie in; ``None``: they are somewhere else."""
    if backups.folder and isinstance(media, FileSystemStorage):
        root, folder = Path(media.location).resolve(), backups.folder.resolve()
        return str(folder.relative_to(root)) if folder != root and folder.is_relative_to(root) else None
    if backups.bridge is None:
        return None
    storage = backups.bridge.storage.raw
    is_one_place = all(getattr(media, name, None) == getattr(storage, name, None) for name in _WHICH_PLACE)
    top, below = (str(getattr(each, "location", "") or "").strip("/") for each in (media, storage))
    prefix = f"{top}/" if top else ""
    is_inside = type(media) is type(storage) and is_one_place and below.startswith(prefix) and below != top
    return below.removeprefix(prefix) if is_inside else None


def _keeps_files_as_they_are(storage_class: type) -> bool:
    methods = ("open", "_open", "save", "_save", "listdir", "path", "exists")
    return all(getattr(storage_class, name) is getattr(FileSystemStorage, name) for name in methods)


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


def _bridged(bridge: StorageBridge) -> Place:
    return Place(store=_engine.Store.over(bridge), folder=None, bridge=bridge)


def configured_storage(alias: str) -> Any:
    """Return ``STORAGES[alias]``.

    Raises:
        ConfigurationError: There is none, or it cannot be made.

    """
    try:
        return storages[alias]
    except Exception as error:
        message = f"cannot use the setting `STORAGES[{alias!r}]`: {error}"
        hint = "correct its BACKEND and OPTIONS, or install what its class needs"
        raise ConfigurationError(message, subject=alias, hint=hint) from error


def _refuse_public(storage: Any, settings: Settings) -> None:
    is_default = django_settings.STORAGES.get(STORAGE_ALIAS) == django_settings.STORAGES.get("default")
    is_folder = isinstance(storage, FileSystemStorage)
    if is_default and not is_folder:
        message = (
            f"`STORAGES[{STORAGE_ALIAS!r}]` is the storage of the media files, which anyone may download"
        )
        raise ConfigurationError(message, subject=STORAGE_ALIAS, hint=f"{_ANOTHER_PLACE}; {_TO_OVERRIDE}")
    if not is_folder:
        return
    if type(storage) is FileSystemStorage and not (settings.storage_options or {}).get("location"):
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
                hint=f"{_SETTING_TO_WRITE}; {_TO_OVERRIDE}",
            )


_WHICH_PLACE = ("bucket_name", "endpoint_url", "azure_container", "account_name", "_host")
"""Attributes of django-storages' classes that say where they keep their files."""

_S3_CLASSES = ("S3Storage", "S3Boto3Storage")
