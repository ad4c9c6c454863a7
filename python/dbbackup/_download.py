"""One backup on its way out of a Django storage."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from dbbackup._aside import Aside

if TYPE_CHECKING:
    from dbbackup._asked import AskedStorage

PART_BYTES: Final = 1024 * 1024
"""Bytes of one read. The parts of an upload have as many."""

SFTP_PART_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one read from SFTP."""

SFTP_READ_BYTES: Final = 32 * 1024
"""Bytes that every SFTP server gives for one request (draft-ietf-secsh-filexfer-02, section 3); paramiko's, too."""

PARTS_AHEAD: Final = 2
"""Parts that wait for whoever reads."""

GIVE_UP_SECONDS: Final = 1.0
"""How long a read that nobody wants any more may take, before it is left to itself: nothing has to be removed."""


class OpenFile:
    """A file of a storage, which can be read again without opening it again where it lets itself be rewound.

    S3's class of django-storages, for one, downloads a whole object at the first read, however little is wanted.

    Args:
        storage: The storage.
        key: The storage's name of the file.

    """

    def __init__(self, storage: AskedStorage, key: str) -> None:
        self.key = key
        self.is_in_use = False
        self._storage = storage
        self._file: Any = None
        self._was_read = False

    def begin(self) -> None:
        """Open the file, or go back to its beginning."""
        if self._file is not None and self._was_read:
            try:
                self._file.seek(0)
            except Exception:  # (each says in its own way that it cannot)
                self.close()
        if self._file is None:
            self._file = self._storage.open(self.key)
        self._was_read = False

    def read(self) -> bytes:
        """Return the next part; it is empty at the end."""
        self._was_read = True
        with self._storage.told(f"read `{self.key}`"):
            return _read(self._file)

    def close(self) -> None:
        """Close the file; what goes wrong with that is nobody's concern."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(Exception):
                file.close()

    def leave(self) -> None:
        """Forget the file without closing it: its storage would not answer."""
        self._file = None


def _read(file: Any) -> bytes:
    if type(file).__name__ != "SFTPStorageFile":
        part: bytes = file.read(PART_BYTES)
        return part
    # paramiko would ask for 32 KiB, wait for them and ask again: 5 MiB/s on one machine, and less to any other. Asking
    # for many at once makes 19 of it with parts of 1 MiB, 49 with 4, 60 with 8.
    file.read(0)  # opens `file.file`
    here, end = file.file.tell(), file.size
    size = SFTP_PART_BYTES
    reads = [
        (at, min(SFTP_READ_BYTES, end - at)) for at in range(here, min(here + size, end), SFTP_READ_BYTES)
    ]
    return b"".join(file.file.readv(reads))


class StorageDownload:
    """Reads one file, from its beginning to its end.

    The storage is read on a thread of its own: one that hangs cannot keep Ctrl-C from being heard, and checking and
    writing go on while the next part comes. Before the first `read` the file is only opened.

    Args:
        file: The file. It stays open.

    Raises:
        FileNotFoundError: There is none.

    """

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._file.is_in_use = True
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
        """Stop reading; stop waiting for that after a while. May be called twice."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        self._is_wanted.set()
        if self._reading.wait(GIVE_UP_SECONDS):
            self._file.is_in_use = False
        else:
            # Nobody reads this one again: the thread may still be at it.
            self._reading.leave()
            self._file.leave()

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
        try:
            self._file.begin()
            self._is_open.set()
            self._is_wanted.wait()
            part = None
            while part != b"" and not self._is_closed.is_set():
                part = self._file.read()
                self._hand_over(part)
        except BaseException:
            self._file.close()
            raise

    def _hand_over(self, part: bytes) -> None:
        while not self._is_closed.is_set():
            try:
                self._parts.put(part, timeout=0.1)
            except queue.Full:
                continue
            return
