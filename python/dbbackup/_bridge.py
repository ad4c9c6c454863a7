"""Any Django storage as a store of the engine."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from django.core.files.storage import Storage

from dbbackup._aside import for_each
from dbbackup._asked import AskedStorage
from dbbackup._download import OpenFile, StorageDownload
from dbbackup._upload import MANIFEST_BYTES, MANIFEST_ENDING, StorageUpload
from dbbackup.exceptions import BackupExistsError, BackupNotFoundError, StorageError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

OBJECT_STORAGES = frozenset(
    {
        "storages.backends.s3.S3Storage",
        "storages.backends.gcloud.GoogleCloudStorage",
        "storages.backends.azure_storage.AzureStorage",
    }
)
"""Storages whose objects appear whole or not at all, and which several threads may use at once."""

ATOMIC_STORAGES = OBJECT_STORAGES | {"django.core.files.storage.memory.InMemoryStorage"}
"""Storages in which nothing unfinished can be left: they need no manifest that says ``writing``."""

MANIFESTS_AT_ONCE: Final = 8
"""Manifests that are read from an object storage at the same time. A guess: each takes one round trip."""


class StorageBridge:
    """Turns the engine's calls into calls of a Django storage. What takes long there is done on threads of its own.

    Args:
        storage: The storage.
        prefix: What stands before every name: a folder, with its slash.
        tmp_dir: Where an upload is copied to if the storage asks for its size.

    """

    def __init__(self, storage: Any, *, prefix: str = "", tmp_dir: str | None = None) -> None:
        self.storage = AskedStorage(storage)
        self.prefix = prefix
        self.tmp_dir = tmp_dir
        self.warnings: list[str] = []
        """What the user should know, one sentence each."""
        self._keys: dict[str, str] = {}
        """Of the files that were listed: name → the storage's own name."""
        self._class = class_that_saves(storage)
        self._files: list[OpenFile] = []
        """The file that was read last, for whoever reads it next."""
        weakref.finalize(self, _close_all, self._files)

    @property
    def is_atomic(self) -> bool:
        """Whether nothing unfinished can be left in the storage."""
        return self._class in ATOMIC_STORAGES

    def describe(self) -> str:
        """Return what the storage is called."""
        return self.storage.describe(self.prefix)

    def claim(self, name: str, replace: bool, unfinished: bytes) -> StorageUpload:
        """Begin the new backup `name`."""
        is_there = self.exists(name, otherwise=False)
        # A manifest alone is that of another run, which has only begun.
        is_taken = is_there or self.exists(name + MANIFEST_ENDING, otherwise=False)
        if is_taken and not replace:
            message = f"cannot write backup `{name}`: the storage has a file of that name"
            raise BackupExistsError(
                message, subject=name, hint="choose another name, or delete that file first"
            )
        is_replaced = is_there and self.is_atomic
        announced = None if self.is_atomic else unfinished
        return StorageUpload(self, name, announced, replace=replace, is_replaced=is_replaced)

    def open(self, name: str) -> StorageDownload:
        """Open a payload for reading."""
        message = f"cannot find backup `{name}` in the storage"
        file = self._opened(self.key(name))
        # Some storages open anything, and fail when it is read.
        if file is None and not self.exists(name):
            raise BackupNotFoundError(message, subject=name)
        try:
            return StorageDownload(file or self._to_open(self.key(name)))
        except FileNotFoundError as error:
            raise BackupNotFoundError(message, subject=name) from error

    def names(self) -> list[str]:
        """Return the names of the files in the storage's folder.

        Raises:
            UnsupportedError: The storage cannot list.

        """
        try:
            files = self.storage.listdir(self.prefix)
        except NotImplementedError as error:
            message = f"cannot list the backups: `{type(self.storage.raw).__name__}` has no `listdir`"
            hint = "restore by name with -i; the newest, the list and cleaning need a storage that lists"
            raise UnsupportedError(message, hint=hint) from error
        except FileNotFoundError:
            # The first backup makes the folder.
            files = []
        self._keys = {file.rpartition("/")[2]: self._listed_key(file) for file in files}
        self._keys.pop("", None)
        return list(self._keys)

    def manifests(self, names: list[str]) -> Sequence[bytes | BaseException | None]:
        """Return the manifest of each payload; several at once where the storage is made for that."""
        if self._class in OBJECT_STORAGES and len(names) > 1:
            self.storage.connect()
            return for_each(names, self._manifest, threads=MANIFESTS_AT_ONCE, name="dbbackup-manifests")
        return [self._manifest(name) for name in names]

    def delete(self, name: str) -> None:
        """Delete a file; one that is gone already is no error."""
        self._close()
        key = self.key(name)
        with suppress(FileNotFoundError):
            self.storage.delete(key)
        # SFTP's class of django-storages says nothing when the server refuses. Those of objects do.
        if self._class in OBJECT_STORAGES:
            return
        with suppress(NotImplementedError):
            if self.storage.exists(key):
                message = f"cannot delete `{name}`: {self.describe()} still has it"
                raise StorageError(message, subject=name, hint="see who may delete files there")

    def key(self, name: str) -> str:
        """Return the storage's own name of the file `name`."""
        return self._keys.get(name, self.prefix + name)

    def exists(self, name: str, *, otherwise: bool = True) -> bool:
        """Whether the storage has a file `name`; `otherwise` where it cannot tell."""
        try:
            return self.storage.exists(self.key(name))
        except NotImplementedError:
            return otherwise

    def _opened(self, key: str) -> OpenFile | None:
        """Return the file that was read last, if it is the one, and nobody else reads it."""
        return next((file for file in self._files if file.key == key and not file.is_in_use), None)

    def _to_open(self, key: str) -> OpenFile:
        """Return a file that is not open yet, in the place of the one that was read last."""
        self._close()
        file = OpenFile(self.storage, key)
        self._files.append(file)
        return file

    def _close(self) -> None:
        """Close the file that was read last, where nobody reads it any more."""
        _close_all([file for file in self._files if not file.is_in_use])
        self._files[:] = [file for file in self._files if file.is_in_use]

    def _listed_key(self, listed: str) -> str:
        """Return the storage's own name of a file that `listdir` gave, with folders before its name or without."""
        key = self.prefix + listed.rpartition("/")[2]
        if "/" not in listed or self.storage.exists(key):
            return key
        return listed

    def _manifest(self, name: str) -> bytes | BaseException | None:
        file = name + MANIFEST_ENDING
        # A listing has shown both or only one. Payloads that were not listed are asked for.
        if name in self._keys and file not in self._keys:
            return None
        try:
            if file not in self._keys and not self.exists(file):
                return None
            return self.storage.read(self.key(file), MANIFEST_BYTES)
        except FileNotFoundError:
            return None
        except Exception as error:
            return error


def _close_all(files: list[OpenFile]) -> None:
    for file in files:
        file.close()


def class_that_saves(storage: Any) -> str:
    """Return the dotted path of the class whose ``_save`` a storage uses; empty if its ``save`` is its own."""
    if getattr(type(storage), "save", None) is not Storage.save:
        return ""
    classes = (base for base in type(storage).__mro__ if "_save" in vars(base))
    return next((f"{base.__module__}.{base.__qualname__}" for base in classes), "")
