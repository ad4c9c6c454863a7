"""Real MariaDB servers on loopback, and databases in them.

The scripts that run them are those of the Rust tests, see ``tests.keeper``.
"""

import importlib.util
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.keeper import PASSWORD, ROOT, is_missing, keeping, require_keeper, wait_until_gone

SUPERUSER = "root"

DATABASES = ROOT / "testdata/mysql"

USE_PYMYSQL = "import pymysql\npymysql.install_as_MySQLdb()\n"
"""What a project's settings need, to connect by PyMySQL: Django asks for mysqlclient."""

_SPACE_BYTES = 4 << 30
"""Free memory for the files of a few servers; with less they are on the disk."""


@dataclass(frozen=True)
class Server:
    """A server that runs, and asks everybody for a password."""

    bin: Path
    """The folder of the client's programs: ``mariadb``, ``mariadb-dump`` and the others."""
    folder: Path = field(repr=False)
    port: int
    host: str = "127.0.0.1"

    @property
    def socket(self) -> Path:
        """The path of its socket: another host."""
        return self.folder / "server/mysql.sock"

    @contextmanager
    def database(
        self, name: str, *, owner: str = SUPERUSER, password: str = PASSWORD
    ) -> Iterator["Database"]:
        """Make a database, and remove it, its users and the schemas of its restores at the end of the block.

        Args:
            name: Its name, whatever it holds.
            owner: A user who is made for it, and may do everything in it and nothing else; the superuser by default.
            password: The owner's.

        """
        database = Database(self, name, owner, PASSWORD if owner == SUPERUSER else password)
        self.query("", f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4")
        try:
            if owner != SUPERUSER:
                database.user(owner, "ALL ON {database}.*", password=password)
            yield database
        finally:
            schemas = [*database.seconds(), name]
            self.query("", "".join(f"DROP DATABASE IF EXISTS {quoted(schema)};\n" for schema in schemas))
            self.query("", "".join(f"DROP USER {literal(user)}@'%';\n" for user in database.users))

    def url(self, database: str, user: str = SUPERUSER, password: str = PASSWORD) -> str:
        """Return the URL of a database, with the password."""
        return (
            f"mysql://{quote(user, '')}:{quote(password, '')}@{self.host}:{self.port}/{quote(database, '')}"
        )

    def query(self, database: str, sql: str, *, user: str = SUPERUSER, password: str = PASSWORD) -> str:
        """Run statements, which have to succeed; return their rows, columns parted by tabs."""
        arguments = ["--batch", "--skip-column-names", "--binary-mode", "--", database]
        return self.run("mariadb", *arguments, user=user, password=password, stdin=sql.encode()).decode()

    def run(
        self,
        program: str,
        *arguments: str,
        user: str = SUPERUSER,
        password: str = PASSWORD,
        stdin: bytes = b"",
    ) -> bytes:
        """Run one of its programs, which has to succeed; return what it wrote."""
        where = ["--protocol=tcp", f"--host={self.host}", f"--port={self.port}", f"--user={user}"]
        usual = ["--no-defaults", *where, "--default-character-set=utf8mb4", "--max-allowed-packet=64M"]
        done = subprocess.run(
            [str(self.bin / program), *usual, *arguments],
            env=self.environment(password),
            input=stdin,
            capture_output=True,
            timeout=25,
            check=False,
        )
        assert done.returncode == 0, (program, arguments, done.stderr.decode())
        return done.stdout

    def environment(self, password: str = PASSWORD) -> Mapping[str, str]:
        """The environment in which its programs connect."""
        mine = ("MYSQL_", "MARIADB_")
        others = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
        return others | {"MYSQL_PWD": password, "LC_ALL": "C.UTF-8"}

    def dump(self, database: str, *options: str) -> bytes:
        """Return what ``mariadb-dump`` writes of a database, and nothing that differs from run to run."""
        usual = ["--routines", "--events", "--triggers", "--hex-blob", "--single-transaction"]
        return self.run(
            "mariadb-dump", *usual, "--skip-dump-date", "--skip-comments", *options, "--", database
        )

    def dump_text(self, database: str) -> str:
        """Return the text of a database: another name in place of its own, and the rows of a table in order."""
        dump = self.dump(database, "--skip-extended-insert").decode(errors="backslashreplace")
        runs = groupby(dump.split("\n"), key=lambda line: line.startswith("INSERT INTO "))
        lines = [line for is_row, run in runs for line in (sorted(run) if is_row else run)]
        of = "SELECT default_collation_name, schema_comment FROM information_schema.schemata WHERE schema_name = "
        text = "\n".join([self.query("", of + literal(database)), *lines])
        return text.replace(quoted(database), "`this database`")

    def kill_connections(self, database: str) -> int:
        """End all sessions in a database; return how many there were."""
        others = f"command <> 'Daemon' AND id <> connection_id() AND db = {literal(database)}"
        ids = self.query("", f"SELECT id FROM information_schema.processlist WHERE {others}").split()
        self.query("", "".join(f"KILL {id_};" for id_ in ids))
        return len(ids)

    def stop(self) -> None:
        """End it as its service would."""
        pid_file = self.folder / "server/pid"
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
        wait_until_gone(pid_file)


@dataclass(frozen=True)
class Database:
    """A database of one test."""

    server: Server
    name: str
    owner: str
    password: str = field(repr=False)
    users: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its URL, as its owner."""
        return self.server.url(self.name, self.owner, self.password)

    def settings(self, **more: Any) -> dict[str, Any]:
        """An entry of ``DATABASES``, as its owner, with `more` keys; a project needs `USE_PYMYSQL` too."""
        return {
            "ENGINE": "django.db.backends.mysql",
            "NAME": self.name,
            "USER": self.owner,
            "PASSWORD": self.password,
            "HOST": self.server.host,
            "PORT": self.server.port,
        } | more

    def user(self, name: str, *grants: str, password: str = PASSWORD) -> None:
        """Make a user who may do what `grants` say: ``ALL ON {database}.*``, ``ALL ON {seconds}.*``.

        The latter are the schemas that are named after this one, as its restores make them.
        """
        self.server.query("", f"CREATE USER {literal(name)}@'%' IDENTIFIED BY {literal(password)}")
        self.users.append(name)
        self.grant(name, *grants)

    def grant(self, name: str, *grants: str) -> None:
        """Let a user do more, said as `user` takes it."""
        account = f"{literal(name)}@'%'"
        # Where all tables of a schema are meant, its name is a pattern.
        pattern, seconds = _pattern(self.name), _pattern(self._seconds)
        for grant in grants:
            clause = grant.replace("{database}.*", f"{quoted(pattern)}.*")
            clause = clause.replace("{seconds}", quoted(f"{seconds}%"))
            clause = clause.replace("{database}", quoted(self.name))
            self.server.query("", f"GRANT {clause} TO {account}")

    def query(self, sql: str) -> str:
        """Run statements as the superuser, which have to succeed; return their rows, columns parted by tabs."""
        return self.server.query(self.name, sql)

    def as_owner(self, sql: str) -> str:
        """Do the same as its owner."""
        return self.server.query(self.name, sql, user=self.owner, password=self.password)

    def load(self, script: bytes) -> None:
        """Run a script or a dump as the superuser."""
        self.server.run("mariadb", "--batch", "--binary-mode", "--", self.name, stdin=script)

    def seconds(self) -> list[str]:
        """The names of the schemas named after it: those of a restore that has not ended."""
        schemas = self.server.query("", "SHOW DATABASES").split("\n")
        return [name for name in map(_unescaped, schemas) if name.startswith(self._seconds)]

    @property
    def _seconds(self) -> str:
        # A name has 64 characters at most.
        return f"{self.name[:41]}__dbbackup_"

    def dump_text(self) -> str:
        """Return its text, as the server's method does."""
        return self.server.dump_text(self.name)

    def fill_with_zoo(self) -> None:
        """Make one of everything."""
        self.load((DATABASES / "zoo.sql").read_bytes())

    def move_on(self) -> None:
        """Change the zoo everywhere, as the time after a backup does."""
        self.load((DATABASES / "moved-on.sql").read_bytes())


@contextmanager
def running(*options: str) -> Iterator[Server]:
    """Start a server, with more `options` of ``mariadbd``, and end it and all that it kept after the block."""
    programs = installed()
    with keeping("mysql", programs, PASSWORD, *options, home=_home()) as (folder, port):
        yield Server(programs, folder, port)


def installed() -> Path:
    """The folder of the client's programs.

    Where it is missing, or what runs it, the test is skipped with the reason, and fails in CI.
    """
    require_keeper()
    if importlib.util.find_spec("pymysql") is None:
        is_missing("there is no package `pymysql`: pip install PyMySQL")
    folders = [*map(Path, os.get_exec_path()), Path("/usr/bin"), Path("/usr/local/bin")]
    programs = ("mariadb", "mariadb-dump", "mariadb-install-db")
    found = next((at for at in folders if all((at / program).exists() for program in programs)), None)
    daemons = [*folders, Path("/usr/sbin"), Path("/usr/local/sbin")]
    if found is None or not any((at / "mariadbd").exists() for at in daemons):
        is_missing("there is no MariaDB: apt-get install mariadb-server")
    return found


def quoted(name: str) -> str:
    """Return a name as SQL wants it."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Return a text as SQL wants it, in the usual ``sql_mode``."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _pattern(name: str) -> str:
    for sign in "\\_%":
        name = name.replace(sign, f"\\{sign}")
    return name


def _unescaped(shown: str) -> str:
    return shown.replace("\\\\", "\\")


def _home() -> str:
    memory = Path("/dev/shm")
    if memory.exists():
        there = os.statvfs(memory)
        if there.f_bavail * there.f_frsize > _SPACE_BYTES:
            return str(memory)
    return "/tmp"
