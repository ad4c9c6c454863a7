"""Whose backups are meant: one database's, or the media's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbbackup import _engine
from dbbackup._place import media_folder
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbbackup.conf import Settings
    from dbbackup.db.base import BaseDBConnector

MEDIA = "media"
"""The alias of media, and their name where a database has its own: a project has one folder of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Exactly one database, or the media, of exactly this project."""

    kind: _engine.Kind
    alias: str
    database: str
    source_id: str | None
    """What tells it from another project's of the same alias and name; ``None``: nobody can tell."""


def database_scope(connector: BaseDBConnector) -> Scope:
    """Return the scope of a connector's database."""
    return Scope(
        kind="database",
        alias=connector.database_name,
        database=connector.database,
        source_id=connector.source_id,
    )


def media_scope(settings: Settings) -> Scope:
    """Return the scope of the project's media."""
    return Scope(kind="media", alias=MEDIA, database=MEDIA, source_id=_media_source_id(settings))


def own_record(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what we wrote into a manifest; nothing of the predecessor's, whose user may have a key of our name."""
    ours = manifest.get("dbbackup")
    return ours if isinstance(ours, dict) and isinstance(ours.get("format"), int) else {}


def source_id_of(backup: _engine.Backup) -> str | None:
    """Return what the manifest of `backup` says of its source."""
    found: str | None = own_record(backup.manifest).get("source_id")
    return found


def is_of_another(source_id: str | None, backup: _engine.Backup) -> bool:
    """Whether the manifest of `backup` says that it was made of another source than this one."""
    theirs = source_id_of(backup)
    return source_id is not None and theirs is not None and source_id != theirs


def _media_source_id(settings: Settings) -> str | None:
    try:
        folder = media_folder(settings)
    except ConfigurationError:  # whoever needs the folder is told
        return None
    return _engine.source_id("media", str(folder)) if folder else None
