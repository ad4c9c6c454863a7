#!/usr/bin/env python
"""Print the number of rows and a checksum over the rows of every table of a SQLite file.

    python fingerprint.py shop.sqlite3

It knows nothing of Django or dbbackup: it is the referee of the demonstration.
"""

import hashlib
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

Fingerprint = dict[str, tuple[int, str]]
"""The number of rows and the SHA-256 over all of them, by table."""

TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"


def fingerprint(path: Path) -> Fingerprint:
    """Read every row of every table of the file.

    Raises:
        sqlite3.DatabaseError: if the file is no sound database.

    """
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


def main() -> int:
    """Print the table, or say why there is none."""
    try:
        tables = fingerprint(Path(sys.argv[1]))
    except sqlite3.DatabaseError as error:
        print(f"cannot read `{sys.argv[1]}`: {error}")
        return 1
    for table, (count, digest) in tables.items():
        print(f"{table:18} {count:>7,} rows  {digest[:16]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
