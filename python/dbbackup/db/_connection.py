"""What a dump and a restore through Django's own connection need of it."""

from __future__ import annotations

import collections
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.utils.functional import cached_property

if TYPE_CHECKING:
    from collections.abc import Iterator

SNAPSHOT_STATEMENTS: dict[str, tuple[str, ...]] = {
    "sqlite": (),
    "cockroachdb": (),
    "postgresql": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",),
    "mysql": (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    ),
    "oracle": ("SET TRANSACTION READ ONLY",),
}
"""Django's vendor → what makes a transaction see one moment. MySQL's own default is not Django's."""


@contextmanager
def snapshot(connection: Any) -> Iterator[bool]:
    """Let everything that is read see one moment; give whether that is known of this database.

    The caller's own transaction is kept: its isolation was decided when it began.
    """
    if connection.in_atomic_block or not connection.get_autocommit():
        yield True
        return
    statements = SNAPSHOT_STATEMENTS.get(connection.vendor)
    with transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            for statement in statements or ():
                cursor.execute(statement)
        yield statements is not None


def has_transactions(connection: Any) -> bool:
    """Whether the database takes back what was written when something fails."""
    declared = getattr(type(connection.features), "supports_transactions", True)
    # What Django has for all databases asks by making a table, and is not asked here.
    return isinstance(declared, cached_property) or bool(connection.features.supports_transactions)


@contextmanager
def use_on_this_thread(connection: Any) -> Iterator[None]:
    """Give `connection` to everything on this thread that asks Django for its database.

    Django has a connection for each thread, and the engine may read and write on another thread than that
    which asked for the dump. Only one of them may do so at a time.
    """
    own = connections[connection.alias]
    if own is connection:
        yield
        return
    connection.inc_thread_sharing()
    connections[connection.alias] = connection
    try:
        yield
    finally:
        connections[connection.alias] = own
        connection.dec_thread_sharing()


@contextmanager
def without_query_log(connection: Any) -> Iterator[None]:
    """Keep no statements: where DEBUG is on, Django holds the last 9,000 with their values."""
    kept = connection.queries_log
    connection.queries_log = collections.deque(maxlen=0)
    try:
        yield
    finally:
        connection.queries_log = kept
