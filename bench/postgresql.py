"""PostgreSQL: our backups and restores, django-dbbackup's, and PostgreSQL's own programs in a shell pipe."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from bench.data import DATA, Outputs, shop_rows
from bench.measure import FailedError
from bench.servers import ServerCases
from tests.postgres import PASSWORD, Server, running

POSTGRESQL_GROUPS = ("postgresql-zstd", "postgresql-gzip", "postgresql-restore")
VERSION = 15
TABLES = ("shop_customer", "shop_order", "shop_event", "shop_document")


class PostgresqlData:
    """A server with the shop twice: to be backed up, and to be restored into."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.folder = DATA / f"postgresql-{scale:g}"
        self.out = Outputs(self.folder / "out")
        self._stack = ExitStack()
        self.server: Server = self._stack.enter_context(running(VERSION))
        passfile = self.folder / "pgpass"
        passfile.parent.mkdir(parents=True, exist_ok=True)
        passfile.touch(mode=0o600)
        escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        passfile.write_text(f"*:*:*:*:{escaped}\n")
        self.env = {"PGHOST": self.server.host, "PGPORT": str(self.server.port), "PGUSER": "postgres"}
        self.env["PGPASSFILE"] = str(passfile)
        self._load()
        self.bytes = int(self.server.psql("postgres", "SELECT pg_database_size('shop')"))
        self._rows = self._counted("shop")

    def __str__(self) -> str:
        return f"PostgreSQL {VERSION}, shop, scale {self.scale:g}, {self.bytes / 1e6:.0f} MB"

    @property
    def marker(self) -> Path:
        """A file of the dataset."""
        return shop_rows(self.scale) / "schema.postgres.sql"

    def close(self) -> None:
        """End the server."""
        self._stack.close()

    def settle(self) -> None:
        """Let the server write what earlier rounds left to write, and empty the folder of outputs."""
        self.out.empty()
        self.server.psql("postgres", "CHECKPOINT")

    def take_target(self) -> int:
        """Check the restored rows.

        Raises:
            FailedError: There are not as many as in the dataset.

        """
        rows = self._counted("target")
        if rows != self._rows:
            problem = f"restored {rows} rows instead of {self._rows}"
            raise FailedError(problem)
        return 0

    def _load(self) -> None:
        rows = shop_rows(self.scale)
        copies = "".join(f"\\copy {table} FROM '{rows}/{table}.csv' CSV\n" for table in TABLES)
        schema, indexes = ((rows / f"{name}.postgres.sql").read_text() for name in ("schema", "indexes"))
        self.server.psql("postgres", "CREATE DATABASE shop")
        argv = [str(self.server.bin / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "shop"]
        text = f"{schema}{copies}{indexes}"
        subprocess.run(argv, input=text.encode(), env=self.server.environment("shop"), check=True)
        self.server.psql("postgres", "CREATE DATABASE target TEMPLATE shop")

    def _counted(self, database: str) -> tuple[int, ...]:
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
        return tuple(int(rows) for rows in self.server.psql(database, f"SELECT {counts}").split("|"))


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
