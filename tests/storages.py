"""Storages as projects have them: each with one habit that a backup has to live with."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

if TYPE_CHECKING:
    from collections.abc import Iterator


class Plain(FileSystemStorage):
    """A subclass that changes nothing: it may do anything, so it is asked, file by file."""

    def _keep(self, name: str, content: Any) -> str:
        kept: str = FileSystemStorage._save(self, name, content)  # type: ignore[attr-defined]
        return kept


class Overwriting(FileSystemStorage):
    """Overwrites what is there."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Take the name as it is, and remove what has it."""
        if self.exists(name):
            self.delete(name)
        return name


class AsksForSizes(Plain):
    """Asks for the size before, between and after the reads, as Dropbox's does."""

    def _save(self, name: str, content: Any) -> str:
        content.open()
        parts = [content.read(100)]
        while content.tell() < content.size:
            parts.append(content.read(min(70_000, content.size - content.tell())))
        assert sum(map(len, parts)) == content.size
        return str(self._keep(name, ContentFile(b"".join(parts))))


class Renaming(Plain):
    """Gives every file another name than it was asked for."""

    def _save(self, name: str, content: Any) -> str:
        stem, dot, rest = name.partition(".")
        return str(self._keep(f"{stem}_x{dot}{rest}", content))


class Lowercasing(Plain):
    """Writes every name in small letters."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Take the name in small letters."""
        return str(super().get_available_name(name.lower(), max_length))


class WithoutListing(Storage):
    """Keeps files in a folder and cannot list them."""

    def __init__(self, location: str) -> None:
        self.files = Plain(location)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        return self.files.open(name, mode)

    def _save(self, name: str, content: Any) -> str:
        return str(self.files.save(name, content))

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return bool(self.files.exists(name))

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.files.delete(name)


class Prefixing(Plain):
    """Lists names with a folder before them that it does not want to hear."""

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List a folder."""
        folders, files = super().listdir(path)
        return folders, [f"bucket/backups/{name}" for name in files]


class Slow(Plain):
    """Takes its time with every part."""

    def _save(self, name: str, content: Any) -> str:
        return str(self._keep(name, _Slowed(content)))


class _Slowed(File):  # type: ignore[type-arg]
    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        inner: Any = self.file
        for chunk in inner.chunks(chunk_size):
            time.sleep(0.05)
            yield chunk


class FailingInTheMiddle(Plain):
    """Breaks off after some bytes, and leaves them there."""

    fails_after: ClassVar[int] = 100_000

    def _save(self, name: str, content: Any) -> str:
        if name.endswith(".metadata"):
            return str(self._keep(name, content))
        self._keep(name, ContentFile(content.read(self.fails_after)))
        message = "the line went dead"
        raise ConnectionResetError(message)


class KilledInTheMiddle(FailingInTheMiddle):
    """Kills its own process after some bytes, and leaves them there."""

    def _save(self, name: str, content: Any) -> str:
        try:
            return super()._save(name, content)
        except ConnectionResetError:
            os.kill(os.getpid(), 9)
            raise


class Hanging(Plain):
    """Takes some bytes and then nothing any more."""

    def _save(self, name: str, content: Any) -> str:
        if name.endswith(".metadata"):
            return str(self._keep(name, content))
        self._keep(name, ContentFile(content.read(1000)))
        time.sleep(3600)
        return name


class Truncating(Plain):
    """Loses the last byte and says nothing."""

    def _save(self, name: str, content: Any) -> str:
        return str(self._keep(name, ContentFile(content.read()[:-1])))


class Scrambling(Plain):
    """Stores something else than it was given, of another size, and gives the same back."""

    def _save(self, name: str, content: Any) -> str:
        return str(self._keep(name, ContentFile(b"scrambled" + bytes(byte ^ 7 for byte in content.read()))))

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        with FileSystemStorage._open(self, name, mode) as file:  # type: ignore[attr-defined]
            return ContentFile(bytes(byte ^ 7 for byte in file.read()[9:]), name=name)


class Memory(InMemoryStorage):
    """Keeps files in memory, in one place for all instances."""
