"""Back up one database: settings and options become one call of the engine."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousFileOperation

from dbbackup import _engine
from dbbackup._manifest import top_level
from dbbackup._naming import name_from_callable, naming
from dbbackup.conf import Settings, load_callable
from dbbackup.db.base import get_connector
from dbbackup.exceptions import (
    BackupExistsError,
    BusyError,
    ConfigurationError,
    DbbackupError,
    RefusedError,
    UnsupportedError,
)
from dbbackup.storage import backup_storage, folder_store, local_file, local_store

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK_TIMEOUT_SECONDS = 10
"""How long cleaning waits for others who clean, which takes milliseconds, or who restore."""

_OWN_ENDINGS = ("", "-wal", "-shm", "-journal")
"""What follows a SQLite file's name in the files that belong to it."""

NAME_ATTEMPTS = 6
"""Names that are asked for when the project's own function gives one that is taken: one a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """Which databases are backed up, and where to. Nothing has been opened yet."""

    aliases: tuple[str, ...]
    store: _engine.Store
    name: str | None
    """``None``: each backup gets a name of its own."""
    replace: bool
    """Whether a file of this name is replaced; it stays whole until the new one is."""
    path: str | None
    """The local file, as it was given; ``None``: it goes into the storage."""
    naming: _engine.Naming
    servername: str
    compression: _engine.Compression


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What came of one backup."""

    receipt: _engine.Receipt
    label: str
    """What the user knows it by: its name in the storage, or the path that was given."""
    compression: _engine.Compression
    warnings: tuple[str, ...]
    """What the project asked for and did not get, one sentence each."""


def plan_backups(
    settings: Settings,
    *,
    databases: str | None,
    servername: str | None,
    compress: bool,
    filename: str | None,
    path: str | None,
) -> BackupRequest:
    """Return what the options ask for: `databases` is a comma-separated list of aliases.

    Backups go into the storage, or, with `path`, into one local file. A `filename` becomes the name that the
    storage makes of it: with a suffix when it is taken, or as it is where the storage overwrites. That is
    settled here, so that payload and manifest have the same.

    Raises:
        ConfigurationError: `filename` or `path` cannot be used, or is one name for several databases.
        RefusedError: `path` is a database of this project.
        UnsupportedError: The storage is not supported yet, or `path` is a URL.

    """
    aliases = _aliases(databases, settings)
    if (filename or path) and len(aliases) > 1:
        option = "-o/--output-filename" if filename else "-O/--output-path"
        message = f"{option} is one name, and there are {len(aliases)} databases: {', '.join(aliases)}"
        hint = (
            "run the command once for each, with -d; or leave the option out: each backup gets its own name"
        )
        raise ConfigurationError(message, hint=hint)
    if filename and path:
        message = "-o/--output-filename and -O/--output-path are two places for one backup"
        raise ConfigurationError(message, hint="leave one of them out")
    store, name, replace = _local_file(path, settings) if path else _in_storage(filename, settings)
    return BackupRequest(
        aliases=aliases,
        store=store,
        name=name,
        replace=replace,
        path=path,
        naming=naming(settings),
        servername=servername or settings.hostname,
        compression=settings.compression if compress else "none",
    )


def run_backup(
    alias: str, request: BackupRequest, settings: Settings, *, progress: _engine.Progress | None
) -> Stored:
    """Stream the database `alias` into one new backup.

    Raises:
        DbbackupError: It failed; nothing is listed that was not there before.

    """
    connector = get_connector(alias, settings)
    metadata, warnings = top_level(connector, settings)
    template = settings.filename_template
    attempts = 1
    while True:
        name = request.name
        if name is None and callable(template):
            name = name_from_callable(
                template,
                settings,
                alias=alias,
                servername=request.servername,
                extension=connector.extension,
                compression=request.compression,
            )
        try:
            receipt = _engine.backup(
                request.store,
                source=connector.dump_tool(),
                naming=request.naming,
                alias=alias,
                database=connector.database,
                servername=request.servername,
                extension=connector.extension,
                compression=request.compression,
                metadata=metadata,
                name=name,
                replace=request.replace,
                progress=progress,
            )
        except BackupExistsError:
            # The engine waits by itself with names that it generates, and a name of -o is final.
            if name == request.name or attempts == NAME_ATTEMPTS:
                raise
            attempts += 1
            time.sleep(1 - time.time() % 1)
        else:
            return Stored(
                receipt=receipt,
                label=request.path or receipt.name,
                compression=request.compression,
                warnings=warnings,
            )


def prune(alias: str, request: BackupRequest, settings: Settings, *, made: str) -> _engine.Pruned:
    """Delete the backups of exactly this database and server beyond ``DBBACKUP_CLEANUP_KEEP``.

    Never the one named `made`, which the same command has just made: on a host whose clock is behind, it is
    the oldest by its date.

    It is the project's storage that is cleaned, wherever the backup before went. While somebody else holds
    the storage's lock it waits, up to `LOCK_TIMEOUT_SECONDS`: backups are often scheduled for one moment.

    Raises:
        BusyError: The lock was not free in time.
        DbbackupError: It failed; what was deleted by then is gone.

    """
    store = local_store(backup_storage(settings), settings)
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            return _engine.prune(
                store,
                naming=request.naming,
                alias=alias,
                database=get_connector(alias, settings).database,
                servername=request.servername,
                keep=settings.cleanup_keep,
                keep_filter=_keep_filter(settings, made),
            )
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _aliases(asked: str | None, settings: Settings) -> tuple[str, ...]:
    if asked is None:
        return tuple(dict.fromkeys(settings.databases))
    aliases = tuple(dict.fromkeys(alias.strip() for alias in asked.split(",") if alias.strip()))
    if not aliases:
        message = f"no database is named in `{asked}`"
        raise ConfigurationError(message, hint=f"`DATABASES` has: {', '.join(settings.aliases)}")
    return aliases


def _in_storage(filename: str | None, settings: Settings) -> tuple[_engine.Store, str | None, bool]:
    storage = backup_storage(settings)
    store = local_store(storage, settings)
    if not filename:
        return store, None, False
    try:
        name = storage.get_available_name(filename)
        return store, name, storage.exists(name)
    except SuspiciousFileOperation as error:
        message = f"cannot use `{filename}` as a name in the storage: {error}"
        raise ConfigurationError(message, subject=filename) from error


def _local_file(path: str, settings: Settings) -> tuple[_engine.Store, str, bool]:
    if "://" in path:
        message = f"cannot write to `{path}`: URLs are not supported yet"
        raise UnsupportedError(message, subject=path, hint="-O/--output-path takes the path of a local file")
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
    return folder_store(file.parent), file.name, True


def _alias_of(file: Path, settings: Settings) -> str | None:
    for alias in settings.aliases:
        with suppress(DbbackupError):  # other engines have no file
            target = Path(os.path.realpath(get_connector(alias, settings).target))
            if file.parent == target.parent and file.name.removeprefix(target.name) in _OWN_ENDINGS:
                return alias
    return None


def _keep_filter(settings: Settings, made: str) -> Callable[[str], object]:
    value = settings.cleanup_keep_filter
    keep = load_callable("CLEANUP_KEEP_FILTER", value) if value else None

    def keep_or_explain(name: str) -> object:
        try:
            return name == made or (keep is not None and keep(name))
        except Exception as error:
            subject = "DBBACKUP_CLEANUP_KEEP_FILTER"
            message = f"`{subject}` failed for `{name}`: {type(error).__name__}: {error}"
            raise ConfigurationError(message, subject=subject) from error

    return keep_or_explain
