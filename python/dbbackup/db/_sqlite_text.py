"""SQL text of a SQLite database, written: statements that ``sqlite3`` and django-dbbackup can run.

::

    PRAGMA foreign_keys=OFF;
    BEGIN TRANSACTION;
    CREATE TABLE IF NOT EXISTS "t" (…);                on one line, where that is possible
    INSERT OR REPLACE INTO "t" VALUES(1,'text',NULL);  each row on one line
    …
    CREATE INDEX …; CREATE VIEW …; CREATE TRIGGER …;   when all rows are there
    COMMIT;

The last line tells a whole dump from one that was cut short.
"""

from __future__ import annotations

import errno
import sqlite3
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from dbbackup._file import CHUNK_BYTES
from dbbackup.conf import get_settings
from dbbackup.db._sqlite_connection import (
    callers_connection,
    copy_into_file,
    failure,
    number,
    open_another,
    temporary_folder,
)
from dbbackup.db._sqlite_literals import Literals, text
from dbbackup.db._sqlite_schema import Item, columns, excluded_tables, items, shadows
from dbbackup.db._statements import LONGEST, fold, head_of, one_line, quoted
from dbbackup.exceptions import DumpError, SourceError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from dbbackup.db.base import BaseDBConnector


class TextDump:
    """The statements of a database in a file, made while they are read: what it holds when it is asked for.

    A database in WAL mode is read through a connection of our own, in one read transaction, while others
    write. Of any other a copy in a temporary file is read: a reader would lock its writers out for as long as
    the backup takes. It may be read and closed in any thread.

    When the last byte was read, the connector's `content` has the rows of each table.

    Args:
        connector: Whose database; without the tables in its `exclude`.

    Raises:
        ConfigurationError: A table to exclude is none of the database's.
        DumpError: The database cannot be read.

    """

    def __init__(self, connector: BaseDBConnector) -> None:
        self._connector = connector
        self._lock = threading.Lock()
        self._is_closed = False
        self._rest = memoryview(b"")
        with ExitStack() as stack:
            try:
                self._connection = self._connect(stack)
                self._connection.execute("BEGIN")
                self._writer = _Writer(self._connection, connector)
            except sqlite3.Error as error:
                message = f"cannot dump `{connector.database_name}`"
                raise failure(message, error, DumpError) from error
            self._chunks = self._writer.chunks()
            self._open = stack.pop_all()

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes. ``b""`` is the end.

        Raises:
            DumpError: The database cannot be read, or could not be before, or a row is too long for SQL.

        """
        with self._lock:
            if not self._rest and not self._is_closed:
                self._rest = memoryview(next(self._chunks, b""))
            if not self._rest and not self._writer.is_done:
                message = f"cannot dump `{self._connector.database_name}`: it was given up"
                raise DumpError(message)
            part = bytes(self._rest[:size])
            self._rest = self._rest[size:]
            return part

    def close(self) -> None:
        """End the read transaction and delete the temporary copy. A `read` in another thread fails."""
        if self._is_closed:
            return
        self._is_closed = True
        self._connection.interrupt()
        with self._lock:
            self._chunks.close()
            self._open.close()

    def _connect(self, stack: ExitStack) -> sqlite3.Connection:
        connection = self._opened(stack, str(self._connector.settings["NAME"]))
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return connection
        path = Path(stack.enter_context(temporary_folder()), "copy.sqlite3")
        copy_into_file(self._connector, connection, path)
        connection.close()
        return self._opened(stack, str(path))

    def _opened(self, stack: ExitStack, name: str) -> sqlite3.Connection:
        connection = open_another(self._connector, name)
        stack.callback(connection.close)
        connection.execute("PRAGMA query_only = ON")
        return connection


def text_file(connector: BaseDBConnector) -> IO[bytes]:
    """Return the statements of what Django's own connection sees, in a temporary file that deletes itself.

    A database in memory, and what an open transaction has changed, can be seen through that connection only.
    It is read to the end at once: what the caller does with it later makes no difference.

    Raises:
        ConfigurationError: A table to exclude is none of the database's.
        DumpError: The database cannot be read.
        SourceError: There is no room for the file.

    """
    connection = callers_connection(connector)
    text_factory = connection.text_factory
    is_alone = not connection.in_transaction
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(dir=get_settings().tmp_dir))
            if is_alone:
                connection.execute("BEGIN")
            file.writelines(_Writer(connection, connector).chunks())
            file.seek(0)
        except (sqlite3.Error, OSError) as error:
            message = f"cannot dump `{connector.database_name}`"
            if isinstance(error, sqlite3.Error):
                raise failure(message, error, DumpError) from error
            message = f"{message} into a temporary file: {error.strerror}"
            raise SourceError(message, kind="no_space" if error.errno == errno.ENOSPC else "write") from error
        finally:
            connection.text_factory = text_factory
            if is_alone and connection.in_transaction:
                connection.execute("ROLLBACK")
        stack.pop_all()
    return file


class _Writer:
    """Makes the text of the database that `connection` sees, which is in a transaction."""

    def __init__(self, connection: sqlite3.Connection, connector: BaseDBConnector) -> None:
        self.is_done = False
        self._connection = connection
        self._connector = connector
        self._schema = _Schema.of(connection, connector.exclude, connector.database_name)
        self._literals = Literals(self._schema.encoding)
        self._counts: list[tuple[_Table, int]] = []
        self._place = ""

    def chunks(self) -> Generator[bytes]:
        """Give the text in parts of about `CHUNK_BYTES`; a longer row is a part."""
        parts: list[bytes] = []
        size = 0
        try:
            for line in self._lines():
                parts.append(line)
                size += len(line)
                if size >= CHUNK_BYTES:
                    yield b"".join(parts)
                    parts.clear()
                    size = 0
        except sqlite3.Error as error:
            message = f"cannot dump {self._place}`{self._connector.database_name}`"
            raise failure(message, error, DumpError) from error
        self.is_done = True
        yield b"".join(parts)

    def _lines(self) -> Iterator[bytes]:
        schema = self._schema
        yield b"PRAGMA foreign_keys=OFF;\n"
        if schema.encoding != "UTF-8":
            yield f"PRAGMA encoding='{schema.encoding}';\n".encode()
        yield b"BEGIN TRANSACTION;\n"
        for pragma, value in schema.numbers.items():
            yield f"PRAGMA {pragma}={value};\n".encode()
        for item in schema.virtual_tables:
            yield _create(item)
        self._connection.text_factory = bytearray
        for table in schema.tables:
            name = table.item.name
            yield _create(table.item)
            if table.is_shadow:
                # Making the virtual table has put rows of its own there.
                yield f"DELETE FROM {quoted(name)};\n".encode()  # noqa: S608 (quoted)
            yield from self._rows(table)
        for name, sequence in schema.sequences:
            literal = text(name.encode())
            yield b'DELETE FROM "sqlite_sequence" WHERE "name"=' + literal + b";\n"
            yield b'INSERT INTO "sqlite_sequence" VALUES(' + literal + f",{sequence});\n".encode()
        for item in schema.others:
            yield _create(item)
        yield b"COMMIT;\n"
        counts = {table.item.name: count for table, count in self._counts if not table.is_shadow}
        self._connector.content = {"tables": counts, "exact": True}
        if replaced := self._literals.replaced:
            self._connector.notes.append(f"texts that are not valid were dumped with � in them ({replaced})")

    def _rows(self, table: _Table) -> Iterator[bytes]:
        literal_of = self._literals.of
        count = 0
        self._place = f"the table `{table.item.name}` of "
        for row in self._connection.execute(table.query):
            values = b",".join([literal_of[type(value)](value) for value in row])
            if len(values) > LONGEST:
                message = (
                    f"cannot dump {self._place}`{self._connector.database_name}`: a row is too long for SQL"
                )
                hint = "use SqliteBackupConnector, which has no such limit, or exclude the table"
                raise DumpError(message, hint=hint)
            yield b"%b%b);\n" % (table.insert, values)
            count += 1
        self._counts.append((table, count))


class _Table(NamedTuple):
    """A table with rows of its own."""

    item: Item
    is_shadow: bool
    query: str
    insert: bytes

    @classmethod
    def of(cls, connection: sqlite3.Connection, item: Item, *, is_shadow: bool) -> _Table:
        all_columns = columns(connection, item.name)
        names = ",".join(quoted(column.name) for column in all_columns if not column.is_generated)
        named = f"({names})" if any(column.is_generated for column in all_columns) else ""
        # Django's connection converts values by the type of their column; with the plus they have none.
        values = ",".join(f"+{quoted(column.name)} AS v" for column in all_columns if not column.is_generated)
        query = f"SELECT {values} FROM {quoted(item.name)}"  # noqa: S608 (quoted)
        insert = f"INSERT OR REPLACE INTO {quoted(item.name)}{named} VALUES("
        return cls(item, is_shadow, query, insert.encode())


class _Schema(NamedTuple):
    """What is dumped, but for the rows."""

    encoding: str
    numbers: dict[str, int]
    virtual_tables: list[Item]
    tables: list[_Table]
    sequences: list[tuple[str, int]]
    others: list[Item]

    @classmethod
    def of(cls, connection: sqlite3.Connection, exclude: list[str], alias: str) -> _Schema:
        found = items(connection)
        excluded = excluded_tables(found, exclude, alias)
        kept = [item for item in found if fold(item.table) not in excluded]
        virtual = [item for item in kept if item.is_virtual]
        shadowing = {fold(name) for item in virtual for name in shadows(item.sql)}
        tables = sorted(item for item in kept if item.type == "table" and not item.is_virtual)
        names = {item.name for item in tables}
        has_sequences = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
        ).fetchone()
        sequences = (
            connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall() if has_sequences else []
        )
        pragmas = {pragma: number(connection, pragma) for pragma in ("application_id", "user_version")}
        return cls(
            encoding=connection.execute("PRAGMA encoding").fetchone()[0],
            numbers={pragma: value for pragma, value in pragmas.items() if value},
            virtual_tables=virtual,
            tables=[_Table.of(connection, item, is_shadow=fold(item.name) in shadowing) for item in tables],
            sequences=[(name, last) for name, last in sequences if name in names and isinstance(last, int)],
            others=[item for kind in ("index", "view", "trigger") for item in kept if item.type == kind],
        )


def _create(item: Item) -> bytes:
    head = head_of(item.sql)
    sql, comment = one_line(item.sql)
    if head.name:
        sql = f"{sql[: head.begin]}IF NOT EXISTS {sql[head.begin :]}"
    # A comment at the end would swallow the semicolon.
    end = "\n;\n" if "--" in sql.rpartition("\n")[2] else ";\n"
    return f"{comment}{sql}{end}".encode()
