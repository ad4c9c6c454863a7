"""Drills of PostgreSQL: into a database of its own on a server, which Django's own driver is asked about."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import ConnectionHandler

from dbbackup import _engine
from dbbackup._migrations import migration_notes
from dbbackup._verified import Drill, Verified
from dbbackup.db.base import connector_class_of, get_connector
from dbbackup.db.postgresql import PgDumpBinaryConnector, PgDumpConnector
from dbbackup.exceptions import ConfigurationError, DbbackupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbbackup._migrations import Migration
    from dbbackup._place import Place
    from dbbackup.conf import Settings


def drill_postgresql(
    place: Place,
    name: str,
    connector: PgDumpConnector,
    *,
    passphrase: str | None,
    progress: _engine.Progress | None,
) -> Verified:
    """Restore the backup `name` into a new database of the connector's server, compare that, and drop it.

    Nothing is done in the connector's own database. The project's connections and its handlers of
    ``connection_created`` do not see the new one.

    Raises:
        CorruptBackupError: It is damaged.
        AccessDeniedError: The user may not make databases; the hint has the statement that lets him.

    """
    report, found = _engine.drill(
        place.store,
        name,
        server=connector.postgres("restore"),
        witness=Witness(connector),
        passphrase=passphrase,
        progress=progress,
    )
    return Verified(
        report=report,
        seconds=report.seconds,
        proof=report.proof,
        drill=Drill(**found) if found else None,
        notes=tuple(report.notes),
    )


def scratch_connector(
    backup: _engine.Backup, settings: Settings, scratch: str | None
) -> PgDumpConnector | None:
    """Return the connector of the server where `backup` is tried: of the alias `scratch`, else of its own.

    ``None`` if there is no such server in ``DATABASES``.

    Raises:
        ConfigurationError: There is no database `scratch`, or it is of another engine.

    """
    if scratch is None:
        return _connector(backup.alias) if backup.alias in settings.aliases else None
    if scratch not in settings.aliases:
        message = f"there is no database `{scratch}`"
        raise ConfigurationError(
            message, subject=scratch, hint=f"`DATABASES` has: {', '.join(settings.aliases)}"
        )
    connector = _connector(scratch)
    if connector is None:
        message = f"cannot use the database `{scratch}` for drills of PostgreSQL: it is of another engine"
        raise ConfigurationError(message, subject=scratch, hint="name another one with --scratch")
    return connector


class Witness:
    """Is called to a scratch database, on the connector's server."""

    def __init__(self, connector: PgDumpConnector) -> None:
        self._connector = connector

    def prepare(self, database: str) -> None:
        """Do what the connector does before every restore."""
        self._connector.prepare(database)

    def ask(self, database: str) -> list[str]:
        """Return which migrations differ from the project's, if it has some."""
        try:
            with _connection(self._connector, database) as connection:
                applied = _applied(connection)
        except Exception as error:  # (whatever a driver raises)
            return [f"its migrations cannot be read: {error}".strip()]
        return migration_notes(applied) if applied is not None else []


def _connector(alias: str | None) -> PgDumpConnector | None:
    """Return the connector for a database of PostgreSQL, whatever makes its backups now."""
    if alias is None:
        return None
    with suppress(DbbackupError):
        if issubclass(connector_class_of(alias), PgDumpConnector):
            own = get_connector(alias)
            return own if isinstance(own, PgDumpConnector) else None
    engine = connections.settings[alias]["ENGINE"]
    if not any(word in engine for word in ("postg", "psqlextra")):
        return None
    path = f"{PgDumpBinaryConnector.__module__}.{PgDumpBinaryConnector.__qualname__}"
    usual = get_connector(alias, connector_path=path)
    return usual if isinstance(usual, PgDumpConnector) else None


@contextmanager
def _connection(connector: PgDumpConnector, database: str) -> Iterator[Any]:
    """Open a connection of Django that ``django.db.connections`` does not have."""
    entry = connector.settings
    # A pool would keep the database open.
    options = {key: value for key, value in (entry.get("OPTIONS") or {}).items() if key != "pool"}
    handler = ConnectionHandler({DEFAULT_DB_ALIAS: {**entry, "NAME": database, "OPTIONS": options}})
    wrapper: Any = handler[DEFAULT_DB_ALIAS]
    # Not `connect`, which sends the signal.
    with closing(wrapper.get_new_connection(wrapper.get_connection_params())) as wrapper.connection:
        if hasattr(wrapper, "ensure_role"):
            wrapper.ensure_role()
        yield wrapper.connection


def _applied(connection: Any) -> set[Migration] | None:
    """Return the migrations that a database has; ``None`` without a table of Django's for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('django_migrations') "
            "AND attname IN ('app', 'name')"
        )
        if cursor.fetchone() != (2,):
            return None
        cursor.execute("SELECT app, name FROM django_migrations")
        return set(cursor.fetchall())
