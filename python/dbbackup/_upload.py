"""One backup on its way into a Django storage."""

from __future__ import annotations

import logging
import queue
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from django.core.files.base import ContentFile

from dbbackup._aside import Aside
from dbbackup._file import StreamedFile
from dbbackup.exceptions import BackupExistsError, StorageError, in_words

if TYPE_CHECKING:
    from dbbackup._bridge import StorageBridge

logger = logging.getLogger("dbbackup")

MANIFEST_ENDING = ".metadata"
"""What a manifest's name ends in, after its payload's."""

MANIFEST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a manifest that are read at most, as everywhere."""

CHUNKS_AHEAD: Final = 2
"""Parts of 1 MiB that wait for the storage."""

GIVE_UP_SECONDS: Final = 5.0
"""How long an upload that was given up may take to notice, before it is left to itself."""


class StorageUpload:
    """Stores one payload, and its manifest last.

    The storage's ``save`` pulls, on a thread of its own, what the engine pushes: reading and compressing go on
    meanwhile, a storage that hangs cannot keep Ctrl-C from being heard, and connectors stay on their own thread.

    Args:
        bridge: The storage.
        name: The backup's name.
        unfinished: A manifest that says ``writing``, and no other run's does alike; ``None``: nothing unfinished can be
            left in the storage.
        replace: Whether what has the name already may be replaced.
        is_replaced: Whether an older file of this name stays whole until the new one is.

    """

    def __init__(
        self, bridge: StorageBridge, name: str, unfinished: bytes | None, *, replace: bool, is_replaced: bool
    ) -> None:
        self._bridge = bridge
        self._storage = bridge.storage
        self._claimed = self._key = bridge.prefix + name
        self._unfinished = unfinished
        self._replace = replace
        self._is_replaced = is_replaced
        self._manifest: str | None = None
        """The storage's name of the manifest that says ``writing``."""
        self._old_manifest: bytes | None = None
        """What stood beside the file that is replaced, while that is still there."""
        self._feed: _Feed | None = None

    def send(self, part: bytes) -> None:
        """Hand the next bytes to the storage; wait while it has enough."""
        self._started().put(part)

    def finish(self) -> str:
        """Wait until the storage has everything; return the name that it gave the payload."""
        feed = self._started()
        if self._is_replaced:
            # The old manifest must not stand beside the new payload, whatever happens from here on.
            self._old_manifest = self._take_away(self._key + MANIFEST_ENDING)
        self._key = feed.finish()
        self._is_replaced = False
        self._require_size(feed.bytes)
        return self._key.removeprefix(self._bridge.prefix)

    def commit(self, manifest: bytes) -> None:
        """Store the manifest, in place of the one that says ``writing``.

        Raises:
            BackupExistsError: Another run has taken the name meanwhile.

        """
        if not self._is_ours():
            raise self._taken()
        self._delete(self._manifest or self._key + MANIFEST_ENDING)
        self._manifest = None
        saved = self._save_manifest(self._key, manifest)
        if saved != self._key + MANIFEST_ENDING:
            self._storage.delete(saved)
            self._bridge.warnings.append(
                f"the storage renamed the manifest of `{self._key}` to `{saved}`: the backup has none"
            )

    def abandon(self) -> None:
        """Remove what was stored so far, the payload first. What a hanging storage may still write is no backup."""
        try:
            if self._feed is None or self._feed.give_up():
                removal = Aside(self._remove, "dbbackup-removal")
                if removal.wait(GIVE_UP_SECONDS):
                    removal.result()
                    return
                removal.leave()
            logger.warning("the storage still holds on to the unfinished backup `%s`", self._key)
        except BaseException as error:
            logger.warning(
                "cannot remove the unfinished backup `%s` from the storage: %s", self._key, in_words(error)
            )
            if not isinstance(error, Exception):
                raise

    def _remove(self) -> None:
        is_ours = self._is_ours()
        # What the storage gave another name is ours in any case.
        has_payload = self._feed and not self._is_replaced and (is_ours or self._key != self._claimed)
        if has_payload:
            self._delete(self._key)
        if self._is_replaced and self._old_manifest is not None:
            self._save_manifest(self._key, self._old_manifest)
        if self._manifest and is_ours:
            self._delete(self._manifest)

    def _started(self) -> _Feed:
        if self._feed is None:
            if self._unfinished is not None:
                self._announce(self._unfinished)
            self._feed = _Feed(self._bridge, self._key)
        return self._feed

    def _announce(self, unfinished: bytes) -> None:
        """Store the manifest `unfinished`: what has the name from now on is never taken for a backup."""
        if not self._replace and self._exists(self._key + MANIFEST_ENDING):
            raise self._taken()
        self._delete(self._key + MANIFEST_ENDING)
        # A save that breaks off leaves a part.
        self._manifest = self._key + MANIFEST_ENDING
        self._manifest = self._save_manifest(self._key, unfinished)

    def _is_ours(self) -> bool:
        """Whether the manifest that says ``writing`` is still this run's, or a part of it, or not needed."""
        if self._unfinished is None or self._manifest is None:
            return True
        try:
            found = self._storage.read(self._manifest, len(self._unfinished) + 1)
        except FileNotFoundError:
            return False
        return self._unfinished.startswith(found)

    def _taken(self) -> BackupExistsError:
        message = f"cannot write backup `{self._claimed}`: another run has written it meanwhile"
        return BackupExistsError(message, subject=self._claimed)

    def _exists(self, key: str) -> bool:
        try:
            return self._storage.exists(key)
        except NotImplementedError:
            return False

    def _delete(self, key: str) -> None:
        if self._exists(key):
            with suppress(FileNotFoundError):
                self._storage.delete(key)

    def _take_away(self, key: str) -> bytes | None:
        """Delete a file and return what it held; ``None``: there was none."""
        if not self._exists(key):
            return None
        content = self._storage.read(key, MANIFEST_BYTES)
        self._delete(key)
        return content

    def _save_manifest(self, key: str, content: bytes) -> str:
        file = key + MANIFEST_ENDING
        return self._storage.save(file, ContentFile(content, name=file))

    def _require_size(self, sent: int) -> None:
        """Compare what the storage says to what was sent. One that stores something else gives the same back."""
        try:
            size = self._storage.size(self._key)
        except FileNotFoundError as error:
            message = f"cannot write backup `{self._key}`: the storage does not have it"
            raise StorageError(message, subject=self._key) from error
        except Exception:
            return
        if size == sent:
            return
        with self._storage.told(f"read `{self._key}`"), closing(self._storage.open(self._key)) as file:
            stored = sum(len(part) for part in iter(lambda: file.read(1024 * 1024), b""))
        if stored != sent:
            message = f"cannot write backup `{self._key}`: the storage has {stored} of {sent} bytes"
            raise StorageError(message, subject=self._key)


class _Feed:
    """The thread that saves, and the queue that it is fed through."""

    def __init__(self, bridge: StorageBridge, key: str) -> None:
        self._bridge = bridge
        self._key = key
        self.bytes = 0
        """Sent so far."""
        self._chunks: queue.Queue[bytes | BaseException] = queue.Queue(CHUNKS_AHEAD)
        self._taken = _Taken(self._chunks)
        self._saving = Aside(self._save, "dbbackup-upload")

    def put(self, part: bytes) -> None:
        self._hand_over(part)
        self.bytes += len(part)

    def finish(self) -> str:
        """Hand over the end; return the name that the storage gave the file."""
        self._hand_over(b"")
        saved = self._saving.result()
        if self._taken.bytes != self.bytes:
            message = f"cannot write backup `{self._key}`: the storage took {self._taken.bytes} of {self.bytes} bytes"
            raise StorageError(message, subject=self._key)
        return saved

    def give_up(self) -> bool:
        """Let the storage's next read fail; return whether its ``save`` has ended."""
        while not self._saving.has_ended:
            try:
                self._chunks.put_nowait(StorageError("the backup was given up"))
                break
            except queue.Full:
                # Nothing that waits there is wanted any more.
                self._taken.discard()
        if not self._saving.wait(GIVE_UP_SECONDS):
            self._saving.leave()
        return self._saving.has_ended

    def _hand_over(self, part: bytes) -> None:
        while not self._saving.has_ended:
            try:
                self._chunks.put(part, timeout=0.1)
            except queue.Full:
                continue
            return
        self._saving.result()

    def _save(self) -> str:
        file = StreamedFile(self._taken, name=self._key, tmp_dir=self._bridge.tmp_dir)
        try:
            return self._bridge.storage.save(self._key, file)
        finally:
            file.close()


class _Taken:
    """The reading end: what was handed over, in parts of any size."""

    def __init__(self, chunks: queue.Queue[bytes | BaseException]) -> None:
        self.bytes = 0
        """Given so far."""
        self._chunks = chunks
        self._rest = memoryview(b"")
        self._end: bytes | BaseException | None = None

    def read(self, size: int, /) -> bytes:
        if not self._rest and self._end is None:
            chunk = self._chunks.get()
            if isinstance(chunk, BaseException) or not chunk:
                self._end = chunk
            else:
                self._rest = memoryview(chunk)
        if isinstance(self._end, BaseException):
            raise self._end
        part = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        self.bytes += len(part)
        return part

    def discard(self) -> None:
        """Drop one part that nobody has taken yet."""
        try:
            self._chunks.get_nowait()
        except queue.Empty:
            return

    def close(self) -> None:
        """Do nothing: the queue is the feed's."""
