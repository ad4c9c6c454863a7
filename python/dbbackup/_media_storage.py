"""A Django storage that holds media: what is in it, and the words for what it cannot do.

The engine reads and writes media in folders. In every other storage they are reached through Django's
methods: `MediaDump` (`dbbackup._media_pack`) makes the tar stream of a backup, `MediaLoad`
(`dbbackup._media_unpack`) takes it.
"""

from __future__ import annotations

import errno
import heapq
import os
import stat
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Literal

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage

from dbbackup._engine import Exclude
from dbbackup.exceptions import SourceError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.core.files.storage import Storage


@dataclass(slots=True)
class Skipped:
    """What could not be read, or written: how many, and the first names with the reason."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, path: str, why: str) -> None:
        """Count something."""
        self.count += 1
        if len(self.names) < _NAMES:
            self.names.append(f"{shown(path)}: {why}")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a walk came upon."""

    kind: Literal["folder", "file", "skipped"]
    path: str
    """From the storage's top; empty for that itself."""
    why: str = ""
    """Why it is not stored."""


class Walk:
    """Goes through a storage depth first, by name; the top comes first, and each folder before what is in it.

    Holds the names of the folders on the way, as ``listdir`` gives them. Excluded names and dbbackup's own
    are passed over without a word; folders that cannot be listed, and names that cannot be understood, are
    skipped with one.

    Args:
        storage: Where the files are.
        exclude: What is left out.
        never: Whether a path belongs to backups, which no backup contains; asked of files and of folders.

    """

    def __init__(self, storage: Storage, *, exclude: Exclude, never: Callable[[str], bool]) -> None:
        self._storage = storage
        self._exclude = exclude
        self._never = never
        self._way: list[str] = []
        """Where the folders on the way are, links resolved, in a storage that is a folder."""
        self._known: dict[str, list[str]] = {}
        """What is in folders that are not to be listed: a listing above them had it."""

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps.

        Raises:
            SourceError: The storage's top cannot be listed.
            UnsupportedError: The storage lists nothing at all.

        """
        levels = [self._top()]
        yield Step("folder", "")
        while levels:
            step = next(levels[-1], None)
            if step is None:
                levels.pop()
                self._way.pop()
                continue
            if step.kind == "folder":
                try:
                    levels.append(self._enter(step.path))
                except _NotEnteredError as error:
                    step = Step("skipped", step.path, str(error))
            yield step

    def _top(self) -> Iterator[Step]:
        try:
            return self._enter("")
        except _NotEnteredError as error:
            storage = class_path(self._storage)
            if isinstance(error.__cause__, NotImplementedError):
                message = f"cannot back up the media: `{storage}` does not list its files"
                raise UnsupportedError(
                    message,
                    stage="source",
                    subject="default",
                    hint="if they are in a folder of this host, name it in `DBBACKUP_MEDIA_PATH`",
                ) from error.__cause__
            message = f"cannot list the media in `{storage}`: {error}"
            raise SourceError(message, stage="source", subject="default") from error.__cause__

    def _enter(self, folder: str) -> Iterator[Step]:
        if len(self._way) > _DEEPEST:
            raise _NotEnteredError("it is in too many folders")
        real = ""
        try:
            if isinstance(self._storage, FileSystemStorage):
                real = os.path.realpath(self._storage.path(folder))
            folders, files = self._listing(folder)
        except Exception as error:
            raise _NotEnteredError(reason(error, "read")) from error
        if real and real in self._way:
            raise _NotEnteredError("it is a link to a folder that it is in")
        self._way.append(real)
        return self._entries(folder, folders, files)

    def _listing(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the files in a folder, as the storage writes them."""
        if folder in self._known:
            return [], self._known.pop(folder)
        if type(self._storage).listdir is FileSystemStorage.listdir:
            return _listed(self._storage.path(folder))
        folders, files = self._storage.listdir(folder)
        names = [str(name) for name in files]
        if not folder:
            # Azure's class lists its whole container, whatever its location is, by full names.
            location = str(getattr(self._storage, "location", "")).strip("/") + "/"
            names = [name.removeprefix(location) for name in names if name.startswith(location)] or names
        return [str(name) for name in folders], names

    def _entries(self, folder: str, folders: list[str], files: list[str]) -> Iterator[Step]:
        prefix = f"{folder}/" if folder else ""
        inside = {_plain(name.rstrip("/"), prefix) for name in folders}
        if ".." in inside:
            # Some FTP servers list these two.
            inside -= {".", ".."}
        inside -= {name for name in inside if "/" in name and name.partition("/")[0] in inside}
        # Object stores show a folder's own marker among its files.
        names = [_plain(name, prefix) for name in files if not name.endswith("/")]
        plain = sorted(name for name in names if "/" not in name and name not in ("", "."))
        inside |= self._take_below(prefix, sorted(name for name in names if "/" in name), inside)
        del folders, files, names
        # Of one name that is both, a restore into a folder keeps what comes first.
        merged = heapq.merge(((name, 0) for name in sorted(inside)), ((name, 1) for name in plain))
        last = None
        for entry in merged:
            if entry != last:
                name, is_file = entry
                if not (is_file and name in inside and self._is_marker(prefix + name)):
                    yield from self._entry(prefix, name, is_folder=not is_file)
            last = entry

    def _take_below(self, prefix: str, below: list[str], listed: set[str]) -> set[str]:
        """Take note of files that are listed with the folders that they are in; return those folders.

        Azure's class lists all files at once. What a folder that is listed itself has in it, it lists itself.
        """
        folders = set()
        for folder, names in groupby(below, lambda name: name.partition("/")[0]):
            if folder not in listed:
                folders.add(folder)
                self._known[prefix + folder] = [name.partition("/")[2] for name in names]
        return folders

    def _entry(self, prefix: str, name: str, *, is_folder: bool) -> Iterator[Step]:
        path = prefix + name
        if why := _nonsense(name):
            yield Step("skipped", path, why)
        elif not (is_own(name) or self._exclude.holds(path, is_folder=is_folder) or self._never(path)):
            yield Step("folder" if is_folder else "file", path)

    def _is_marker(self, path: str) -> bool:
        """Whether a file of a folder's name is only there to mark that."""
        with suppress(Exception):
            return self._storage.size(path) == 0
        return False


class _NotEnteredError(Exception):
    """Why a folder is left out."""


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """List a folder as `FileSystemStorage` does, which gives up at a link that leads back to itself."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = False
            with suppress(OSError):
                is_folder = entry.is_dir()
            (folders if is_folder else files).append(entry.name)
    return folders, files


def _plain(name: str, prefix: str) -> str:
    """Return a name without the folder that it is in, which some storages put before it."""
    return name.lstrip("/").removeprefix(prefix) if "/" in name else name


def _nonsense(name: str) -> str:
    """Say why no path can be made with a name, if so."""
    if name in ("", ".", ".."):
        return "a folder in it has no name"
    if "/" in name:
        return "the storage lists it in a folder that it is not in"
    if "\0" in name:
        return "its name holds a NUL"
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "its name is no text"
    return ""


def is_blind(storage: Storage) -> bool:
    """Whether a storage says of files that are there that they are not.

    Those of django-storages 1.14.4 do where they overwrite, and others that were written to overwrite. The
    first files of a walk are asked for; that one of them can be read is proof.
    """
    if type(storage).exists is FileSystemStorage.exists:
        return False
    walk = Walk(storage, exclude=Exclude(()), never=lambda _path: False)
    sizes: dict[str, int] = {}
    with suppress(Exception):
        for step in islice(walk, _MOST_STEPS):
            if step.kind == "file":
                if storage.exists(step.path):
                    return False
                with suppress(Exception):
                    sizes[step.path] = storage.size(step.path)
            if len(sizes) == _MOST_WITNESSES:
                break
        with storage.open(min((path for path in sizes if sizes[path]), key=sizes.__getitem__), "rb") as file:
            return bool(file.read(1))
    return False


def oddity(storage: Storage, path: str) -> str:
    """Say why something that is listed as a file is none, if so: a pipe would wait for its other end."""
    if not isinstance(storage, FileSystemStorage):
        return ""
    with suppress(Exception):  # whoever opens it finds out
        real = storage.path(path)
        try:
            mode = os.stat(real).st_mode  # noqa: PTH116 (a name may have any bytes)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return "it is a link that leads back to itself"
            if isinstance(error, FileNotFoundError) and os.path.islink(real):  # noqa: PTH114
                return "it is a link to nothing"
            return reason(error, "read")
        return "" if stat.S_ISREG(mode) else "it is a device, a pipe or a socket"
    return ""


def is_own(name: str) -> bool:
    """Whether a name is one of dbbackup's own: a leftover or a lock, and nobody's media."""
    return name.startswith(".dbbackup-")


def class_path(storage: Storage) -> str:
    """Return what a storage is, as ``STORAGES`` names it."""
    return f"{type(storage).__module__}.{type(storage).__qualname__}"


def shown(path: str) -> str:
    """Return a path for people: of a long one its end, and what would move a terminal's cursor as its escape.

    Names are anybody's who may upload.
    """
    letters = "".join(map(_shown_letter, path[-_SHOWN_LETTERS:]))
    return f"…{letters}" if len(path) > _SHOWN_LETTERS else letters


def _shown_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cs":
        return "�"
    if category != "Cc":
        return letter
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(letter) or f"\\u{{{ord(letter):x}}}"


def reason(error: BaseException, verb: str) -> str:
    """Say in a few words why something could not be read or written (`verb`).

    An exception's own text is not repeated, unless it is the operating system's or about a name: it stands in
    manifests and mails, and the texts of some storages hold their passwords (django-storages' FTP).
    """
    if isinstance(error, FileNotFoundError) and verb == "read":
        return "it vanished"
    if isinstance(error, PermissionError):
        return f"no right to {verb} it"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return f"{shown(error.strerror)} (os error {error.errno})"
    if isinstance(error, SuspiciousOperation):
        return "its name is refused by Django"
    name = type(error).__name__
    code = _code(error)
    return f"the storage raised {name} ({code})" if code else f"the storage raised {name}"


def _code(error: BaseException) -> str:
    """Return the code that a client of an object store gives its exceptions: ``AccessDenied``, ``404``."""
    response: Any = getattr(error, "response", None)
    code: object = None
    with suppress(Exception):
        code = response["Error"]["Code"]  # botocore's
    code = code or getattr(error, "error_code", None)  # Azure's
    if isinstance(code, str) and code.isalnum() and len(code) <= _CODE_LETTERS:
        return code
    status = getattr(error, "status_code", None) or getattr(error, "code", None)  # Azure's, Google's
    return str(int(status)) if isinstance(status, int) else ""


_CODE_LETTERS = 40

_NAMES = 100
"""Names that a report has of what was skipped or left out."""

_SHOWN_LETTERS = 1000
"""Letters of a path that people see."""

_MOST_STEPS = 1000
_MOST_WITNESSES = 10
"""How far, and how many files, `is_blind` looks: the smallest of ten is soon read."""

_DEEPEST = 256
"""Folders in folders that are followed, as in the engine."""
