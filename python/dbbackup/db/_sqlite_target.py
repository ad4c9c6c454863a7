"""The SQLite database that a text is restored into: what it has already, and what becomes of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbbackup.db._sqlite_schema import Column, Item, columns, item, items, keys, rows_without_key, shadows
from dbbackup.db._statements import Head, essence, fold, head_of, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_NAMES = 5
"""How many tables a note names."""


class MismatchError(Exception):
    """The database and the backup do not fit together."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True)
class Table:
    """A table of the backup."""

    name: str
    columns: list[Column]
    """As the backup has them; none where it does not say."""
    is_merged: bool = False
    """Whether rows that were there before may stay."""
    rows: int = 0
    """Of the backup, so far."""

    @property
    def listed(self) -> str:
        """The columns of a row, for an ``INSERT`` that names none: the database may have another order."""
        names = ",".join(quoted(column.name) for column in self.columns if not column.is_generated)
        return f"({names})" if names else ""


class Target:
    """The database behind `connection`, inside a transaction.

    Args:
        connection: Where it goes.
        scratch: An empty database in memory. It gets the backup's definitions, to be asked about them.
        exact: Whether rows that the backup does not have go.

    """

    def __init__(self, connection: sqlite3.Connection, scratch: sqlite3.Connection, *, exact: bool) -> None:
        self.connection = connection
        self.scratch = scratch
        self.notes: list[str] = []
        self._exact = exact
        self._tables: dict[str, Table] = {}
        self._triggers: list[Item] = []
        self._shadows: dict[str, Item] = {}
        """Shadow table → virtual table, of the backup."""
        self._old_shadows: dict[str, Item] = {}
        """The same, of what was there before and still is."""
        self._dropped: dict[str, Item] = {}
        self._replaced: list[str] = []
        """Virtual tables that were there before."""
        self._emptied: dict[str, int] = {}
        """Table → rows that it had."""
        self._thinned: dict[str, int] = {}
        """Table → its rows that no key told apart."""
        scratch.execute("CREATE TABLE first (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        scratch.execute("DROP TABLE first")  # `sqlite_sequence` stays, for rows of it

    def set_triggers_aside(self) -> None:
        """Drop all triggers: none may fire while rows are loaded. `finish` makes them again."""
        found = items(self.connection)
        self._old_shadows = {
            fold(name): each for each in found if each.is_virtual for name in shadows(each.sql)
        }
        self._triggers = [each for each in found if each.type == "trigger"]
        for trigger in self._triggers:
            self.connection.execute(f"DROP TRIGGER {quoted(trigger.name)}")

    def is_shadow(self, name: str) -> bool:
        """Whether the folded `name` is a shadow table of one of the backup's virtual tables."""
        return name in self._shadows

    def table(self, name: str) -> Table:
        """Return the table that a row goes into, ready for it."""
        table = self._tables.get(fold(name))
        if table is None:
            table = self._tables[fold(name)] = Table(name, [])
            here = item(self.connection, name)
            if here and here.type == "table" and not here.is_virtual:
                self._make_room(table)
        return table

    def create_table(self, head: Head, sql: str) -> None:
        """Make a table, or make the one that is there ready for the backup's rows.

        Raises:
            MismatchError: What is there under this name is something else, or has other columns.

        """
        name = fold(head.name)
        if name in self._tables and head.is_lenient:
            return
        self.scratch.execute(sql)
        table = Table(head.name, columns(self.scratch, head.name))
        if name in self._shadows:
            self._empty_shadow(head.name)
        else:
            if name in self._old_shadows:
                self._drop_virtual(self._old_shadows[name])
            here = item(self.connection, head.name)
            if here is None:
                self.connection.execute(sql)
            else:
                self._meet(table, here, sql)
        self._tables[name] = table

    def create_virtual_table(self, head: Head, sql: str) -> None:
        """Make a virtual table, in place of one that is there.

        Raises:
            MismatchError: What is there under this name is something else.

        """
        made = Item("table", head.name, head.name, sql)
        if head.is_lenient and made in self._shadows.values():
            return
        here = item(self.connection, head.name)
        if here is not None:
            if not here.is_virtual:
                raise _other_kind(here, "virtual table")
            self._drop_virtual(here)
        if self._dropped.pop(fold(head.name), None):
            self._replaced.append(head.name)
        # After a VACUUM, `.dump` writes the shadow tables before the virtual one.
        early = [self._tables[fold(name)].name for name in shadows(sql) if fold(name) in self._tables]
        for name in early:
            self.connection.execute(f"CREATE TEMP TABLE {_aside(name)} AS SELECT * FROM {quoted(name)}")  # noqa: S608
            self.connection.execute(f"DROP TABLE {quoted(name)}")
        self.connection.execute(sql)
        for name in early:
            self.connection.execute(f"DELETE FROM {quoted(name)}")  # noqa: S608
            self.connection.execute(f"INSERT INTO {quoted(name)} SELECT * FROM temp.{_aside(name)}")  # noqa: S608
            self.connection.execute(f"DROP TABLE temp.{_aside(name)}")
        self._shadows.update((fold(name), made) for name in shadows(sql))

    def create(self, head: Head, sql: str) -> None:
        """Make an index, a view or a trigger, in place of one of the same kind and name.

        Raises:
            MismatchError: What is there under this name is something else.

        """
        kind = head.verb.rpartition(" ")[2].lower()
        if head.verb == "CREATE UNIQUE INDEX":
            # It says what tells the backup's rows apart. It may be of a table that is not in the backup.
            with suppress(sqlite3.Error):
                self.scratch.execute(sql)
        here = item(self.connection, head.name, trigger=kind == "trigger")
        if here is not None:
            if here.type != kind:
                raise _other_kind(here, kind)
            if essence(here.sql) == essence(sql):
                return
            self.connection.execute(f"DROP {kind} {quoted(head.name)}")
        self.connection.execute(sql)

    def finish(self) -> None:
        """Make the triggers again that the backup does not have; check and count.

        Raises:
            MismatchError: The rows cannot all be there, or a virtual table is missing.

        """
        for virtual in self._dropped.values():
            message = f"it has tables of the virtual table `{virtual.name}`, and not that itself"
            raise MismatchError(message)
        for trigger in self._triggers:
            if item(self.connection, trigger.name, trigger=True) is None:
                self.connection.execute(trigger.sql)
        self._set_sequences()
        if not self._exact:
            self._note("virtual tables were replaced as a whole", dict.fromkeys(self._replaced))
            self._note("tables whose rows no key tells apart were emptied first", self._emptied)
            self._note("rows that no key tells apart were deleted first", self._thinned)
            self._note("rows that are not in the backup stayed", self._count_kept())
        self._note("rows refer to others that do not exist", self._count_missing())

    def _meet(self, table: Table, here: Item, sql: str) -> None:
        if here.type != "table" or here.is_virtual:
            raise _other_kind(here, "table")
        mine = columns(self.connection, table.name)
        is_same_shape = _shape(mine) == _shape(table.columns)
        if not self._exact and not is_same_shape:
            message = f"its columns are {_listing(table.columns)}, and here they are {_listing(mine)}"
            raise MismatchError(message, _EXACT)
        definitions = {essence(each[head_of(each).end :]) for each in (here.sql, sql)}
        if self._exact and (not is_same_shape or len(definitions) > 1):
            self.connection.execute(f"DROP TABLE {quoted(table.name)}")
            self.connection.execute(sql)
        else:
            self._make_room(table)

    def _make_room(self, table: Table) -> None:
        condition = "1" if self._exact else rows_without_key(self.connection, table.name)
        table.is_merged = not self._exact
        if condition is None:
            return
        deleted = self.connection.execute(f"DELETE FROM {quoted(table.name)} WHERE {condition}").rowcount  # noqa: S608
        if deleted:
            (self._emptied if condition == "1" else self._thinned)[table.name] = deleted

    def _drop_virtual(self, virtual: Item) -> None:
        self.connection.execute(f"DROP TABLE {quoted(virtual.name)}")
        self._dropped[fold(virtual.name)] = virtual
        self._old_shadows = {name: each for name, each in self._old_shadows.items() if each != virtual}

    def _empty_shadow(self, name: str) -> None:
        virtual = self._shadows[fold(name)]
        table = self._tables.get(fold(virtual.name))
        if table and table.rows:
            # django-dbbackup writes the rows of a virtual table too, and then those of its shadows, which are
            # the ones that count. What the first have left in memory would overwrite them at the commit.
            if any(fold(each) in self._tables for each in shadows(virtual.sql)):
                message = (
                    f"rows of the virtual table `{virtual.name}` stand between those of its shadow tables"
                )
                raise MismatchError(message)
            self.connection.execute(f"DROP TABLE {quoted(virtual.name)}")
            self.connection.execute(virtual.sql)
            table.rows = 0
        self.connection.execute(f"DELETE FROM {quoted(name)}")  # noqa: S608

    def _set_sequences(self) -> None:
        for name, sequence in self.scratch.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            if fold(name) not in self._tables:
                continue
            query = "SELECT max(seq) FROM sqlite_sequence WHERE name = ?"
            (here,) = self.connection.execute(query, (name,)).fetchone()
            last = sequence if self._exact or here is None else max(sequence, here)
            self.connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            self.connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, last))

    def _note(self, what: str, tables: Mapping[str, int | None]) -> None:
        shown = [f"`{name}`" + (f" ({count})" if count else "") for name, count in tables.items()]
        if shown:
            more = f" and {len(shown) - SHOWN_NAMES} more" if len(shown) > SHOWN_NAMES else ""
            self.notes.append(f"{what}: {', '.join(shown[:SHOWN_NAMES])}{more}")

    def _count_kept(self) -> dict[str, int]:
        kept = {}
        for table in self._tables.values():
            if not table.is_merged:
                continue
            self._require_same_rules(table)
            (count,) = self.connection.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchone()  # noqa: S608
            if count > table.rows:
                kept[table.name] = count - table.rows
        return kept

    def _require_same_rules(self, table: Table) -> None:
        """Raise `MismatchError` where a rule of the database's table can have cost a row of the backup."""
        if not table.columns:
            return
        theirs = keys(self.scratch, table.name)
        for key in keys(self.connection, table.name):
            if key.definition:
                is_theirs = any(key.definition == other.definition for other in theirs)
            else:
                is_theirs = any(other.columns and other.columns <= key.columns for other in theirs)
            if not is_theirs:
                names = (
                    key.index_name if key.definition else ", ".join(sorted(name for name, _ in key.columns))
                )
                message = f"rows of `{table.name}` may have the same {names} in the backup, and not here"
                raise MismatchError(message, _EXACT)
        strict = {fold(column.name) for column in table.columns if column.is_not_null}
        for column in columns(self.connection, table.name):
            if column.is_not_null and column.default is not None and fold(column.name) not in strict:
                message = (
                    f"`{column.name}` of `{table.name}` may be NULL in the backup, and has a default here"
                )
                raise MismatchError(message, _EXACT)

    def _count_missing(self) -> Counter[str]:
        missing: Counter[str] = Counter()
        try:
            for child, _, parent, _ in self.connection.execute("PRAGMA foreign_key_check"):
                missing[f"{child}` to `{parent}"] += 1
        except sqlite3.OperationalError as error:
            self.notes.append(f"foreign keys could not be checked: {error}")
        return missing


_EXACT = "an exact restore makes the table anew, as the backup has it"


def _other_kind(here: Item, kind: str) -> MismatchError:
    mine = "virtual table" if here.is_virtual else here.type
    return MismatchError(f"`{here.name}` is a {mine} here, and a {kind} in the backup")


def _shape(found: list[Column]) -> set[tuple[str, str, bool]]:
    return {(fold(column.name), column.affinity, column.is_generated) for column in found}


def _listing(found: list[Column]) -> str:
    names = (f"{column.name} {column.type}".strip() + " generated" * column.is_generated for column in found)
    return f"({', '.join(names)})"


def _aside(name: str) -> str:
    return quoted(f"dbbackup aside {name}")
