"""What a SQLite database consists of: tables, their columns, and what tells their rows apart."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from dbbackup.db._statements import essence, fold, head_of, quoted
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


class Item(NamedTuple):
    """A row of ``sqlite_schema`` that a statement stands behind."""

    type: str
    name: str
    table: str
    sql: str

    @property
    def is_virtual(self) -> bool:
        """Whether it is a virtual table."""
        return self.type == "table" and head_of(self.sql).verb == "CREATE VIRTUAL TABLE"


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: str
    """As it is declared; may be empty."""
    is_not_null: bool
    default: str | None
    key_place: int
    """Its place in the primary key, from 1; 0: it is not in it."""
    is_generated: bool

    @property
    def affinity(self) -> str:
        """What becomes of values in it: ``TEXT``, ``BLOB`` (nothing), ``REAL`` or ``NUMERIC``, by SQLite's rules."""
        declared = self.type.upper()
        for affinity, words in _AFFINITIES.items():
            if any(word in declared for word in words):
                return affinity
        return "NUMERIC" if declared else "BLOB"


class Key(NamedTuple):
    """What no two rows of a table have in common."""

    columns: frozenset[tuple[str, str]]
    """Name and collation of each; empty where it is not of columns alone, or not of all rows."""
    definition: str
    """What makes it, where that is more than the columns."""
    index_name: str


_SCHEMA = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master "
    "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)


def items(connection: sqlite3.Connection) -> list[Item]:
    """Return everything that there is, in the order in which it was made."""
    return [Item(*row) for row in connection.execute(f"{_SCHEMA} ORDER BY rowid")]


def item(connection: sqlite3.Connection, name: str, *, trigger: bool = False) -> Item | None:
    """Return what is called `name`: tables, indexes and views share their names, triggers have their own."""
    condition = f"AND (type = 'trigger') = {trigger:d} AND name = ? COLLATE NOCASE"
    row = connection.execute(f"{_SCHEMA} {condition}", (name,)).fetchone()
    return Item(*row) if row else None


def columns(connection: sqlite3.Connection, table: str) -> list[Column]:
    """Return the columns of `table`, generated ones included."""
    rows = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    return [
        Column(name, declared, bool(not_null), default, place, hidden in (2, 3))
        for _, name, declared, not_null, default, place, hidden in rows
    ]


def keys(connection: sqlite3.Connection, table: str) -> list[Key]:
    """Return the primary key and the unique indexes of `table`."""
    found = []
    primary = [column.name for column in columns(connection, table) if column.key_place]
    indexes = connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall()
    if primary and not any(origin == "pk" for _, _, _, origin, _ in indexes):
        found.append(Key(frozenset((fold(name), "binary") for name in primary), "", ""))
    for _, index, is_unique, _, is_partial in indexes:
        if not is_unique:
            continue
        rows = connection.execute(f"PRAGMA index_xinfo({quoted(index)})").fetchall()
        parts = [(name, collation) for _, _, name, _, collation, is_key in rows if is_key]
        if is_partial or any(name is None for name, _ in parts):
            sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()[0]
            found.append(Key(frozenset(), essence(sql[head_of(sql).end :]), index))
        else:
            found.append(
                Key(frozenset((fold(name), fold(collation)) for name, collation in parts), "", index)
            )
    return found


def rows_without_key(connection: sqlite3.Connection, table: str) -> str | None:
    """Return the condition for the rows of `table` that no key tells apart; ``None`` where there can be none.

    ``NULL`` is never the same as another ``NULL``: such a row would be there twice after it was restored.
    """
    never_null = {fold(column.name) for column in columns(connection, table) if column.is_not_null}
    alternatives = []
    for key in keys(connection, table):
        if not key.columns:
            continue
        nullable = sorted(name for name, _ in key.columns if name not in never_null)
        if not nullable or not key.index_name:  # without an index it is the row id, which is never null
            return None
        alternatives.append("(" + " OR ".join(f"{quoted(name)} IS NULL" for name in nullable) + ")")
    return " AND ".join(alternatives) or "1"


def shadows(sql: str) -> Iterator[str]:
    """Give the names of the tables that the virtual table made by `sql` keeps its content in."""
    head = head_of(sql)
    module = _MODULE.match(sql, head.end)
    for suffix in _SHADOWS.get(fold(module[1]) if module else "", ()):
        yield f"{head.name}_{suffix}"


def excluded_tables(schema: list[Item], exclude: list[str], alias: str) -> set[str]:
    """Return the names to leave out, as `fold` makes them: those in `exclude`, and their shadow tables.

    Raises:
        ConfigurationError: One is the name of no table.

    """
    tables = {fold(item.name): item for item in schema if item.type == "table"}
    excluded = set()
    for name in exclude:
        item = tables.get(fold(name))
        if item is None:
            message = f"cannot exclude the table `{name}`: the database `{alias}` has none of this name"
            near = difflib.get_close_matches(name, [item.name for item in tables.values()], n=1, cutoff=0)
            hint = f"the nearest name is `{near[0]}`" if near else "it has no tables"
            raise ConfigurationError(message, subject=name, hint=hint)
        excluded |= {fold(name), *(map(fold, shadows(item.sql)) if item.is_virtual else ())}
    return excluded


_AFFINITIES = {
    "NUMERIC": ("INT",),
    "TEXT": ("CHAR", "CLOB", "TEXT"),
    "BLOB": ("BLOB",),
    "REAL": ("REAL", "FLOA", "DOUB"),
}
"""In the order in which they are looked for (sqlite.org/datatype3.html, 3.1). The rest is ``NUMERIC``."""

_MODULE = re.compile(r"\s+USING\s+[\"'`\[]?(\w+)", re.IGNORECASE)
_FTS = ("content", "segments", "segdir", "docsize", "stat")
_RTREE = ("node", "rowid", "parent")
_SHADOWS = {
    "fts3": _FTS,
    "fts4": _FTS,
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "rtree": _RTREE,
    "rtree_i32": _RTREE,
    "geopoly": _RTREE,
}
"""Module → what follows ``<name>_`` in the names of its tables. Only newer versions of SQLite tell."""
