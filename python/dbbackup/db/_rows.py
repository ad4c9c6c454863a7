"""Rows and many-to-many rows of one database, past everything that could hide them or lead elsewhere.

Default and base managers may hide rows, and routers may name another database. A backup has all of its own.
"""

# ruff: noqa: SLF001 (`_meta` is a documented part of Django)

from __future__ import annotations

import collections
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.signals import post_save, pre_save
from django.db.models.sql import DeleteQuery

from dbbackup.exceptions import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from django.db.models import Model

KEYS_AT_ONCE = 500
"""Keys of one question. Oracle allows 1,000, old SQLite libraries 999 values."""


def rows_of(model: type[Model], alias: str) -> QuerySet[Any]:
    """Return all rows of `model` in the database `alias`."""
    return QuerySet(model, using=alias)


def batches(rows: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """Give `rows`, ordered by their primary keys, in lists of `size`. No more are held."""
    if not _gives_all_rows_at_once(connections[rows.db]):
        found = rows.iterator(chunk_size=size)
        while batch := list(islice(found, size)):
            yield batch
        return
    count, given, after = rows.count(), 0, rows
    while batch := list(after[:size]):
        yield batch
        given += len(batch)
        after = rows.filter(pk__gt=batch[-1].pk)
    if given != count:
        label = rows.model._meta.label
        message = f"cannot read `{label}` in parts: its primary keys are not in order, or not unique"
        raise SourceError(message, stage="source", subject=label)


def insert_rows(model: type[Model], rows: list[Any], alias: str) -> None:
    """Insert `rows`, which have primary keys, as they are, in as few statements as the database allows.

    Signals are sent with ``raw=True``, as ``loaddata`` does, and no value is changed before (``auto_now``).
    """
    fields = [field for field in model._meta.local_concrete_fields if not getattr(field, "generated", False)]
    for row in rows:
        pre_save.send(sender=model, instance=row, raw=True, using=alias, update_fields=None)
    size = max(connections[alias].ops.bulk_batch_size(fields, rows), 1)
    for part in slices(rows, size if connections[alias].features.has_bulk_insert else 1):
        # What `Model.save_base` calls; `bulk_create` would change the values, and refuses child models.
        rows_of(model, alias)._insert(part, fields=fields, using=alias, raw=True)  # type: ignore[attr-defined]
    for row in rows:
        row._state.db, row._state.adding = alias, False
        post_save.send(sender=model, instance=row, created=True, raw=True, using=alias, update_fields=None)


def delete_rows(model: type[Model], keys: list[Any], alias: str) -> None:
    """Delete rows by their primary keys, and nothing else: neither cascades nor signals."""
    DeleteQuery(model).delete_batch(keys, alias)


def slices(values: list[Any], size: int = KEYS_AT_ONCE) -> Iterator[list[Any]]:
    """Give `values` in lists of `size`."""
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]


class Links:
    """The rows behind one many-to-many field of one database."""

    def __init__(self, relation: Any, alias: str) -> None:
        self.through: Any = relation.remote_field.through
        self.target: Any = self.through._meta.get_field(relation.m2m_reverse_field_name())
        self._relation = relation
        self._source: str = self.through._meta.get_field(relation.m2m_field_name()).attname
        # More than a number and two ends: an order, for instance, which only the field's own manager knows.
        self._is_plain = len(self.through._meta.local_concrete_fields) == 3
        self._alias = alias

    def of(self, keys: Iterable[Any]) -> dict[Any, list[Any]]:
        """Return what the rows with these primary keys are linked to."""
        if not self._is_plain:
            return {
                key: list(self._manager(key).using(self._alias).values_list("pk", flat=True)) for key in keys
            }
        found = collections.defaultdict(list)
        for part in slices(list(keys)):
            rows = self._rows(part).order_by(self.target.attname)
            for key, other in rows.values_list(self._source, self.target.attname):
                found[key].append(other)
        return found

    def set(self, wanted: Mapping[Any, Iterable[Any]]) -> None:
        """Link each row with these others and no more; the links of other rows stay."""
        if not self._is_plain:
            for key, others in wanted.items():
                self._manager(key).set(others)
            return
        here = self.of(wanted)
        for key, others in wanted.items():
            for gone in slices(list(set(here[key]).difference(others))):
                self._rows([key], gone).delete()
                if self._relation.remote_field.symmetrical:
                    self._rows(gone, [key]).delete()
        rows_of(self.through, self._alias).bulk_create(
            self.through(**{self._source: key, self.target.attname: other})
            for key, others in wanted.items()
            for other in dict.fromkeys(others)
            if other not in here[key]
        )

    def delete(self, keys: list[Any]) -> None:
        """Delete the links of the rows with these primary keys."""
        self._rows(keys).delete()

    def _rows(self, keys: list[Any], others: list[Any] | None = None) -> QuerySet[Any]:
        found = rows_of(self.through, self._alias).filter(**{f"{self._source}__in": keys})
        return found if others is None else found.filter(**{f"{self.target.attname}__in": others})

    def _manager(self, key: Any) -> Any:
        row = self._relation.model(pk=key)
        row._state.db = self._alias
        return getattr(row, self._relation.name)


def links_of(model: type[Model], alias: str) -> dict[Any, Links]:
    """Return the links of `model` that have no model of their own, by their fields."""
    fields: Any = model._meta.local_many_to_many
    return {field: Links(field, alias) for field in fields if field.remote_field.through._meta.auto_created}


def _gives_all_rows_at_once(connection: Any) -> bool:
    # MySQL's client library keeps the whole result in memory, and so does PostgreSQL's without a cursor on
    # the server, which a pool between (pgbouncer) may rule out.
    return (
        connection.vendor == "mysql"
        or not connection.features.can_use_chunked_reads
        or bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))
    )
