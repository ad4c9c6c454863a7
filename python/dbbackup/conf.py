"""Every setting that is read, as one frozen value."""

from __future__ import annotations

import socket
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings as django_settings
from django.db import connections
from django.utils.module_loading import import_string

from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dbbackup._engine import Compression

STORAGE_ALIAS = "dbbackup"
"""The key in ``STORAGES`` under which backups are kept."""

_COMPRESSIONS = ("none", "gzip", "zstd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The ``DBBACKUP_*`` settings and what belongs to them in Django's own.

    Built by :func:`get_settings` when a command starts, never at import, and handed on from there.
    """

    databases: tuple[str, ...]
    """``DBBACKUP_DATABASES``: aliases that are backed up when none is asked for. Default: all."""

    aliases: tuple[str, ...]
    """All aliases of ``DATABASES``."""

    hostname: str
    """``DBBACKUP_HOSTNAME``: the server's name in the names of backups. Default: this host's."""

    tmp_dir: str
    """``DBBACKUP_TMP_DIR``: where snapshots go that cannot be streamed. Default: the system's."""

    cleanup_keep: int
    """``DBBACKUP_CLEANUP_KEEP``: backups that ``--clean`` keeps of one database and server. Default: 10."""

    cleanup_keep_media: int
    """``DBBACKUP_CLEANUP_KEEP_MEDIA``: the same for media. Default: as many as of a database."""

    cleanup_keep_filter: object
    """``DBBACKUP_CLEANUP_KEEP_FILTER``: a callable, name → whether ``--clean`` keeps it beside the count."""

    date_format: str
    """``DBBACKUP_DATE_FORMAT``: ``strftime`` format of ``{datetime}`` in a name; it sorts as text does."""

    filename_template: str | Callable[..., str]
    """``DBBACKUP_FILENAME_TEMPLATE``: a format string, or a callable with the same five keywords."""

    media_path: str | None
    """``DBBACKUP_MEDIA_PATH``: the folder of the media. Default: that of ``STORAGES["default"]``."""

    media_exclude: tuple[str, ...]
    """``DBBACKUP_MEDIA_EXCLUDE``: patterns, as in a ``.gitignore``, of media to leave out. Default: none."""

    media_filename_template: str | Callable[..., str]
    """``DBBACKUP_MEDIA_FILENAME_TEMPLATE``: the same for media; its ``databasename`` is empty."""

    connectors: Mapping[str, Mapping[str, Any]]
    """``DBBACKUP_CONNECTORS``: alias → options over the alias's entry in ``DATABASES``."""

    connector_mapping: Mapping[str, str]
    """``DBBACKUP_CONNECTOR_MAPPING``: engine → dotted path of a connector, over the built-in table."""

    compression: Compression
    """``DBBACKUP_COMPRESSION``: what ``-z`` means. Default: ``gzip``, which every system can read."""

    backup_metadata_setter: object
    """``DBBACKUP_BACKUP_METADATA_SETTER``: a callable or its path, manifest → keys to add to it."""

    restore_metadata_validator: object
    """``DBBACKUP_RESTORE_METADATA_VALIDATOR``: a callable or its path, manifest → allowed?"""

    storage_options: Mapping[str, Any] | None
    """``STORAGES["dbbackup"]["OPTIONS"]``; ``None`` when there is no ``STORAGES["dbbackup"]``."""

    public_roots: Mapping[str, str]
    """Folders that web servers publish, by the setting that names them: no place for backups."""

    allow_public_storage: bool
    """``DBBACKUP_ALLOW_PUBLIC_STORAGE``: keep backups in such a folder all the same. Default: no."""

    time_zone: str | None
    """``TIME_ZONE``: the dates in names and on screen are local times there. ``None``: the system's."""


def get_settings() -> Settings:
    """Return the settings as they are now.

    Nothing is remembered between calls, so ``override_settings`` works without further ado.

    Raises:
        ConfigurationError: A setting has a value that cannot be used, or is one that was replaced.

    """
    _refuse_replaced_settings()
    aliases = tuple(connections)
    storage = django_settings.STORAGES.get(STORAGE_ALIAS)
    cleanup_keep = _count("CLEANUP_KEEP", 10)
    media_path = _setting("MEDIA_PATH", None)
    return Settings(
        databases=_databases(aliases),
        aliases=aliases,
        hostname=_setting("HOSTNAME", None) or socket.gethostname(),
        tmp_dir=str(_setting("TMP_DIR", None) or tempfile.gettempdir()),
        cleanup_keep=cleanup_keep,
        cleanup_keep_media=_count("CLEANUP_KEEP_MEDIA", cleanup_keep),
        cleanup_keep_filter=_setting("CLEANUP_KEEP_FILTER", None),
        date_format=_setting("DATE_FORMAT", "%Y-%m-%d-%H%M%S"),
        filename_template=_setting("FILENAME_TEMPLATE", "{databasename}-{servername}-{datetime}.{extension}"),
        media_path=str(media_path) if media_path else None,
        media_exclude=_media_exclude(),
        media_filename_template=_setting("MEDIA_FILENAME_TEMPLATE", "{servername}-{datetime}.{extension}"),
        connectors=_setting("CONNECTORS", {}),
        connector_mapping=_setting("CONNECTOR_MAPPING", {}),
        compression=_compression(),
        backup_metadata_setter=_setting("BACKUP_METADATA_SETTER", None),
        restore_metadata_validator=_setting("RESTORE_METADATA_VALIDATOR", None),
        storage_options=None if storage is None else storage.get("OPTIONS", {}),
        public_roots=_public_roots(),
        allow_public_storage=bool(_setting("ALLOW_PUBLIC_STORAGE", False)),
        time_zone=django_settings.TIME_ZONE or None,
    )


def _setting(name: str, default: Any) -> Any:
    return getattr(django_settings, f"DBBACKUP_{name}", default)


def _refuse_replaced_settings() -> None:
    for name in ("STORAGE", "STORAGE_OPTIONS"):
        if _setting(name, None) is not None:
            message = f"the setting `DBBACKUP_{name}` was replaced by `STORAGES[{STORAGE_ALIAS!r}]`"
            raise ConfigurationError(
                message,
                subject=f"DBBACKUP_{name}",
                hint=(
                    f'move it: STORAGES = {{..., "{STORAGE_ALIAS}": '
                    '{"BACKEND": <DBBACKUP_STORAGE>, "OPTIONS": <DBBACKUP_STORAGE_OPTIONS>}}'
                ),
            )


def _databases(aliases: tuple[str, ...]) -> tuple[str, ...]:
    value = _setting("DATABASES", aliases)
    if isinstance(value, str) or not all(isinstance(alias, str) for alias in value):
        message = f"`DBBACKUP_DATABASES` must be a list of aliases, not `{value!r}`"
        raise ConfigurationError(message, subject="DBBACKUP_DATABASES")
    return tuple(value)


def _count(name: str, default: int) -> int:
    value = _setting(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        message = f"`DBBACKUP_{name}` must be a whole number from 0, not `{value!r}`"
        raise ConfigurationError(message, subject=f"DBBACKUP_{name}")
    return value


def _media_exclude() -> tuple[str, ...]:
    value = _setting("MEDIA_EXCLUDE", [])
    if not isinstance(value, (list, tuple)) or not all(isinstance(pattern, str) for pattern in value):
        message = f"`DBBACKUP_MEDIA_EXCLUDE` must be a list of patterns, not `{value!r}`"
        raise ConfigurationError(message, subject="DBBACKUP_MEDIA_EXCLUDE")
    return tuple(value)


def load_callable(name: str, value: object) -> Callable[..., Any]:
    """Return the callable that the setting ``DBBACKUP_<name>`` holds, or names by its dotted path.

    Raises:
        ConfigurationError: It cannot be imported, or is no callable.

    """
    subject = f"DBBACKUP_{name}"
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError as error:
            message = f"cannot import `{value}` of `{subject}`: {error}"
            raise ConfigurationError(message, subject=subject) from error
    if not callable(value):
        message = f"`{subject}` must be a callable or the dotted path of one, not `{value!r}`"
        raise ConfigurationError(message, subject=subject)
    return value


def _compression() -> Compression:
    value = _setting("COMPRESSION", "gzip")
    if value not in _COMPRESSIONS:
        message = f"`DBBACKUP_COMPRESSION` must be one of {', '.join(_COMPRESSIONS)}, not `{value!r}`"
        raise ConfigurationError(message, subject="DBBACKUP_COMPRESSION")
    return cast("Compression", value)


def _public_roots() -> dict[str, str]:
    default_options = django_settings.STORAGES.get("default", {}).get("OPTIONS", {})
    roots = {
        "MEDIA_ROOT": django_settings.MEDIA_ROOT,
        "STATIC_ROOT": django_settings.STATIC_ROOT,
        'STORAGES["default"]': default_options.get("location"),
    }
    return {setting: str(root) for setting, root in roots.items() if root}
