"""What is measured on: the dataset, made once, and the folders that the measured commands write to."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.measure import ROOT, FailedError

DATA = Path("bench/data")
"""Relative to the root, like every path in a measured command."""


class Outputs:
    """The folder that measured backups go to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def empty(self) -> None:
        """Make the folder anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def take(self) -> int:
        """Return the bytes of the largest file, and remove all."""
        largest = max(file.stat().st_size for file in self.folder.iterdir())
        shutil.rmtree(self.folder)
        return largest


class Dataset:
    """A shop database of one size, and the scratch folders beside it.

    Scale 0.5 is 459 MB, made in about 40 seconds.
    """

    def __init__(self, scale: float, *, rollback_copy: bool = True) -> None:
        self.scale = scale
        self.folder = DATA / f"scale-{scale:g}"
        self.wal = self.folder / "shop.sqlite3"
        self.rollback = self.folder / "shop-delete.sqlite3"
        self.out = Outputs(self.folder / "out")
        self.target = self.folder / "target.sqlite3"
        _make(self.wal, scale)
        if rollback_copy and not self.rollback.exists():
            with whole(self.rollback) as part:
                shutil.copyfile(self.wal, part)
                with closing(sqlite3.connect(part)) as database:
                    database.execute("PRAGMA journal_mode=DELETE")
        self.bytes = self.wal.stat().st_size
        self._rows = _rows(self.wal)

    def __str__(self) -> str:
        return f"shop, scale {self.scale:g}, {self.bytes / 1e6:.0f} MB"

    def lay_target(self) -> None:
        """Put an existing database, in WAL mode and not in use, where restores go."""
        self._remove_target()
        shutil.copyfile(self.wal, self.target)

    def take_target(self) -> int:
        """Check the restored rows, return the bytes, and remove the database.

        Raises:
            FailedError: if it does not hold as many rows as the dataset.

        """
        rows = _rows(self.target)
        if rows != self._rows:
            problem = f"restored {rows} rows instead of {self._rows}"
            raise FailedError(problem)
        size = self.target.stat().st_size
        self._remove_target()
        return size

    def _remove_target(self) -> None:
        for file in self.folder.glob(f"{self.target.name}*"):
            file.unlink()


def shop_rows(scale: float) -> Path:
    """Return the folder with the shop's schemas and rows, which are made once."""
    rows = DATA / f"rows-{scale:g}"
    if not rows.exists():
        print(f"making the rows of scale {scale:g}, once", flush=True)
        with whole(rows) as part:
            argv = [sys.executable, "bench/dataset.py", "rows", "--scale", str(scale), "--out", str(part)]
            subprocess.run(argv, cwd=ROOT, check=True)
    return rows


def _make(path: Path, scale: float) -> None:
    if path.exists():
        return
    print(f"making the dataset of scale {scale:g}, once", flush=True)
    with whole(path) as part:
        argv = [sys.executable, "bench/dataset.py", "sqlite", "--scale", str(scale), "--out", str(part)]
        subprocess.run(argv, cwd=ROOT, check=True)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it gets its real name when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"part-{path.name}")
    yield part
    part.rename(path)


def _rows(path: Path) -> tuple[int, ...]:
    tables = ("shop_customer", "shop_order", "shop_event", "shop_document")
    with closing(sqlite3.connect(path)) as database:
        return tuple(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
