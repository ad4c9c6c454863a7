"""The connector of a database: which one it is, and what all have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.module_loading import import_string

from dbbackup import _engine
from dbbackup._file import StreamedFile
from dbbackup._naming import database_stem, generate_filename
from dbbackup.conf import get_settings
from dbbackup.exceptions import ConfigurationError, DbbackupError, RestoreError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_CONNECTOR = "dbbackup.db.django.DjangoConnector"
"""For engines that the table does not name."""

SQLITE_CONNECTOR = "dbbackup.db.sqlite.SqliteBackupConnector"

CONNECTOR_MAPPING = {
    "django.db.backends.sqlite3": SQLITE_CONNECTOR,
    "django.contrib.gis.db.backends.spatialite": SQLITE_CONNECTOR,
    "django_prometheus.db.backends.sqlite3": SQLITE_CONNECTOR,
    "django_s3_sqlite": SQLITE_CONNECTOR,
    "django.db.backends.postgresql": "dbbackup.db.postgresql.PgDumpBinaryConnector",
    "django.db.backends.postgresql_psycopg2": "dbbackup.db.postgresql.PgDumpBinaryConnector",
    "django_prometheus.db.backends.postgresql": "dbbackup.db.postgresql.PgDumpBinaryConnector",
    "django.contrib.gis.db.backends.postgis": "dbbackup.db.postgresql.PgDumpGisConnector",
    "django_prometheus.db.backends.postgis": "dbbackup.db.postgresql.PgDumpGisConnector",
    "django.db.backends.mysql": "dbbackup.db.mysql.MysqlDumpConnector",
    "django.contrib.gis.db.backends.mysql": "dbbackup.db.mysql.MysqlDumpConnector",
    "django_prometheus.db.backends.mysql": "dbbackup.db.mysql.MysqlDumpConnector",
    "django_mongodb_engine": "dbbackup.db.mongodb.MongoDumpConnector",
    "djongo": "dbbackup.db.mongodb.MongoDumpConnector",
}
"""Django's database engine → dotted path of its connector."""


class BaseDBConnector:
    """Dumps and restores one database of ``DATABASES``. Opens nothing before it is asked to.

    A connector of your own overrides ``_create_dump``, which returns a binary file, and ``_restore_dump``, which
    takes one. The file is read once, from its beginning to its end; it is a stream, of any size.

    Args:
        database_name: The alias. Default: Django's default database.
        **options: ``DBBACKUP_CONNECTORS[alias]``; each becomes an attribute of its name in lower case.

    """

    extension: str = "dump"
    """What the names of its backups end in, without the dot."""

    exclude: list[str] = []  # noqa: RUF012 (every connector makes its own copy of it)
    """Tables that are left out. Every connector has a list of its own."""

    exact: bool = False
    """Whether a restore also removes the rows that the backup does not have, where it would leave them."""

    def __init__(self, database_name: str | None = None, **options: Any) -> None:
        self.database_name = database_name or DEFAULT_DB_ALIAS
        self.connection: Any = _connection(self.database_name)
        for option, value in options.items():
            setattr(self, option.lower(), value)
        # A change of one connector must reach neither another one nor the project's settings.
        for name in ("exclude", "schemas", "env", "dump_env", "restore_env"):
            value = getattr(self, name, None)
            if isinstance(value, (list, tuple)):
                setattr(self, name, list(value))
            elif isinstance(value, dict):
                setattr(self, name, dict(value))
        self.notes: list[str] = []
        """What the user should know of the last dump or restore, one sentence each."""
        self.content: dict[str, Any] | None = None
        """What the last dump held, as it stands in a manifest: ``{"tables": {name: rows}, "exact": True}``."""

    @property
    def settings(self) -> dict[str, Any]:
        """The entry in ``DATABASES`` with ``DBBACKUP_CONNECTORS[alias]`` over it."""
        return {**self.connection.settings_dict, **get_settings().connectors.get(self.database_name, {})}

    @property
    def dotted_path(self) -> str:
        """The path of this class, as it stands in a manifest."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def engine(self) -> str:
        """Django's database engine."""
        return str(self.connection.settings_dict["ENGINE"])

    @property
    def database(self) -> str:
        """The database's own name, without a folder and what follows its first dot."""
        return database_stem(str(self.settings["NAME"]))

    @property
    def path(self) -> Path | None:
        """The file that a restore replaces, where the database is one; absolute."""
        return None

    @property
    def source_id(self) -> str | None:
        """What tells the database from another of the same alias and name, another project's; ``None``: nothing."""
        return _engine.source_id("sqlite", str(self.path)) if self.path else None

    def generate_filename(self, server_name: str | None = None) -> str:
        """Return the name that a backup made now gets."""
        return generate_filename(self.extension, self.database_name, server_name)

    def describe_target(self) -> str:
        """Return what a restore would replace, in words: where it is, its size, its age; where that is known."""
        return f"{self.engine}, `{self.settings['NAME']}`"

    def describe_restore(self) -> str:
        """Return what a restore does, in words for the question before it."""
        return f"The database `{self.database_name}` will be replaced, with everything in it"

    def unsaid(self) -> list[str]:
        """Return what to know before a backup is restored that has no manifest of ours, one sentence each."""
        return []

    def facts(self) -> dict[str, Any]:
        """Return what the last dump learned, as a manifest has it."""
        return {"content": self.content, "excluded": list(self.exclude), "notes": self.notes}

    @property
    def restores_by_itself(self) -> bool:
        """Whether a restore that fails changes nothing, without anybody's help."""
        is_atomic = getattr(self._restore_dump, "is_atomic", False)
        return bool(is_atomic) and type(self).restore_dump is BaseDBConnector.restore_dump

    def restore_target(self) -> _engine.Target:
        """Return what the engine restores into: this connector, which is given the proven dump as a file."""
        return ConnectorLoader(self)

    def create_dump(self) -> Any:
        """Return the dump: a binary file. Closing it early ends what makes it."""
        return self._create_dump()

    def _create_dump(self) -> Any:
        message = f"`{self.dotted_path}` does not implement `_create_dump`"
        raise NotImplementedError(message)

    def restore_dump(self, dump: Any) -> None:
        """Replace the database's content by `dump`, a binary file that is read from its beginning."""
        self._restore_dump(dump)

    def _restore_dump(self, dump: Any) -> None:
        message = f"`{self.dotted_path}` does not implement `_restore_dump`"
        raise NotImplementedError(message)

    def stream(self, source: Any) -> StreamedFile:
        """Return the bytes of `source` as a file object (see :class:`dbbackup._file.StreamedFile`)."""
        return StreamedFile(
            source, name=f"{self.database_name}.{self.extension}", tmp_dir=get_settings().tmp_dir
        )


class RowsConnector(BaseDBConnector):
    """A connector whose restores put rows into tables that are there; those that a backup lacks stay."""

    def describe_restore(self) -> str:
        """Return what a restore does, which is another thing with ``--exact``."""
        if self.exact:
            return f"Tables of the database `{self.database_name}` will be replaced, with all their rows"
        return f"Rows of the database `{self.database_name}` will be replaced; those that the backup does not have stay"


class ConnectorLoader:
    """Hands a dump of the engine to a connector's ``restore_dump``."""

    def __init__(self, connector: BaseDBConnector) -> None:
        self._connector = connector
        self.needs_proof = not connector.restores_by_itself
        """One that changes things before the end of the file gets it in a second reading, after it was proven."""

    def load(self, file: _engine.Readable) -> dict[str, Any]:
        """Restore; what fails in a connector that is not atomic may have changed a part of the database."""
        connector = self._connector
        connector.notes = []
        try:
            with connector.stream(file) as dump:
                connector.restore_dump(dump)
        except Exception as error:
            if self.needs_proof and not isinstance(error, DbbackupError):
                message = f"`{connector.dotted_path}` failed: {type(error).__name__}: {error}"
                hint = "it does not restore in one step: the database may hold a part of the backup"
                raise RestoreError(message, subject=connector.database_name, hint=hint) from error
            raise
        return {"notes": connector.notes}


def restores_whole_or_not_at_all(method: Any) -> Any:
    """Mark a ``_restore_dump`` that changes nothing unless it came to the end of its file without an error.

    That end is the engine's word that all of the backup was proven. Every other method gets its file only after
    a first reading has proven it.
    """
    method.is_atomic = True
    return method


def get_connector(database_name: str | None = None, *, connector_path: str | None = None) -> BaseDBConnector:
    """Return the connector of the database `database_name`, with its options of ``DBBACKUP_CONNECTORS``.

    Args:
        database_name: The alias. Default: Django's default database.
        connector_path: The class to take, as a manifest names it. Default: what the settings say.

    Raises:
        ConfigurationError: There is no such database, or no such connector.

    """
    settings = get_settings()
    alias = database_name or DEFAULT_DB_ALIAS
    if alias not in settings.aliases:
        message = f"there is no database `{alias}`"
        hint = f"`DATABASES` has: {', '.join(settings.aliases)}"
        raise ConfigurationError(message, subject=alias, hint=hint)
    options = {
        key: value for key, value in settings.connectors.get(alias, {}).items() if key.upper() != "CONNECTOR"
    }
    return _import_connector(connector_path or connector_path_of(alias))(alias, **options)


def connector_class_of(alias: str) -> type[BaseDBConnector]:
    """Return the class of the connector that the settings give to the database `alias`."""
    return _import_connector(connector_path_of(alias))


def connector_path_of(alias: str) -> str:
    """Return the dotted path of the connector that the settings give to the database `alias`."""
    settings = get_settings()
    for key, value in settings.connectors.get(alias, {}).items():
        if key.upper() == "CONNECTOR":
            return str(value)
    # Not by the connection: that needs the driver.
    engine = str(connections.settings[alias]["ENGINE"])
    return settings.connector_mapping.get(engine, CONNECTOR_MAPPING.get(engine, DEFAULT_CONNECTOR))


def same_format(engine: str, other_engine: str) -> bool:
    """Whether a dump of one engine is one of the other too: the same engine, or the same connector."""
    return engine == other_engine or (
        engine in CONNECTOR_MAPPING and CONNECTOR_MAPPING[engine] == CONNECTOR_MAPPING.get(other_engine)
    )


def _connection(alias: str) -> Any:
    try:
        return connections[alias]
    except ImproperlyConfigured as error:
        message = f"cannot use the database `{alias}`: {error}"
        hint = f"correct `DATABASES[{alias!r}]`, or install the driver that its engine needs"
        raise ConfigurationError(message, subject=alias, hint=hint) from error


def _import_connector(path: str) -> type[BaseDBConnector]:
    try:
        found = import_string(path)
    except ImportError as error:
        if path in CONNECTOR_MAPPING.values():
            message = f"the connector `{path}` is not there yet"
            hint = (
                f"`{DEFAULT_CONNECTOR}` works with every engine: set it as CONNECTOR in DBBACKUP_CONNECTORS"
            )
            raise UnsupportedError(message, subject=path, hint=hint) from error
        message = f"cannot import the connector `{path}`: {error}"
        raise ConfigurationError(
            message, subject=path, hint="see DBBACKUP_CONNECTORS and DBBACKUP_CONNECTOR_MAPPING"
        ) from error
    if not (isinstance(found, type) and issubclass(found, BaseDBConnector)):
        message = f"`{path}` is no connector: it is no subclass of `dbbackup.db.base.BaseDBConnector`"
        raise ConfigurationError(message, subject=path)
    return found


if TYPE_CHECKING:
    from dbbackup.db.command import BaseCommandDBConnector as BaseCommandDBConnector
else:

    def __getattr__(name):
        """Return `BaseCommandDBConnector`, whose module needs this one, from there."""
        if name == "BaseCommandDBConnector":
            from dbbackup.db.command import BaseCommandDBConnector

            return BaseCommandDBConnector
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
