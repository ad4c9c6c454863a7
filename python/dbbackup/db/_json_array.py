"""The objects of a JSON array, one after the other out of a stream: the whole text is never held."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any

from dbbackup.exceptions import CorruptBackupError

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_BYTES = 256 * 1024
"""Bytes of one read, as those of the file object that brings them."""

LONGEST_TOKEN = 16
"""A token that the end of what was read cuts in two begins less than this many characters before that end,
unless it is a string: ``-Infinity`` has nine, the two escapes of one emoji twelve."""


class JsonArray:
    """The objects of one JSON array in a binary stream. Iterate once: the end was then proven.

    Holds the text of one read and of the largest object. Every character is looked at twice on average,
    however long an object is. UTF-8 with or without a byte order mark, UTF-16 and UTF-32 are read (Windows
    shells redirect into UTF-16).

    Args:
        file: What has ``read(size)``. It is read to its end before the iteration ends.

    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._decoder: codecs.IncrementalDecoder | None = None
        self._text = ""
        self._at = 0
        self._behind = 0
        self._ended = False
        self.count = 0
        """Objects given so far."""

    @property
    def characters(self) -> int:
        """Characters given so far, as a measure of what the objects weigh."""
        return self._behind + self._at

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the objects.

        Raises:
            CorruptBackupError: The stream is empty, is no JSON array of objects, ends before the array does,
                or goes on after it.

        """
        first = self._peek()
        if first != "[":
            raise self._broken("it begins with something else" if first else "it is empty")
        self._at += 1
        if self._peek() != "]":
            yield self._object()
            while self._peek() == ",":
                self._at += 1
                self._peek()
                yield self._object()
        if self._peek() != "]":
            raise self._broken("its closing bracket is missing")
        self._at += 1
        if self._peek():
            raise self._broken("something follows its closing bracket")

    def _object(self) -> dict[str, Any]:
        number = self.count + 1
        found: dict[str, Any]
        while True:
            if self._text[self._at : self._at + 1] != "{":
                what = "it ends before" if self._is_at_end() else "something else stands in the place of"
                raise self._broken(what, f"object {number}")
            try:
                found, self._at = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._is_cut(error) and self._read_more():
                    continue
                what = "it ends inside" if self._is_cut(error) else f"{error.msg} in"
                raise self._broken(what, f"object {number}") from error
            except (ValueError, RecursionError) as error:
                raise self._broken(str(error), f"in object {number}") from error
            self.count = number
            return found

    def _is_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - LONGEST_TOKEN

    def _peek(self) -> str:
        """Return the next character that is no space, without going past it; ``""`` at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text) or not self._read_more():
                return self._text[self._at : self._at + 1]

    def _is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def _read_more(self) -> bool:
        """Read on, and say whether something came.

        At least as much as is held: an object that is larger than one read is parsed from its beginning
        again, and doubling keeps the sum of these attempts below twice its length.
        """
        parts = [self._text[self._at :]]
        wanted, got = max(len(parts[0]), READ_BYTES), 0
        while got < wanted and not self._ended:
            text = self._decode(self._file.read(READ_BYTES))
            parts.append(text)
            got += len(text)
        self._behind += self._at
        self._text, self._at = "".join(parts), 0
        return got > 0

    def _decode(self, chunk: bytes) -> str:
        self._ended = not chunk
        if self._decoder is None:
            # Four bytes tell the encoding, and a stream may give them one by one.
            while len(chunk) < 4 and not self._ended:
                more = self._file.read(READ_BYTES)
                chunk, self._ended = chunk + more, not more
            self._decoder = codecs.getincrementaldecoder(json.detect_encoding(chunk))()
        try:
            return self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            after = f"after object {self.count}"
            raise self._broken("bytes that are no", error.encoding, "text", after) from error

    def _broken(self, *what: str) -> CorruptBackupError:
        message = (
            f"the backup is damaged or no JSON array: {' '.join(what)} (near character {self.characters})"
        )
        return CorruptBackupError(message, stage="target")


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
