"""Drills of SQLite: into a file, which Django's own SQLite is asked about."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, IntegrityError, connections
from django.db.utils import ConnectionHandler

from dbbackup import _engine
from dbbackup._migrations import migration_notes
from dbbackup._scope import own_record
from dbbackup._verified import Drill, Verified
from dbbackup.db._sqlite_schema import Item, items, shadows
from dbbackup.db._statements import fold, quoted
from dbbackup.db.sqlite import load_tool
from dbbackup.exceptions import CorruptBackupError, DbbackupError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from pathlib import Path

    from dbbackup._place import Place
    from dbbackup.conf import Settings

_T = TypeVar("_T")

_SQLITE_ENGINE = "django.db.backends.sqlite3"

_CHECK = "SQLite's quick_check of the restored database"

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_BETWEEN_INTERRUPTIONS_SECONDS = 0.02


def drill_sqlite(
    place: Place,
    backup: _engine.Backup,
    settings: Settings,
    *,
    passphrase: str | None,
    progress: _engine.Progress | None,
) -> Verified:
    """Restore `backup` into a temporary file of ``DBBACKUP_TMP_DIR``, compare that with its manifest, and drop it.

    The project's connections and its handlers of ``connection_created`` do not see the temporary database.

    Raises:
        CorruptBackupError: It is damaged.
        RefusedError: There is no room for it.

    """
    started = time.monotonic()
    name = backup.name
    trial = _engine.Trial(name, settings.tmp_dir)
    try:
        report = _restore(place, name, trial.path, passphrase=passphrase, progress=progress)
        with _connection(trial.path, _entry(backup.alias, settings)) as connection:
            found, notes = _asked(connection, name, _named_in(backup.manifest))
    finally:
        trial.close()
    compared, differences, remarks = _engine.compare(name, backup.manifest, found)
    return Verified(
        report=report,
        seconds=time.monotonic() - started,
        proof=_proof(report),
        drill=Drill(
            tables=len(found["tables"]) + len(found["unread"]),
            rows=sum(found["tables"].values()),
            compared=compared,
            differences=differences,
            foreign_keys=found["foreign_keys"],
        ),
        notes=(*remarks, *notes),
    )


def _proof(report: _engine.Report) -> str:
    # There is nothing to check in a database without a byte.
    if not report.plain_bytes:
        return report.proof
    has_manifest = report.proof != "the content itself"
    return f"{report.proof}, {_CHECK}" if has_manifest else _CHECK


def _restore(
    place: Place, name: str, path: Path, *, passphrase: str | None, progress: _engine.Progress | None
) -> _engine.Report:
    try:
        return _engine.restore(
            place.store, name, target=load_tool(path), passphrase=passphrase, progress=progress
        )
    except CorruptBackupError as error:
        if error.stage == "target":  # it says that the target is as it was
            error.hint = "take another backup, or another copy of this one"
        raise


def _entry(alias: str | None, settings: Settings) -> dict[str, Any]:
    """Return the entry in ``DATABASES`` whose class and options open the backup; Django's own for a foreign one."""
    if alias in settings.aliases:
        entry: dict[str, Any] = connections.settings[alias]
        if any(word in entry["ENGINE"] for word in ("sqlite", "spatialite")):
            return entry
    return {"ENGINE": _SQLITE_ENGINE}


@contextmanager
def _connection(path: Path, entry: dict[str, Any]) -> Iterator[Any]:
    """Open a connection of Django that ``django.db.connections`` does not have."""
    # A command of the project may attach its other databases, or write.
    options = {key: value for key, value in entry.get("OPTIONS", {}).items() if key != "init_command"}
    handler = ConnectionHandler({DEFAULT_DB_ALIAS: {**entry, "NAME": str(path), "OPTIONS": options}})
    wrapper: Any = handler[DEFAULT_DB_ALIAS]
    # Not `connect`, which sends the signal.
    wrapper.connection = wrapper.get_new_connection(wrapper.get_connection_params())
    try:
        wrapper.connection.execute("PRAGMA query_only = ON")
        yield wrapper
    finally:
        wrapper.close()


def _named_in(manifest: Mapping[str, Any]) -> Container[str]:
    """Return the tables whose rows a manifest has."""
    content = own_record(manifest).get("content")
    tables: dict[str, int] = content["tables"] if content else {}
    return tables


def _asked(connection: Any, name: str, named: Container[str]) -> tuple[dict[str, Any], list[str]]:
    """Return what the restored database holds, for the comparison, and what the user should know beside it."""
    database: sqlite3.Connection = connection.connection
    try:
        found = _interruptible(database, lambda: _ask(database, named))
        notes = []
        if found["foreign_keys"]["violations"]:
            connection.inc_thread_sharing()
            notes += _interruptible(database, lambda: _first_violation(connection))
        if "django_migrations" in found["tables"]:
            notes += _migration_notes(database)
    except sqlite3.DatabaseError as error:
        raise _unreadable(name, error) from error
    return found, notes


def _interruptible(database: sqlite3.Connection, work: Callable[[], _T]) -> _T:
    """Do `work` in another thread: no signal is heard in one that waits for SQLite, however long it counts."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(work)
        try:
            return future.result()
        finally:
            # What runs between two statements hears no interruption.
            while not future.done():
                database.interrupt()
                wait([future], _BETWEEN_INTERRUPTIONS_SECONDS)


def _ask(database: sqlite3.Connection, named: Container[str]) -> dict[str, Any]:
    tables: dict[str, int] = {}
    unread = []
    violations: Counter[tuple[str, str]] = Counter()
    unchecked = []
    for table in _tables(items(database), named):
        try:
            (tables[table],) = database.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()  # noqa: S608
        except sqlite3.OperationalError as error:
            _require_the_question_at_fault(error)
            unread.append(table)
        if database.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchone() is None:
            continue
        try:
            for child, _rowid, parent, _key in database.execute(f"PRAGMA foreign_key_check({quoted(table)})"):
                violations[child, parent] += 1
        except sqlite3.OperationalError as error:
            _require_the_question_at_fault(error)
            unchecked.append(table)
    names = [f"`{child}` to `{parent}` ({rows})" for (child, parent), rows in violations.items()]
    foreign_keys: dict[str, Any] = {"violations": violations.total(), "names": names}
    if unchecked:
        foreign_keys["unchecked"] = unchecked
    return {"tables": tables, "unread": unread, "foreign_keys": foreign_keys}


def _require_the_question_at_fault(error: sqlite3.OperationalError) -> None:
    """Raise the error again unless it needs what only the application has: a function, a collation, a column."""
    if _result_code(error) != sqlite3.SQLITE_ERROR:
        raise error


def _result_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code. Python's own errors have none, and are about the question, too."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def _unreadable(name: str, error: sqlite3.DatabaseError) -> DbbackupError:
    message = f"cannot use backup `{name}`: the restored database cannot be read: {error}"
    if _result_code(error) in _DAMAGE:
        return CorruptBackupError(message, subject=name, hint="take another backup")
    return SourceError(message, subject=name)


def _tables(found: Sequence[Item], named: Container[str]) -> list[str]:
    """Return the tables that a manifest counts: neither virtual ones nor those that these keep their content in.

    The engine may not have known one of their modules, and has counted those: they are `named`.
    """
    parts = {fold(part) for each in found if each.is_virtual for part in shadows(each.sql)}
    return [
        each.name
        for each in found
        if each.type == "table"
        and not each.is_virtual
        and (each.name in named or fold(each.name) not in parts)
    ]


def _first_violation(connection: Any) -> list[str]:
    try:
        connection.check_constraints()
    except IntegrityError as error:
        return [f"the first of them: {error}"]
    # Django fails on tables without a primary key or a row id, which are not its own.
    except (AttributeError, TypeError, DatabaseError):
        pass
    return []


def _migration_notes(database: sqlite3.Connection) -> list[str]:
    try:
        applied = set(database.execute("SELECT app, name FROM django_migrations"))
    except sqlite3.OperationalError:  # a table of somebody else's
        return []
    return migration_notes(applied)
