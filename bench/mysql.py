"""MariaDB: our backups and restores, django-dbbackup's, and MariaDB's own programs in a shell pipe."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from bench.data import DATA, Outputs, shop_rows
from bench.measure import FailedError
from bench.peers import Peers
from bench.servers import ServerCases
from tests.keeper import PASSWORD
from tests.mysql import SUPERUSER, Server, running

MYSQL_GROUPS = ("mysql-zstd", "mysql-gzip", "mysql-restore")
TABLES = {
    "shop_customer": "",
    "shop_order": "",
    "shop_event": "",
    "shop_document": "(id, customer_id, title, @body) SET body = UNHEX(SUBSTR(@body, 3))",
}
"""What loads each table: documents are in hexadecimal."""
MEMORY = ("--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M", "--max-allowed-packet=64M")
SYNCS = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF", "--local-infile=ON")
"""As PostgreSQL's server here: without `fsync`."""


class MysqlData:
    """A server with the shop twice: to be backed up, and to be restored into."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.folder = DATA / f"mysql-{scale:g}"
        self.out = Outputs(self.folder / "out")
        self._stack = ExitStack()
        self.server: Server = self._stack.enter_context(running(*MEMORY, *SYNCS))
        self.options = self.folder / "client.cnf"
        self.options.parent.mkdir(parents=True, exist_ok=True)
        self.options.touch(mode=0o600)
        password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        lines = [f"host={self.server.host}", f"port={self.server.port}", f"user={SUPERUSER}"]
        self.options.write_text("\n".join(["[client]", *lines, f'password="{password}"', ""]))
        self.env = {
            "BENCH_MYSQL_HOST": self.server.host,
            "BENCH_MYSQL_PORT": str(self.server.port),
            "BENCH_MYSQL_PASSWORD": PASSWORD,
        }
        self._load()
        size = "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = 'shop'"
        self.bytes = int(self.server.query("", size))
        self._rows = self._counted("shop")

    def __str__(self) -> str:
        return f"MariaDB, shop, scale {self.scale:g}, {self.bytes / 1e6:.0f} MB"

    @property
    def marker(self) -> Path:
        """A file of the dataset."""
        return shop_rows(self.scale) / "schema.mysql.sql"

    def close(self) -> None:
        """End the server."""
        self._stack.close()

    def settle(self) -> None:
        """Let the server write what earlier rounds left to write, and empty the folder of outputs."""
        self.out.empty()
        self.server.query("", "FLUSH TABLES; SET GLOBAL innodb_max_dirty_pages_pct = 0")
        while (
            int(self.server.query("", "SHOW STATUS LIKE 'Innodb_buffer_pool_pages_dirty'").split()[1]) > 1_000
        ):
            pass
        self.server.query("", "SET GLOBAL innodb_max_dirty_pages_pct = 90")

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
        schema, indexes = ((rows / f"{name}.mysql.sql").read_text() for name in ("schema", "indexes"))
        loads = "".join(
            f"LOAD DATA LOCAL INFILE '{rows}/{table}.csv' INTO TABLE {table} CHARACTER SET utf8mb4 FIELDS TERMINATED "
            f"BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' {columns};\n"
            for table, columns in TABLES.items()
        )
        for database in ("shop", "target"):
            self.server.query("", f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
            argv = [
                str(self.server.bin / "mariadb"),
                f"--defaults-file={self.options}",
                "--local-infile=1",
                database,
            ]
            subprocess.run(argv, input=f"{schema}{loads}{indexes}".encode(), check=True)

    def _counted(self, database: str) -> tuple[int, ...]:
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
        return tuple(int(rows) for rows in self.server.query(database, f"SELECT {counts}").split("\t"))


class MysqlCases(ServerCases[MysqlData]):
    """Builds the groups of MariaDB."""

    name = "mysql"
    tool = "mariadb-dump"

    def __init__(self, peers: Peers, data: MysqlData) -> None:
        super().__init__(peers, data)
        self.database_url = f"mysql:///{{database}}?defaults-file={data.options.resolve()}"
        self.dump = (
            f"mariadb-dump --defaults-file={data.options} --single-transaction --quick --hex-blob shop"
        )

    def manage_env(self, database: str) -> dict[str, str]:
        """Return what tells the project which database is meant."""
        return {"BENCH_MYSQL": database}

    def restore_argv(self, backup: Path) -> tuple[str, tuple[str, ...]]:
        """Return how MariaDB's own program restores, and its name."""
        return "mariadb", ("sh", "-c", f"mariadb --defaults-file={self.data.options} target <{backup}")
