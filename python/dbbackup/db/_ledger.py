"""What is known of the tables during a restore: which rows came from the backup, and which did not."""

# ruff: noqa: SLF001 (`_meta` is a documented part of Django)

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import DatabaseError, models, router, transaction

from dbbackup.db._key_set import KeySet
from dbbackup.db._models import is_among, models_in_order, view_names
from dbbackup.db._natural_keys import has_natural_key
from dbbackup.db._refusal import hint_for, reason, refused
from dbbackup.db._rows import KEYS_AT_ONCE, batches, delete_rows, links_of, rows_of
from dbbackup.exceptions import RestoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from django.db.models import Model

    from dbbackup.db._shelf import Item

NOTES = {
    "removed": "rows that are not in the backup were removed",
    "others": "rows that are not in the backup stayed",
    "renumbered": (
        "rows have other primary keys than in the backup (sessions, generic relations go by them): "
        "their natural keys were here, or others had their numbers"
    ),
    "merged": "objects of the backup became one row with another object of it",
}
"""Counts of a table → what the user is told."""


@dataclass(slots=True)
class Table:
    """What is known of one model."""

    model: type[Model]
    left_out: str = ""
    """Why its objects are not written, if they are not."""
    is_fresh: bool = False
    """Whether the table had no rows when its first object came."""
    needs_order: bool = False
    """Whether an object may refer to the one before it by its natural key."""
    never_null: list[str] = field(default_factory=list)
    """JSON columns that may not be NULL: nothing in them is JSON's ``null``."""
    numbers_given: bool = False
    """Whether rows were written with their primary keys since the sequence was last set."""
    skipped: int = 0
    removed: int = 0
    others: int = 0
    renumbered: int = 0
    merged: int = 0

    def former_key(self, item: Item) -> Any:
        """Return the primary key of a row that is known by its natural key, where the backup tells."""
        was = item.member.get("pk")
        return None if was is None else self.model._meta.pk.to_python(was)


class Ledger:
    """The tables of one restore. Holds some megabytes of keys, and puts more into a temporary file.

    Args:
        connection: Django's connection to the database.
        exact: Whether rows that the backup does not have are to be removed.

    """

    def __init__(self, connection: Any, *, exact: bool) -> None:
        self.declared: Any = None
        """Labels of the models that were dumped, with and without rows, if the backup says so."""
        self._connection = connection
        self._alias: str = connection.alias
        self._exact = exact
        self._views = view_names(connection)
        self._tables: dict[type[Model], Table] = {}
        self._are_all_open = False
        self._keys = KeySet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._keys.close()

    def table(self, item: Item) -> Table:
        """Return the table in which an object belongs.

        Raises:
            RestoreError: The project has no such model, or the database no such table.

        """
        try:
            model = apps.get_model(item.row["model"])._meta.concrete_model
        except (LookupError, ValueError) as error:
            hint = (
                "INSTALLED_APPS and the code have to be those of the day the backup was made: restore with "
                "these, and migrate then"
            )
            raise refused(item, "there is no such model", hint) from error
        if model not in self._tables:
            try:
                self._tables[model] = self._open(model)
            except DatabaseError as error:
                raise refused(item, reason(error), hint_for(error)) from error
        return self._tables[model]

    def add(self, table: Table, item: Item, key: Any) -> None:
        """Note down that an object became the row with the primary key `key`."""
        table.merged += not self._keys.add(table.model._meta.label, key)
        table.renumbered += table.former_key(item) not in (None, key)

    def known_tables(self) -> list[Table]:
        """Return the tables that the backup has rows of, or says that it has none of."""
        if not self._are_all_open:
            self._are_all_open = True
            for model in self._declared_models():
                if model not in self._tables:
                    with contextlib.suppress(DatabaseError):  # a table that is missing has no rows either
                        self._tables[model] = self._open(model)
        return [table for table in self._tables.values() if not table.left_out]

    def remove_others(self) -> None:
        """Delete the rows that did not come from the backup, with their many-to-many rows."""
        for table in self.known_tables():
            for keys in self._other_keys(table):
                for links in links_of(table.model, self._alias).values():
                    links.delete(keys)
                delete_rows(table.model, keys, self._alias)
                table.removed += len(keys)

    def prove(self) -> None:
        """Find every row of the backup in the tables, and count the others.

        Raises:
            RestoreError: Rows are missing, or there are others after an exact restore.

        """
        for table in self.known_tables():
            label = table.model._meta.label
            written, count = self._keys.count(label), rows_of(table.model, self._alias).count()
            table.others = sum(len(keys) for keys in self._other_keys(table))
            if count - table.others != written or (self._exact and table.others):
                message = (
                    f"cannot restore `{label}`: its table has {count} rows after {written} were written, and "
                    f"{table.others} of them are not in the backup"
                )
                hint = (
                    "a signal handler, a trigger or a cascade of the database itself changes rows meanwhile"
                )
                raise RestoreError(message, stage="target", subject=label, hint=hint)

    def check_constraints(self) -> None:
        """Let the database look for rows that refer to missing ones, also in what refers to the tables.

        Raises:
            RestoreError: It found some.

        """
        tables = {table.model._meta.db_table for table in self.known_tables()}
        for table in self.known_tables():
            tables |= {links.through._meta.db_table for links in links_of(table.model, self._alias).values()}
        if self._exact:
            here = self._connection.introspection.table_names()
            tables |= {
                model._meta.db_table
                for table in self.known_tables()
                for model in _referring(table.model)
                if is_among(model, here, self._connection)
            }
        try:
            self._connection.check_constraints(table_names=sorted(tables))
        except DatabaseError as error:
            message = f"cannot restore the backup: rows refer to missing ones: {reason(error)}"
            hint = "rows that stay refer to rows that the backup does not have" if self._exact else None
            raise RestoreError(message, stage="target", hint=hint) from error

    def notes(self) -> list[str]:
        """Return what the user should know, one sentence each."""
        tables = list(self._tables.values())
        notes = [
            f"{table.skipped} of `{table.model._meta.label}` were left out: {table.left_out}"
            for table in tables
            if table.skipped
        ]
        for count, sentence in NOTES.items():
            found = {table.model._meta.label: getattr(table, count) for table in tables}
            listed = ", ".join(f"{number} of `{label}`" for label, number in found.items() if number)
            if listed:
                notes.append(f"{sentence}: {listed}")
        if self._exact and self.declared is None and (silent := self._silent_models()):
            notes.append(f"the backup has no row of these and does not say why, so theirs stayed: {silent}")
        return notes

    def _open(self, model: type[Model]) -> Table:
        if not router.allow_migrate_model(self._alias, model):
            return Table(model, left_out=f"DATABASE_ROUTERS keep them out of `{self._alias}`")
        if is_among(model, self._views, self._connection):
            return Table(model, left_out=f"`{model._meta.db_table}` is a view here")
        with transaction.atomic(using=self._alias):
            is_fresh = not rows_of(model, self._alias).exists()
        columns = model._meta.local_fields
        relations: list[Any] = [*columns, *model._meta.local_many_to_many]
        return Table(
            model,
            is_fresh=is_fresh,
            needs_order=any(
                relation.remote_field
                and relation.remote_field.model._meta.concrete_model is model
                and has_natural_key(relation.remote_field.model)
                for relation in relations
            ),
            never_null=[
                column.attname
                for column in columns
                if isinstance(column, models.JSONField) and not column.null
            ],
        )

    def _declared_models(self) -> list[type[Model]]:
        everything = models_in_order(self._alias)
        if isinstance(self.declared, list):
            return [model for model in everything if model._meta.label in self.declared]
        # A backup that does not say so has no row of a child model whose parent it has.
        return [model for model in everything if self._tables.keys() & set(model._meta.get_parent_list())]

    def _silent_models(self) -> str:
        """List the tables that a backup of another tool left out, or that had no rows then."""
        silent = []
        for model in models_in_order(self._alias):
            if model not in self._tables:
                with contextlib.suppress(DatabaseError):
                    table = self._open(model)
                    if not table.left_out and not table.is_fresh:
                        silent.append(f"`{model._meta.label}`")
        return ", ".join(silent)

    def _other_keys(self, table: Table) -> Iterator[list[Any]]:
        rows = rows_of(table.model, self._alias).only("pk").order_by("pk")
        for batch in batches(rows, KEYS_AT_ONCE):
            if keys := self._keys.missing(table.model._meta.label, [row.pk for row in batch]):
                yield keys


def _referring(model: type[Model]) -> Iterator[Any]:
    relations: Any = model._meta.get_fields(include_hidden=True)
    for relation in relations:
        if relation.auto_created and not relation.concrete:
            yield relation.related_model
