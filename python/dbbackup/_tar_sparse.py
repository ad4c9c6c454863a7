"""Maps of sparse files: which pieces of a file a tar archive holds; the rest are holes.

Four ways to write one: GNU's own header, and three in pax headers (GNU tar manual, "Storing Sparse Files").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbbackup._tar_format import BLOCK_BYTES, damaged, decimal, require_possible
from dbbackup.exceptions import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

Pieces = list[tuple[int, int]]


class Map:
    """Pieces of one file, in order: offset and length. Together as long as the bytes that are stored."""

    def __init__(self, pieces: Pieces, file_bytes: int) -> None:
        self.file_bytes = file_bytes
        self._pieces = pieces[::-1]
        self._at = 0

    @classmethod
    def of(cls, pieces: Pieces, file_bytes: int, stored_bytes: int) -> Map:
        """Make a map of what an archive says.

        Raises:
            CorruptBackupError: Pieces overlap, leave the file, or are not what is stored.
            UnsupportedError: There are too many.

        """
        require_possible(file_bytes)
        require_few(len(pieces))
        end = 0
        for offset, length in pieces:
            if offset < end or offset + length > file_bytes:
                damaged("the map of a sparse file is wrong")
            end = offset + length
        if sum(length for _, length in pieces) != stored_bytes:
            damaged("the map of a sparse file is not that of its content")
        # An empty piece at the end only says how long the file is.
        return cls([piece for piece in pieces if piece[1]], file_bytes)

    def ahead(self) -> tuple[int, int]:
        """Return how many bytes of a hole come next, and how many stored ones after it."""
        offset, length = self._pieces[-1] if self._pieces else (self.file_bytes, 0)
        return max(offset - self._at, 0), offset + length - max(offset, self._at)

    def advance(self, count: int) -> None:
        """Take note that so many bytes were read."""
        self._at += count
        if self._pieces and self._at >= sum(self._pieces[-1]):
            self._pieces.pop()


class SparseRecords:
    """What the records of a pax header say of a sparse file."""

    def __init__(self) -> None:
        self.is_before_content = False
        """Version 1.0: the map stands before the content."""
        self.file_bytes: int | None = None
        """Length of the file; ``None`` for one that is not sparse."""
        self._numbers: list[int] = []

    def take(self, key: bytes, value: bytes) -> None:
        """Take a record; those of other matters are passed over.

        Raises:
            CorruptBackupError: It is no number.

        """
        if key == b"GNU.sparse.major":
            self.is_before_content = decimal(value) == 1
        elif key in (b"GNU.sparse.size", b"GNU.sparse.realsize"):
            self.file_bytes = decimal(value)
        elif key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            self._numbers.append(decimal(value))
        elif key == b"GNU.sparse.map":
            self._numbers = [decimal(digits) for digits in value.split(b",")]

    def pieces(self) -> Pieces:
        """Return the pieces of versions 0.0 and 0.1."""
        return list(zip(self._numbers[::2], self._numbers[1::2], strict=False))


def pieces_before_content(block: Callable[[], bytes]) -> tuple[Pieces, int]:
    """Read the map of version 1.0: how many pieces, then offset and length of each, as numbers on lines.

    Args:
        block: Reads the next block of the content.

    Returns:
        The pieces, and the bytes that were read.

    Raises:
        CorruptBackupError: There are no such numbers.
        UnsupportedError: There are too many.

    """
    text = b""
    read_bytes = 0

    def number() -> int:
        nonlocal text, read_bytes
        while b"\n" not in text:
            if len(text) > _LONGEST_LINE:
                damaged("the map of a sparse file is wrong")
            text += block()
            read_bytes += BLOCK_BYTES
        line, _, text = text.partition(b"\n")
        return decimal(line)

    count = number()
    require_few(count)
    return [(number(), number()) for _ in range(count)], read_bytes


def require_few(pieces: int) -> None:
    """Fail for more pieces than are taken.

    Raises:
        UnsupportedError: There are more.

    """
    if pieces > _MOST_PIECES:
        message = f"cannot read the archive: a sparse file has more than {_MOST_PIECES} pieces"
        raise UnsupportedError(message, stage="archive")


_MOST_PIECES = 100_000
"""About 15 MiB of memory. The engine, which takes a tenth for each, has five times as many."""

_LONGEST_LINE = 20
"""Digits of the largest number that anybody writes."""
