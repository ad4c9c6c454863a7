"""Where a backup goes, which name it gets there, and what came of it."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousFileOperation

from dbbackup._place import Place, backup_place, backup_storage, folder_place, local_file, s3_place
from dbbackup._units import human_bytes, human_seconds
from dbbackup._upload import MANIFEST_ENDING
from dbbackup.db.base import get_connector
from dbbackup.exceptions import (
    BackupExistsError,
    ConfigurationError,
    RefusedError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbbackup import _engine
    from dbbackup.conf import Settings

NAME_ATTEMPTS = 6
"""Names that are asked for when the project's own function gives one that is taken: one a second."""

_OWN_ENDINGS = ("", "-wal", "-shm", "-journal")
"""What follows a SQLite file's name in the files that belong to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where backups go. Nothing has been opened yet."""

    place: Place
    name: str | None
    """``None``: each backup gets a name of its own."""
    replace: bool
    """Whether a file of this name is replaced; it stays whole until the new one is."""
    path: str | None
    """The local file or the URL, as it was given; ``None``: it goes into the storage."""

    @property
    def store(self) -> _engine.Store:
        """What the engine writes to."""
        return self.place.store


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What came of one backup."""

    receipt: _engine.Receipt
    label: str
    """What the user knows it by: its name in the storage, or the path that was given."""
    compression: _engine.Compression
    warnings: tuple[str, ...]
    """What was asked for and is not there, in sentences or lists."""

    def one_line(self) -> str:
        """Return what was stored, how large it is and how long it took."""
        receipt = self.receipt
        size = human_bytes(receipt.media.bytes if receipt.media else receipt.plain_bytes)
        if self.compression != "none":
            size += f" → {human_bytes(receipt.stored_bytes)}"
        if receipt.media:
            size = f"{count_files(receipt.media.files)}, {size}"
        return f"stored {self.label} ({size} in {human_seconds(receipt.seconds)})"


def destination(settings: Settings, *, filename: str | None, path: str | None) -> Destination:
    """Return where the options send backups: into the storage, or, with `path`, into a local file or S3.

    A `filename` becomes the name that the storage makes of it: with a suffix when it is taken, or as it is
    where the storage overwrites. That is settled here, so that payload and manifest have the same.

    Raises:
        ConfigurationError: `filename` or `path` cannot be used.
        RefusedError: `path` is a database of this project.
        UnsupportedError: `path` is a URL of another kind than S3's.

    """
    if filename and path:
        message = "-o/--output-filename and -O/--output-path are two places for one backup"
        raise ConfigurationError(message, hint="leave one of them out")
    if not path:
        return _in_storage(filename, settings)
    if path.startswith("s3://"):
        place, name = s3_place(path, settings)
        return Destination(place=place, name=name or None, replace=False, path=path)
    return _local_file(path, settings)


def store_under_free_name(
    to: Destination,
    *,
    generate: Callable[[], str] | None,
    make: Callable[[str | None], _engine.Receipt],
    compression: _engine.Compression,
) -> Stored:
    """Call `make` with the name of `to`, or with names from `generate` until one is not taken.

    `generate` is the project's own function, one name a second; ``None``: the engine makes the name. What the
    receipt says was skipped, and what the storage made us notice, are warnings.
    """
    attempts = 1
    while True:
        name = to.name if to.name is not None or generate is None else generate()
        try:
            receipt = make(name)
        except BackupExistsError:
            # The engine waits by itself with names that it generates, and a name of -o is final.
            if name == to.name or attempts == NAME_ATTEMPTS:
                raise
            attempts += 1
            time.sleep(1 - time.time() % 1)
        else:
            skipped = list_skipped("not stored, or not whole", receipt.skipped)
            return Stored(
                receipt=receipt,
                label=f"{to.path}{receipt.name}" if to.path and to.name is None else to.path or receipt.name,
                compression=compression,
                warnings=(*skipped, *to.place.take_warnings()),
            )


def count_files(count: int) -> str:
    """Return ``1 file``, ``1,024 files``."""
    return f"{count:,} file{'' if count == 1 else 's'}"


def list_skipped(what: str, skipped: _engine.Skipped) -> tuple[str, ...]:
    """Return one text, `what` befell how many and which; nothing if there are none."""
    if not skipped.count:
        return ()
    lines = [f"{skipped.count:,} {what}:", *(f"  {name}" for name in skipped.names)]
    if skipped.count > len(skipped.names):
        lines.append(f"  and {skipped.count - len(skipped.names):,} more")
    return ("\n".join(lines),)


def _in_storage(filename: str | None, settings: Settings) -> Destination:
    place = backup_place(settings)
    if not filename:
        return Destination(place=place, name=None, replace=False, path=None)
    storage = place.bridge.storage if place.bridge else backup_storage(settings)
    try:
        name = storage.get_available_name(filename)
        # A storage that overwrites may have deleted the old file when it was asked for a name.
        replace = storage.exists(name) or storage.exists(name + MANIFEST_ENDING)
        return Destination(place=place, name=name, replace=replace, path=None)
    except SuspiciousFileOperation as error:
        message = f"cannot use `{filename}` as a name in the storage: {error}"
        raise ConfigurationError(message, subject=filename) from error


def _local_file(path: str, settings: Settings) -> Destination:
    if "://" in path:
        message = f"cannot write to `{path}`: such URLs are not supported"
        hint = "-O/--output-path takes the path of a local file, or s3://bucket/name"
        raise UnsupportedError(message, subject=path, hint=hint)
    # A link stays: it is the file behind it that is replaced.
    file, found = local_file(path)
    if path.endswith("/") or (found and not stat.S_ISREG(found.st_mode)):
        message = f"cannot write to `{path}`: it is a folder or a device, and no file"
        raise ConfigurationError(message, subject=path, hint="-O/--output-path takes the path of a file")
    if not found and not file.parent.is_dir():
        message = f"cannot write to `{path}`: there is no folder `{file.parent}`"
        raise ConfigurationError(message, subject=path)
    alias = _alias_of(file, settings)
    if alias:
        message = f"cannot write to `{path}`: it is the database `{alias}` itself"
        raise RefusedError(message, subject=path)
    return Destination(place=folder_place(file.parent), name=file.name, replace=True, path=path)


def _alias_of(file: Path, settings: Settings) -> str | None:
    for alias in settings.aliases:
        with suppress(Exception):  # other engines have no file, and some no driver here
            path = get_connector(alias).path
            target = Path(os.path.realpath(path)) if path else None
            if (
                target
                and file.parent == target.parent
                and file.name.removeprefix(target.name) in _OWN_ENDINGS
            ):
                return alias
    return None
