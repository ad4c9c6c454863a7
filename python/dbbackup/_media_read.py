"""One file of a Django storage, opened and, if it is small, read: its bytes, and what tar says of them."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dbbackup._file import CHUNK_BYTES
from dbbackup._media_storage import oddity, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.files.storage import Storage

SMALL_BYTES = 1024 * 1024
"""Files up to this are held in memory: they may be read ahead, and are stored as they turn out to be."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be stored."""

    why: str


def open_file(storage: Storage, path: str, *, tmp_dir: str | None) -> StorageFile | Unreadable:
    """Open a file and read it if it is small. One that is known to be large is not opened yet."""
    if why := oddity(storage, path):
        return Unreadable(why)
    told = _told_bytes(storage, path)
    file = StorageFile(storage, path, told=told, tmp_dir=tmp_dir)
    if told is not None and told > SMALL_BYTES:
        return file
    try:
        file.begin()
    except Exception as error:
        file.close()
        return Unreadable(reason(error, "read"))
    return file


class StorageFile:
    """A file that is ready to be stored.

    Args:
        storage: Where it is.
        path: Its name there.
        told: Its size as the storage tells it, if it does.
        tmp_dir: Where it is copied to if it is large and nobody knows its size.

    """

    def __init__(self, storage: Storage, path: str, *, told: int | None, tmp_dir: str | None) -> None:
        self.path = path
        self.modified = modified_microseconds(storage, path)
        """When it was changed, in microseconds since 1970; ``None`` where the storage does not tell."""
        self.file_bytes = 0
        """How long it is, once it was measured."""
        self.trouble = ""
        """Why what was stored may not be the file, once its parts were taken."""
        self._storage = storage
        self._told = told
        self._tmp_dir = tmp_dir
        self._file: Any = None
        self._copy: Any = None
        self._head = b""
        self._is_all = False

    def begin(self) -> None:
        """Open it, and read its beginning: all of it, if it is small.

        Raises:
            Exception: Whatever the storage raises.

        """
        self._file = self._storage.open(self.path, "rb")
        parts = []
        room = SMALL_BYTES + 1
        while room > 0 and (part := _binary(self._file.read(room))):
            parts.append(part)
            room -= len(part)
        self._head = b"".join(parts)
        if room > 0:
            self._is_all = True
            self._let_go()

    def measure(self) -> str:
        """Find out how long it is; return why that is impossible, if it is."""
        try:
            if self._file is None and not self._is_all:
                self.begin()
            self.file_bytes = len(self._head) if self._is_all else self._large_bytes()
        except Exception as error:
            return reason(error, "read")
        return ""

    def parts(self) -> Iterator[bytes]:
        """Yield exactly `file_bytes` bytes: no tar can take back what its header says."""
        left = self.file_bytes
        part, self._head = self._head, b""
        failure, is_longer = "", False
        while left:
            if not part:
                part, failure = self._read(min(left, CHUNK_BYTES))
            if not part:
                break
            yield part[:left]
            is_longer = len(part) > left
            left -= min(left, len(part))
            part = b""
        if left:
            how = f"could not be read to its end ({failure})" if failure else "shrank while it was read"
            self.trouble = f"it {how}: its last {left:,} bytes are stored as zeros"
        elif not self._is_all and (is_longer or self._read(1)[0]):
            self.trouble = (
                "it changed while it was read: it is longer than the storage said, and stored without its end"
            )
        elif not self._is_all and self._copy is None and self._has_changed():
            self.trouble = "it changed while it was read: stored, perhaps half old and half new"
        for at in range(0, left, CHUNK_BYTES):
            yield bytes(min(left - at, CHUNK_BYTES))

    def close(self) -> None:
        """Let go of the file."""
        self._head = b""
        self._let_go()

    def _let_go(self) -> None:
        for file in (self._file, self._copy):
            with suppress(Exception):
                if file is not None:
                    file.close()
        self._file = self._copy = None

    def _large_bytes(self) -> int:
        """Return how long a file is of which the beginning was read.

        Content that is on this host is asked first. What storages tell may be the size of what they keep: of
        a compressed object. The last resort is a copy.
        """
        inner = getattr(self._file, "file", self._file)
        here = len(self._head)
        # Where it is not that far, somebody translates what it holds.
        if type(inner) in _LOCAL_FILES and inner.seekable() and inner.tell() == here:
            inner.seek(0, os.SEEK_END)
            end: int = inner.tell()
            inner.seek(here)
            return max(end, here)
        if not isinstance(inner, gzip.GzipFile):
            for told in (self._told, _told_by_file(self._file)):
                if told is not None and told >= here:
                    return told
        self._copy = tempfile.TemporaryFile(dir=self._tmp_dir)  # noqa: SIM115 (closed with the file)
        while self._head:
            self._copy.write(self._head)
            self._head = _binary(self._file.read(CHUNK_BYTES))
        size: int = self._copy.tell()
        self._copy.seek(0)
        return size

    def _read(self, size: int) -> tuple[bytes, str]:
        """Read on; return with nothing the reason for that, if it is not the end."""
        try:
            return _binary((self._copy or self._file).read(size)), ""
        except Exception as error:
            return b"", reason(error, "read")

    def _has_changed(self) -> bool:
        return modified_microseconds(self._storage, self.path) not in (None, self.modified)


def modified_microseconds(storage: Storage, path: str) -> int | None:
    """Return when a file was changed, in microseconds since 1970; ``None``: the storage does not tell."""
    with suppress(Exception):
        modified: datetime = storage.get_modified_time(path)
        return (modified.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    return None


def _told_bytes(storage: Storage, path: str) -> int | None:
    with suppress(Exception):
        return int(storage.size(path))
    return None


def _told_by_file(file: Any) -> int | None:
    with suppress(Exception):
        return int(file.size)
    return None


def _binary(part: object) -> bytes:
    """Return what a file gave; text, which a storage opened against its orders, is an error."""
    return part if isinstance(part, bytes) else bytes(memoryview(part))  # type: ignore[arg-type]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LOCAL_FILES = (io.BytesIO, io.BufferedReader, io.BufferedRandom, io.FileIO, tempfile.SpooledTemporaryFile)
"""What storages keep content in when it is on this host. Subclasses may be anything."""
