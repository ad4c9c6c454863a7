"""Which connector restores a backup: its own bytes decide among ours, its manifest names those of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbbackup.db.base import DEFAULT_CONNECTOR, SQLITE_CONNECTOR, BaseDBConnector, get_connector, same_format
from dbbackup.exceptions import ConfigurationError, RefusedError

if TYPE_CHECKING:
    from dbbackup._input import Chosen

SQLITE_TEXT_CONNECTOR = "dbbackup.db.sqlite.SqliteConnector"

_OURS = "dbbackup.db."

_SQLITE_ENGINE = "django.db.backends.sqlite3"

_SQL_WORDS = (b"create", b"insert", b"pragma", b"begin", b"--", b"/*", b"drop", b"delete")


def connector_for(chosen: Chosen, head: bytes, usual: BaseDBConnector) -> tuple[BaseDBConnector, list[str]]:
    """Return the connector that restores the backup into the database of `usual`, and what is surprising about it.

    `head` is how the backup begins.

    Raises:
        RefusedError: It is in a format that goes into another engine.

    """
    alias = usual.database_name
    surprises: list[str] = []
    named = chosen.backup.manifest.get("connector")
    if isinstance(named, str) and not named.startswith(_OURS):
        try:
            return get_connector(alias, connector_path=named), []
        except ConfigurationError:
            surprises.append(
                f"it was made by the connector `{named}`, which is not there any more; "
                f"`{usual.dotted_path}` will restore it"
            )
            return usual, surprises
    if not usual.dotted_path.startswith(_OURS) and named is None:
        return usual, []
    path = path_for_content(head, usual)
    if path is None:
        return usual, surprises
    if path == DEFAULT_CONNECTOR and not chosen.backup.is_ours and alias != "default":
        surprises.append(
            "django-dbbackup wrote the rows of `default` into every JSON backup, whatever its name"
        )
    if path == SQLITE_TEXT_CONNECTOR and not chosen.backup.is_ours:
        surprises.append(
            "SQL text without a manifest cannot be proven to be whole: it may have been cut short"
        )
    connector = get_connector(alias, connector_path=path)
    return (usual if isinstance(usual, type(connector)) else connector), surprises


def path_for_content(head: bytes, usual: BaseDBConnector) -> str | None:
    """Return the dotted path of the connector for a dump that begins with `head`; ``None``: the usual one's.

    Raises:
        RefusedError: The dump goes into another engine.

    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    # The usual connector counts as well: engines of a project's own are mapped to it.
    path = usual.dotted_path
    is_sqlite = path.startswith("dbbackup.db.sqlite.") or same_format(usual.engine, _SQLITE_ENGINE)
    is_postgresql = path.startswith("dbbackup.db.postgresql.") or "postg" in usual.engine
    is_mysql = path.startswith("dbbackup.db.mysql.") or "mysql" in usual.engine
    if head.startswith(b"SQLite format 3\0"):
        return _only(is_sqlite, SQLITE_CONNECTOR, "a SQLite database", usual)
    if text.startswith(b"["):
        return DEFAULT_CONNECTOR
    if head.startswith(b"PGDMP") or b"-- PostgreSQL database dump" in head:
        return _only(is_postgresql, None, "a PostgreSQL dump", usual)
    if b"-- MySQL dump" in head or b"-- MariaDB dump" in head:
        return _only(is_mysql, None, "a MySQL dump", usual)
    if is_sqlite and text[:8].lower().startswith(_SQL_WORDS):
        return SQLITE_TEXT_CONNECTOR
    return None


def _only(fits: bool, path: str | None, what: str, usual: BaseDBConnector) -> str | None:
    if fits:
        return path
    message = (
        f"cannot restore into `{usual.database_name}`: the backup is {what}, the engine is `{usual.engine}`"
    )
    raise RefusedError(message, subject=usual.database_name)
