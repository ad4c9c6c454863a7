"""Back up one database: settings and options become one call of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from dbbackup import _engine
from dbbackup._encryption import recipients
from dbbackup._manifest import top_level
from dbbackup._naming import endings, name_generator, naming
from dbbackup._output import Destination, Stored, destination, store_under_free_name
from dbbackup._prune import PruneRequest
from dbbackup._scope import database_scope
from dbbackup.db.base import get_connector
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbbackup.conf import Settings
    from dbbackup.db.base import BaseDBConnector


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """Which databases are backed up, and where to. Nothing has been opened yet."""

    aliases: tuple[str, ...]
    to: Destination
    naming: _engine.Naming
    servername: str
    compression: _engine.Compression
    recipients: _engine.Recipients | None
    """Whom it is encrypted for; ``None``: it is not."""
    exclude: tuple[str, ...] = ()
    """Tables that are left out, on top of the connectors' own."""
    schemas: tuple[str, ...] = ()
    """Of PostgreSQL: the only ones that are backed up."""

    def connector(self, alias: str) -> BaseDBConnector:
        """Return the connector of the database `alias`, with what the options ask for."""
        connector: Any = get_connector(alias)
        connector.exclude = list(dict.fromkeys([*connector.exclude, *self.exclude]))
        if self.schemas and hasattr(connector, "schemas"):
            connector.schemas = list(self.schemas)
        return cast("BaseDBConnector", connector)

    def cleaning(self, alias: str, settings: Settings, *, made: str) -> PruneRequest:
        """Return what ``--clean`` does after the backup `made` of the database `alias`."""
        return PruneRequest(
            naming=self.naming,
            scope=database_scope(get_connector(alias)),
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
    encrypt: bool,
    filename: str | None,
    path: str | None,
    exclude_tables: str | None = None,
    schemas: Sequence[str] = (),
) -> BackupRequest:
    """Return what the options ask for: `databases` and `exclude_tables` are separated by commas.

    Raises:
        ConfigurationError: `filename` or `path` cannot be used, or is one name for several databases; or nobody is
            named to encrypt for.
        RefusedError: `path` is a database of this project.
        UnsupportedError: `path` is a URL of another kind than S3's.

    """
    aliases = _aliases(databases, settings)
    names_one = filename or (path and not (path.startswith("s3://") and path.endswith("/")))
    if names_one and len(aliases) > 1:
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
        recipients=recipients(settings) if encrypt else None,
        exclude=_parts(exclude_tables),
        schemas=tuple(schemas),
    )


def run_backup(
    connector: BaseDBConnector,
    request: BackupRequest,
    settings: Settings,
    *,
    reason: _engine.Reason = "asked",
    progress: _engine.Progress | None,
) -> Stored:
    """Stream the database of `connector` into one new backup.

    Raises:
        DbbackupError: It failed; nothing is listed that was not there before.

    """
    alias = connector.database_name
    metadata = top_level(connector, settings)
    generate = name_generator(
        settings,
        kind="database",
        alias=alias,
        servername=request.servername,
        extension=connector.extension,
        endings=endings(request.compression, encrypted=request.recipients is not None),
    )

    def make(name: str | None) -> _engine.Receipt:
        return _engine.backup(
            request.to.store,
            source=lambda: _from_beginning(connector.create_dump()),
            facts=connector.facts,
            reason=reason,
            naming=request.naming,
            alias=alias,
            database=connector.database,
            servername=request.servername,
            source_id=connector.source_id,
            extension=connector.extension,
            compression=request.compression,
            recipients=request.recipients,
            metadata=metadata,
            name=name,
            named=request.to.name is not None,
            replace=request.to.replace,
            progress=progress,
        )

    return store_under_free_name(
        request.to,
        generate=generate,
        make=make,
        compression=request.compression,
    )


def _from_beginning(dump: Any) -> Any:
    """Return a dump at its beginning: connectors may return the file that they have just written."""
    seekable = getattr(dump, "seekable", None)
    if seekable and seekable():
        dump.seek(0)
    return dump


def _aliases(asked: str | None, settings: Settings) -> tuple[str, ...]:
    if not asked:
        return tuple(dict.fromkeys(settings.databases))
    aliases = tuple(dict.fromkeys(_parts(asked)))
    if not aliases:
        message = f"no database is named in `{asked}`"
        raise ConfigurationError(message, hint=f"`DATABASES` has: {', '.join(settings.aliases)}")
    return aliases


def _parts(text: str | None) -> tuple[str, ...]:
    """Return what stands between the commas."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
