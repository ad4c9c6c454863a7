"""Back up and restore the media: settings and options become one call of the engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbbackup import _engine
from dbbackup._encryption import recipients
from dbbackup._input import Chosen, choose, unlock
from dbbackup._media_pack import MediaDump
from dbbackup._media_unpack import MediaLoad
from dbbackup._naming import endings, name_generator, naming
from dbbackup._output import Destination, Stored, destination, store_under_free_name
from dbbackup._place import (
    backup_folders,
    configured_storage,
    folder_of_backups_in,
    local_file,
    media_folder,
)
from dbbackup._prune import PruneRequest
from dbbackup._scope import MEDIA, media_scope
from dbbackup._units import human_bytes, human_seconds
from dbbackup.exceptions import ConfigurationError, RefusedError

if TYPE_CHECKING:
    from dbbackup.conf import Settings

_EXTENSION = "tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaBackupRequest:
    """Which media are backed up, and where to. Nothing has been opened yet."""

    folder: Path | None
    """``None``: they are in the default storage, which is no folder."""
    exclude: tuple[str, ...]
    never: tuple[str, ...]
    """Folders of backups, which no backup contains."""
    tmp_dir: str
    readers: int
    """Small files that are read at once."""
    to: Destination
    naming: _engine.Naming
    servername: str
    compression: _engine.Compression
    recipients: _engine.Recipients | None
    """Whom it is encrypted for; ``None``: it is not."""

    def cleaning(self, settings: Settings, *, made: str) -> PruneRequest:
        """Return what ``--clean`` does after the backup `made`."""
        return PruneRequest(
            naming=self.naming,
            scope=media_scope(settings),
            servername=self.servername,
            keep=settings.cleanup_keep_media,
            made=made,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRestorePlan:
    """Which files will go where. Nothing has been opened for writing yet."""

    folder: Path | None
    """``None``: they go into the default storage, which is no folder."""
    chosen: Chosen
    replace: bool
    only: tuple[str, ...]
    tmp_dir: str
    time_zone: str | None

    @property
    def where(self) -> str:
        """The folder, or what the storage is called."""
        return str(self.folder) if self.folder else describe_media_storage()

    def question(self) -> str:
        """Return what the user has to know before it happens, in lines; without the question mark."""
        to_be_made = ""
        if self.folder:
            _, found = local_file(str(self.folder))
            to_be_made = "" if found else " (will be made)"
        lines = [
            "Media files will be restored:",
            f"  {'folder: ' if self.folder else ''}{self.where}{to_be_made}",
            f"  backup: {self.chosen.describe(self.time_zone)}",
            *(f"  only:   {path}" for path in self.only),
            *(f"Attention: {sentence}." for sentence in self.chosen.surprises),
        ]
        if self.replace:
            lines.append(
                "Files that are there and differ will be replaced. Files that the backup lacks stay."
            )
        else:
            lines.append(
                "Files that are there stay as they are; -r/--replace would replace those that differ."
            )
        return "\n".join(lines)

    def one_line(self, report: _engine.Report, *, dry_run: bool) -> str:
        """Return what was restored into which folder, or would be, and what became of how many files."""
        changes = report.changes
        counts: dict[str, int] = {}
        if changes:
            counts = {
                "new": changes.new,
                "replaced": changes.replaced,
                "the same": changes.same,
                "kept as they are": changes.kept,
            }
        files = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no files"
        size = human_bytes(changes.bytes if changes else 0)
        if dry_run:
            return f"would restore {self.chosen.label} into {self.where}: {files} ({size})"
        took = human_seconds(report.seconds)
        return f"restored {self.chosen.label} into {self.where}: {files} ({size} in {took})"


def plan_media_backup(
    settings: Settings,
    *,
    servername: str | None,
    compress: bool,
    encrypt: bool,
    exclude: list[str],
    readers: int,
    filename: str | None,
    path: str | None,
) -> MediaBackupRequest:
    """Return what the options ask for: `exclude` comes on top of ``DBBACKUP_MEDIA_EXCLUDE``.

    Raises:
        ConfigurationError: The project names no place of media, or nobody to encrypt for, or an option cannot be used.
        RefusedError: `path` is a database of this project, or lies in the folder.
        UnsupportedError: `path` is a URL of another kind than S3's.

    """
    if readers < 1:
        message = f"--readers must be at least 1, not {readers}"
        raise ConfigurationError(message)
    folder = media_folder(settings)
    to = destination(settings, filename=filename, path=path)
    backups = to.place.folder
    if path and folder and backups and backups.is_relative_to(os.path.realpath(folder)):
        message = f"cannot write to `{path}`: it lies in the folder that is backed up, `{folder}`"
        raise RefusedError(message, subject=path, hint="write the backup somewhere else")
    return MediaBackupRequest(
        folder=folder,
        exclude=(*settings.media_exclude, *exclude),
        never=backup_folders(settings) if path else (str(backups),) if backups else (),
        tmp_dir=settings.tmp_dir,
        readers=readers,
        to=to,
        naming=naming(settings),
        servername=servername or settings.hostname,
        compression=settings.compression if compress else "none",
        recipients=recipients(settings) if encrypt else None,
    )


def run_media_backup(
    request: MediaBackupRequest, settings: Settings, *, progress: _engine.Progress | None
) -> Stored:
    """Stream the folder into one new backup.

    Files that cannot be read are no failure: the backup has the others, and its warnings name them.

    Raises:
        DbbackupError: It failed; nothing is listed that was not there before.

    """

    def make(name: str | None) -> _engine.Receipt:
        if request.folder is None:
            return _backup_storage(request, name, progress)
        return _engine.media_backup(
            request.to.store,
            folder=str(request.folder),
            naming=request.naming,
            servername=request.servername,
            compression=request.compression,
            recipients=request.recipients,
            metadata={},
            exclude=request.exclude,
            never=request.never,
            readers=request.readers,
            name=name,
            named=request.to.name is not None,
            replace=request.to.replace,
            progress=progress,
        )

    generate = name_generator(
        settings,
        kind="media",
        alias=MEDIA,
        servername=request.servername,
        extension=_EXTENSION,
        endings=endings(request.compression, encrypted=request.recipients is not None),
    )
    return store_under_free_name(request.to, generate=generate, make=make, compression=request.compression)


def plan_media_restore(
    settings: Settings,
    *,
    filename: str | None,
    path: str | None,
    servername: str | None,
    into: str | None,
    replace: bool,
    only: list[str],
    passphrase: str | None = None,
    may_ask: bool = False,
) -> MediaRestorePlan:
    """Choose the backup, and the folder that it goes into: the project's, or `into`.

    The `passphrase` of an encrypted one that needs another is asked for, if somebody may be asked.

    Raises:
        BackupNotFoundError: There is no such backup, or none that fits.
        ConfigurationError: The project names no place of media, or the options contradict each other.
        RefusedError: It is of a database, or lies itself in the folder.
        WrongKeyError: It cannot be decrypted.

    """
    if not all(only):
        message = "--only needs a path, and got nothing"
        raise ConfigurationError(message)
    folder = Path(into).absolute() if into else media_folder(settings)
    chosen = choose(
        settings,
        scope=media_scope(settings),
        filename=filename,
        path=path,
        servername=servername,
    )
    # The folder of a backup is locked against cleaning while it is read, and the other one against a second
    # restore: they cannot be one.
    backups = chosen.place.folder
    if folder and backups and os.path.realpath(folder) == os.path.realpath(backups):
        message = f"cannot restore `{chosen.label}` into the folder that it lies in itself"
        raise RefusedError(message, subject=chosen.label, hint="move it to another folder first")
    # Without a manifest of ours only the content tells.
    if chosen.backup.encryption != "none" or not chosen.backup.is_ours:
        _, chosen = unlock(chosen, passphrase, may_ask=may_ask)
    return MediaRestorePlan(
        folder=folder,
        chosen=chosen,
        replace=replace,
        only=tuple(only),
        tmp_dir=settings.tmp_dir,
        time_zone=settings.time_zone,
    )


def run_media_restore(
    plan: MediaRestorePlan, *, dry_run: bool, progress: _engine.Progress | None
) -> _engine.Report:
    """Restore the files, or find out what that would do. What is left out is named in the report.

    Raises:
        DbbackupError: It failed. Before the whole backup was proven nothing has changed; afterwards each file
            is what it was, or the backup's.

    """
    if plan.folder is None:
        storage = configured_storage("default")
        loader = MediaLoad(storage, replace=plan.replace, only=plan.only, tmp_dir=plan.tmp_dir)
        return _engine.restore(
            plan.chosen.store,
            plan.chosen.backup.name,
            target=loader,
            dry_run=dry_run,
            passphrase=plan.chosen.passphrase,
            progress=progress,
        )
    return _engine.media_restore(
        plan.chosen.store,
        plan.chosen.backup.name,
        folder=str(plan.folder),
        replace=plan.replace,
        only=plan.only,
        dry_run=dry_run,
        passphrase=plan.chosen.passphrase,
        progress=progress,
    )


def describe_media_storage() -> str:
    """Return what the default storage is called."""
    return f'STORAGES["default"] ({type(configured_storage("default")).__name__})'


def _backup_storage(
    request: MediaBackupRequest, name: str | None, progress: _engine.Progress | None
) -> _engine.Receipt:
    """Stream the files of the default storage, which is no folder, into one new backup."""
    storage = configured_storage("default")
    backups = folder_of_backups_in(storage, request.to.place)
    dump = MediaDump(
        storage,
        exclude=request.exclude,
        readers=request.readers,
        never=(backups,) if backups else (),
        tmp_dir=request.tmp_dir,
    )
    return _engine.backup(
        request.to.store,
        source=lambda: dump,
        facts=dump.facts,
        kind="media",
        naming=request.naming,
        alias=MEDIA,
        database=MEDIA,
        servername=request.servername,
        source_id=None,
        extension=_EXTENSION,
        compression=request.compression,
        recipients=request.recipients,
        metadata={},
        name=name,
        named=request.to.name is not None,
        replace=request.to.replace,
        progress=progress,
    )
