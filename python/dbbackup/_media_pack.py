"""Media in any Django storage into a tar stream."""

from __future__ import annotations

import os
import tarfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dbbackup._engine import Exclude
from dbbackup._media_read import StorageFile, Unreadable, modified_microseconds, open_file
from dbbackup._media_storage import Skipped, Step, Walk
from dbbackup.exceptions import ConfigurationError, InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from django.core.files.storage import Storage

Opened = StorageFile | Unreadable


class MediaDump:
    """The tar stream of a storage's files: a `Readable` (`dbbackup._file`).

    The layout is the engine's (docs/format.md): pax, the storage itself first as ``./``, folders before what
    is in them, by name; rights are 0644 and 0755, the owner is this process's, times are those that the
    storage tells. A file that vanishes or cannot be read is skipped and counted; one that is not whole is
    stored with zeros for what is missing, or without what it has too much, and counted.

    Nothing is asked of the storage before the first `read`. Memory is about 1 MiB for each reader and 2 MiB
    beside, and the names of the folders on the way.

    Args:
        storage: Where the files are. Several readers call its methods from several threads at once.
        exclude: Patterns of files and folders to leave out, as in a ``.gitignore``.
        readers: Files up to 1 MiB that are read at once; 1: each in its turn, in the calling thread.
        never: Files and folders that belong to backups, or a function that tells of a path whether it does.
        tmp_dir: Where a large file of unknown size is copied to; ``None``: the system's folder.

    Raises:
        ConfigurationError: A pattern cannot be understood, or there is no reader.

    """

    def __init__(
        self,
        storage: Storage,
        *,
        exclude: Iterable[str] = (),
        readers: int = 1,
        never: Callable[[str], bool] | Iterable[str] = (),
        tmp_dir: str | None = None,
    ) -> None:
        if readers < 1:
            message = f"cannot read media with {readers} readers"
            raise ConfigurationError(message, stage="source", hint="one is the least")
        self._storage = storage
        self._exclude = Exclude(list(exclude))
        self._walk = Walk(storage, exclude=self._exclude, never=_predicate(never))
        self._readers = readers
        self._tmp_dir = tmp_dir
        self._files = self._folders = self._bytes = self._undated = 0
        self._folders_have_times = True
        self._skipped = Skipped()
        self._parts = self._archive()
        self._rest = memoryview(b"")
        self._failure: BaseException | None = None
        self._is_closed = self._is_whole = False

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end.

        Raises:
            SourceError: The storage cannot be listed.
            UnsupportedError: It has no ``listdir``.

        """
        if self._failure is not None:
            raise self._failure  # an end here would be a promise
        if self._is_closed and not self._is_whole:
            raise ValueError("cannot read a dump that was closed")
        taken: list[memoryview] = []
        while size > 0:
            if not self._rest:
                part = self._next()
                if part is None:
                    break
                self._rest = memoryview(part)
            taken.append(self._rest[:size])
            self._rest = self._rest[size:]
            size -= len(taken[-1])
        return b"".join(taken)

    def close(self) -> None:
        """Stop; waits for the reads that are under way."""
        self._is_closed = True
        self._parts.close()

    def facts(self) -> dict[str, Any]:
        """Return what the dump learned, with the keys of the engine's `DumpFacts`; only after its end."""
        if not self._is_whole:
            raise InternalError("cannot tell about a dump that was not read to its end")
        notes = []
        if not self._files:
            notes.append("there are no files in it: is it the right storage?")
        if self._undated:
            notes.append(f"the storage did not tell when {self._undated:,} of the files were changed")
        return {
            "media": {
                "files": self._files,
                "folders": self._folders,
                "bytes": self._bytes,
                "links": 0,
            },
            "skipped": asdict(self._skipped),
            "excluded": self._exclude.patterns,
            "notes": notes,
        }

    def _next(self) -> bytes | None:
        try:
            return next(self._parts, None)
        except BaseException as error:
            self._failure = error
            raise

    def _archive(self) -> Generator[bytes]:
        with closing(self._opened_ahead() if self._readers > 1 else self._opened()) as steps:
            for step, file in steps:
                if isinstance(file, StorageFile):
                    yield from self._file(file)
                elif file is not None:
                    self._skipped.add(step.path, file.why)
                elif step.kind == "skipped":
                    self._skipped.add(step.path, step.why)
                else:
                    yield self._folder(step.path)
        yield bytes(_END_BYTES)
        self._is_whole = True

    def _folder(self, path: str) -> bytes:
        modified = None
        if self._folders_have_times:
            modified = modified_microseconds(self._storage, path)
            # Object stores have no folders: the top's failure tells, and saves a request for each other one.
            self._folders_have_times = modified is not None
        self._folders += path != ""
        return _header(path or ".", tarfile.DIRTYPE, 0o755, modified=modified)

    def _file(self, file: StorageFile) -> Iterator[bytes]:
        with closing(file):
            failure = file.measure()
            if failure:
                self._skipped.add(file.path, failure)
                return
            self._files += 1
            self._bytes += file.file_bytes
            self._undated += file.modified is None
            yield _header(
                file.path, tarfile.REGTYPE, 0o644, file_bytes=file.file_bytes, modified=file.modified
            )
            yield from file.parts()
            if file.trouble:
                self._skipped.add(file.path, file.trouble)
            yield bytes(-file.file_bytes % tarfile.BLOCKSIZE)

    def _opened(self) -> Generator[tuple[Step, Opened | None]]:
        for step in self._walk:
            yield step, self._open(step.path) if step.kind == "file" else None

    def _opened_ahead(self) -> Generator[tuple[Step, Opened | None]]:
        """Yield the walk's steps in order; the readers are ahead by as many files as there are of them."""
        walk = iter(self._walk)
        ahead: deque[tuple[Step, Future[Opened] | None]] = deque()
        files = 0
        with ThreadPoolExecutor(self._readers, thread_name_prefix="dbbackup-read") as pool:
            try:
                is_more = True
                while is_more or ahead:
                    while is_more and files < self._readers and len(ahead) < _AHEAD:
                        step = next(walk, None)
                        if step is None:
                            is_more = False
                        elif step.kind == "file":
                            ahead.append((step, pool.submit(self._open, step.path)))
                            files += 1
                        else:
                            ahead.append((step, None))
                    if ahead:
                        step, future = ahead[0]
                        opened = future.result() if future else None
                        ahead.popleft()
                        files -= future is not None
                        yield step, opened
            finally:
                for _, future in ahead:
                    if future and not future.cancel():
                        future.add_done_callback(_close)

    def _open(self, path: str) -> Opened:
        return open_file(self._storage, path, tmp_dir=self._tmp_dir)


def _close(future: Future[Opened]) -> None:
    if not future.exception() and isinstance(file := future.result(), StorageFile):
        file.close()


def _predicate(never: Callable[[str], bool] | Iterable[str]) -> Callable[[str], bool]:
    if callable(never):
        return never
    paths = [path.strip("/") for path in never]
    if not all(paths):
        message = "cannot back up the media into themselves: the backups have the same storage and no folder"
        raise ConfigurationError(message, stage="source", subject="default")
    return lambda path: any(path == folder or path.startswith(f"{folder}/") for folder in paths)


def _header(path: str, kind: bytes, mode: int, *, file_bytes: int = 0, modified: int | None) -> bytes:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.size = kind, mode, file_bytes
    info.uid, info.gid = _OWNER
    if modified is not None:
        info.mtime, fraction = divmod(modified, 1_000_000)
        # A zero there is what tars write that know no time.
        if fraction or info.mtime <= 0:
            info.pax_headers = {"mtime": _decimal(modified)}
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _decimal(microseconds: int) -> str:
    """Write microseconds as seconds, exactly, as pax does: ``-1.25``."""
    whole, fraction = divmod(abs(microseconds), 1_000_000)
    digits = f"{whole}.{fraction:06}".rstrip("0").rstrip(".")
    return f"-{digits}" if microseconds < 0 else digits


_OWNER = (os.getuid(), os.getgid()) if hasattr(os, "getuid") else (0, 0)
"""Whoever restores as root gives the files to who backed them up: storages tell no owner."""

_END_BYTES = 2 * tarfile.BLOCKSIZE
"""Two blocks of zeros end an archive."""

_AHEAD = 1000
"""Steps that are taken ahead at most: a tree of folders has no files that would stop it."""
