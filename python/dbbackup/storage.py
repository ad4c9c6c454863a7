"""The storage of the backups, for code of one's own: what signals give, and what django-dbbackup had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from django.core.files.storage import storages
from django.utils.module_loading import import_string

from dbbackup import _engine
from dbbackup._naming import naming
from dbbackup._place import backup_storage, place_of
from dbbackup._prune import PruneRequest, prune
from dbbackup._scope import database_scope, media_scope
from dbbackup.conf import get_settings
from dbbackup.db.base import get_connector
from dbbackup.exceptions import BackupNotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Storage", "StorageError", "get_storage", "get_storage_class"]

ContentType = Literal["db", "media"]

_KINDS: dict[str, _engine.Kind] = {"db": "database", "media": "media"}


class Storage:
    """The place of the backups: a Django storage, with the questions that are asked about backups.

    Args:
        storage_path: Dotted path of a storage class. Default: that of ``STORAGES["dbbackup"]``.
        **options: The arguments of that class. Without path and options: ``STORAGES["dbbackup"]`` itself.

    """

    def __init__(self, storage_path: str | None = None, **options: Any) -> None:
        settings = get_settings()
        path = storage_path or str(settings.storage_backend)
        is_own = storage_path or options
        self.storage: Any = import_string(path)(**options) if is_own else backup_storage(settings)
        """The Django storage."""
        self.name = type(self.storage).__name__
        self._place = place_of(self.storage, settings)

    def __str__(self) -> str:
        return f"dbbackup-{self.name}"

    def list_directory(self, path: str = "") -> list[str]:
        """Return the names of all files in a folder of the storage."""
        return [str(name) for name in self.storage.listdir(path)[1]]

    def list_backups(
        self,
        encrypted: bool | None = None,
        compressed: bool | None = None,
        content_type: ContentType | None = None,
        database: str | None = None,
        servername: str | None = None,
    ) -> list[str]:
        """Return the names of the whole backups, oldest first, filtered by what is not ``None``.

        `database` is an alias, and `servername` a server: exactly that one, never a part of a name.
        """
        kind = _kind(content_type)
        listed, _faulty = _engine.catalogue(self._place.store, naming=naming(get_settings()))
        return [
            backup.name
            for backup in listed
            if backup.reason == "asked"
            and (encrypted is None or (backup.encryption != "none") == encrypted)
            and (compressed is None or (backup.compression != "none") == compressed)
            and (kind is None or backup.kind == kind)
            and (not database or backup.alias == database)
            and (not servername or backup.servername == servername)
        ]

    def get_latest_backup(self, *filters: Any, **more: Any) -> str:
        """Return the name of the newest backup that `list_backups` gives with the same arguments.

        Raises:
            BackupNotFoundError: There is none.

        """
        return self._some(*filters, **more)[-1]

    def get_older_backup(self, *filters: Any, **more: Any) -> str:
        """Return the name of the oldest backup that `list_backups` gives with the same arguments.

        Raises:
            BackupNotFoundError: There is none.

        """
        return self._some(*filters, **more)[0]

    def clean_old_backups(
        self,
        encrypted: bool | None = None,  # noqa: ARG002 (all of a database's backups count, however packed)
        compressed: bool | None = None,  # noqa: ARG002
        content_type: ContentType | None = None,
        database: str | None = None,
        servername: str | None = None,
        keep_number: int | None = None,
    ) -> None:
        """Delete the old backups of one database, or of each, or of the media, as ``--clean`` does."""
        settings = get_settings()
        aliases = [database] if database else list(settings.aliases)
        scopes = [database_scope(get_connector(alias)) for alias in aliases]
        for scope in [media_scope(settings)] if content_type == "media" else scopes:
            keep = settings.cleanup_keep_media if scope.kind == "media" else settings.cleanup_keep
            request = PruneRequest(
                naming=naming(settings),
                scope=scope,
                servername=servername or settings.hostname,
                keep=keep if keep_number is None else keep_number,
            )
            prune(request, settings, place=self._place)

    def read_file(self, filepath: str) -> Any:
        """Open a file of the storage for reading."""
        file = self.storage.open(name=filepath, mode="rb")
        if not getattr(file, "name", None):
            file.name = filepath
        return file

    def write_file(self, filehandle: Any, filename: str) -> str:
        """Store a file; return the name that the storage gave it. It is no backup: it has no manifest."""
        return str(self.storage.save(name=filename, content=filehandle))

    def delete_file(self, filepath: str) -> None:
        """Delete a file of the storage."""
        self.storage.delete(name=filepath)

    def _some(self, *filters: Any, **more: Any) -> list[str]:
        names = self.list_backups(*filters, **more)
        if not names:
            message = "there is no such backup"
            raise BackupNotFoundError(message)
        return names


def get_storage(path: str | None = None, options: Mapping[str, Any] | None = None) -> Storage:
    """Return the storage of the backups, or one of the class `path` with `options` over the configured ones.

    Raises:
        ConfigurationError: There is none, or it lies where anyone can download from it.

    """
    if not path and not options:
        return Storage()
    given = {key.lower(): value for key, value in (options or {}).items()}
    return Storage(path, **{**(get_settings().storage_options or {}), **given})


def get_storage_class(path: str | None = None) -> Any:
    """Return the storage class `path`; without it, that of the default storage."""
    return import_string(path) if path else type(storages["default"])


def _kind(content_type: str | None) -> _engine.Kind | None:
    if content_type is None:
        return None
    if content_type not in _KINDS:
        message = f"`content_type` must be db or media, not `{content_type!r}`"
        raise TypeError(message)
    return _KINDS[content_type]
