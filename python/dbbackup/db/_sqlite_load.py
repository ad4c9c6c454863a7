"""SQL text of a SQLite database, restored: one transaction, which is committed after the last byte."""

from __future__ import annotations

import re
import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from dbbackup.db._sqlite_connection import callers_connection, failure, open_another
from dbbackup.db._sqlite_target import MismatchError, Table, Target
from dbbackup.db._statements import (
    Head,
    end_of_gap,
    fold,
    head_of,
    quoted,
    statements,
    with_infinities,
    with_line_breaks,
)
from dbbackup.exceptions import CorruptBackupError, DbbackupError, RefusedError, RestoreError

if TYPE_CHECKING:
    from pathlib import Path

    from dbbackup.db.base import BaseDBConnector

SHOWN_CHARACTERS = 80
"""How much of a statement stands in an error."""


def load(connector: BaseDBConnector, dump: Any, path: Path | None) -> list[str]:
    """Run the statements of `dump` in one transaction; return what the user should know.

    Tables that the database lacks are made. One that it has keeps its definition: each row of the backup
    replaces the rows with the same key, and the others stay. Rows that no key tells apart are deleted first.
    With the connector's `exact`, a table of the backup is emptied before its first row instead, or made anew
    where its definition is another. Tables that the backup lacks stay in both cases.

    Indexes and views of the backup's names are replaced, virtual tables as a whole. Triggers are away while
    rows are loaded: then there are the backup's, and those of other names. Foreign keys are checked last.

    The file decides about nothing but the content: its own transaction statements and pragmas are left out,
    and what no dump has (``ATTACH``, ``UPDATE``, …) is refused.

    Args:
        connector: Whose database.
        dump: The text, a binary file.
        path: The database's file; ``None``: it is in memory, and Django's own connection leads to it.

    Raises:
        CorruptBackupError: It is no SQL text, or not all of it.
        RefusedError: This thread is inside a transaction, or the file has a statement that no dump has.
        RestoreError: A statement failed, or a table is another one than the backup's.

    """
    alias = connector.database_name
    is_new = path is not None and not path.exists()
    wrapper = connector.connection
    if wrapper.in_atomic_block or (wrapper.connection is not None and not wrapper.autocommit):
        message = f"cannot restore `{alias}` inside a transaction of its own"
        raise RefusedError(message, subject=alias, hint="leave the `atomic` block first")
    try:
        with ExitStack() as stack:
            if path is None:
                connection = callers_connection(connector)
            else:
                # Each statement is run once: to keep the last ones prepared would only take memory.
                connection = open_another(connector, str(connector.settings["NAME"]), cached_statements=0)
                stack.callback(connection.close)
            scratch = stack.enter_context(closing(open_another(connector, ":memory:")))
            target = Target(connection, scratch, exact=connector.exact)
            _run(connection, _Loader(target), dump)
            return target.notes
    except BaseException as error:
        if is_new and path is not None and path.exists() and path.stat().st_size == 0:
            path.unlink()
        if isinstance(error, sqlite3.Error):
            message = f"cannot restore `{alias}`"
            raise failure(message, error, RestoreError) from error
        raise


def _run(connection: sqlite3.Connection, loader: _Loader, dump: Any) -> None:
    # Foreign keys cannot be turned off inside a transaction.
    (enforced,) = connection.execute("PRAGMA foreign_keys").fetchone()
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        connection.execute("BEGIN IMMEDIATE")
        loader.run(dump)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA foreign_keys = {enforced}")


class _Loader:
    """Gives each statement to `target` by its kind."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._later: dict[str, list[tuple[int, Head, str]]] = {"INDEX": [], "VIEW": [], "TRIGGER": []}
        self._has_content = self._is_open = self._has_end = False
        # The usual row: how it begins, what to put there instead, and where it goes.
        self._row_begin = "\0"
        self._row_instead = ""
        self._row_table = Table("", [])

    def run(self, dump: Any) -> None:
        """Run all statements, and then what has to wait for the last of them."""
        self._target.set_triggers_aside()
        number = 0
        for number, statement in enumerate(statements(dump), 1):
            try:
                self._take(number, statement)
            except (sqlite3.Error, MismatchError) as error:
                raise _failed(number, statement, error) from error
        self._require_end(number)
        for waiting in self._later.values():
            for number, head, sql in waiting:
                try:
                    self._target.create(head, sql)
                except (sqlite3.Error, MismatchError) as error:
                    raise _failed(number, sql, error) from error
        try:
            self._target.finish()
        except MismatchError as error:
            message = f"cannot restore the backup: {error}"
            raise RestoreError(message, hint=error.hint) from error

    def _take(self, number: int, statement: str) -> None:
        if statement.startswith(self._row_begin):
            self._insert(self._row_table, self._row_instead, statement[len(self._row_begin) :])
            return
        self._row_begin = "\0"
        head = head_of(statement)
        name = fold(head.name)
        self._has_content |= head.verb != "PRAGMA"
        match head.verb:
            case "INSERT" if head.end:
                self._insert_into(head, statement)
            case "CREATE TABLE":
                self._target.create_table(head, _definition(head, statement))
            case "CREATE VIRTUAL TABLE":
                self._target.create_virtual_table(head, _definition(head, statement))
            case "CREATE INDEX" | "CREATE UNIQUE INDEX" | "CREATE VIEW" | "CREATE TRIGGER":
                kind = head.verb.rpartition(" ")[2]
                self._later[kind].append((number, head, _definition(head, statement)))
            case "PRAGMA":
                if name in _KEPT_PRAGMAS and (found := _SETS_NUMBER.match(statement, head.end)):
                    self._target.connection.execute(f"PRAGMA {name} = {found[1]}")
            case "DELETE" if name == "sqlite_sequence":
                self._target.scratch.execute(statement)
            case "DELETE" if self._target.is_shadow(name) and head.end == len(statement):
                pass  # emptied already
            case "BEGIN":
                self._is_open = True
            case "COMMIT" | "END":
                self._is_open, self._has_end = False, True
            case "ROLLBACK":
                message = "the backup ends in ROLLBACK: what wrote it could not read all of its database"
                raise CorruptBackupError(message)
            case "ANALYZE":
                pass
            case _:
                message = f"cannot restore statement {number} of the backup, `{_shown(statement)}`"
                hint = "dumps of SQLite databases have no such statements"
                raise RefusedError(message, hint=hint)

    def _insert_into(self, head: Head, statement: str) -> None:
        name = fold(head.name)
        if name == "sqlite_sequence":
            self._target.scratch.execute(statement)
        elif name in ("sqlite_master", "sqlite_schema"):
            self._create_from_row(statement[head.end :])
        elif not name.startswith("sqlite_stat"):
            table = self._target.table(head.name)
            instead = f"INSERT OR {head.clause or 'REPLACE'} INTO {quoted(head.name)}"
            end = head.end
            if found := _VALUES.match(statement, end_of_gap(statement, head.end)):
                instead += f"{found['columns'] or table.listed} VALUES"
                end = found.end()
                self._row_begin, self._row_instead, self._row_table = statement[:end], instead, table
            self._insert(table, instead, statement[end:])

    def _insert(self, table: Table, begin: str, values: str) -> None:
        execute = self._target.connection.execute
        try:
            cursor = execute(begin + values)
        except sqlite3.OperationalError as error:
            if "no such column: Inf" not in str(error):
                raise
            cursor = execute(begin + with_infinities(values))
        table.rows += cursor.rowcount

    def _create_from_row(self, values: str) -> None:
        # `.dump` writes virtual tables as rows of the schema: (type,name,tbl_name,rootpage,sql)VALUES(…)
        scratch = self._target.scratch
        scratch.execute("CREATE TEMP TABLE row (type, name, tbl_name, rootpage, sql)")
        scratch.execute(f"INSERT INTO temp.row{values}")
        rows = scratch.execute("SELECT sql FROM temp.row").fetchall()
        scratch.execute("DROP TABLE temp.row")
        for (sql,) in rows:
            head = head_of(str(sql))
            if head.verb != "CREATE VIRTUAL TABLE":
                message = (
                    f"cannot restore `{_shown(str(sql))}`, a row of the schema: it makes no virtual table"
                )
                raise RefusedError(message)
            self._target.create_virtual_table(head, str(sql))

    def _require_end(self, number: int) -> None:
        if not number:
            message = "the backup holds no SQL statement"
            raise CorruptBackupError(message)
        if self._is_open or not self._has_content:
            message = f"the backup was cut short after statement {number}: its COMMIT is missing"
            raise CorruptBackupError(message)
        if not self._has_end:
            note = "the backup has no end mark: nothing tells whether it was cut short between two statements"
            self._target.notes.append(note)


def _definition(head: Head, statement: str) -> str:
    return with_line_breaks(f"{head.verb} {statement[head.begin :]}", statement[: head.begin])


def _shown(statement: str) -> str:
    begin = end_of_gap(statement)
    return " ".join(statement[begin : begin + SHOWN_CHARACTERS].split())


def _failed(number: int, statement: str, error: sqlite3.Error | MismatchError) -> DbbackupError:
    message = f"cannot restore statement {number} of the backup, `{_shown(statement)}`"
    if isinstance(error, sqlite3.Error):
        return failure(message, error, RestoreError)
    return RestoreError(f"{message}: {error}", hint=error.hint)


_KEPT_PRAGMAS = ("application_id", "user_version")
_SETS_NUMBER = re.compile(r"\s*=\s*(-?\d+)\Z")
_VALUES = re.compile(r"""(?:(?P<columns>\((?:"[^"]*"|[^()"'`\[])*\))\s*)?VALUES\b""", re.IGNORECASE)
