"""Restore one database: choose the backup, check it against the project, hand it to the engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connections

from dbbackup import _engine
from dbbackup._input import Chosen, choose
from dbbackup._manifest import ask_validator
from dbbackup.db.base import SQLITE_CONNECTOR, BaseDBConnector, get_connector, same_format
from dbbackup.exceptions import ConfigurationError, RefusedError, UnsupportedError

if TYPE_CHECKING:
    from dbbackup.conf import Settings

DJANGO_CONNECTOR = "dbbackup.db.django.DjangoConnector"
"""Its dumps are JSON, which goes into any engine."""

_READABLE_CONNECTORS = (None, SQLITE_CONNECTOR, "dbbackup.db.sqlite.SqliteCPConnector")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What will be replaced by what. Nothing has been opened for writing yet."""

    alias: str
    connector: BaseDBConnector
    chosen: Chosen
    time_zone: str | None

    @property
    def differences(self) -> list[str]:
        """What is unexpected about this backup for this database, one sentence each."""
        backup = self.chosen.backup
        sentences = []
        if backup.database is not None and backup.database != self.connector.database:
            sentences.append(
                f"the backup is of a database named `{backup.database}`, "
                f"the target's name is `{self.connector.database}`"
            )
        if backup.alias is not None and backup.alias != self.alias:
            sentences.append(f"the backup is of `{backup.alias}`, and goes into `{self.alias}`")
        return sentences

    def question(self) -> str:
        """Return what the user has to know before it happens, in lines; without the question mark."""
        lines = [
            f"The database `{self.alias}` will be replaced, with everything in it:",
            f"  target: {self.connector.describe_target()}",
            f"  backup: {self.chosen.describe(self.time_zone)}",
        ]
        lines += [f"Attention: {sentence}." for sentence in self.differences]
        return "\n".join(lines)


def restored_alias(asked: str | None, settings: Settings) -> str:
    """Return the database to restore: the one that is asked for, or the only one.

    Raises:
        ConfigurationError: None is asked for, and the project has several.

    """
    if asked:
        return asked
    if len(settings.aliases) > 1:
        message = f"this project has {len(settings.aliases)} databases: {', '.join(settings.aliases)}"
        raise ConfigurationError(message, hint="name the one to restore with -d/--database")
    return settings.aliases[0]


def plan_restore(
    alias: str, settings: Settings, *, filename: str | None, path: str | None, servername: str | None
) -> RestorePlan:
    """Choose the backup and check that it may go into the database `alias`.

    The backup is the one named `filename` in the storage, the local file `path`, or the newest of exactly
    this database; `servername` narrows the last.

    Raises:
        BackupNotFoundError: There is no such backup, or none that fits.
        ConfigurationError: The options contradict each other.
        RefusedError: It is the database itself, of another engine or of media, or the validator says no.
        UnsupportedError: The database, the storage or the backup's format is not supported yet.

    """
    connector = get_connector(alias)
    chosen = choose(
        settings,
        kind="database",
        alias=alias,
        database=connector.database,
        filename=filename,
        path=path,
        servername=servername,
    )
    if chosen.file == Path(os.path.realpath(connector.path)):
        message = f"cannot restore `{chosen.label}`: it is the database itself"
        raise RefusedError(message, subject=chosen.label)
    plan = RestorePlan(alias=alias, connector=connector, chosen=chosen, time_zone=settings.time_zone)
    _check_format(plan)
    ask_validator(chosen.backup.manifest, chosen.label, settings)
    return plan


def run_restore(plan: RestorePlan, *, progress: _engine.Progress | None) -> _engine.Report:
    """Replace the database by the backup: all of it, or nothing.

    This thread's connection to the database is closed before and after. Those of other threads and processes
    may stay open: the restore is one transaction of the database, and they see its rows when it is done.

    Raises:
        RefusedError: This thread is inside a transaction of the database, which the restore would wait for.
        DbbackupError: It failed; the database is what it was.

    """
    connection = connections[plan.alias]
    if connection.in_atomic_block:
        message = f"cannot restore `{plan.alias}` inside a transaction of its own"
        raise RefusedError(message, subject=plan.alias, hint="leave the `atomic` block first")
    connection.close()
    try:
        return _engine.restore(
            plan.chosen.store,
            plan.chosen.backup.name,
            target=plan.connector.load_tool(),
            progress=progress,
        )
    finally:
        connection.close()


def _check_format(plan: RestorePlan) -> None:
    manifest, engine = plan.chosen.backup.manifest, plan.connector.engine
    connector, other_engine = manifest.get("connector"), manifest.get("engine")
    name = plan.chosen.label
    if other_engine and connector != DJANGO_CONNECTOR and not same_format(str(other_engine), engine):
        message = (
            f"backup `{name}` was made with the engine `{other_engine}`, and `{plan.alias}` has `{engine}`"
        )
        hint = "a backup goes into a database of the same engine: choose another with -i, or another -d"
        raise RefusedError(message, subject=name, hint=hint)
    if connector not in _READABLE_CONNECTORS:
        message = f"cannot restore `{name}`: backups of the connector `{connector}` are not supported yet"
        raise UnsupportedError(message, subject=name)
