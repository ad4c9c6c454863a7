"""A SQLite database in memory: its pages, through Django's own connection and a temporary file."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbbackup import _engine
from dbbackup.db._sqlite_connection import (
    callers_connection,
    copy_into_file,
    copy_whole,
    failure,
    number,
    open_another,
    temporary_folder,
)
from dbbackup.db._sqlite_schema import excluded_tables, items, shadows
from dbbackup.db._statements import fold, quoted
from dbbackup.exceptions import DumpError, RefusedError, RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbbackup._engine import Tool
    from dbbackup.db.base import BaseDBConnector


class MemoryDump:
    """The pages of a database in memory, as they are at the moment of the call.

    Args:
        connector: Whose database; without the rows of the tables in its `exclude`.

    Raises:
        ConfigurationError: A table to exclude is none of the database's.
        SourceError: There is no room for the temporary copy.

    """

    def __init__(self, connector: BaseDBConnector) -> None:
        with ExitStack() as stack:
            path = Path(stack.enter_context(temporary_folder()), "copy.sqlite3")
            live = callers_connection(connector)
            if live.in_transaction:
                # The backup API waits for the end of a transaction, even its own connection's.
                path.write_bytes(live.serialize())
            else:
                copy_into_file(connector, live, path)
            if connector.exclude:
                _leave_out(connector, path)
            self._file = stack.enter_context(path.open("rb"))
            self._open = stack.pop_all()

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes. ``b""`` is the end."""
        return self._file.read(size)

    def close(self) -> None:
        """Delete the temporary copy."""
        self._open.close()


def restore(connector: BaseDBConnector, dump: Any, tool: Callable[[Path], Tool]) -> list[str]:
    """Replace a database in memory by the pages in `dump`; return what the user should know.

    They go into a temporary file first, which `tool` writes and checks; one step of SQLite's backup API makes
    the database a copy of it.

    Raises:
        RefusedError: This thread is inside a transaction, or the backup has another encoding of texts.
        BusyError: Another connection to the same memory is reading it.

    """
    alias = connector.database_name
    message = f"cannot restore `{alias}`"
    live = callers_connection(connector)
    if connector.connection.in_atomic_block or live.in_transaction:
        message += " inside a transaction of its own"
        raise RefusedError(message, subject=alias, hint="leave the `atomic` block first")
    with temporary_folder() as folder:
        path = Path(folder, "restored.sqlite3")
        notes = _engine.load(tool(path), dump)
        try:
            with closing(open_another(connector, str(path))) as checked:
                _fit(checked, live)
                copy_whole(checked, live, message)
        except sqlite3.Error as error:
            raise failure(message, error, RestoreError) from error
    return notes


def _fit(checked: sqlite3.Connection, live: sqlite3.Connection) -> None:
    """Give the restored file what a database in memory cannot change: its page size, and no WAL."""
    encodings = [each.execute("PRAGMA encoding").fetchone()[0] for each in (checked, live)]
    if encodings[0] != encodings[1]:
        message = f"cannot restore texts in {encodings[0]} into a database in memory that has {encodings[1]}"
        raise RefusedError(message)
    checked.execute("PRAGMA journal_mode = DELETE")
    page_bytes = number(live, "page_size")
    if page_bytes != number(checked, "page_size"):
        checked.execute(f"PRAGMA page_size = {page_bytes}")
        checked.execute("VACUUM")


def _leave_out(connector: BaseDBConnector, path: Path) -> None:
    """Delete the rows of the excluded tables from the copy, and what they leave in free pages."""
    message = f"cannot leave tables of `{connector.database_name}` out"
    try:
        with closing(open_another(connector, str(path))) as copy:
            schema = items(copy)
            excluded = excluded_tables(schema, connector.exclude, connector.database_name)
            found = [each for each in schema if fold(each.table) in excluded]
            tables = [each for each in found if each.type == "table"]
            virtual = [each for each in tables if each.is_virtual]
            with_these = {fold(name) for each in virtual for name in shadows(each.sql)}
            triggers = [each for each in found if each.type == "trigger"]
            copy.execute("PRAGMA foreign_keys = OFF")
            copy.execute("BEGIN")
            for trigger in triggers:
                copy.execute(f"DROP TRIGGER {quoted(trigger.name)}")
            for table in tables:
                if table in virtual:
                    copy.execute(f"DROP TABLE {quoted(table.name)}")
                    copy.execute(table.sql)
                elif fold(table.name) not in with_these:
                    copy.execute(f"DELETE FROM {quoted(table.name)}")  # noqa: S608 (quoted)
            for trigger in triggers:
                copy.execute(trigger.sql)
            copy.execute("COMMIT")
            copy.execute("VACUUM")
    except sqlite3.Error as error:
        raise failure(message, error, DumpError) from error
    names = ", ".join(f"`{name}`" for name in connector.exclude)
    connector.notes.append(f"the rows of {names} were left out")
