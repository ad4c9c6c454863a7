"""What a tar archive is made of: header blocks, the numbers in them, and the records of pax headers.

The standard library's `tarfile` writes archives. Its stream mode does not read them here, as it takes one
that was cut at a member, or has a damaged header there, for whole, passes over damaged pax records, and keeps
every member that it has met. The engine reads by the same rules as these (crates/engine/src/archive/tar).
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import NoReturn

from dbbackup.exceptions import CorruptBackupError

BLOCK_BYTES = 512
"""A tar stream consists of blocks of this size (POSIX.1-2017, pax, "ustar Interchange Format")."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header block, not yet put right by a pax header."""

    path: bytes
    flag: bytes
    """What it is: a letter, as `tarfile` has them."""
    stored_bytes: int
    """Bytes that follow it, padded to whole blocks."""
    sparse_pieces: list[tuple[int, int]]
    """Of a sparse file in GNU's own format: offsets and lengths; more may follow."""
    sparse_bytes: int | None
    """How long that file is."""
    goes_on: bool
    """Whether another block of pieces follows."""

    @classmethod
    def read(cls, block: bytes) -> Header:
        """Read a block.

        Raises:
            CorruptBackupError: Its checksum is wrong, its size is no number, or its pieces are none.

        """
        # The sum of all bytes, with blanks in place of the sum.
        if _number(block[148:156]) != sum(block[:148]) + sum(block[156:]) + 8 * ord(" "):
            damaged("a header's checksum is wrong")
        flag = block[156:157]
        # Some tars write the size of the file that is linked to, and none of its bytes; GNU tar knows that.
        stored_bytes = 0 if flag == tarfile.LNKTYPE else _number(block[124:136])
        if stored_bytes is None or stored_bytes < 0:
            damaged("a header has no size")
        require_possible(stored_bytes)
        if flag != tarfile.GNUTYPE_SPARSE:
            return cls(_path(block), flag, stored_bytes, [], None, goes_on=False)
        if block[257:265] != tarfile.GNU_MAGIC:
            damaged("the map of a sparse file is wrong")
        told = _number(block[483:495])
        sparse_bytes = told if told is not None and told >= 0 else stored_bytes
        pieces = sparse_pieces(block[386:482])
        return cls(_path(block), flag, stored_bytes, pieces, sparse_bytes, goes_on=block[482] == 1)


def sparse_pieces(fields: bytes) -> list[tuple[int, int]]:
    """Read offsets and lengths of twelve bytes each; those that are empty say nothing."""
    pieces = []
    for at in range(0, len(fields), 24):
        if fields[at] and fields[at + 12]:
            offset, length = _number(fields[at : at + 12]), _number(fields[at + 12 : at + 24])
            if offset is None or length is None or offset < 0 or length < 0:
                damaged("the map of a sparse file is wrong")
            pieces.append((offset, length))
    return pieces


def pax_records(payload: bytes) -> list[tuple[bytes, bytes]]:
    """Read the records of a pax header: ``<length> <key>=<value>`` and a newline, which values may hold too.

    Raises:
        CorruptBackupError: A record is not as long as it says.

    """
    found = []
    start = 0
    while start < len(payload):
        digits, blank, _ = payload[start : start + _DIGITS].partition(b" ")
        end = start + int(digits) if blank and digits.isdigit() else 0
        key, equals, value = payload[start + len(digits) + 1 : end].partition(b"=")
        if not equals or end > len(payload) or not value.endswith(b"\n"):
            damaged("a pax header is damaged")
        found.append((key, value[:-1]))
        start = end
    return found


def decimal(digits: bytes) -> int:
    """Read a number of a pax header.

    Raises:
        CorruptBackupError: It is none.

    """
    if not digits.isdigit() or len(digits) > _DIGITS:
        damaged("a pax header holds no number where one should be")
    return int(digits)


def require_possible(size: int) -> None:
    """Fail for a size that no file has.

    Raises:
        CorruptBackupError: It is one.

    """
    if not 0 <= size < 1 << 63:
        damaged("a size is larger than any file")


def damaged(why: str) -> NoReturn:
    """Say that the archive is damaged.

    Raises:
        CorruptBackupError: Always.

    """
    message = f"cannot read the archive: {why}"
    raise CorruptBackupError(
        message, stage="archive", hint="it was damaged or cut short; take another backup"
    )


def _number(field: bytes) -> int | None:
    """Read a number: octal digits between blanks, or GNU's binary form, negative too; nothing at all is 0."""
    if field[0] & 0x80:
        is_negative = field[0] & 0x40
        first = field[0] - 0x100 if is_negative else field[0] & 0x7F
        return (first << 8 * (len(field) - 1)) + int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        return None
    return int(digits or b"0", 8)


def _path(block: bytes) -> bytes:
    """Join the two fields that ustar has for a path. GNU's old format has times in the second."""
    name, prefix = block[:100].partition(b"\0")[0], block[345:500].partition(b"\0")[0]
    return b"/".join((prefix, name)) if prefix and block[257:263] == b"ustar\0" else name


_DIGITS = 20
"""Digits of the largest number that anybody writes."""
