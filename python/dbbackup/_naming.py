"""Names of backups: what the settings say, for the engine, which makes and reads them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dbbackup._engine import Naming
from dbbackup.conf import get_settings
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbbackup._engine import Compression, Kind
    from dbbackup.conf import Settings

_EXTENSIONS = ("sqlite3", "psql.bin", "psql", "dump", "json")
"""Of all connectors that django-dbbackup had: files that it made are told from other files by them."""

_SUFFIXES: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}


def endings(compression: Compression, *, encrypted: bool) -> str:
    """Return what stands behind the extension: compressed first, then encrypted."""
    return _SUFFIXES[compression] + (".gpg" if encrypted else "")


def naming(settings: Settings) -> Naming:
    """Return the engine's description of how backups are named in this project."""
    template, media_template = settings.filename_template, settings.media_filename_template
    own_extensions = [
        str(value)
        for options in settings.connectors.values()
        for key, value in options.items()
        if key.upper() == "EXTENSION"
    ]
    own_extensions += _connector_extensions(settings)
    return Naming(
        template=None if callable(template) else template,
        media_template=None if callable(media_template) else media_template,
        date_format=settings.date_format,
        servername=settings.hostname,
        time_zone=settings.time_zone,
        aliases=settings.aliases,
        extensions=list(dict.fromkeys([*_EXTENSIONS, *own_extensions])),
    )


def _connector_extensions(settings: Settings) -> list[str]:
    """Return what the backups of the project's own connectors end in."""
    from dbbackup.db.base import connector_class_of

    extensions = []
    for alias in settings.aliases:
        with suppress(Exception):  # whoever uses the connector is told
            extensions.append(str(connector_class_of(alias).extension))
    return extensions


def database_stem(name: str) -> str:
    """Return a ``NAME`` without folder and what follows its first dot: ``/srv/shop.sqlite3`` → ``shop``."""
    return PurePath(name).name.split(".")[0]


def name_generator(
    settings: Settings, *, kind: Kind, alias: str, servername: str, extension: str, endings: str
) -> Callable[[], str] | None:
    """Return what makes names by the project's own function; ``None``: they are made from its template."""
    template = settings.filename_template if kind == "database" else settings.media_filename_template
    if not callable(template):
        return None
    return partial(
        name_from_callable,
        template,
        settings,
        kind=kind,
        alias=alias,
        servername=servername,
        extension=extension,
        endings=endings,
    )


def name_from_callable(
    template: Callable[..., Any],
    settings: Settings,
    *,
    kind: Kind,
    alias: str,
    servername: str,
    extension: str,
    endings: str = "",
) -> str:
    """Return the name that the project's own function gives to a backup that is made now.

    It is called with the keywords ``databasename``, ``servername``, ``datetime``, ``extension`` and
    ``content_type``, all text; for media ``databasename`` is empty. `endings` are appended to what it returns.

    Raises:
        ConfigurationError: The function failed, or returned something else than a name.

    """
    setting = "DBBACKUP_FILENAME_TEMPLATE" if kind == "database" else "DBBACKUP_MEDIA_FILENAME_TEMPLATE"
    try:
        name = template(
            databasename=database_stem(alias) if kind == "database" else "",
            servername=servername,
            datetime=local_now(settings.time_zone).strftime(settings.date_format),
            extension=extension,
            content_type="db" if kind == "database" else "media",
        )
    except Exception as error:
        message = f"`{setting}` failed: {type(error).__name__}: {error}"
        raise ConfigurationError(message, subject=setting) from error
    if not isinstance(name, str) or not name:
        message = f"`{setting}` must return a name, not `{name!r}`"
        raise ConfigurationError(message, subject=setting)
    return name + endings


def generate_filename(extension: str, alias: str, servername: str | None) -> str:
    """Return the name that a database backup made now gets, before a compression's suffix."""
    settings = get_settings()
    servername = servername or settings.hostname
    template = settings.filename_template
    if not callable(template):
        return naming(settings).generate(alias, servername, extension)
    return name_from_callable(
        template,
        settings,
        kind="database",
        alias=alias,
        servername=servername,
        extension=extension,
    )


def local_now(time_zone: str | None) -> datetime:
    """Return the time in `time_zone`, or in the system's zone; aware."""
    return datetime.now(ZoneInfo(time_zone)) if time_zone else datetime.now().astimezone()


def local_time(moment: datetime, time_zone: str | None) -> datetime:
    """Return the same moment in `time_zone`, or in the system's zone."""
    return moment.astimezone(ZoneInfo(time_zone) if time_zone else None)
