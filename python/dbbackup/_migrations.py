"""Which migrations of the project a restored database lacks, and which it has beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.migrations.loader import MigrationLoader

from dbbackup._verified import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

Migration = tuple[str, str]
"""App and name."""

SHOWN_NAMES = 5
"""How many migrations a note names."""


def migration_notes(applied: set[Migration]) -> list[str]:
    """Return how the migrations that were `applied` differ from those of the project, one sentence each."""
    loader = MigrationLoader(None, load=False)
    try:
        loader.load_disk()
    except Exception as error:  # (whatever a project's modules raise)
        return [f"the project's migrations cannot be read: {error}"]
    known: dict[Migration, Any] = loader.disk_migrations
    replaced = {key: set(migration.replaces) for key, migration in known.items() if migration.replaces}
    unknown = applied - set(known) - set().union(*replaced.values())
    missing = set(known) - applied
    for squashed, parts in replaced.items():
        # Django goes on with the parts where some of them were applied, else it takes the whole for all.
        if squashed not in applied and parts & applied:
            missing.discard(squashed)
        else:
            missing -= parts
    notes = []
    if missing:
        notes.append(f"the project has {_list(missing)} that the backup lacks: {_first(missing)}")
    if unknown:
        notes.append(f"the backup has {_list(unknown)} that the project does not know: {_first(unknown)}")
    return notes


def _list(migrations: Iterable[Migration]) -> str:
    return counted(len(list(migrations)), "migration")


def _first(migrations: Iterable[Migration]) -> str:
    names = [f"{app}.{name}" for app, name in sorted(migrations)]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more
