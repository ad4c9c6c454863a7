"""``manage.py dbbackup``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup._backup import BackupRequest, plan_backups, run_backup
from dbbackup._prune import prune
from dbbackup.conf import Settings, get_settings
from dbbackup.exceptions import in_words
from dbbackup.management.commands._base import (
    SOME_FAILED,
    DbbackupCommand,
    add_output_arguments,
    signal_storage,
)
from dbbackup.signals import post_backup, pre_backup


class Command(DbbackupCommand):
    """Back up one or more databases."""

    help = "Back up one or more databases to the `dbbackup` storage."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        add_output_arguments(parser)
        parser.add_argument(
            "-d",
            "--database",
            help="Databases to back up: aliases, separated by commas. Default: DBBACKUP_DATABASES, or all.",
        )
        parser.add_argument(
            "-x",
            "--exclude-tables",
            metavar="TABLES",
            help="Tables to leave out, separated by commas; on top of EXCLUDE in DBBACKUP_CONNECTORS.",
        )
        parser.add_argument(
            "-n",
            "--schema",
            action="append",
            default=[],
            help="PostgreSQL: back up only this schema. May be given several times.",
        )

    def handle(
        self,
        *_args: Any,
        database: str | None,
        servername: str | None,
        compress: bool,
        encrypt: bool,
        output_filename: str | None,
        output_path: str | None,
        exclude_tables: str | None,
        schema: list[str],
        clean: bool,
        quiet: bool,
        verbosity: int,
        **_options: Any,
    ) -> None:
        """Back up each database; a failure of one does not keep the others from being backed up."""
        with self.failures_as_command_errors():
            verbosity = 0 if quiet else verbosity
            settings = get_settings()
            request = plan_backups(
                settings,
                databases=database,
                servername=servername,
                compress=compress,
                encrypt=encrypt,
                filename=output_filename,
                path=output_path,
                exclude_tables=exclude_tables,
                schemas=schema,
            )
            warnings: list[str] = []
            failed: list[str] = []
            for alias in request.aliases:
                try:
                    made = self._back_up(alias, request, settings, servername, warnings, verbosity)
                    if clean:
                        cleaning = request.cleaning(alias, settings, made=made)
                        self.tell_pruned(alias, prune(cleaning, settings), verbosity)
                except Exception as error:
                    if len(request.aliases) == 1:
                        self.stderr.write("\n".join(warnings), ending="\n" if warnings else "")
                        raise
                    failed.append(alias)
                    self.report(error, f"`{alias}`")
                    self.stderr.write(f"{alias}: {in_words(error)}")
            if failed:
                warnings.append(
                    f"{len(failed)} of {len(request.aliases)} databases failed: {', '.join(failed)}"
                )
            self.end(SOME_FAILED if failed else 0, warnings)

    def _back_up(
        self,
        alias: str,
        request: BackupRequest,
        settings: Settings,
        servername: str | None,
        warnings: list[str],
        verbosity: int,
    ) -> str:
        connector = request.connector(alias)
        if request.schemas and not hasattr(connector, "schemas") and verbosity >= 1:
            name = type(connector).__name__
            self.say(f"{alias}: -n/--schema does nothing here: `{name}` backs up all or nothing")
        database = connector.settings
        self.announce(pre_backup, database=database, connector=connector, servername=servername)
        with self.progress_bar(alias, verbosity) as progress:
            stored = run_backup(connector, request, settings, progress=progress)
        self.tell_stored(alias, stored, verbosity)
        warnings += [f"{alias}: {warning}" for warning in stored.warnings]
        self.announce(
            post_backup,
            database=database,
            connector=connector,
            servername=servername,
            filename=stored.receipt.name,
            storage=signal_storage(),
        )
        return stored.receipt.name
