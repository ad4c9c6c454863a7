"""Django storages that are no folder, some of them with the manners that real ones have."""

import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.files.base import File
from django.core.files.storage import Storage

MOMENT = datetime(2026, 11, 22, 10, 15, 0, 123456, tzinfo=UTC)


class Download:
    """The content of an object on its way: it can be read once, and its length is not known."""

    def __init__(self, content: bytes, *, breaks_at: int | None = None) -> None:
        self._rest = io.BytesIO(content)
        self._breaks_at = breaks_at

    def read(self, size: int = -1) -> bytes:
        if self._breaks_at is None:
            return self._rest.read(size)
        if self._rest.tell() >= self._breaks_at:
            raise ConnectionResetError(104, "Connection reset by peer")
        return self._rest.read(min(size, self._breaks_at - self._rest.tell()))

    def close(self) -> None:
        self._rest.close()


class ObjectStore(Storage):
    """Objects by their names, as in a bucket; what is saved is there when all of it came."""

    overwrites = False

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.largest_chunk = 0

    def _open(self, name: str, mode: str = "rb") -> File:  # type: ignore[type-arg]
        if name not in self.objects:
            raise FileNotFoundError(2, "No such file or directory", name)
        return File(self.download(name), name)

    def download(self, name: str) -> Any:
        return Download(self.objects[name])

    def _save(self, name: str, content: Any) -> str:
        parts = []
        for part in content.chunks():
            self.largest_chunk = max(self.largest_chunk, len(part))
            parts.append(part)
        self.objects[name] = b"".join(parts)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name if self.overwrites else super().get_available_name(name, max_length)

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def exists(self, name: str) -> bool:
        return name in self.objects

    def size(self, name: str) -> int:
        return len(self.objects[name])

    def get_modified_time(self, name: str) -> datetime:
        if name not in self.objects:
            raise FileNotFoundError(2, "No such file or directory", name)
        return MOMENT

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        prefix = f"{path}/" if path else ""
        below = [name.removeprefix(prefix) for name in self.objects if name.startswith(prefix)]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        return list(folders), [name for name in below if "/" not in name]


class Overwriting(ObjectStore):
    """Replaces what is there, as S3 does."""

    overwrites = True


class InPlace(ObjectStore):
    """Writes in place, as a folder or a server of files does: what is cut off stays, half."""

    def _save(self, name: str, content: Any) -> str:
        self.objects[name] = b""
        for part in content.chunks():
            self.objects[name] += part
        return name


class Pieces:
    """Gives bytes as a stream; `on_read` is told how many were given before."""

    def __init__(
        self, content: bytes, *, piece: int = 100_000, on_read: Callable[[int], None] | None = None
    ) -> None:
        self._content = io.BytesIO(content)
        self._piece = piece
        self._on_read = on_read

    def read(self, size: int, /) -> bytes:
        if self._on_read:
            self._on_read(self._content.tell())
        return self._content.read(min(size, self._piece))

    def close(self) -> None:
        self._content.close()


def joined(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)
