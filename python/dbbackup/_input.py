"""Which backup is restored: the one that is named, or the newest that fits."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from dbbackup import _engine
from dbbackup._encryption import unlocking
from dbbackup._naming import local_time, naming
from dbbackup._output import count_files
from dbbackup._place import Place, backup_place, folder_place, local_file, s3_place
from dbbackup._scope import own_record
from dbbackup._units import human_bytes, human_seconds
from dbbackup.exceptions import BackupNotFoundError, ConfigurationError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from dbbackup._scope import Scope
    from dbbackup.conf import Settings

_OTHER_KIND: dict[_engine.Kind, tuple[str, str, str]] = {
    "database": ("a database", "it is of media files", "mediarestore"),
    "media": ("a folder", "it is of a database", "dbrestore"),
}
"""By what is to be restored: into what, why not, and the command for the other kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The backup that is restored. Its payload has not been opened yet."""

    place: Place
    backup: _engine.Backup
    label: str
    """What the user knows it by: its name in the storage, or the path or URL that was given."""

    surprises: tuple[str, ...] = ()
    """What is unexpected about the choice, one sentence each."""

    passphrase: str | None = field(default=None, repr=False)
    """What opens the secret key, or the backup, where that takes more than GnuPG's agent knows."""

    is_encrypted: bool = False
    """Whether its content is; known once it was unlocked."""

    @property
    def store(self) -> _engine.Store:
        """What the engine reads from."""
        return self.place.store

    @property
    def file(self) -> Path | None:
        """The payload, where it is a local file."""
        return self.place.folder / self.backup.name if self.place.folder else None

    def describe(self, time_zone: str | None) -> str:
        """Return its name with what tells it from others: size, age and server."""
        backup = self.backup
        content = own_record(backup.manifest).get("media")
        parts = [count_files(content["files"])] if content else []
        if backup.stored_bytes is not None:
            parts.append(f"{human_bytes(backup.stored_bytes)} stored")
        if backup.created_at is not None:
            made = local_time(backup.created_at, time_zone)
            age = human_seconds(time.time() - backup.created_at.timestamp())
            parts.append(f"made {made:%Y-%m-%d %H:%M:%S}, {age} ago")
        parts.append(f"on `{backup.servername}`" if backup.servername else "on an unknown server")
        return f"{self.label} ({', '.join(parts)})"


def choose(
    settings: Settings,
    *,
    scope: Scope,
    filename: str | None,
    path: str | None,
    servername: str | None,
) -> Chosen:
    """Return the backup named `filename` in the storage, the file or S3 URL `path`, or the newest that fits.

    That is one of exactly `scope`; `servername` narrows it.

    Raises:
        BackupNotFoundError: There is no such backup, or none that fits.
        ConfigurationError: The options contradict each other.
        RefusedError: It is of the other kind.

    """
    if filename and path:
        message = "-i/--input-filename and -I/--input-path name two backups"
        raise ConfigurationError(message, hint="leave one of them out")
    names = naming(settings)
    passed_over: list[tuple[str, str]] = []
    if path:
        place, name = _place_of(path, settings)
        backup = _engine.find(place.store, name, naming=names)
    else:
        place = backup_place(settings)
        try:
            if filename:
                backup = _engine.find(place.store, filename, naming=names)
            else:
                backup, passed_over = _engine.newest(
                    place.store,
                    naming=names,
                    kind=scope.kind,
                    alias=scope.alias,
                    database=scope.database,
                    source_id=scope.source_id,
                    servername=servername,
                )
        except BackupNotFoundError as error:
            if "another project" not in str(error):
                error.hint = "`listbackups` shows what there is; name one with -i, or its server with -s"
            raise
    _refuse_other_kind(backup, scope.kind, option="-I" if path else "-i", label=path or backup.name)
    return Chosen(
        place=place,
        backup=backup,
        label=path or backup.name,
        surprises=tuple(f"a newer backup is passed over: {why}" for _name, why in passed_over),
    )


def unlock(chosen: Chosen, passphrase: str | None, *, may_ask: bool) -> tuple[bytes, Chosen]:
    """Return the first plain bytes of the backup, and the choice with what it took to read them.

    Raises:
        CorruptBackupError: They cannot be read.
        WrongKeyError: The backup cannot be decrypted.

    """
    read = partial(_head, chosen)
    (head, encryption), passphrase = unlocking(chosen.label, passphrase, may_ask=may_ask, read=read)
    return head, replace(chosen, passphrase=passphrase, is_encrypted=encryption != "none")


def _head(chosen: Chosen, passphrase: str | None) -> tuple[bytes, _engine.Encryption]:
    return _engine.head(chosen.store, chosen.backup.name, passphrase=passphrase)


def _place_of(path: str, settings: Settings) -> tuple[Place, str]:
    if path.startswith("s3://"):
        place, name = s3_place(path, settings)
        if not name:
            message = f"`{path}` is a folder and names no backup"
            raise ConfigurationError(message, subject=path)
        return place, name
    file, found = local_file(path)
    if not found or not stat.S_ISREG(found.st_mode):
        message = f"there is no file `{path}`"
        raise BackupNotFoundError(message, subject=path)
    return folder_place(file.parent), file.name


def _refuse_other_kind(backup: _engine.Backup, kind: _engine.Kind, *, option: str, label: str) -> None:
    # A file of which nothing is known may be a tar under any name: its content decides.
    is_unknown = backup.kind == "database" and backup.alias is None and not backup.manifest
    if backup.kind == kind or is_unknown:
        return
    into, why, command = _OTHER_KIND[kind]
    message = f"cannot restore `{label}` into {into}: {why}"
    raise RefusedError(message, subject=label, hint=f"use `manage.py {command} {option} {label}`")
