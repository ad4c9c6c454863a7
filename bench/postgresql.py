"""PostgreSQL: our backups and restores, django-dbbackup's, and PostgreSQL's own programs in a shell pipe."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from bench.server_data import TABLES, ServerData
from bench.servers import ServerCases
from tests.postgres import PASSWORD, Server, running

POSTGRESQL_GROUPS = ("postgresql-zstd", "postgresql-gzip", "postgresql-restore")
VERSION = 15


class PostgresqlData(ServerData):
    """The shop on PostgreSQL."""

    name = "postgresql"
    flavour = "postgres"
    server: Server

    def __str__(self) -> str:
        return f"PostgreSQL {VERSION}, shop, scale {self.scale:g}, {self.bytes / 1e6:.0f} MB"

    def start(self, stack: ExitStack) -> dict[str, str]:
        """Start it, with its password in a file."""
        self.server = stack.enter_context(running(VERSION))
        passfile = self.folder / "pgpass"
        passfile.touch(mode=0o600)
        escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        passfile.write_text(f"*:*:*:*:{escaped}\n")
        where = {"PGHOST": self.server.host, "PGPORT": str(self.server.port), "PGUSER": "postgres"}
        return where | {"PGPASSFILE": str(passfile)}

    def load(self, rows: Path) -> None:
        """Copy the rows, then the database."""
        copies = "".join(f"\\copy {table} FROM '{rows}/{table}.csv' CSV\n" for table in TABLES)
        self.server.psql("postgres", "CREATE DATABASE shop")
        argv = [str(self.server.bin / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "shop"]
        environment = self.server.environment("shop")
        subprocess.run(argv, input=self.script(rows, copies), env=environment, check=True)
        self.server.psql("postgres", "CREATE DATABASE target TEMPLATE shop")

    def size(self) -> int:
        """Return how many bytes ``shop`` takes."""
        return int(self.server.psql("postgres", "SELECT pg_database_size('shop')"))

    def columns(self, database: str, query: str) -> list[str]:
        """Return the one row that a query has."""
        return self.server.psql(database, query).split("|")

    def flush(self) -> None:
        """Make a checkpoint."""
        self.server.psql("postgres", "CHECKPOINT")


class PostgresqlCases(ServerCases[PostgresqlData]):
    """Builds the groups of PostgreSQL."""

    name = "postgresql"
    database_url = "postgresql:///{database}"
    dump = "pg_dump -Fc -Z0 -d shop"
    tool = "pg_dump"

    def manage_env(self, database: str) -> dict[str, str]:
        """Return what tells the project which database is meant."""
        return {"BENCH_POSTGRESQL": database}

    def restore_argv(self, backup: Path) -> tuple[str, tuple[str, ...]]:
        """Return how PostgreSQL's own program restores, and its name."""
        return "pg_restore", ("pg_restore", "-1", "--clean", "--if-exists", "-d", "target", str(backup))
