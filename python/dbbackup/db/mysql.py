"""MySQL and MariaDB by their own client programs, which the engine runs: one snapshot out, and back beside the tables.

A restore loads the backup into a schema of its own; then the tables change places, all of them in one statement. What
runs, and with which variables, the options of a connector say, as django-dbbackup's.
"""

from __future__ import annotations

import os
import shlex
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from dbbackup import _engine
from dbbackup._naming import database_stem
from dbbackup._units import human_bytes
from dbbackup.db._option_file import client_options
from dbbackup.db.base import restores_whole_or_not_at_all
from dbbackup.db.command import BaseCommandDBConnector

if TYPE_CHECKING:
    from collections.abc import Sequence

_TLS = {"ca": "ssl-ca", "capath": "ssl-capath", "cert": "ssl-cert", "key": "ssl-key", "cipher": "ssl-cipher"}
"""``OPTIONS["ssl"]`` of the driver → options of the programs."""

_OPTIONS = {
    "unix_socket": "socket",
    "connect_timeout": "connect-timeout",
    "ssl_mode": "ssl-mode",
    "ssl_ca": "ssl-ca",
    "ssl_cert": "ssl-cert",
    "ssl_key": "ssl-key",
}
"""What else stands in ``OPTIONS`` for the driver and concerns the programs as well → their options."""

_Side = Literal["dump", "restore"]


class MysqlDumpConnector(BaseCommandDBConnector):
    """A MySQL or MariaDB database as SQL text, which ``mysql`` and django-dbbackup can run too."""

    extension = "dump"

    dump_cmd: str = "mysqldump"
    """The program that dumps. The default means: the one of the server's family, of all on ``PATH``."""

    restore_cmd: str = "mysql"
    """The program that runs SQL and asks the server. The default means: the newest on ``PATH``."""

    lock_timeout: float = 30
    """Seconds to wait for a lock that somebody holds."""

    atomic_only: bool = False
    """Whether a restore is refused where the user may not make a schema beside the database."""

    accept_unproven: bool = False
    """Whether SQL text without the dump program's last comment is restored, which may have been cut."""

    @property
    def database(self) -> str:
        """The database's own name, wherever it stands, without what follows its first dot."""
        return database_stem(self._name)

    @property
    def source_id(self) -> str | None:
        """What tells the database from another of the same alias and name: its server."""
        return self.mysql("dump").source_id

    def describe_target(self) -> str:
        """Return the database's name and server, its size, and how many rows it has."""
        size, tables, rows = self.mysql("restore").summary()
        where = self._options().get("host", "this machine")
        what = f"{human_bytes(size)}, {tables:,} tables with about {rows:,} rows" if tables else "empty"
        return f"MySQL, `{self._name}` on {where} ({what})"

    @cached_property
    def may_load_beside(self) -> bool:
        """Whether the user may make a schema beside the database, so that a restore is whole or not at all."""
        return self.mysql("restore").may_load_beside()

    @property
    def restores_by_itself(self) -> bool:
        """Whether a restore that fails changes nothing: not so where it has to be in place."""
        return super().restores_by_itself and (self.atomic_only or self.may_load_beside)

    def describe_restore(self) -> str:
        """Return what a restore does, and whether it does that in place."""
        what = (
            super().describe_restore()
            if self.exact
            else f"The tables of `{self.database_name}` will be replaced"
        )
        if self.restores_by_itself:
            return what
        return f"{what}, in place: its user may not make a schema beside it. It is backed up first"

    def restore_target(self) -> _engine.Target:
        """Return the database, which the engine restores into itself; a class that overrides how is given the dump."""
        if super().restores_by_itself and type(self)._restore_dump is MysqlDumpConnector._restore_dump:  # noqa: SLF001
            return self.mysql("restore")
        return super().restore_target()

    def _create_dump(self) -> Any:
        return self.stream(_engine.open_dump(self.mysql("dump")))

    @restores_whole_or_not_at_all
    def _restore_dump(self, dump: Any) -> None:
        self.notes += _engine.load(self.mysql("restore"), dump)

    def mysql(self, side: _Side) -> _engine.Mysql:
        """Return the database as the engine knows it.

        Args:
            side: Whose prefix, suffix and environment are meant.

        """
        is_dump = side == "dump"
        environment = {**self.env, **(self.dump_env if is_dump else self.restore_env)}
        own, read = self._own, self._read
        passwords = (
            self.settings.get("PASSWORD"),
            own.get("passwd"),
            own.get("password"),
            read.get("password"),
        )
        options: dict[str, Any] = {
            "password": next(filter(None, passwords), None),
            "defaults_file": None if read else self._defaults_file,
            "exclude": self.exclude,
            "lock_timeout": self.lock_timeout,
            "exact": self.exact,
            "in_place": not self.atomic_only,
            "accept_unproven": self.accept_unproven,
            "dump": _own(self.dump_cmd, "mysqldump"),
            "client": _own(self.restore_cmd, "mysql"),
            "prefix": _words(self.dump_prefix if is_dump else self.restore_prefix),
            "env": {name: str(value) for name, value in environment.items()},
            "inherits_env": self.use_parent_env,
        }
        suffix = _words(self.dump_suffix if is_dump else self.restore_suffix)
        options["dump_options" if is_dump else "client_options"] = suffix
        return _engine.Mysql(self._name, self._options(), **options)

    @property
    def _own(self) -> dict[str, Any]:
        """What stands in ``OPTIONS``."""
        return dict(self.settings.get("OPTIONS") or {})

    @property
    def _defaults_file(self) -> str | None:
        file = self._own.get("read_default_file")
        return os.path.expanduser(file) if file else None  # noqa: PTH111 (a text goes on)

    @property
    def _read(self) -> dict[str, str]:
        """What the option file says, if it names the database as Django's documentation has it: `mysqldump` fails."""
        options = client_options(self._defaults_file) if self._defaults_file else {}
        return options if "database" in options else {}

    @property
    def _name(self) -> str:
        own = self._own
        names = (self.settings.get("NAME"), own.get("database"), own.get("db"), self._read.get("database"))
        return str(next(filter(None, names), ""))

    def _options(self) -> dict[str, str]:
        """Return the programs' options."""
        settings, own = self.settings, self._own
        read = {key: value for key, value in self._read.items() if key not in ("database", "password")}
        ssl = own.get("ssl")
        tls: dict[str, Any] = ssl if isinstance(ssl, dict) else {}
        host = settings.get("HOST") or own.get("host")
        # As Django: a host that is a path is a socket.
        at = "socket" if host and str(host).startswith("/") else "host"
        named = {
            **{option: own.get(key) for key, option in _OPTIONS.items()},
            **{option: tls[key] for key, option in _TLS.items() if key in tls},
            "port": settings.get("PORT") or own.get("port"),
            "user": settings.get("USER") or own.get("user"),
        }
        if host:
            named[at] = host
        return read | {key: str(value) for key, value in named.items() if value not in (None, "")}


def _own(command: str, usual: str) -> list[str]:
    """Return the words of a command of the user's; none for the usual one, which is looked for."""
    words = _words(command)
    return [] if words == [usual] else words


def _words(command: str | Sequence[str] | None) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else list(command or [])
