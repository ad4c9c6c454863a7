"""Back up one database: settings and options become one call of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbbackup import _engine
from dbbackup._manifest import top_level
from dbbackup._naming import name_generator, naming
from dbbackup._output import Destination, Stored, destination, store_under_free_name
from dbbackup._prune import PruneRequest
from dbbackup.db.base import get_connector
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from dbbackup.conf import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """Which databases are backed up, and where to. Nothing has been opened yet."""

    aliases: tuple[str, ...]
    to: Destination
    naming: _engine.Naming
    servername: str
    compression: _engine.Compression

    def cleaning(self, alias: str, settings: Settings, *, made: str) -> PruneRequest:
        """Return what ``--clean`` does after the backup `made` of the database `alias`."""
        return PruneRequest(
            naming=self.naming,
            kind="database",
            alias=alias,
            database=get_connector(alias).database,
            servername=self.servername,
            keep=settings.cleanup_keep,
            made=made,
        )


def plan_backups(
    settings: Settings,
    *,
    databases: str | None,
    servername: str | None,
    compress: bool,
    filename: str | None,
    path: str | None,
) -> BackupRequest:
    """Return what the options ask for: `databases` is a comma-separated list of aliases.

    Raises:
        ConfigurationError: `filename` or `path` cannot be used, or is one name for several databases.
        RefusedError: `path` is a database of this project.
        UnsupportedError: The storage is not supported yet, or `path` is a URL.

    """
    aliases = _aliases(databases, settings)
    if (filename or path) and len(aliases) > 1:
        option = "-o/--output-filename" if filename else "-O/--output-path"
        message = f"{option} is one name, and there are {len(aliases)} databases: {', '.join(aliases)}"
        hint = (
            "run the command once for each, with -d; or leave the option out: each backup gets its own name"
        )
        raise ConfigurationError(message, hint=hint)
    return BackupRequest(
        aliases=aliases,
        to=destination(settings, filename=filename, path=path),
        naming=naming(settings),
        servername=servername or settings.hostname,
        compression=settings.compression if compress else "none",
    )


def run_backup(
    alias: str, request: BackupRequest, settings: Settings, *, progress: _engine.Progress | None
) -> Stored:
    """Stream the database `alias` into one new backup.

    Raises:
        DbbackupError: It failed; nothing is listed that was not there before.

    """
    connector = get_connector(alias)
    metadata, warnings = top_level(connector, settings)
    generate = name_generator(
        settings,
        kind="database",
        alias=alias,
        servername=request.servername,
        extension=connector.extension,
        compression=request.compression,
    )

    def make(name: str | None) -> _engine.Receipt:
        return _engine.backup(
            request.to.store,
            source=connector.dump_tool(),
            naming=request.naming,
            alias=alias,
            database=connector.database,
            servername=request.servername,
            extension=connector.extension,
            compression=request.compression,
            metadata=metadata,
            name=name,
            replace=request.to.replace,
            progress=progress,
        )

    return store_under_free_name(
        request.to,
        generate=generate,
        make=make,
        compression=request.compression,
        warnings=warnings,
    )


def _aliases(asked: str | None, settings: Settings) -> tuple[str, ...]:
    if asked is None:
        return tuple(dict.fromkeys(settings.databases))
    aliases = tuple(dict.fromkeys(alias.strip() for alias in asked.split(",") if alias.strip()))
    if not aliases:
        message = f"no database is named in `{asked}`"
        raise ConfigurationError(message, hint=f"`DATABASES` has: {', '.join(settings.aliases)}")
    return aliases
