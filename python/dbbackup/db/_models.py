"""Which models have rows in a database."""

# ruff: noqa: SLF001 (`_meta` is a documented part of Django)

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.serializers import sort_dependencies
from django.db import router

from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.models import Model


def models_in_order(alias: str) -> list[type[Model]]:
    """Return the models with a table of their own in the database `alias`, in the order of ``dumpdata``."""
    configs = {config: None for config in apps.get_app_configs() if config.models_module is not None}
    in_order: Iterable[type[Model]] = sort_dependencies(configs.items(), allow_cycles=True)
    return [model for model in in_order if not model._meta.proxy and router.allow_migrate_model(alias, model)]


def named_models(names: Iterable[str], connection: Any) -> set[type[Model]]:
    """Return the models that `names` mean: tables, ``app.Model`` or whole apps, in upper or lower case.

    A table that no model has may be named too, if the database has it.

    Raises:
        ConfigurationError: A name is none of these.

    """
    known: dict[str, set[type[Model]]] = {}
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        options = model._meta
        for name in (options.db_table, options.label, options.app_label):
            known.setdefault(name.lower(), set()).add(model)
    found: set[type[Model]] = set()
    tables: set[str] | None = None
    for name in names:
        if name.lower() in known:
            found |= known[name.lower()]
            continue
        if tables is None:
            tables = {table.lower() for table in connection.introspection.table_names(include_views=True)}
        if name.lower() not in tables:
            near = difflib.get_close_matches(name.lower(), [*known, *tables], 1)
            hint = f"did you mean `{near[0]}`?" if near else "name a table, `app.Model` or an app"
            message = f"cannot leave out `{name}`: there is no such table, model or app"
            raise ConfigurationError(message, subject=name, hint=hint)
    return found


def view_names(connection: Any) -> set[str]:
    """Return the names of the database's views."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_list(cursor)
    return {table.name for table in found if table.type == "v"}


def is_among(model: type[Model], tables: Collection[str], connection: Any) -> bool:
    """Whether the table of `model` is one of `tables`, as the database writes their names."""
    return connection.introspection.identifier_converter(model._meta.db_table) in tables
