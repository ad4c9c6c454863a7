"""The connector of a database: which one it is, and what all have in common."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from django.db import connections
from django.utils.module_loading import import_string

from dbbackup._engine import Tool
from dbbackup._naming import database_stem
from dbbackup.conf import Settings, get_settings
from dbbackup.exceptions import ConfigurationError, UnsupportedError

SQLITE_CONNECTOR = "dbbackup.db.sqlite.SqliteBackupConnector"

CONNECTOR_MAPPING = {
    "django.db.backends.sqlite3": SQLITE_CONNECTOR,
    "django.contrib.gis.db.backends.spatialite": SQLITE_CONNECTOR,
    "django_prometheus.db.backends.sqlite3": SQLITE_CONNECTOR,
    "django_s3_sqlite": SQLITE_CONNECTOR,
}
"""Django's database engine → dotted path of its connector."""


class BaseDBConnector(ABC):
    """Turns one entry of ``DATABASES`` into the engine's source and target. Opens nothing itself.

    Args:
        database_name: The alias.
        settings: The project's settings; its ``DBBACKUP_CONNECTORS[alias]`` goes over the entry.

    """

    extension: str = "dump"
    """What the names of its backups end in, without the dot."""

    options: ClassVar[frozenset[str]] = frozenset({"CONNECTOR", "EXTENSION", "NAME"})
    """The keys of ``DBBACKUP_CONNECTORS[alias]`` that it understands."""

    def __init__(self, database_name: str, settings: Settings) -> None:
        self.database_name = database_name
        self.connection = connections[database_name]
        overrides = {key.upper(): value for key, value in settings.connectors.get(database_name, {}).items()}
        unknown = sorted(overrides.keys() - self.options)
        if unknown:
            message = (
                f"the option `{unknown[0]}` of `DBBACKUP_CONNECTORS[{database_name!r}]` is not supported yet"
            )
            raise UnsupportedError(
                message,
                subject=database_name,
                hint=f"these are: {', '.join(sorted(self.options))}",
            )
        self.settings: dict[str, Any] = {**self.connection.settings_dict, **overrides}
        self.extension = overrides.get("EXTENSION", self.extension)
        self._tmp_dir = settings.tmp_dir

    @property
    def dotted_path(self) -> str:
        """The path of this class, as it stands in a manifest."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def engine(self) -> str:
        """Django's database engine."""
        return str(self.settings["ENGINE"])

    @property
    def database(self) -> str:
        """The database's own name, without a folder and what follows its first dot."""
        return database_stem(str(self.settings["NAME"]))

    @property
    @abstractmethod
    def target(self) -> Path:
        """The file that a restore replaces; absolute."""

    @abstractmethod
    def dump_tool(self) -> Tool:
        """Return the child process that writes the database's bytes to its standard output."""

    @abstractmethod
    def load_tool(self) -> Tool:
        """Return the child process that replaces the database by the bytes on its standard input."""


def get_connector(alias: str, settings: Settings | None = None) -> BaseDBConnector:
    """Return the connector of the database `alias`.

    Raises:
        ConfigurationError: There is no such database, or its entry cannot be used.
        UnsupportedError: Its engine, its connector or an option is not supported yet.

    """
    settings = settings or get_settings()
    if alias not in settings.aliases:
        message = f"there is no database `{alias}`"
        raise ConfigurationError(
            message,
            subject=alias,
            hint=f"`DATABASES` has: {', '.join(settings.aliases)}",
        )
    engine = str(connections[alias].settings_dict["ENGINE"])
    path = _connector_path(alias, engine, settings)
    if path is None:
        message = f"cannot back up or restore database `{alias}`: its engine `{engine}` is not supported yet"
        raise UnsupportedError(
            message,
            subject=alias,
            hint=f"these are: {', '.join(CONNECTOR_MAPPING)}",
        )
    if path not in CONNECTOR_MAPPING.values():
        message = f"cannot back up or restore database `{alias}`: its connector `{path}` is not supported yet"
        raise UnsupportedError(
            message,
            subject=alias,
            hint=f"these are: {', '.join(dict.fromkeys(CONNECTOR_MAPPING.values()))}",
        )
    connector: BaseDBConnector = import_string(path)(alias, settings)
    return connector


def same_format(engine: str, other_engine: str) -> bool:
    """Whether a dump of one engine is one of the other too: the same engine, or the same connector."""
    return engine == other_engine or (
        engine in CONNECTOR_MAPPING and CONNECTOR_MAPPING[engine] == CONNECTOR_MAPPING.get(other_engine)
    )


def _connector_path(alias: str, engine: str, settings: Settings) -> str | None:
    for key, value in settings.connectors.get(alias, {}).items():
        if key.upper() == "CONNECTOR":
            return str(value)
    return settings.connector_mapping.get(engine, CONNECTOR_MAPPING.get(engine))
