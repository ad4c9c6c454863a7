"""Drills: restore a backup into a temporary SQLite database, ask that through Django what it holds, drop it."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, IntegrityError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.utils import ConnectionHandler

from dbbackup import _engine
from dbbackup._naming import naming
from dbbackup._scope import own_record
from dbbackup.conf import get_settings
from dbbackup.db._sqlite_schema import Item, items, shadows
from dbbackup.db._statements import fold, quoted
from dbbackup.db.sqlite import load_tool
from dbbackup.exceptions import CorruptBackupError, DbbackupError, SourceError, WrongKeyError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dbbackup._place import Place
    from dbbackup.conf import Settings

_T = TypeVar("_T")

Migration = tuple[str, str]
"""App and name."""

SHOWN_NAMES = 5
"""How many migrations a note names."""

_SQLITE_ENGINE = "django.db.backends.sqlite3"

_CHECK = "SQLite's quick_check of the restored database"

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_BETWEEN_INTERRUPTIONS_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What a restored database holds, beside what its manifest says."""

    tables: int
    rows: int
    compared: bool
    """Whether the manifest has the rows of each table."""
    differences: list[str]
    """What is not as the manifest says, one clause for each table."""
    foreign_keys: dict[str, Any]
    """How many rows refer to others that are not there (``violations``), from which table to which (``names``), and
    the tables whose foreign keys cannot be checked (``unchecked``, where there are some)."""

    def describe(self) -> str:
        """Return how much was restored, and whether that is what its manifest says."""
        compared = "as in its manifest" if self.compared else "which no manifest counts"
        return f"{_counted(self.tables, 'table')}, {_counted(self.rows, 'row')}, {compared}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of one verification, by reading or by a drill."""

    report: _engine.Report
    seconds: float
    drill: Drill | None
    """What was restored; ``None``: the backup was only read."""
    notes: tuple[str, ...]

    @property
    def proof(self) -> str:
        """What proved that the backup is whole, in words."""
        # There is nothing to check in a database without a byte.
        if self.drill is None or not self.report.plain_bytes:
            return self.report.proof
        has_manifest = self.report.proof != "the content itself"
        return f"{self.report.proof}, {_CHECK}" if has_manifest else _CHECK

    def require_same(self) -> None:
        """Fail if a drill found something else than the manifest says.

        Raises:
            CorruptBackupError: It did; the message names the first tables.

        """
        if self.drill:
            _engine.require_same(self.report.name, self.drill.differences)


def reading(
    place: Place, name: str, *, passphrase: str | None, progress: _engine.Progress | None
) -> Verified:
    """Read the backup `name` to its end, and restore it nowhere.

    Raises:
        BackupNotFoundError: There is no such backup.
        CorruptBackupError: It is damaged.

    """
    report = _engine.verify(place.store, name, passphrase=passphrase, progress=progress)
    return Verified(report=report, seconds=report.seconds, drill=None, notes=tuple(report.notes))


def drill(place: Place, name: str, *, passphrase: str | None, progress: _engine.Progress | None) -> Verified:
    """Restore the backup `name` into a temporary database, compare that with its manifest, and drop it.

    It goes the way of every restore, through the engine's tool, into a file of ``DBBACKUP_TMP_DIR``, which needs room
    for two copies. The project's databases are not touched, nor do its connections or its handlers of
    ``connection_created`` see the temporary one. What differs stands in the result; `Verified.require_same` makes an
    error of it. A backup that is no file of a SQLite database is verified by reading; so is an encrypted one whose key
    is not here.

    Raises:
        BackupNotFoundError: There is no such backup.
        CorruptBackupError: It is damaged.
        RefusedError: There is no room for it.

    """
    started = time.monotonic()
    settings = get_settings()
    backup = _engine.find(place.store, name, naming=naming(settings))

    try:
        head, _encryption = _engine.head(place.store, name, passphrase=passphrase)
    except WrongKeyError:
        return reading(place, name, passphrase=passphrase, progress=progress)
    why = _engine.no_drill(name, backup.manifest, head)
    if why:
        read = reading(place, name, passphrase=passphrase, progress=progress)
        return replace(read, notes=(*read.notes, f"it was read and not restored: {why}"))
    trial = _engine.Trial(name, settings.tmp_dir)
    try:
        report = _restore(place, name, trial.path, passphrase=passphrase, progress=progress)
        with _connection(trial.path, _entry(backup.alias, settings)) as connection:
            found, notes = _asked(connection, name, _named_in(backup.manifest))
    finally:
        trial.close()
    compared, differences, remarks = _engine.compare(name, backup.manifest, found)
    drilled = Drill(
        tables=len(found["tables"]) + len(found["unread"]),
        rows=sum(found["tables"].values()),
        compared=compared,
        differences=differences,
        foreign_keys=found["foreign_keys"],
    )
    seconds = time.monotonic() - started
    return Verified(report=report, seconds=seconds, drill=drilled, notes=(*remarks, *notes))


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
    loader = MigrationLoader(None, load=False)
    try:
        loader.load_disk()
    except Exception as error:  # (whatever a project's modules raise)
        return [f"the project's migrations cannot be read: {error}"]
    known: dict[Migration, Any] = loader.disk_migrations
    replaced = {key: set(migration.replaces) for key, migration in known.items() if migration.replaces}
    unknown = applied - set(known) - set().union(*replaced.values())
    missing = set(known) - applied
    for squashed, parts in replaced.items():
        # Django goes on with the parts where some of them were applied, else it takes the whole for all.
        if squashed not in applied and parts & applied:
            missing.discard(squashed)
        else:
            missing -= parts
    notes = []
    if missing:
        notes.append(f"the project has {_list(missing)} that the backup lacks: {_first(missing)}")
    if unknown:
        notes.append(f"the backup has {_list(unknown)} that the project does not know: {_first(unknown)}")
    return notes


def _list(migrations: Iterable[Migration]) -> str:
    return _counted(len(list(migrations)), "migration")


def _first(migrations: Iterable[Migration]) -> str:
    names = [f"{app}.{name}" for app, name in sorted(migrations)]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
