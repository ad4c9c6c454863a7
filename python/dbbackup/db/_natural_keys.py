"""Natural keys: which models are written by them, those of the rows, and the rows behind them."""

# ruff: noqa: SLF001 (`_meta` and `_default_manager` are documented parts of Django)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, models, router

from dbbackup.db._key_set import KeySet
from dbbackup.db._rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.models import Field, Model

CACHED_KEYS = 10_000
"""Natural keys of one model that are remembered, beside those of the current batch. A guess."""


class NaturalKeys:
    """The natural keys of one database, as they stand in the transaction of one dump.

    A model is written by its natural key only where that names every row and no row twice, to ``loaddata``
    too. Otherwise its rows keep their primary keys, and what refers to them does it by these. So it is not
    when

    - the default manager, or that of a proxy, hides rows: those could be neither found again nor referred to;
    - two rows have one natural key, or a row has none;
    - a column that may not be empty refers to a row that is loaded later: it could not be filled at first;
    - a relation to it is a primary key, which is written as a number.

    Args:
        alias: The database.
        models_in_order: All models of the dump, in the order in which they are loaded.

    """

    def __init__(self, alias: str, models_in_order: Sequence[type[Model]]) -> None:
        self._alias = alias
        self._places = {model: place for place, model in enumerate(models_in_order)}
        self._is_reference: dict[type[Model], bool] = {}
        self._cache: dict[tuple[type[Model], str], dict[Any, Any]] = {}
        self._by_number = self._needed_by_number(models_in_order)

    def replace_primary_key(self, model: type[Model]) -> bool:
        """Whether rows of `model` are written without their primary keys.

        Only keys that the database makes, or that the row of a parent model has, can be given anew.
        """
        key = model._meta.pk
        is_given = isinstance(key, models.AutoField) or _is_parent_link(key)
        return is_given and self.are_references(model)

    def are_references(self, model: type[Model]) -> bool:
        """Whether relations to `model`, and to its proxies, are written as natural keys."""
        table: type[Model] = model._meta.concrete_model  # type: ignore[assignment]
        if table not in self._is_reference:
            self._is_reference[table] = (
                table not in self._by_number
                and router.allow_migrate_model(self._alias, table)
                and all(has_natural_key(target) for target in self._targets(table))
                and all(self._names_every_row(target) for target in self._targets(table))
            )
        return self._is_reference[table]

    def fetch(self, relation: Any, values: Iterable[Any]) -> dict[Any, Any]:
        """Return the natural keys behind `values` of a relation; dangling ones are left out."""
        target, column = relation.remote_field.model, relation.target_field.attname
        wanted = {value for value in values if value is not None}
        cache = self._cache.setdefault((target, column), {})
        if len(cache) > CACHED_KEYS:
            cache.clear()
        missing = list(wanted - cache.keys())
        if missing:
            for row in self._with_dependencies(target).filter(**{f"{column}__in": missing}):
                cache[getattr(row, column)] = row.natural_key()
        return {value: cache[value] for value in wanted if value in cache}

    def _needed_by_number(self, models_in_order: Sequence[type[Model]]) -> set[type[Model]]:
        return {
            target
            for model in models_in_order
            for field, target in _relations(model)
            if _is_primary_key(field)
            or (not field.null and self._places.get(target, -1) >= self._places[model])
        }

    def _targets(self, table: type[Model]) -> set[type[Model]]:
        """Return the model and those of its proxies that relations name: each has a manager of its own."""
        relations = (
            relation
            for model in self._places
            for relation in [*model._meta.local_fields, *model._meta.local_many_to_many]
        )
        targets: set[Any] = {relation.remote_field.model for relation in relations if relation.remote_field}
        return {table} | {target for target in targets if target._meta.concrete_model is table}

    def _names_every_row(self, model: type[Model]) -> bool:
        try:
            visible = model._default_manager.using(self._alias).count()
            with KeySet() as keys:
                for row in self._with_dependencies(model).iterator(chunk_size=200):
                    if not keys.add("", row.natural_key()):
                        return False
                return keys.count("") == visible
        except DatabaseError:
            raise
        except Exception:  # from the project's own code: a row that it cannot name has no natural key
            return False

    def _with_dependencies(self, model: type[Model]) -> models.QuerySet[Any]:
        dependencies = {name.lower() for name in getattr(model.natural_key, "dependencies", [])}  # type: ignore[attr-defined]
        names = [field.name for field, other in _relations(model) if other._meta.label_lower in dependencies]
        found = rows_of(model, self._alias)
        return found.select_related(*names) if names else found


class KnownReferences:
    """Primary keys that were looked up by natural keys, so that a restore asks once and not for every row."""

    def __init__(self) -> None:
        self._known: dict[type[Model], dict[tuple[str, str], Any]] = {}

    def fill(self, model: type[Model], fields: dict[str, Any]) -> None:
        """Put known primary keys in the place of natural keys."""
        for relation, target in _relations(model):
            value = fields.get(relation.name)
            if isinstance(value, list):
                known = self._known.get(target, {})
                fields[relation.name] = known.get(_place(relation, value), value)

    def remember(self, model: type[Model], fields: dict[str, Any], row: Any) -> None:
        """Note down what the natural keys in `fields` are in `row`, which was made of them."""
        for relation, target in _relations(model):
            value, key = fields.get(relation.name), getattr(row, relation.attname)
            if isinstance(value, list) and isinstance(key, (int, str)):
                known = self._known.setdefault(target, {})
                if len(known) > CACHED_KEYS:
                    known.clear()
                known[_place(relation, value)] = key

    def forget(self, model: type[Model]) -> None:
        """Forget the rows of a model that was written to."""
        self._known.pop(model, None)


def _place(relation: Any, value: list[Any]) -> tuple[str, str]:
    return relation.target_field.attname, json.dumps(value)


def has_natural_key(model: type[Model]) -> bool:
    """Whether `model` gives natural keys, and its default manager finds rows by them."""
    return hasattr(model, "natural_key") and hasattr(model._default_manager, "get_by_natural_key")


def _relations(model: type[Model]) -> Iterator[tuple[Any, type[Model]]]:
    """Give the relations of `model` that are columns, each with the model that has the table behind it."""
    for field in model._meta.local_fields:
        if isinstance(field, models.ForeignKey):
            relation: Any = field
            yield relation, relation.remote_field.model._meta.concrete_model


def _is_primary_key(relation: Any) -> bool:
    # A key of several columns is Django 5.2's.
    options = relation.model._meta
    return relation in getattr(options, "pk_fields", [options.pk]) and not _is_parent_link(relation)


def _is_parent_link(key: Field[Any, Any]) -> bool:
    return bool(key.remote_field and key.remote_field.parent_link)
