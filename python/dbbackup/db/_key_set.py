"""A set of keys that may be larger than the memory."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

CACHE_KIB = 4096
"""Memory of the set; what does not fit goes into a temporary file that has no name. A guess: 100,000 keys."""


class KeySet:
    """Keys in named groups, kept as digests in a private SQLite database that is gone when it is closed."""

    def __init__(self) -> None:
        # An empty name is a temporary file that SQLite deletes at once (sqlite.org/inmemorydb.html).
        # The thread that reads a dump need not be the one that opened it.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = off")
        self._database.execute("PRAGMA synchronous = off")
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.execute(
            "CREATE TABLE held (name TEXT, digest BLOB, PRIMARY KEY (name, digest)) WITHOUT ROWID"
        )
        self._counts: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the keys, and delete the file."""
        self._database.close()

    def add(self, name: str, key: object) -> bool:
        """Add `key` to the group `name`; return whether it is new there."""
        added = self._database.execute("INSERT OR IGNORE INTO held VALUES (?, ?)", (name, digest(key)))
        is_new = added.rowcount == 1
        self._counts[name] = self._counts.get(name, 0) + is_new
        return is_new

    def count(self, name: str) -> int:
        """Return how many keys the group has."""
        return self._counts.get(name, 0)

    def missing(self, name: str, keys: Iterable[object]) -> list[Any]:
        """Return those of `keys` that the group does not have; at most some hundreds at once."""
        by_digest = {digest(key): key for key in keys}
        places = ", ".join("?" * len(by_digest))
        found = self._database.execute(
            f"SELECT digest FROM held WHERE name = ? AND digest IN ({places})",  # noqa: S608 (question marks)
            (name, *by_digest),
        )
        for (held,) in found:
            del by_digest[held]
        return list(by_digest.values())


def digest(key: object) -> bytes:
    """Return 16 bytes that stand for `key`; the same for the values that databases hold to be the same."""
    return hashlib.blake2b(_text(key).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _text(key: object) -> str:
    if isinstance(key, (tuple, list)):
        parts = [_text(part) for part in key]
        return "".join(f"{len(part)}:{part}" for part in parts)
    if isinstance(key, decimal.Decimal):
        return f"{key.normalize():f}"
    if isinstance(key, dt.datetime) and key.tzinfo is not None:
        return key.astimezone(dt.UTC).isoformat()
    if isinstance(key, (bytes, bytearray, memoryview)):
        return bytes(key).hex()
    return str(key)
