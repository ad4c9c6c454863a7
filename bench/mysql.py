"""MariaDB: our backups and restores, django-dbbackup's, and MariaDB's own programs in a shell pipe."""

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from bench.peers import Peers
from bench.server_data import TABLES, ServerData
from bench.servers import ServerCases
from tests.keeper import PASSWORD
from tests.mysql import SUPERUSER, Server, running

MYSQL_GROUPS = ("mysql-zstd", "mysql-gzip", "mysql-restore")
COLUMNS = {"shop_document": "(id, customer_id, title, @body) SET body = UNHEX(SUBSTR(@body, 3))"}
"""Of tables whose rows are not loaded as they are: documents are in hexadecimal."""
MEMORY = ("--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M", "--max-allowed-packet=64M")
SYNCS = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF", "--local-infile=ON")
"""As PostgreSQL's server here: without `fsync`."""
DIRTY = "SHOW STATUS LIKE 'Innodb_buffer_pool_pages_dirty'"


class MysqlData(ServerData):
    """The shop on MariaDB."""

    name = "mysql"
    flavour = "mysql"
    server: Server

    def __str__(self) -> str:
        return f"MariaDB, shop, scale {self.scale:g}, {self.bytes / 1e6:.0f} MB"

    @property
    def options(self) -> Path:
        """The option file of its client programs."""
        return self.folder / "client.cnf"

    def start(self, stack: ExitStack) -> dict[str, str]:
        """Start it, with its password in an option file."""
        self.server = stack.enter_context(running(*MEMORY, *SYNCS))
        self.options.touch(mode=0o600)
        password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        lines = [f"host={self.server.host}", f"port={self.server.port}", f"user={SUPERUSER}"]
        self.options.write_text("\n".join(["[client]", *lines, f'password="{password}"', ""]))
        return {
            "BENCH_MYSQL_HOST": self.server.host,
            "BENCH_MYSQL_PORT": str(self.server.port),
            "BENCH_MYSQL_PASSWORD": PASSWORD,
        }

    def load(self, rows: Path) -> None:
        """Load the rows twice."""
        loads = "".join(
            f"LOAD DATA LOCAL INFILE '{rows}/{table}.csv' INTO TABLE {table} CHARACTER SET utf8mb4 FIELDS TERMINATED "
            f"BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' {COLUMNS.get(table, '')};\n"
            for table in TABLES
        )
        client = [str(self.server.bin / "mariadb"), f"--defaults-file={self.options}", "--local-infile=1"]
        for database in ("shop", "target"):
            self.server.query("", f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
            subprocess.run([*client, database], input=self.script(rows, loads), check=True)

    def size(self) -> int:
        """Return how many bytes ``shop`` takes."""
        sizes = "SELECT SUM(data_length + index_length) FROM information_schema.tables"
        return int(self.server.query("", f"{sizes} WHERE table_schema = 'shop'"))

    def columns(self, database: str, query: str) -> list[str]:
        """Return the one row that a query has."""
        return self.server.query(database, query).split("\t")

    def flush(self) -> None:
        """Wait until few pages are left to write."""
        self.server.query("", "FLUSH TABLES; SET GLOBAL innodb_max_dirty_pages_pct = 0")
        while int(self.columns("", DIRTY)[1]) > 1_000:
            time.sleep(0.1)
        self.server.query("", "SET GLOBAL innodb_max_dirty_pages_pct = 90")


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
