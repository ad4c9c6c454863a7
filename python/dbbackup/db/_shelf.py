"""Objects of a backup that are kept for later."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

HELD_BYTES = 4 * 1024 * 1024
"""What stays in memory; more goes into a temporary file. A guess."""

MEMBER = "dbbackup"
"""What an object has beside ``model``, ``pk`` and ``fields``: ``loaddata`` ignores it."""


@dataclass(slots=True)
class Item:
    """One object of a backup: what stands there, and its number, counted from 1."""

    number: int
    row: dict[str, Any]
    why: str = ""
    """What kept it from being written."""

    @property
    def member(self) -> dict[str, Any]:
        """What it has for our own restore: ``pk``, where it has no other; the first one also ``models``."""
        found = self.row.get(MEMBER)
        return found if isinstance(found, dict) else {}


class Shelf:
    """Objects in the order in which they were put there."""

    def __init__(self, tmp_dir: str | None) -> None:
        self._tmp_dir = tmp_dir
        self._file = self._new_file()
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def put(self, item: Item) -> None:
        """Keep `item`."""
        self._file.write(json.dumps([item.number, item.row, item.why], default=str).encode() + b"\n")
        self.count += 1

    def take(self) -> Iterator[Item]:
        """Give what was there when this was called. Meanwhile more may be put there."""
        taken, self._file, self.count = self._file, self._new_file(), 0
        return self._read(taken)

    def _read(self, taken: Any) -> Iterator[Item]:
        with taken:
            taken.seek(0)
            for line in taken:
                number, row, why = json.loads(line)
                yield Item(number, row, why)

    def _new_file(self) -> Any:
        return tempfile.SpooledTemporaryFile(HELD_BYTES, dir=self._tmp_dir)
