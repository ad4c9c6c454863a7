"""Delete old backups of one database, or of the media."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbbackup import _engine
from dbbackup._place import Place, backup_place
from dbbackup.conf import Settings, load_callable
from dbbackup.exceptions import BusyError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbbackup._scope import Scope

LOCK_TIMEOUT_SECONDS = 10
"""How long cleaning waits for others who clean, which takes milliseconds, or who restore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """Whose backups are cleaned up, and how many stay. Nothing else is touched."""

    naming: _engine.Naming
    scope: Scope
    servername: str
    keep: int
    made: str | None = None
    """The backup that the same command has just made: never deleted. On a host whose clock is behind, it is
    the oldest by its date."""


def prune(
    request: PruneRequest, settings: Settings, *, place: Place | None = None, dry_run: bool = False
) -> _engine.Pruned:
    """Delete the backups of exactly this alias, kind and server beyond those that stay, or say which would go.

    It is the project's storage that is cleaned, or `place`, wherever the backup before went. While somebody else
    holds the storage's lock it waits, up to `LOCK_TIMEOUT_SECONDS`: backups are often scheduled for one moment.

    Raises:
        BusyError: The lock was not free in time.
        DbbackupError: It failed; what was deleted by then is gone.

    """
    store = (place or backup_place(settings)).store
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            return _engine.prune(
                store,
                naming=request.naming,
                kind=request.scope.kind,
                alias=request.scope.alias,
                database=request.scope.database,
                source_id=request.scope.source_id,
                servername=request.servername,
                keep=request.keep,
                keep_filter=_keep_filter(settings, request.made),
                dry_run=dry_run,
            )
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _keep_filter(settings: Settings, made: str | None) -> Callable[[str], object]:
    value = settings.cleanup_keep_filter
    keep = load_callable("CLEANUP_KEEP_FILTER", value) if value else None

    def keep_or_explain(name: str) -> object:
        try:
            return name == made or (keep is not None and keep(name))
        except Exception as error:
            subject = "DBBACKUP_CLEANUP_KEEP_FILTER"
            message = f"`{subject}` failed for `{name}`: {type(error).__name__}: {error}"
            raise ConfigurationError(message, subject=subject) from error

    return keep_or_explain
