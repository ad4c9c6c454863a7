"""Connections of our own to a project's SQLite database, and a copy of it in a temporary file."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from dbbackup._units import human_bytes
from dbbackup.conf import get_settings
from dbbackup.exceptions import AccessDeniedError, BusyError, ConfigurationError, DbbackupError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from dbbackup.db.base import BaseDBConnector

LOCK_TIMEOUT_SECONDS = 30
"""How long other connections' locks are waited for before the work is given up with nothing changed."""

RETRY_SECONDS = 0.05
"""How often a lock is looked at."""

_LOCKS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def open_another(connector: BaseDBConnector, name: str, **options: Any) -> sqlite3.Connection:
    """Open a connection to the database `name`, as Django opens those of the connector's alias.

    It has the functions and collations that the project registers. Django does not know of it, and it may be
    used in any thread. Values come as SQLite has them, not converted.

    Args:
        connector: Whose alias, and whose ``OPTIONS``.
        name: A file or a URI.
        **options: Parameters of `sqlite3.connect` over those of the settings.

    """
    wrapper = connector.connection.copy()
    wrapper.settings_dict["NAME"] = name
    wrapper.settings_dict["OPTIONS"] = {
        **(connector.settings.get("OPTIONS") or {}),
        "detect_types": 0,
        "timeout": LOCK_TIMEOUT_SECONDS,
        **options,
    }
    wrapper.connect()
    connection: sqlite3.Connection = wrapper.connection
    connection.isolation_level = None
    return connection


def callers_connection(connector: BaseDBConnector) -> sqlite3.Connection:
    """Return Django's own connection in this thread: the only way to a database in memory."""
    connector.connection.ensure_connection()
    connection: sqlite3.Connection = connector.connection.connection
    return connection


def copy_whole(source: sqlite3.Connection, target: sqlite3.Connection, message: str) -> None:
    """Make `target` a copy of `source` in one step: as that is at one moment.

    Raises:
        BusyError: Another connection's lock did not go away in time; `message` says what could not be done.

    """
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS

    def give_up(status: int, _remaining: int, _total: int) -> None:
        # Python repeats the step for ever while it meets a lock.
        if status & 0xFF in _LOCKS and time.monotonic() > deadline:
            late = f"{message}: another connection holds a lock"
            raise BusyError(late)

    while True:
        try:
            source.backup(target, progress=give_up, sleep=RETRY_SECONDS)
        except sqlite3.OperationalError as error:
            # A lock of a connection with the same cache is an error to Python.
            if _code(error) not in _LOCKS:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


def copy_into_file(connector: BaseDBConnector, source: sqlite3.Connection, path: Path) -> None:
    """Copy the database that `source` is connected to into the new file `path`.

    Raises:
        BusyError: Another connection's lock did not go away in time.
        SourceError: There is no room for it.

    """
    message = f"cannot copy the database `{connector.database_name}` into a temporary file"
    needed = number(source, "page_count") * number(source, "page_size")
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        message = f"{message}: {human_bytes(needed)} are needed, {human_bytes(free)} are free"
        hint = "make room there, or set DBBACKUP_TMP_DIR to another folder"
        raise SourceError(message, kind="no_space", subject=str(path.parent), hint=hint)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as target:
            target.execute("PRAGMA synchronous = OFF")
            copy_whole(source, target, message)
            if number(target, "page_count") == 0:
                # A file without a byte could be anything; this makes it an empty database.
                target.execute("PRAGMA user_version = 0")
    except sqlite3.Error as error:
        raise failure(message, error, SourceError) from error


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder in ``DBBACKUP_TMP_DIR`` that nobody else can read.

    Raises:
        ConfigurationError: That is no folder, or may not be written.

    """
    place = get_settings().tmp_dir
    try:
        return tempfile.TemporaryDirectory(prefix=".dbbackup-", dir=place, ignore_cleanup_errors=True)
    except OSError as error:
        message = f"cannot make a temporary folder in `{place}`: {error.strerror}"
        raise ConfigurationError(
            message, subject=place, hint="set DBBACKUP_TMP_DIR to another folder"
        ) from error


def number(connection: sqlite3.Connection, pragma: str) -> int:
    """Return what `pragma` is set to."""
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def failure(message: str, error: sqlite3.Error, otherwise: type[DbbackupError]) -> DbbackupError:
    """Return the exception for SQLite's `error`: of the class `otherwise`, unless its cause has one."""
    message = f"{message}: {error}"
    code = _code(error)
    if code in _LOCKS:
        return BusyError(message, hint="another connection holds a lock: try again when its work is done")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return AccessDeniedError(message)
    if code == sqlite3.SQLITE_FULL:
        return SourceError(message, kind="no_space")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return SourceError(message, kind="write")
    return otherwise(message)


def _code(error: sqlite3.Error) -> int:
    # Extended codes have more in their upper bytes; Python's own errors have none.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
