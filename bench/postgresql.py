"""PostgreSQL: our backups and restores, django-dbbackup's, and PostgreSQL's own programs in a shell pipe."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.cases import OUR_DJANGO, PYTHON, THEIR_DJANGO
from bench.data import DATA, Outputs, whole
from bench.measure import ROOT, Case, FailedError
from bench.peers import Peers
from bench.stored import stored_backup
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
        return self.folder / "rows" / "schema.postgres.sql"

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
        rows = self.folder / "rows"
        if not rows.exists():
            print(f"making the rows of scale {self.scale:g}, once", flush=True)
            with whole(rows) as part:
                argv = [
                    sys.executable,
                    "bench/dataset.py",
                    "rows",
                    "--scale",
                    str(self.scale),
                    "--out",
                    str(part),
                ]
                subprocess.run(argv, cwd=ROOT, check=True)
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


class PostgresqlCases:
    """Builds the groups of PostgreSQL."""

    def __init__(self, peers: Peers, data: PostgresqlData) -> None:
        self.peers = peers
        self.data = data

    def close(self) -> None:
        """End the server."""
        self.data.close()

    def group(self, name: str) -> Iterator[Case]:
        """Return the cases of one of `POSTGRESQL_GROUPS`."""
        match name:
            case "postgresql-zstd":
                return self._zstd()
            case "postgresql-gzip":
                return self._gzip()
            case _:
                return self._restore()

    def _zstd(self) -> Iterator[Case]:
        out = self.data.out.folder / "shop.zst"
        dump = "pg_dump -Fc -Z0 -d shop"
        yield self._backup("postgresql-zstd", "ours-cli", self._argv("zstd", self.data.out.folder))
        for who, script in (
            ("pg_dump-zstd", f"{dump} | zstd -q -3 -T2 -o {out}"),
            ("pg_dump-zstd-synced", f"{dump} | zstd -q -3 -T2 -o {out} && sync {out}"),
        ):
            yield self._backup("postgresql-zstd", who, ("sh", "-c", script), tools=("pg_dump", "zstd"))

    def _gzip(self) -> Iterator[Case]:
        yield self._backup("postgresql-gzip", "ours-cli", self._argv("gzip", self.data.out.folder))
        for who, python, interpreters in (
            ("ours-django", self.peers.ours, (OUR_DJANGO, PYTHON)),
            ("django-dbbackup", self.peers.theirs, (THEIR_DJANGO,)),
        ):
            argv, env = self._manage(python, self.data.out.folder, "shop", "dbbackup", "-z")
            yield self._backup("postgresql-gzip", who, argv, env=env, interpreters=interpreters)

    def _restore(self) -> Iterator[Case]:
        store = self.data.folder / "stored"
        name = stored_backup(store, self._argv("none", store), self.data.env)
        into = ("--into", "postgresql:///target", "--yes", "--quiet")
        theirs = ("pg_restore", "-1", "--clean", "--if-exists", "-d", "target", str(store / name))
        restore, env = self._manage(self.peers.theirs, store, "target", "dbrestore", "--noinput", "-i", name)
        for who, argv, more in (
            ("ours-cli", (self.peers.cli, "restore", name, "--from", str(store), *into), {}),
            ("pg_restore", theirs, {}),
            ("django-dbbackup", restore, env),
        ):
            yield Case(
                group="postgresql-restore",
                who=who,
                argv=argv,
                env={**self.data.env, **more},
                reads=(store / name,),
                prepare=self.data.settle,
                result=self.data.take_target,
                tools=("pg_restore",),
            )

    def _argv(self, compression: str, store: Path) -> tuple[str, ...]:
        where = ("postgresql:///shop", "--to", str(store), "--name", "shop")
        return (self.peers.cli, "backup", *where, "--compress", compression, "--quiet")

    def _manage(
        self, python: str, store: Path, database: str, *command: str
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        argv = (python, "bench/project/manage.py", *command)
        return argv, {"BENCH_POSTGRESQL": database, "BENCH_STORE": str(store)}

    def _backup(
        self,
        group: str,
        who: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str] | None = None,
        interpreters: tuple[str, ...] = (),
        tools: tuple[str, ...] = ("pg_dump",),
    ) -> Case:
        return Case(
            group=group,
            who=who,
            argv=argv,
            env={**self.data.env, **(env or {})},
            reads=(self.data.marker,),
            prepare=self.data.settle,
            result=self.data.out.take,
            interpreters=interpreters,
            tools=tools,
        )
