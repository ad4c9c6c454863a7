"""Drills of PostgreSQL and MySQL: into a database of its own on a server, which Django's own driver is asked about."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import ConnectionHandler

from dbbackup import _engine
from dbbackup._migrations import migration_notes
from dbbackup._verified import Drill, Verified
from dbbackup.db.base import connector_class_of, get_connector
from dbbackup.db.mysql import MysqlDumpConnector
from dbbackup.db.postgresql import PgDumpBinaryConnector, PgDumpConnector
from dbbackup.exceptions import ConfigurationError, DbbackupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbbackup._migrations import Migration
    from dbbackup._place import Place
    from dbbackup.conf import Settings
    from dbbackup.db.base import BaseDBConnector


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Servers of one engine."""

    name: str
    """What people call it."""

    words: tuple[str, ...]
    """What the names of Django's engines for it have one of."""

    base: type[BaseDBConnector]
    """The class of all connectors that restore by the engine's tools."""

    usual: type[BaseDBConnector]
    """The one for a database whose backups something else makes."""

    server: Callable[[Any], _engine.Postgres | _engine.Mysql]
    """Return a connector's database as the engine knows it."""

    prepare: Callable[[Any, str], None]
    """Do what a connector does before every restore, in a database of its server."""

    columns: str
    """SQL that counts those of Django's table of migrations."""


POSTGRESQL = Kind(
    name="PostgreSQL",
    words=("postg", "psqlextra"),
    base=PgDumpConnector,
    usual=PgDumpBinaryConnector,
    server=lambda connector: connector.postgres("restore"),
    prepare=lambda connector, database: connector.prepare(database),
    columns=(
        "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('django_migrations') "
        "AND attname IN ('app', 'name')"
    ),
)

MYSQL = Kind(
    name="MySQL",
    words=("mysql", "mariadb"),
    base=MysqlDumpConnector,
    usual=MysqlDumpConnector,
    server=lambda connector: connector.mysql("restore"),
    prepare=lambda _connector, _database: None,
    columns=(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = database() "
        "AND table_name = 'django_migrations' AND column_name IN ('app', 'name')"
    ),
)

KINDS = {"postgresql": POSTGRESQL, "mysql": MYSQL}
"""By the engine's word for it."""


def drill_on_server(
    place: Place,
    name: str,
    kind: Kind,
    connector: BaseDBConnector,
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
        RefusedError: The server only reads.

    """
    report, found = _engine.drill(
        place.store,
        name,
        server=kind.server(connector),
        witness=Witness(kind, connector),
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
    backup: _engine.Backup, settings: Settings, kind: Kind, scratch: str | None
) -> BaseDBConnector | None:
    """Return the connector of the server where `backup` is tried: of the alias `scratch`, else of its own.

    A server of another kind is for other backups. ``None`` if there is no such server in ``DATABASES``.

    Raises:
        ConfigurationError: There is no database `scratch`, or it is on no server.

    """
    if scratch is not None:
        if scratch not in settings.aliases:
            message = f"there is no database `{scratch}`"
            raise ConfigurationError(
                message, subject=scratch, hint=f"`DATABASES` has: {', '.join(settings.aliases)}"
            )
        if connector := _connector(kind, scratch):
            return connector
        if not any(_connector(other, scratch) for other in KINDS.values()):
            message = (
                f"cannot use the database `{scratch}` for drills of {kind.name}: it is of another engine"
            )
            raise ConfigurationError(message, subject=scratch, hint="name another one with --scratch")
    return _connector(kind, backup.alias) if backup.alias in settings.aliases else None


class Witness:
    """Is called to a scratch database, on the connector's server."""

    def __init__(self, kind: Kind, connector: BaseDBConnector) -> None:
        self._kind = kind
        self._connector = connector

    def prepare(self, database: str) -> None:
        """Do what the connector does before every restore."""
        self._kind.prepare(self._connector, database)

    def ask(self, database: str) -> list[str]:
        """Return which migrations differ from the project's, if it has some."""
        try:
            with _connection(self._connector, database) as connection:
                applied = _applied(connection, self._kind.columns)
        except Exception as error:  # (whatever a driver raises)
            return [f"its migrations cannot be read: {error}".strip()]
        return migration_notes(applied) if applied is not None else []


def _connector(kind: Kind, alias: str | None) -> BaseDBConnector | None:
    """Return the connector for a database of this kind, whatever makes its backups now."""
    if alias is None:
        return None
    with suppress(DbbackupError):
        if issubclass(connector_class_of(alias), kind.base):
            own = get_connector(alias)
            return own if isinstance(own, kind.base) else None
    engine = connections.settings[alias]["ENGINE"]
    if not any(word in engine for word in kind.words):
        return None
    path = f"{kind.usual.__module__}.{kind.usual.__qualname__}"
    usual = get_connector(alias, connector_path=path)
    return usual if isinstance(usual, kind.base) else None


@contextmanager
def _connection(connector: BaseDBConnector, database: str) -> Iterator[Any]:
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


def _applied(connection: Any, columns: str) -> set[Migration] | None:
    """Return the migrations that a database has; ``None`` without a table of Django's for them."""
    with connection.cursor() as cursor:
        cursor.execute(columns)
        if cursor.fetchone() != (2,):
            return None
        cursor.execute("SELECT app, name FROM django_migrations")
        return set(cursor.fetchall())
