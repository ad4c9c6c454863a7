"""Drills: restore a backup into a database made for it, compare what is there with its manifest, drop it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dbbackup import _engine
from dbbackup._drill_server import KINDS, drill_on_server, scratch_connector
from dbbackup._drill_sqlite import drill_sqlite
from dbbackup._naming import naming
from dbbackup._verified import Verified, reading
from dbbackup.conf import get_settings
from dbbackup.exceptions import WrongKeyError

if TYPE_CHECKING:
    from dbbackup._place import Place


def drill(
    place: Place,
    name: str,
    *,
    scratch: str | None = None,
    passphrase: str | None,
    progress: _engine.Progress | None,
) -> Verified:
    """Restore the backup `name` into a new database, compare that with its manifest, and drop it.

    It goes the way of every restore: of SQLite into a file of ``DBBACKUP_TMP_DIR``, which needs room for two copies;
    of PostgreSQL and MySQL into a database of its own, on the server of the alias `scratch`, else on that of the
    backup's own alias. The project's databases are not touched. What differs stands in the result;
    `Verified.require_same` makes an error of it. A backup of which no database can be made is verified by reading; so
    is an encrypted one whose key is not here.

    Raises:
        BackupNotFoundError: There is no such backup.
        CorruptBackupError: It is damaged.
        ConfigurationError: There is no such database as `scratch`.
        RefusedError: There is no room for it, or the server only reads.
        AccessDeniedError: No database may be made on the server.

    """
    started = time.monotonic()
    settings = get_settings()
    backup = _engine.find(place.store, name, naming=naming(settings))
    try:
        head, _encryption = _engine.head(place.store, name, passphrase=passphrase)
    except WrongKeyError:
        return reading(place, name, passphrase=passphrase, progress=progress)
    engine, why = _engine.engine_for(name, backup.manifest, head)
    kind = KINDS.get(engine or "")
    if engine == "sqlite":
        drilled = drill_sqlite(place, backup, settings, passphrase=passphrase, progress=progress)
    elif kind and (connector := scratch_connector(backup, settings, kind, scratch)):
        drilled = drill_on_server(place, name, kind, connector, passphrase=passphrase, progress=progress)
    else:
        read = reading(place, name, passphrase=passphrase, progress=progress)
        if kind:
            why = f"it is of {kind.name}, and `DATABASES` has no server for it: name one with --scratch"
        return replace(read, notes=(*read.notes, f"it was read and not restored: {why}"))
    return replace(drilled, seconds=time.monotonic() - started)
