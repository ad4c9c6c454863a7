"""What ``dumpdata`` would write of a database, as a stream: all rows of all models, of one moment."""

# ruff: noqa: SLF001 (`_meta` is a documented part of Django)

from __future__ import annotations

import collections
import datetime as dt
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.core.serializers.python import Serializer
from django.db import models
from django.utils.encoding import is_protected_type

from dbbackup._file import CHUNK_BYTES
from dbbackup.db._connection import snapshot, use_on_this_thread, without_query_log
from dbbackup.db._models import is_among, models_in_order, view_names
from dbbackup.db._natural_keys import NaturalKeys
from dbbackup.db._refusal import reason
from dbbackup.db._rows import Links, batches, links_of, rows_of
from dbbackup.db._shelf import MEMBER
from dbbackup.exceptions import DbbackupError, DumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator

    from django.db.models import Field, Model

    # Django's stubs leave out the methods that its own serializers of JSON and YAML use.
    PythonSerializer = Any
else:
    PythonSerializer = Serializer

BATCH_ROWS = 200
"""Rows that are in memory at once. A guess: few questions for what they are linked to, and little memory."""

WIDE_BATCH_ROWS = 20
"""The same for a model with a field that may hold megabytes."""


class FixtureDump:
    """A dump that is being made: give its bytes with ``read``, end it with ``close``.

    The transaction begins with the object and lasts until the dump was read to its end or closed. Holds two
    reads and one batch of rows. Any thread may read, one at a time.

    Args:
        connection: Django's connection to the database. Must not be used for something else meanwhile.
        excluded: Models that are left out, also those behind many-to-many fields.
        when_whole: Called once before the end is given, with the rows of each table and notes for the user.

    """

    def __init__(
        self,
        connection: Any,
        excluded: Collection[type[Model]],
        when_whole: Callable[[dict[str, int], list[str]], None],
    ) -> None:
        self._connection = connection
        self._excluded = excluded
        self._when_whole = when_whole
        self._rows: collections.Counter[str] = collections.Counter()
        self._notes: list[str] = []
        self._is_whole = False
        self._parts = self._generate()
        # The snapshot is of now, not of the first read; and what is wrong is said at once.
        self._part = memoryview(self._next_part())

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; ``b""`` is the end of a whole dump."""
        if not self._part:
            self._part = memoryview(self._next_part())
        part, self._part = self._part[:size], self._part[size:]
        return bytes(part)

    def close(self) -> None:
        """End the transaction."""
        self._part = memoryview(b"")
        with use_on_this_thread(self._connection):
            self._parts.close()

    def _next_part(self) -> bytes:
        with use_on_this_thread(self._connection):
            part = next(self._parts, b"")
        if not part and not self._is_whole:
            # A generator that was closed, or that an exception ended, looks like one that came to its end.
            raise DumpError("cannot go on with the dump: it was closed or broken off")
        return part

    def _generate(self) -> Generator[bytes]:
        with without_query_log(self._connection), snapshot(self._connection) as is_one_moment:
            if not is_one_moment:
                self._notes.append(
                    "the rows may be of different moments: how a transaction of "
                    f"{self._connection.display_name} sees one moment is not known"
                )
            held, size = [b"["], 1
            for text in self._objects():
                held.append(text)
                size += len(text)
                if size >= CHUNK_BYTES:
                    yield b"".join(held)
                    held, size = [], 0
            held.append(b"]")
        yield b"".join(held)
        self._is_whole = True
        self._when_whole(dict(self._rows), self._notes)

    def _objects(self) -> Iterator[bytes]:
        views = view_names(self._connection)
        in_order = [
            model
            for model in models_in_order(self._connection.alias)
            if model not in self._excluded and not self._is_left_out_view(model, views)
        ]
        rows = _RowSerializer(self._connection.alias, in_order, self._excluded, self._rows)
        # A model without rows is known to the backup too: an exact restore empties its table.
        member: dict[str, Any] | None = {"models": [model._meta.label for model in in_order]}
        separator = b"\n"
        for model in in_order:
            try:
                for row in rows.of(model):
                    if member:
                        row[MEMBER] = {**member, **row.get(MEMBER, {})}
                        member = None
                    yield separator + encode(row)
                    separator = b",\n"
            except DbbackupError:
                raise
            except Exception as error:
                label = model._meta.label
                hint = (
                    "run `migrate` if its table is missing, or leave the model out of the backup with EXCLUDE"
                )
                message = f"cannot dump `{label}`: {reason(error)}"
                raise DumpError(message, stage="source", subject=label, hint=hint) from error

    def _is_left_out_view(self, model: type[Model], views: Collection[str]) -> bool:
        is_view = is_among(model, views, self._connection)
        if is_view:
            # ``dumpdata`` writes its rows, which ``loaddata`` then cannot insert.
            self._notes.append(
                f"`{model._meta.label}` was left out: `{model._meta.db_table}` is a view, "
                "and its rows are those of other tables"
            )
        return is_view


class _RowSerializer(PythonSerializer):  # type: ignore[misc]
    """Django's serializer, which asks once for all that a batch of rows refers to, and past managers."""

    def __init__(
        self,
        alias: str,
        in_order: list[type[Model]],
        excluded: Collection[type[Model]],
        counts: collections.Counter[str],
    ) -> None:
        self._alias = alias
        self._excluded = excluded
        self._counts = counts
        self._keys = NaturalKeys(alias, in_order)
        self._references: dict[Field[Any, Any], dict[Any, Any]] = {}
        self._links: dict[Field[Any, Any], dict[Any, list[Any]]] = {}

    def of(self, model: type[Model]) -> Iterator[dict[str, Any]]:
        """Give the rows of `model`, in the order of their primary keys."""
        relations = [
            field
            for field in model._meta.local_fields
            if isinstance(field, models.ForeignKey) and self._keys.are_references(field.remote_field.model)
        ]
        links = {
            field: links
            for field, links in links_of(model, self._alias).items()
            if links.through not in self._excluded
        }
        self._counts[model._meta.db_table] = 0
        self._counts.update(dict.fromkeys((link.through._meta.db_table for link in links.values()), 0))
        size = WIDE_BATCH_ROWS if any(map(_is_wide, model._meta.concrete_fields)) else BATCH_ROWS
        for batch in batches(rows_of(model, self._alias).order_by("pk"), size):
            self._references = {
                field: self._keys.fetch(field, {getattr(row, field.attname) for row in batch})
                for field in relations
            }
            self._links = {field: self._others(link, batch) for field, link in links.items()}
            self._counts[model._meta.db_table] += len(batch)
            yield from self.serialize(batch, use_natural_foreign_keys=True, use_natural_primary_keys=True)

    def get_dump_object(self, obj: Any) -> dict[str, Any]:
        data: dict[str, Any] = {"model": str(obj._meta)}
        key = self._value_from_field(obj, obj._meta.pk)
        if not self._keys.replace_primary_key(type(obj)):
            data["pk"] = key
        elif isinstance(obj._meta.pk, models.AutoField):
            # Without it a restore into an empty database would give users other numbers, and what names them
            # by number (sessions, generic relations) would name somebody else.
            data[MEMBER] = {"pk": key}
        data["fields"] = self._current
        return data

    def handle_fk_field(self, obj: Any, field: Any) -> None:
        key = self._references.get(field, {}).get(getattr(obj, field.attname))
        self._current[field.name] = self._value_from_field(obj, field) if key is None else key

    def handle_m2m_field(self, obj: Any, field: Any) -> None:
        if field in self._links:
            self._current[field.name] = self._links[field].get(obj.pk, [])

    def _others(self, links: Links, batch: list[Any]) -> dict[Any, list[Any]]:
        """Return what each row of `batch` is linked to, as it is written."""
        found = links.of([row.pk for row in batch])
        self._counts[links.through._meta.db_table] += sum(map(len, found.values()))
        keys = {}
        if self._keys.are_references(links.target.remote_field.model):
            keys = self._keys.fetch(links.target, {other for others in found.values() for other in others})
        return {
            row: [keys.get(other) or (other if is_protected_type(other) else str(other)) for other in others]
            for row, others in found.items()
        }


class _Encoder(DjangoJSONEncoder):
    """Django's encoder, except that it keeps microseconds, which Django's cuts off and ``loaddata`` reads."""

    def default(self, o: Any) -> Any:
        is_time = isinstance(o, dt.datetime) or (isinstance(o, dt.time) and o.tzinfo is None)
        if not is_time or o.microsecond % 1000 == 0:
            return super().default(o)
        text = o.isoformat()
        return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text


_encode_readable = _Encoder(ensure_ascii=False).encode
_encode_ascii = _Encoder(ensure_ascii=True).encode


def encode(row: dict[str, Any]) -> bytes:
    """Return the JSON text of `row`."""
    try:
        return _encode_readable(row).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, which a JSON column may hold, has no UTF-8.
        return _encode_ascii(row).encode()


def _is_wide(field: Field[Any, Any]) -> bool:
    is_known = type(field).__module__.startswith("django.db.models.")
    return not is_known or isinstance(field, (models.TextField, models.BinaryField, models.JSONField))
