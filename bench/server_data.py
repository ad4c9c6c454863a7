"""The shop on a server, twice: to be backed up, and to be restored into."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path

from bench.data import DATA, Outputs, shop_rows
from bench.measure import FailedError

TABLES = ("shop_customer", "shop_order", "shop_event", "shop_document")


class ServerData(ABC):
    """A server with the databases ``shop`` and ``target``, until it is closed."""

    name: str
    """Of the folder."""
    flavour: str
    """What the schema of this server is called in the dataset."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.folder = DATA / f"{self.name}-{scale:g}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.out = Outputs(self.folder / "out")
        self._stack = ExitStack()
        self.env = self.start(self._stack)
        """What lets every command reach the server."""
        self.load(shop_rows(scale))
        self.bytes = self.size()
        self._rows = self._counted("shop")

    @abstractmethod
    def start(self, stack: ExitStack) -> dict[str, str]:
        """Start the server, which `stack` ends; return the environment of commands."""

    @abstractmethod
    def load(self, rows: Path) -> None:
        """Make both databases from the dataset in the folder `rows`."""

    @abstractmethod
    def size(self) -> int:
        """Return how many bytes ``shop`` takes."""

    @abstractmethod
    def columns(self, database: str, query: str) -> list[str]:
        """Return the one row that a query has."""

    @abstractmethod
    def flush(self) -> None:
        """Let the server write what earlier rounds left to write."""

    @property
    def marker(self) -> Path:
        """A file of the dataset."""
        return shop_rows(self.scale) / f"schema.{self.flavour}.sql"

    def close(self) -> None:
        """End the server."""
        self._stack.close()

    def settle(self) -> None:
        """Prepare a round: empty the folder of outputs."""
        self.out.empty()
        self.flush()

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

    def script(self, rows: Path, load: str) -> bytes:
        """Return what makes a database: the tables, `load`, and the indexes."""
        schema, indexes = (
            (rows / f"{part}.{self.flavour}.sql").read_text() for part in ("schema", "indexes")
        )
        return f"{schema}{load}{indexes}".encode()

    def _counted(self, database: str) -> tuple[int, ...]:
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
        return tuple(int(rows) for rows in self.columns(database, f"SELECT {counts}"))
