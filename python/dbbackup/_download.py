"""One backup on its way out of a Django storage."""

from __future__ import annotations

import queue
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final

from dbbackup._aside import Aside

if TYPE_CHECKING:
    from dbbackup._asked import AskedStorage

PART_BYTES: Final = 1024 * 1024
"""Bytes of one read. The parts of an upload have as many."""

PARTS_AHEAD: Final = 2
"""Parts that wait for whoever reads."""

GIVE_UP_SECONDS: Final = 5.0
"""How long a file may take to close, before it is left to itself."""


class StorageDownload:
    """Reads one file, from its beginning to its end.

    The storage is read on a thread of its own: one that hangs cannot keep Ctrl-C from being heard, and checking and
    writing go on while the next part comes. Before the first `read` the file is only opened.

    Args:
        storage: The storage.
        key: The storage's name of the file.

    Raises:
        FileNotFoundError: There is none.

    """

    def __init__(self, storage: AskedStorage, key: str) -> None:
        self._storage = storage
        self._key = key
        self._is_open = threading.Event()
        self._is_wanted = threading.Event()
        self._is_closed = threading.Event()
        self._parts: queue.Queue[bytes] = queue.Queue(PARTS_AHEAD)
        self._rest = memoryview(b"")
        self._has_all = False
        self._reading = Aside(self._run, "dbbackup-download")
        try:
            while not self._is_open.wait(0.01):
                if self._reading.has_ended:
                    self._reading.result()
        except BaseException:
            self.close()
            raise

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""
        self._is_wanted.set()
        while not self._rest and not self._has_all:
            part = self._next()
            self._has_all = not part
            self._rest = memoryview(part)
        part = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        return part

    def close(self) -> None:
        """Let the file be closed, and stop waiting for it after a while. May be called twice."""
        self._is_closed.set()
        self._is_wanted.set()
        if not self._reading.wait(GIVE_UP_SECONDS):
            self._reading.leave()

    def _next(self) -> bytes:
        while True:
            has_ended = self._reading.has_ended
            try:
                return self._parts.get(timeout=0 if has_ended else 0.1)
            except queue.Empty:
                if has_ended:
                    self._reading.result()
                    return b""

    def _run(self) -> None:
        file = self._storage.open(self._key)
        self._is_open.set()
        self._is_wanted.wait()
        with self._storage.told(f"read `{self._key}`"), closing(file):
            part = None
            while part != b"" and not self._is_closed.is_set():
                part = file.read(PART_BYTES)
                self._hand_over(part)

    def _hand_over(self, part: bytes) -> None:
        while not self._is_closed.is_set():
            try:
                self._parts.put(part, timeout=0.1)
            except queue.Full:
                continue
            return
