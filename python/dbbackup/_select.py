"""Which backups a command looks at: by name, by database, by kind; the newest of each, or all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbbackup import _engine
from dbbackup._naming import naming
from dbbackup._scope import Scope, database_scope, is_of_another, media_scope, source_id_of
from dbbackup.db.base import get_connector
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbbackup._place import Place
    from dbbackup.conf import Settings


def scopes(settings: Settings, *, databases: str | None, content_type: str | None) -> list[Scope]:
    """Return the scopes that the options name; without any, every database and the media.

    Raises:
        ConfigurationError: There is no such database, or the options contradict each other.

    """
    if databases and content_type == "media":
        message = "-d/--database names databases, and -c media asks for none"
        raise ConfigurationError(message, hint="leave one of them out")
    asked = [alias.strip() for alias in (databases or "").split(",") if alias.strip()]
    found = []
    if content_type != "media":
        aliases = asked or settings.databases
        found += [database_scope(get_connector(alias)) for alias in aliases]
    if content_type != "db" and not asked:
        found.append(media_scope(settings))
    return found


def backups_to_verify(
    place: Place, settings: Settings, wanted: Sequence[Scope], *, everything: bool
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the names of the newest backup of each scope and server, or of all, oldest first; and what is faulty."""
    listed, faulty = _engine.catalogue(place.store, naming=naming(settings))
    in_scope = [
        backup for backup in listed if any(_is_of(scope, backup, settings.hostname) for scope in wanted)
    ]
    return list(_names(in_scope) if everything else _newest_of_each(in_scope)), faulty


def _is_of(scope: Scope, backup: _engine.Backup, this_server: str) -> bool:
    is_same_database = backup.database in (None, scope.database)
    is_same = (backup.kind, backup.alias) == (scope.kind, scope.alias) and is_same_database
    # What another server calls its path says nothing here.
    return is_same and not (backup.servername == this_server and is_of_another(scope.source_id, backup))


def _names(backups: Iterable[_engine.Backup]) -> Iterable[str]:
    return (backup.name for backup in backups)


def _newest_of_each(backups: Iterable[_engine.Backup]) -> Iterable[str]:
    newest = {
        (backup.kind, backup.alias, backup.servername, source_id_of(backup)): backup.name
        for backup in backups
        if backup.reason == "asked"
    }
    return newest.values()
