#!/usr/bin/env python
"""Print a checksum over the rows of every table of a SQLite file, or the files of every folder in a folder.

    python fingerprint.py shop.sqlite3
    python fingerprint.py media

It knows nothing of Django or dbbackup: it is the referee of the demonstration.
"""

import hashlib
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

Fingerprint = dict[str, tuple[int, str]]
"""The number of rows and the SHA-256 over all of them, by table; or of files, by folder."""


def fingerprint(path: Path) -> Fingerprint:
    """Read every row of every table of the file, or every file of every folder in the folder.

    Raises:
        sqlite3.DatabaseError: if the file is no sound database.

    """
    if path.is_dir():
        return {folder.name: _files(folder) for folder in sorted(path.iterdir())}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as database:
        tables = database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        ).fetchall()
        return {table: _rows(database, table) for (table,) in tables}


def _rows(database: sqlite3.Connection, table: str) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    for row in database.execute(f'SELECT * FROM "{table}" ORDER BY rowid'):
        digest.update(repr(row).encode())
        count += 1
    return count, digest.hexdigest()


def _files(folder: Path) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(repr((str(path.relative_to(folder)), path.read_bytes())).encode())
        count += 1
    return count, digest.hexdigest()


def main() -> int:
    """Print the table, or say why there is none."""
    path = Path(sys.argv[1])
    try:
        found = fingerprint(path)
    except sqlite3.DatabaseError as error:
        print(f"cannot read `{path}`: {error}")
        return 1
    unit = "files" if path.is_dir() else "rows"
    for name, (count, digest) in found.items():
        print(f"{name:18} {count:>7,} {unit}  {digest[:16]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
