"""What ``loaddata`` does with a JSON backup, in groups of objects, and knowing which rows came from it."""

# ruff: noqa: SLF001 (`_meta` is a documented part of Django)

from __future__ import annotations

import collections
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.management.color import no_style
from django.core.serializers.python import Deserializer as PythonDeserializer
from django.db import IntegrityError, models, transaction

from dbbackup.db._ledger import Ledger, Table
from dbbackup.db._natural_keys import KnownReferences
from dbbackup.db._refusal import hint_for, is_missing_row, reason, refused
from dbbackup.db._rows import Links, delete_rows, insert_rows, rows_of
from dbbackup.db._shelf import Item, Shelf
from dbbackup.exceptions import CorruptBackupError, DbbackupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import Model

    from dbbackup.db._json_array import JsonArray

GROUP_OBJECTS = 100
"""Objects that are written under one savepoint and with as few statements as possible. A guess."""

GROUP_CHARACTERS = 1024 * 1024
"""Text after which a group is written, however few its objects are: they are in memory until then."""

IN_THE_WAY_HINT = (
    "a row that is here and not in the backup may be in its way, which an exact restore removes, or one that "
    "a signal handler made, which has to do nothing when `raw` is true"
)


@dataclass(slots=True)
class _Saved:
    """One object that is a row now."""

    item: Item
    row: Any
    links: dict[str, Any]
    """Many-to-many fields, and the primary keys of the other rows."""
    is_incomplete: bool
    """Whether it refers to rows that are not there yet."""


class FixtureLoad:
    """One load of a JSON backup into one database, in a transaction that the caller holds.

    Objects that cannot be written yet wait: those whose unique values are still taken by a row that the
    backup changes too, and those that may not exist without another one. Holds one group of objects; what
    waits, and the keys of the rows that came, go into temporary files beyond some megabytes.

    Args:
        connection: Django's connection to the database.
        exact: Whether rows that the backup does not have are removed.
        tmp_dir: Where what waits goes.

    """

    def __init__(self, connection: Any, *, exact: bool, tmp_dir: str | None) -> None:
        self._connection = connection
        self._alias: str = connection.alias
        self._exact = exact
        self._tmp_dir = tmp_dir
        self._references = KnownReferences()

    def run(self, array: JsonArray) -> list[str]:
        """Write all of `array`, prove that it is there and return notes for the user.

        Raises:
            RestoreError: It does not fit this project or this database. All has to be rolled back.
            DbbackupError: What reading the backup raises; the same.

        """
        with (
            Ledger(self._connection, exact=self._exact) as self._ledger,
            Shelf(self._tmp_dir) as self._waiting,
            Shelf(self._tmp_dir) as self._incomplete,
        ):
            with self._connection.constraint_checks_disabled():
                for table, group in self._groups(array):
                    self._save_group(table, group)
                self._save_waiting()
                self._complete()
                if self._exact:
                    self._ledger.remove_others()
            self._ledger.prove()
            self._ledger.check_constraints()
            self._reset_sequences([table.model for table in self._ledger.known_tables()])
            return self._ledger.notes()

    def _groups(self, array: JsonArray) -> Iterator[tuple[Table, list[Item]]]:
        """Give the objects in groups of one model."""
        group: list[Item] = []
        begin = 0
        for row in array:
            item = Item(array.count, row)
            if not isinstance(row.get("model"), str) or not isinstance(row.get("fields"), dict):
                message = f"object {item.number} of the backup is no row: it has no `model` or no `fields`"
                raise CorruptBackupError(message, stage="target")
            if item.number == 1:
                self._ledger.declared = item.member.get("models")
            is_full = len(group) == GROUP_OBJECTS or array.characters - begin > GROUP_CHARACTERS
            if group and (is_full or group[0].row["model"] != row["model"]):
                yield self._ledger.table(group[0]), group
                group, begin = [], array.characters
            table = self._ledger.table(item)
            if table.left_out:
                table.skipped += 1
            else:
                group.append(item)
        if group:
            yield self._ledger.table(group[0]), group

    def _save_group(self, table: Table, group: list[Item]) -> None:
        parts = [[item] for item in group] if table.needs_order else [group]
        try:
            with transaction.atomic(using=self._alias):
                saved = [one for part in parts for one in self._save(table, part)]
        except DbbackupError:
            raise
        except Exception:  # one after the other shows which object it was, and what can wait does
            for item in group:
                self._save_or_keep(item)
            return
        done = {one.item.number for one in saved}
        for item in group:
            if item.number not in done:
                self._waiting.put(item)
        self._settle(table, saved)

    def _save_or_keep(self, item: Item) -> None:
        """Write one object, or put it to those that wait."""
        table = self._ledger.table(item)
        saved: list[_Saved] = []
        try:
            with transaction.atomic(using=self._alias):
                saved = self._save(table, [item])
        except IntegrityError as error:
            item.why = reason(error)
        except DbbackupError:
            raise
        except Exception as error:
            raise refused(item, reason(error), hint_for(error)) from error
        if saved:
            self._settle(table, saved)
        else:
            self._waiting.put(item)

    def _save(self, table: Table, items: list[Item], *, is_last: bool = False) -> list[_Saved]:
        """Write objects of one model, and return those that did not have to wait.

        Args:
            table: Where they belong.
            items: The objects.
            is_last: Whether every other object was written, so that all that they refer to has to be there.

        """
        read = [(item, self._deserialised(item, table, is_last=is_last)) for item in items]
        found = [(item, one) for item, one in read if one is not None]
        self._give_former_keys(table, [(item, one.object) for item, one in found])
        saved = [
            _Saved(item, one.object, dict(one.m2m_data or {}), bool(one.deferred_fields))
            for item, one in found
        ]
        with self._json_nulls(table, [one.row for one in saved]):
            new = self._new_rows(table, [one.row for one in saved])
            insert_rows(table.model, new, self._alias)
            inserted = set(map(id, new))
            table.numbers_given |= bool(new)
            for _, one in found:
                if id(one.object) not in inserted:
                    self._write(table, one)
        return saved

    def _deserialised(self, item: Item, table: Table, *, is_last: bool) -> Any:
        """Return the object as Django reads it, or ``None`` if it has to wait for another one."""
        self._references.fill(table.model, item.row["fields"])
        try:
            [found] = PythonDeserializer([item.row], using=self._alias, handle_forward_references=not is_last)
        except Exception as error:
            item.why = reason(error)
            if not is_last and is_missing_row(error):
                return None
            raise refused(item, item.why, hint_for(error)) from error
        for relation in found.deferred_fields or ():
            if isinstance(relation, models.ForeignKey) and not relation.null:
                item.why = f"the row that `{relation.name}` refers to is neither in the backup nor here"
                return None
        self._references.remember(table.model, item.row["fields"], found.object)
        return found

    def _give_former_keys(self, table: Table, found: list[tuple[Item, Any]]) -> None:
        """Give new rows that have natural keys the primary keys that they had, where these are free."""
        wanted = {
            key: row for item, row in found if row.pk is None and (key := table.former_key(item)) is not None
        }
        taken = self._keys_here(table, wanted)
        for key, row in wanted.items():
            if key not in taken:
                row.pk = key

    def _new_rows(self, table: Table, rows: list[Any]) -> list[Any]:
        # One row alone is left to `save`: it finds it also where the database takes `A` for `a`.
        if len(rows) == 1 and not table.is_fresh:
            return []
        keys = [row.pk for row in rows if row.pk is not None]
        here = set() if table.is_fresh and len(rows) > 1 else self._keys_here(table, keys)
        return [row for row in rows if row.pk is not None and row.pk not in here]

    def _keys_here(self, table: Table, keys: Iterable[Any]) -> set[Any]:
        wanted = list(keys)
        if not wanted:
            return set()
        found = rows_of(table.model, self._alias).filter(pk__in=wanted)
        return set(found.values_list("pk", flat=True))

    def _write(self, table: Table, found: Any) -> None:
        if found.object.pk is None and table.numbers_given:
            # Else the database counts on from where it was, into the numbers that were just given.
            self._reset_sequences([table.model])
            table.numbers_given = False
        table.numbers_given |= found.object.pk is not None
        found.save(save_m2m=False, using=self._alias)

    @contextlib.contextmanager
    def _json_nulls(self, table: Table, rows: list[Any]) -> Iterator[None]:
        """Have JSON's ``null`` written where a column may not be NULL: both are ``None`` in a backup."""
        places = [(row, name) for row in rows for name in table.never_null if getattr(row, name) is None]
        for row, name in places:
            setattr(row, name, models.Value(None, models.JSONField()))
        yield
        for row, name in places:
            setattr(row, name, None)

    def _settle(self, table: Table, saved: list[_Saved]) -> None:
        """Note down that rows were written, and link them."""
        self._references.forget(table.model)
        links: dict[Any, dict[Any, Any]] = collections.defaultdict(dict)
        for one in saved:
            self._ledger.add(table, one.item, one.row.pk)
            for name, others in one.links.items():
                links[one.row._meta.get_field(name)][one.row.pk] = others
            if one.is_incomplete:
                # Its key tells which row it is: the second time it must not become another one.
                self._incomplete.put(Item(one.item.number, one.item.row | {"pk": one.row.pk}))
        for relation, wanted in links.items():
            Links(relation, self._alias).set(wanted)

    def _save_waiting(self) -> None:
        """Write what had to wait: at once, after the way was cleared, and in as many rounds as it takes."""
        self._try_waiting()
        if not self._waiting.count:
            return
        self._clear_way()
        if self._exact:
            self._ledger.remove_others()
        count = 0
        while self._waiting.count not in (0, count):
            count = self._waiting.count
            self._try_waiting()
        for item in self._waiting.take():
            raise refused(item, item.why, None if self._exact else IN_THE_WAY_HINT)

    def _try_waiting(self) -> None:
        for item in self._waiting.take():
            self._save_or_keep(item)

    def _clear_way(self) -> None:
        """Delete the rows that what waits will replace.

        Rows that exchanged a unique value since the backup stand in each other's way: none can be the first.
        """
        for item in self._waiting.take():
            table = self._ledger.table(item)
            found = self._deserialised(item, table, is_last=False)
            if found is not None and found.object.pk is not None:
                delete_rows(table.model, [found.object.pk], self._alias)
                item.row["pk"] = found.object.pk
            self._waiting.put(item)

    def _complete(self) -> None:
        """Write the objects again that referred to rows which came after them."""
        for item in self._incomplete.take():
            try:
                saved = self._save(self._ledger.table(item), [item], is_last=True)
            except DbbackupError:
                raise
            except Exception as error:
                raise refused(item, reason(error), hint_for(error) or IN_THE_WAY_HINT) from error
            for one in saved:
                for name, others in one.links.items():
                    Links(one.row._meta.get_field(name), self._alias).set({one.row.pk: others})

    def _reset_sequences(self, of: list[type[Model]]) -> None:
        with self._connection.cursor() as cursor:
            for statement in self._connection.ops.sequence_reset_sql(no_style(), of):
                cursor.execute(statement)
