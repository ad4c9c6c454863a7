"""The file object that connectors and storages get and give: a stream with just enough of a file's manners."""

from __future__ import annotations

import io
import logging
import os
import tempfile
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from _typeshed import WriteableBuffer

logger = logging.getLogger("dbbackup")

CHUNK_BYTES = 256 * 1024
"""Bytes of one read. A guess that fits a level-2 cache, as the engine's."""


class Readable(Protocol):
    """Where the bytes come from. ``b""`` is the end, and a promise: everything before it is whole."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, at least one before the end."""

    def close(self) -> None:
        """Stop; what made the bytes is ended too. May be called at any time, and twice."""


class StreamedFile(io.BufferedReader):
    """A binary file that is read once, from its beginning to its end, and held nowhere.

    ``read``, ``readinto``, ``readline``, iteration, ``chunks`` and ``tell`` stream. ``seek(0)`` at the beginning
    is free. ``size``, ``len`` and every other seek copy what is left into a temporary file, once, and log that.
    ``fileno`` is a pipe, for child processes; whoever takes it must not read the object as well.

    Args:
        source: Gives the bytes. A native dump of the engine stays reachable as `native`, while nothing was read.
        name: What the file is called.
        tmp_dir: Where the temporary copy goes if somebody needs one; ``None``: the system's folder.

    """

    DEFAULT_CHUNK_SIZE: ClassVar[int] = CHUNK_BYTES
    """Bytes of a part of `chunks`, as Django's files have it."""

    mode = "rb"

    def __init__(self, source: Readable, *, name: str = "", tmp_dir: str | None = None) -> None:
        self._raw = _Raw(source)
        super().__init__(self._raw, CHUNK_BYTES)
        self._name = name
        self._tmp_dir = tmp_dir
        self._feed: _PipeFeed | None = None

    @property
    def name(self) -> str:
        """What the file is called. Storages and connectors may change it."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def native(self) -> Any:
        """What gives the bytes, if nothing was read yet; else ``None``."""
        return self._raw.source if self._raw.bytes == 0 and not self._raw.is_spooled else None

    @property
    def file(self) -> Self:
        """The file itself: Django's files have another one inside."""
        return self

    def open(self, _mode: str | None = None) -> Self:
        """Go to the beginning, as Django's files do."""
        self.seek(0)
        return self

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Give the rest in parts of `chunk_size` bytes; the last may be shorter."""
        while chunk := self.read(chunk_size or self.DEFAULT_CHUNK_SIZE):
            yield chunk

    def multiple_chunks(self, _chunk_size: int | None = None) -> bool:
        """Whether it may be more than one part: nobody knows before it was read."""
        return True

    @property
    def size(self) -> int:
        """The bytes from the beginning to the end. Makes the temporary copy."""
        self._spool()
        return self._raw.size

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return True

    def seekable(self) -> bool:
        """Whether every seek is free: not before the temporary copy was made."""
        return self._raw.is_spooled

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move; free at the beginning, else on the temporary copy of what had not been read.

        Raises:
            io.UnsupportedOperation: What stands there was read before the copy was made, and is gone.

        """
        if not self._raw.is_spooled:
            here = self.tell()
            if (whence, offset) in ((os.SEEK_SET, here), (os.SEEK_CUR, 0)):
                return here
            self._spool()
        return super().seek(offset, whence)

    def fileno(self) -> int:
        """Return the reading end of a pipe that a thread fills with the rest. `close` raises what goes wrong."""
        if self._feed is None:
            self._feed = _PipeFeed(self)
        return self._feed.reading_end

    def isatty(self) -> bool:
        """Whether it is a terminal: it is not. (The inherited method would ask `fileno`.)."""
        return False

    def close(self) -> None:
        """End what makes the bytes, and delete the temporary copy.

        Raises:
            Exception: What kept the pipe of `fileno` from being filled to the end, if somebody still read it.

        """
        if self.closed:
            return
        feed, self._feed = self._feed, None
        try:
            if feed is not None:
                feed.end()
        finally:
            super().close()

    def _spool(self) -> None:
        if self._raw.is_spooled:
            return
        here = self.tell()
        logger.info(
            "copying `%s` into a temporary file: its size or an earlier place is asked for", self._name
        )
        copy = tempfile.TemporaryFile(dir=self._tmp_dir)  # noqa: SIM115 (closed with the file)
        try:
            for chunk in self.chunks():
                copy.write(chunk)
        except BaseException:
            copy.close()
            raise
        self._raw.go_on_from(copy, begins_at=here)
        super().seek(here)


class _Raw(io.RawIOBase):
    """The bytes of the source, then those of the temporary copy."""

    def __init__(self, source: Readable) -> None:
        self.source = source
        self.bytes = 0
        """Read from the source so far."""
        self._copy: Any = None
        self._begins_at = 0
        self._end = 0

    @property
    def is_spooled(self) -> bool:
        return self._copy is not None

    @property
    def size(self) -> int:
        return self._end

    def go_on_from(self, copy: Any, *, begins_at: int) -> None:
        self._copy, self._begins_at, self._end = copy, begins_at, begins_at + copy.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.is_spooled

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        part = self._copy.read(len(view)) if self._copy else self.source.read(len(view))
        view[: len(part)] = part
        if not self._copy:
            self.bytes += len(part)
        return len(part)

    def tell(self) -> int:
        return self._begins_at + int(self._copy.tell()) if self._copy else self.bytes

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._end}[whence]
        if place < self._begins_at:
            message = f"cannot go back to byte {place}: the stream was read up to {self._begins_at} already"
            raise io.UnsupportedOperation(message)
        self._copy.seek(place - self._begins_at)
        return place

    def close(self) -> None:
        if self.closed:
            return
        try:
            if self._copy:
                self._copy.close()
            self.source.close()
        finally:
            super().close()


class _PipeFeed:
    """A pipe, and the thread that fills it."""

    def __init__(self, file: StreamedFile) -> None:
        self._file = file
        self._error: BaseException | None = None
        self.reading_end, self._writing_end = os.pipe()
        self._thread = threading.Thread(target=self._fill, name="dbbackup-pipe", daemon=True)
        self._thread.start()

    def _fill(self) -> None:
        try:
            with open(self._writing_end, "wb", buffering=0) as pipe:  # noqa: PTH123 (a descriptor)
                for chunk in self._file.chunks():
                    view = memoryview(chunk)
                    while view:
                        view = view[pipe.write(view) :]
        except BrokenPipeError:  # whoever read has enough
            pass
        except BaseException as error:
            self._error = error

    def end(self) -> None:
        os.close(self.reading_end)
        self._thread.join()
        if self._error is not None:
            raise self._error
