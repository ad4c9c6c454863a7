"""A tar stream into any Django storage."""

from __future__ import annotations

import errno
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage
from django.core.files.utils import validate_file_name

from dbbackup._engine import Archive, Member
from dbbackup._media_save import Content, NotSavedError, Saver
from dbbackup._media_storage import Skipped, class_path, is_blind, is_own, reason, shown
from dbbackup.exceptions import (
    AccessDeniedError,
    BackupNotFoundError,
    ConfigurationError,
    DbbackupError,
    RefusedError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.core.files.storage import Storage

    from dbbackup._engine import Reader

Became = Literal["new", "replaced", "same", "kept"]


class MediaLoad:
    """Restores the files of a tar stream into a storage: the engine's `Loader`.

    A storage has no commit, so a backup is proven by `rehearse` before it is restored by `load`. Both go
    through all of it, to its proven end, and decide alike. Each file is whole or as it was, as far as the
    storage allows: what a save that failed has left is deleted, and what stood there is put back.

    Only regular files are saved; folders are counted, as a storage makes those that its files need. Times and
    rights are those that the storage gives. With `replace`, files of the size of the backup's are read and
    compared; others differ.

    Memory is that of `Archive`, of one `StreamedFile` and of 1 MiB copies; 100,000 paths are remembered
    (15 MiB), so that the last of two members with one name wins, as in tar.

    Args:
        storage: Where the files go.
        replace: Replace files that are there and differ; else they stay.
        only: Files and folders of the backup that are meant, by their paths in it; none: all.
        tmp_dir: For copies of files that are compared, and of those that are replaced where the storage has
            to delete them first, or writes in place. ``None``: the system's folder.

    Raises:
        ConfigurationError: `only` has an empty path.

    """

    needs_proof = True
    """Files change before the stream has come to its end."""

    def __init__(
        self,
        storage: Storage,
        *,
        replace: bool = False,
        only: Iterable[str] = (),
        tmp_dir: str | None = None,
    ) -> None:
        self.storage = storage
        self.replace = replace
        self.only = [_asked(path) for path in only]
        self.tmp_dir = tmp_dir
        self.is_blind: bool | None = None
        """Whether the storage denies its files, once that was found out."""
        if not all(self.only):
            message = "cannot restore only a path without a name"
            raise ConfigurationError(
                message,
                stage="target",
                hint="--only names a file or a folder of the backup; leave it out for all",
            )

    def load(self, file: Reader, /) -> dict[str, Any]:
        """Restore the files; return what was done, with the keys of the engine's `LoadFacts`.

        Raises:
            CorruptBackupError: The archive is damaged, cut short, goes on after its end, or is none.
            BackupNotFoundError: It lacks a path of `only`.
            StorageError: The storage failed for ten files in a row, or is full.
            AccessDeniedError: Nothing may be written.
            RefusedError: Files were to stay, and the storage does not say which are there.

        """
        return _Pass(self, writes=True).run(file)

    def rehearse(self, file: Reader, /) -> dict[str, Any]:
        """Change nothing; return what `load` would do, or raise what it would."""
        return _Pass(self, writes=False).run(file)


class _LeftOutError(Exception):
    """Why one member is not restored."""


class _Pass:
    """One pass over an archive: a rehearsal, or the restore."""

    def __init__(self, load: MediaLoad, *, writes: bool) -> None:
        self._load = load
        self._storage = load.storage
        self._replace = load.replace
        self._only = load.only
        self._writes = writes
        self._saver = Saver(load.storage, tmp_dir=load.tmp_dir)
        self._found = [False] * len(load.only)
        self._met: dict[int, int] = {}
        """What became of the files so far: hash of the path → 4 times the size + place in `_BECAME`."""
        self._links: set[str] = set()
        self._changes = dict.fromkeys(("new", "replaced", "same", "kept", "folders", "bytes"), 0)
        self._left_out = Skipped()
        self._denied = self._saved = self._failures = 0
        self._last_failure = ""
        self._last = ""
        """The path of the last member."""
        self._folder = ""
        """The same, if it is a folder, unless what is in it came before."""
        self._empty_folders = 0

    def run(self, file: Reader) -> dict[str, Any]:
        """Take every member."""
        notes = self._look_around()
        archive = Archive(file)
        try:
            while member := archive.next():
                self._member(member, archive)
            self._require_all()
        except DbbackupError as error:
            if self._saved:
                some = "1 file was restored before that, whole"
                many = f"{self._saved:,} files were restored before that, each whole"
                error.hint = f"{some if self._saved == 1 else many}; run it again for the rest"
            raise
        self._leave_folder("")
        if self._empty_folders:
            notes.append(f"{self._empty_folders:,} of the backup's folders are empty: storages keep none")
        return {"media": dict(self._changes), "left_out": asdict(self._left_out), "notes": notes}

    def _look_around(self) -> list[str]:
        if self._load.is_blind is None:
            self._load.is_blind = is_blind(self._storage)
        if not self._load.is_blind:
            return []
        storage = class_path(self._storage)
        if self._replace:
            return [f"`{storage}` does not say which files are there: those that were replaced count as new"]
        message = f"cannot restore into `{storage}`: it says of files that are there that they are not"
        raise RefusedError(
            message,
            stage="target",
            subject="default",
            hint="django-storages 1.14.4 does that, update it; or overwrite those files with --replace",
        )

    def _require_all(self) -> None:
        missing = [path for path, found in zip(self._only, self._found, strict=True) if not found]
        if missing:
            message = f"cannot find `{'`, `'.join(missing)}` in the backup"
            raise BackupNotFoundError(
                message,
                stage="archive",
                hint="paths are those in the backup, from its top: `tar tf` shows them",
            )
        if any(self._changes[became] for became in _BECAME):
            return
        message = f"cannot restore into `{class_path(self._storage)}`"
        if self._denied:
            message += ": no right to write there"
            raise AccessDeniedError(message, stage="target", subject="default")
        if self._failures:
            message += f": nothing could be saved; the last reason: {self._last_failure}"
            raise StorageError(message, stage="target", subject="default")

    def _member(self, member: Member, archive: Archive) -> None:
        parts = [part for part in member.path.split("/") if part not in ("", ".")]
        if not self._is_wanted(parts):
            return
        path = "/".join(parts)
        self._leave_folder(path)
        try:
            self._take(member, path, parts, archive)
        except (_LeftOutError, NotSavedError) as error:
            self._left_out.add(member.path, str(error))
        self._last = path

    def _is_wanted(self, parts: list[str]) -> bool:
        is_wanted = not self._only
        for number, path in enumerate(self._only):
            asked = path.split("/")
            if parts[: len(asked)] == asked:
                self._found[number] = is_wanted = True
        return is_wanted

    def _take(self, member: Member, path: str, parts: list[str], archive: Archive) -> None:
        _require_writable(member.path, parts)
        if self._links and any("/".join(parts[:length]) in self._links for length in range(1, len(parts))):
            raise _LeftOutError("it is behind a link of the archive")
        if member.kind == "folder":
            self._enter_folder(path)
        elif not path:
            raise _LeftOutError("it has no name")
        elif member.kind == "file":
            self._file(path, member, archive)
        elif member.kind == "link":
            if len(self._links) < _MOST_PATHS:
                self._links.add(path)
            raise _LeftOutError("it is a link")
        elif member.kind == "device":
            raise _LeftOutError("it is a device or a pipe")
        else:
            message = f"its type `{ascii(member.flag)[1:-1]}` is unknown"
            raise _LeftOutError(message)

    def _enter_folder(self, path: str) -> None:
        if path:
            self._changes["folders"] += 1
            self._folder = "" if self._last.startswith(f"{path}/") else path

    def _leave_folder(self, path: str) -> None:
        """Count the last folder if what comes next is not in it."""
        self._empty_folders += bool(self._folder) and not path.startswith(f"{self._folder}/")
        self._folder = ""

    def _file(self, path: str, member: Member, archive: Archive) -> None:
        key = hash(path)
        met = self._met.get(key)
        earlier = None if met is None else _BECAME[met % 4]
        content = Content(archive.read, name=path, file_bytes=member.file_bytes, tmp_dir=self._load.tmp_dir)
        try:
            with content:
                became = self._settle(path, content, earlier)
        except (DbbackupError, _LeftOutError, NotSavedError):
            raise
        except Exception as error:
            if content.failure is not None:
                raise content.failure from None
            self._judge(path, error)
        self._failures = 0
        if met is not None and earlier:
            self._count(earlier, met // 4, -1)
        self._count(became, member.file_bytes, 1)
        if earlier or len(self._met) < _MOST_PATHS:
            self._met[key] = member.file_bytes * 4 + _BECAME.index(became)

    def _settle(self, path: str, content: Content, earlier: Became | None) -> Became:
        """Save a file, or find out why that is not needed; in a rehearsal find out alone."""
        validate_file_name(path, allow_relative_path=True)
        self._require_room(path)
        if not self._storage.exists(path):
            self._save(path, content, replaces=False)
            return "new"
        if earlier in ("new", "replaced"):
            # The first of two members with this name, and ours, whether or not files are to stay.
            self._save(path, content, replaces=True)
            return earlier
        if not self._replace:
            return "kept"
        if self._storage.size(path) != content.size:
            self._save(path, content, replaces=True)
            return "replaced"
        with self._saver.compared(path, content, keeps=self._writes) as copy:
            if copy is None:
                return "same"
            self._save(path, copy, replaces=True)
        return "replaced"

    def _save(self, path: str, content: Content, *, replaces: bool) -> None:
        if self._writes:
            self._saver.save(path, content, replaces=replaces)
            self._saved += 1

    def _require_room(self, path: str) -> None:
        """Fail if something else stands there, or on the way: `exists` is true for folders too."""
        if not isinstance(self._storage, FileSystemStorage):
            return
        place = self._storage.path(path)
        if os.path.isdir(place):  # noqa: PTH112 (a name may have any bytes)
            raise _LeftOutError("a folder stands there")
        above = os.path.dirname(place)  # noqa: PTH120
        while not os.path.lexists(above):
            above = os.path.dirname(above)  # noqa: PTH120
        if not os.path.isdir(above):  # noqa: PTH112
            raise _LeftOutError("a file stands where its folder should be")

    def _count(self, became: Became, file_bytes: int, sign: int) -> None:
        self._changes[became] += sign
        if became in ("new", "replaced"):
            self._changes["bytes"] += sign * file_bytes

    def _judge(self, path: str, error: Exception) -> NoReturn:
        """Raise what an error means: a name is its file's own matter, the storage is everybody's."""
        number = getattr(error, "errno", None)
        storage = class_path(self._storage)
        if number in (errno.ENOSPC, errno.EDQUOT):
            message = f"cannot restore into `{storage}`: {reason(error, 'write')}"
            raise StorageError(message, kind="no_space", stage="target", subject="default") from error
        why = reason(error, "write")
        if isinstance(error, IsADirectoryError):
            why = "a folder stands there"
        elif isinstance(error, (NotADirectoryError, FileExistsError)):
            why = "a file stands where its folder should be"
        elif isinstance(error, PermissionError):
            why = "no right to write there"
            self._denied += 1
        elif not isinstance(error, (SuspiciousOperation, ValueError)) and number not in _OF_THE_NAME:
            self._failures += 1
            self._last_failure = why
        if self._failures == _MOST_FAILURES:
            last = f"`{shown(path)}`: {why}"
            message = (
                f"cannot restore into `{storage}`: {_MOST_FAILURES} files failed one after another; {last}"
            )
            raise StorageError(message, stage="target", subject="default") from error
        raise _LeftOutError(why) from error


def _require_writable(path: str, parts: list[str]) -> None:
    if path.startswith("/"):
        raise _LeftOutError("its path is absolute")
    if ".." in parts:
        raise _LeftOutError("its path leads out of the folder")
    if "\0" in path:
        raise _LeftOutError("its name holds a NUL")
    if any(map(is_own, parts)):
        raise _LeftOutError("its name is one of dbbackup's own")


def _asked(path: str) -> str:
    while path.startswith("./"):
        path = path.removeprefix("./")
    return path.strip("/")


_BECAME: tuple[Became, ...] = ("new", "replaced", "same", "kept")

_MOST_PATHS = 100_000
"""Paths that are remembered. Of an archive with more, the first of two members with one name stays where
nothing is replaced."""

_MOST_FAILURES = 10
"""Files that fail one after another before the storage is given up: it is down."""

_OF_THE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EFBIG)
"""What a file system cannot hold: a name, or a size."""
