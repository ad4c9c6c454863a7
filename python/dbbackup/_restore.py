"""Restore one database: choose the backup, check it against the project, hand it to the engine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.db import connections

from dbbackup import _engine
from dbbackup._backup import plan_backups, run_backup
from dbbackup._format import connector_for
from dbbackup._input import Chosen, choose, unlock
from dbbackup._manifest import ask_validator
from dbbackup._scope import database_scope, is_of_another, own_record
from dbbackup.conf import get_settings
from dbbackup.db.base import DEFAULT_CONNECTOR, BaseDBConnector, get_connector, same_format
from dbbackup.db.sqlite import is_in_memory
from dbbackup.exceptions import ConfigurationError, DbbackupError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbbackup._output import Stored
    from dbbackup.conf import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOptions:
    """What the command line says beside the backup's name."""

    servername: str | None = None
    exact: bool = False
    no_drop: bool = False
    cascade: bool = False
    terminate_connections: bool = False
    accept_unproven: bool = False
    atomic_only: bool = False
    schemas: Sequence[str] = ()
    pg_options: str = ""
    passphrase: str | None = field(default=None, repr=False)
    may_ask: bool = False
    """Whether somebody may be asked for a passphrase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What will be replaced by what. Nothing has been opened for writing yet."""

    alias: str
    connector: BaseDBConnector
    chosen: Chosen
    differences: tuple[str, ...]
    """What is unexpected about this backup for this database, one sentence each."""
    time_zone: str | None

    @property
    def saves_first(self) -> bool:
        """Whether the database is backed up before: a connector that is not atomic may leave half of each."""
        return not self.connector.restores_by_itself

    def question(self) -> str:
        """Return what the user has to know before it happens, in lines; without the question mark."""
        lines = [
            f"{self.connector.describe_restore()}:",
            f"  target: {self.connector.describe_target()}",
            f"  backup: {self.chosen.describe(self.time_zone)}",
            *(f"  {line}" for line in _rows(self.chosen.backup.manifest)),
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
    alias: str, settings: Settings, *, filename: str | None, path: str | None, options: RestoreOptions
) -> RestorePlan:
    """Choose the backup and check that it may go into the database `alias`.

    The backup is the one named `filename` in the storage, the local file `path`, or the newest of exactly
    this database; ``options.servername`` narrows the last.

    Raises:
        BackupNotFoundError: There is no such backup, or none that fits.
        ConfigurationError: The options contradict each other.
        CorruptBackupError: Not even the beginning of the backup can be read.
        RefusedError: It is the database itself, of another engine or of media, or the validator says no.
        WrongKeyError: It cannot be decrypted.

    """
    usual = get_connector(alias)
    chosen = choose(
        settings,
        scope=database_scope(usual),
        filename=filename,
        path=path,
        servername=options.servername,
    )
    if chosen.file and usual.path and chosen.file == Path(os.path.realpath(usual.path)):
        message = f"cannot restore `{chosen.label}`: it is the database itself"
        raise RefusedError(message, subject=chosen.label)
    _refuse_other_engine(chosen, usual)
    head, chosen = unlock(chosen, options.passphrase, may_ask=options.may_ask)
    connector, surprises = connector_for(chosen, head, usual)
    surprises += _apply(options, connector)
    ask_validator(chosen.backup.manifest, chosen.label, settings)
    return RestorePlan(
        alias=alias,
        connector=connector,
        chosen=chosen,
        differences=(
            *chosen.surprises,
            *_differences(chosen.backup, usual),
            *surprises,
            *(() if chosen.backup.is_ours else connector.unsaid()),
            *_saved_in_plain(chosen, connector, settings),
        ),
        time_zone=settings.time_zone,
    )


def save_before(plan: RestorePlan, settings: Settings, *, progress: _engine.Progress | None) -> Stored:
    """Back up the database that is about to be replaced, into the project's storage.

    Raises:
        DbbackupError: It failed, and nothing should be replaced.

    """
    # What was kept secret must not stand in the storage for all to read.
    encrypt = plan.chosen.is_encrypted and bool(settings.gpg_recipient)
    request = plan_backups(
        settings,
        databases=plan.alias,
        servername=None,
        compress=True,
        encrypt=encrypt,
        filename=None,
        path=None,
    )
    connector = get_connector(plan.alias)
    # Nobody knows what the restore does to the tables that backups leave out.
    connector.exclude = []
    try:
        return run_backup(connector, request, settings, reason="before-restore", progress=progress)
    except DbbackupError as error:
        message = f"cannot save the database `{plan.alias}` before it is replaced: {error}"
        hint = f"its connector does not restore in one step; {error.hint or 'mend that, or give'} --no-safety-backup"
        raise type(error)(
            message, kind=error.kind, stage=error.stage, subject=plan.alias, hint=hint
        ) from error


def run_restore(plan: RestorePlan, *, progress: _engine.Progress | None) -> _engine.Report:
    """Replace the database by the backup: all of it, or nothing, where its connector can.

    The alias's connection of this thread is closed before and after, outside of transactions. Those of other threads
    and processes may stay open: the restore is one transaction of the database, and they see its rows when it is done.

    Raises:
        RefusedError: This thread is inside a transaction of the database, which the restore would wait for.
        DbbackupError: It failed; the database is what it was.

    """
    target = plan.connector.restore_target()
    connection = connections[plan.alias]
    if isinstance(target, (_engine.Tool, _engine.Postgres, _engine.Mysql)) and connection.in_atomic_block:
        message = f"cannot restore `{plan.alias}` inside a transaction of its own"
        raise RefusedError(message, subject=plan.alias, hint="leave the `atomic` block first")
    _close(connection)
    try:
        return _engine.restore(
            plan.chosen.store,
            plan.chosen.backup.name,
            target=target,
            passphrase=plan.chosen.passphrase,
            progress=progress,
        )
    finally:
        _close(connection)


def _close(connection: Any) -> None:
    # Django opens it again when it is used. A database in memory would end with it.
    in_memory = connection.vendor == "sqlite" and is_in_memory(connection.settings_dict["NAME"])
    if not connection.in_atomic_block and not in_memory:
        connection.close()


def database_settings(alias: str) -> dict[str, Any]:
    """Return the entry in ``DATABASES``, as signals get it."""
    entry: dict[str, Any] = django_settings.DATABASES[alias]
    return entry


def _refuse_other_engine(chosen: Chosen, connector: BaseDBConnector) -> None:
    manifest = chosen.backup.manifest
    other_engine, engine = manifest.get("engine"), connector.engine
    if (
        not other_engine
        or manifest.get("connector") == DEFAULT_CONNECTOR
        or same_format(str(other_engine), engine)
    ):
        return
    alias, name = connector.database_name, chosen.label
    message = f"backup `{name}` was made with the engine `{other_engine}`, and `{alias}` has `{engine}`"
    hint = "a backup goes into a database of the same engine: choose another with -i, or another -d"
    raise RefusedError(message, subject=name, hint=hint)


def _apply(options: RestoreOptions, connector: Any) -> list[str]:
    """Give a connector the options that it knows; say of the others that they do nothing here."""
    connector.exact = options.exact or connector.exact
    name = type(connector).__name__
    surprises = []
    if options.schemas:
        if not hasattr(connector, "schemas"):
            message = f"cannot restore only the schemas {', '.join(options.schemas)}: `{name}` restores all or nothing"
            raise ConfigurationError(message, hint="leave -n/--schema out")
        connector.schemas = list(options.schemas)
    if options.no_drop:
        if not hasattr(connector, "drop"):
            surprises.append(f"-r/--no-drop does nothing here: `{name}` has nothing to drop first")
        connector.drop = False
    for option, engine in _OF_ONE_ENGINE.items():
        if getattr(options, option):
            if not hasattr(connector, option):
                surprises.append(f"--{option.replace('_', '-')} does nothing here: it is for {engine}")
            setattr(connector, option, True)
    if options.pg_options:
        if not hasattr(connector, "pg_options"):
            surprises.append(f"--pg-options does nothing here: `{name}` does not use PostgreSQL's tools")
        connector.pg_options = options.pg_options
    return surprises


_OF_ONE_ENGINE = {
    "cascade": "PostgreSQL",
    "terminate_connections": "PostgreSQL",
    "accept_unproven": "PostgreSQL and MySQL",
    "atomic_only": "MySQL",
}


def _differences(backup: _engine.Backup, connector: BaseDBConnector) -> list[str]:
    sentences = []
    if backup.database is not None and backup.database != connector.database:
        sentences.append(
            f"the backup is of a database named `{backup.database}`, the target's name is `{connector.database}`"
        )
    elif backup.servername == get_settings().hostname and is_of_another(connector.source_id, backup):
        sentences.append(
            "the backup is of another database of that name on this server, another project's perhaps"
        )
    if backup.alias is not None and backup.alias != connector.database_name:
        sentences.append(f"the backup is of `{backup.alias}`, and goes into `{connector.database_name}`")
    excluded = own_record(backup.manifest).get("excluded")
    if excluded:
        sentences.append(f"it was made without {', '.join(f'`{table}`' for table in excluded)}")
    return sentences


def _saved_in_plain(chosen: Chosen, connector: BaseDBConnector, settings: Settings) -> Sequence[str]:
    is_saved = not connector.restores_by_itself
    if not chosen.is_encrypted or settings.gpg_recipient or not is_saved:
        return ()
    return ("what is there is saved without encryption before: `DBBACKUP_GPG_RECIPIENT` names nobody",)


def _rows(manifest: dict[str, Any]) -> list[str]:
    """Return what the manifest says of the rows, where it was counted."""
    content = own_record(manifest).get("content") or {}
    tables = content.get("tables")
    if not tables or not content.get("exact"):
        return []
    return [f"rows:   {sum(tables.values()):,} in {len(tables):,} table{'' if len(tables) == 1 else 's'}"]
