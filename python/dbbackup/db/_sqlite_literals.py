"""Values of SQLite as SQL: each comes back as the same value of the same type, bit by bit."""

from __future__ import annotations

import math
from binascii import hexlify
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Literals:
    """Makes the literal of a value that was read with ``text_factory = bytearray``.

    Args:
        encoding: The database's, as ``PRAGMA encoding`` says it.

    """

    def __init__(self, encoding: str) -> None:
        self._is_utf8 = encoding == "UTF-8"
        self.replaced = 0
        """Texts that had bytes which are no text, and have replacement characters in their place."""
        self.of: dict[type, Callable[[Any], bytes]] = {
            type(None): lambda _: b"NULL",
            int: b"%d".__mod__,
            float: real,
            bytes: blob,
            bytearray: self._text,
        }
        """Type → what makes the literal."""

    def _text(self, value: bytearray) -> bytes:
        if not value.isascii():
            try:
                value.decode()
            except UnicodeDecodeError:
                if self._is_utf8:
                    return b"CAST(" + blob(value) + b" AS TEXT)"
                # The cast would take these bytes, which are UTF-8, for UTF-16.
                self.replaced += 1
                value = bytearray(value.decode(errors="replace").encode())
        return text(value)


_QUOTATION_MARK = ord("'")


def blob(value: bytes | bytearray) -> bytes:
    """Return the literal of bytes."""
    return b"X'" + hexlify(value) + b"'"


def text(value: bytes | bytearray) -> bytes:
    """Return the literal of a text in UTF-8, on one line.

    Line breaks are escaped because django-dbbackup reads line by line, NULs because SQL cannot hold any.
    """
    functions = calls = b""
    for character in (0, 10):
        if character in value:
            mark = _unused_mark(value, b"\\n" if character else b"\\0")
            value = value.replace(bytes([character]), mark)
            functions += b"replace("
            calls = b",'%b',char(%d))" % (mark, character) + calls
    if _QUOTATION_MARK in value:
        value = value.replace(b"'", b"''")
    return functions + b"'" + value + b"'" + calls


def real(value: float) -> bytes:
    """Return the literal of a number that SQLite reads back as exactly this one, whatever its version.

    SQLite does not always round a decimal to the nearest number: of the shortest ones about one in ten
    thousand comes back with another last bit (tried, 3.40). Up to three decimals cannot go wrong. 18 digits
    are so near to the number that small errors do not matter, and there are only small ones where the power
    of ten is exact. What is left is written as a whole number times powers of two.
    """
    if math.isinf(value):
        return b"9e999" if value > 0 else b"-9e999"
    shortest = repr(value)
    digits = len(shortest.lstrip("-"))
    if "e" not in shortest and digits <= 16 and len(shortest.partition(".")[2]) <= 3:
        return shortest.encode()
    if 1e-9 < abs(value) < 1e40:
        return b"%.17e" % value
    fraction, exponent = math.frexp(value)
    literal = f"{int(fraction * 2**53)}.0"
    exponent -= 53
    while exponent:
        step = min(abs(exponent), 62)
        literal += f"{'*' if exponent > 0 else '/'}{1 << step}"
        exponent += -step if exponent > 0 else step
    return literal.encode()


def _unused_mark(value: bytes | bytearray, mark: bytes) -> bytes:
    # A mark begins and ends with characters that it has nowhere else: no two can overlap.
    number = 0
    while mark in value:
        number += 1
        mark = b"(\\%d)" % number
    return mark
