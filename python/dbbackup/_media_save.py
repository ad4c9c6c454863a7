"""One file of a backup into a Django storage: whole, or as it was."""

from __future__ import annotations

import posixpath
import shutil
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dbbackup._file import CHUNK_BYTES, StreamedFile
from dbbackup._media_storage import class_path, reason, shown
from dbbackup.exceptions import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.core.files.storage import Storage


class NotSavedError(Exception):
    """Why a file was not saved; what stood there does."""


class Content(StreamedFile):
    """The content of one member for a storage to save: it streams, and its size is known.

    Args:
        read: Gives at most so many bytes of it.
        name: Its path in the storage.
        file_bytes: How long it is.
        tmp_dir: Where a copy goes if the storage wants to go back in it.

    """

    def __init__(
        self, read: Callable[[int], bytes], *, name: str, file_bytes: int, tmp_dir: str | None
    ) -> None:
        self._counted = _Counted(read, file_bytes)
        super().__init__(self._counted, name=name, tmp_dir=tmp_dir)
        self._file_bytes = file_bytes

    @property
    def size(self) -> int:
        """The bytes from the beginning to the end."""
        return self._file_bytes

    @property
    def failure(self) -> BaseException | None:
        """What kept it from being read to its end: the backup's fault, not the storage's."""
        return self._counted.failure

    @property
    def left_bytes(self) -> int:
        """What nobody has read, nor was read ahead."""
        return self._counted.left


class _Counted:
    def __init__(self, read: Callable[[int], bytes], file_bytes: int) -> None:
        self._read = read
        self.left = file_bytes
        self.failure: BaseException | None = None

    def read(self, size: int, /) -> bytes:
        try:
            part = self._read(min(size, self.left)) if self.left else b""
        except BaseException as error:
            self.failure = error
            raise
        self.left -= len(part)
        return part

    def close(self) -> None:
        pass


class Saver:
    """Saves files into a storage.

    Args:
        storage: Where they go.
        tmp_dir: For copies; those up to 1 MiB are held in memory. ``None``: the system's folder.

    """

    def __init__(self, storage: Storage, *, tmp_dir: str | None) -> None:
        self.tmp_dir = tmp_dir
        self._storage = storage
        self._is_atomic = _commits_by_itself(storage)

    def save(self, path: str, content: Content, *, replaces: bool) -> None:
        """Save one file under exactly this name, in place of what stands there if it `replaces` that.

        What a failed save leaves is deleted. What stood there is put back, from a copy that is made first:
        all but a few storages write in place, or have to delete before they save. After a kill neither
        happens.

        Raises:
            NotSavedError: The storage takes it only under another name, or not as a whole.
            StorageError: What stood there could not be put back.
            Exception: Whatever the storage raises.

        """
        aside = self._put_aside(path) if replaces else None
        written = None
        try:
            if aside is not None and self._storage.get_available_name(path) != path:
                self._storage.delete(path)
            written = None if self._is_atomic else path
            written = self._storage.save(path, content) or path
            if posixpath.normpath(written) != path:
                message = f"the storage saves it under another name, `{shown(written)}`"
                raise NotSavedError(message)
            if content.failure is not None:
                raise content.failure
            if content.left_bytes:
                raise NotSavedError("the storage did not take all of it")
        except BaseException:
            self._undo(path, written, aside)
            raise
        finally:
            if aside is not None:
                aside.close()

    @contextmanager
    def compared(self, path: str, content: Content, *, keeps: bool) -> Iterator[Content | None]:
        """Compare `content` with the file that stands there; give ``None`` if they are the same.

        Else give what is to be saved: all of it, from a copy, as the original is read by then. Without
        `keeps` the comparison ends at the first difference, and what is given is of no use.
        """
        with self._temporary() as copy:
            if self._is_same(path, content, copy if keeps else None):
                yield None
            else:
                copy.seek(0)
                yield Content(copy.read, name=path, file_bytes=content.size, tmp_dir=self.tmp_dir)

    def _is_same(self, path: str, content: Content, copy: Any) -> bool:
        is_same = True
        old = _Old(self._storage, path)
        try:
            for part in content.chunks():
                is_same = is_same and old.goes_on_with(part)
                if copy is not None:
                    copy.write(part)
                elif not is_same:
                    break
            return is_same and old.is_at_its_end()
        finally:
            old.close()

    def _put_aside(self, path: str) -> Any:
        """Copy what stands there; ``None`` if the storage replaces it by itself, as a whole or not at all."""
        if self._is_atomic and self._storage.get_available_name(path) == path:
            return None
        copy = self._temporary()
        try:
            file = self._storage.open(path, "rb")
            with file:
                shutil.copyfileobj(file, copy, CHUNK_BYTES)
        except Exception as error:
            copy.close()
            message = f"what stands there cannot be put aside ({reason(error, 'read')})"
            raise NotSavedError(message) from error
        except BaseException:
            copy.close()
            raise
        return copy

    def _undo(self, path: str, written: str | None, aside: Any) -> None:
        """Delete what was written, and put back what stood there before."""
        if aside is None:
            if written is not None:
                with suppress(Exception):
                    self._storage.delete(written)
            return
        try:
            if written is not None:
                self._storage.delete(written)
            if written is None and self._storage.exists(path):
                return
            file_bytes = aside.tell()
            aside.seek(0)
            old = Content(aside.read, name=path, file_bytes=file_bytes, tmp_dir=self.tmp_dir)
            back = self._storage.save(path, old)
            if posixpath.normpath(back) != path:
                self._storage.delete(back)
                message = f"`{shown(back)}` is not its name"
                raise NotSavedError(message)
        except Exception as error:
            self._keep(path, aside, error)

    def _keep(self, path: str, aside: Any, error: Exception) -> None:
        with tempfile.NamedTemporaryFile(prefix="dbbackup-", dir=self.tmp_dir, delete=False) as kept:
            aside.seek(0)
            shutil.copyfileobj(aside, kept, CHUNK_BYTES)
        why = str(error) if isinstance(error, NotSavedError) else reason(error, "write")
        message = f"cannot put `{shown(path)}` back into `{class_path(self._storage)}`: {why}"
        raise StorageError(
            message,
            stage="target",
            subject="default",
            hint=f"saving the backup's failed before that; what stood there is in `{kept.name}`",
        ) from error

    def _temporary(self) -> Any:
        return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, dir=self.tmp_dir)


class _Old:
    """A file that stands there, compared as it is read. What cannot be read is another content."""

    def __init__(self, storage: Storage, path: str) -> None:
        self._file: Any = None
        with suppress(Exception):
            self._file = storage.open(path, "rb")

    def goes_on_with(self, part: bytes) -> bool:
        """Whether the next bytes are these."""
        try:
            while part:
                read = self._file.read(len(part))
                if not read or not part.startswith(read):
                    return False
                part = part[len(read) :]
        except Exception:
            return False
        return True

    def is_at_its_end(self) -> bool:
        """Whether nothing follows; sizes that storages tell may be those of compressed objects."""
        try:
            return not self._file.read(1)
        except Exception:
            return False

    def close(self) -> None:
        """Let go of it."""
        with suppress(Exception):
            self._file.close()


def _commits_by_itself(storage: Storage) -> bool:
    """Whether a save of this storage that fails, or is killed, leaves what was there."""
    saver = next(kind for kind in type(storage).__mro__ if "_save" in vars(kind))
    return f"{saver.__module__}.{saver.__qualname__}" in _ATOMIC


_ATOMIC = (
    "storages.backends.azure_storage.AzureStorage",
    "storages.backends.gcloud.GoogleCloudStorage",
    "storages.backends.s3.S3Storage",
    "storages.backends.s3boto3.S3Boto3Storage",
)
"""Classes whose `_save` uploads an object, which then is there as a whole."""

_IN_MEMORY_BYTES = 1024 * 1024
