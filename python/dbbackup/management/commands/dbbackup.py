"""``manage.py dbbackup``."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from dbbackup._backup import plan_backups, run_backup
from dbbackup._prune import prune
from dbbackup.conf import get_settings
from dbbackup.exceptions import DbbackupError
from dbbackup.management.commands._base import (
    FINISHED_WITH_WARNINGS,
    SOME_FAILED,
    DbbackupCommand,
    add_output_arguments,
)


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

    def handle(
        self,
        *_args: Any,
        database: str | None,
        servername: str | None,
        compress: bool,
        output_filename: str | None,
        output_path: str | None,
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
                filename=output_filename,
                path=output_path,
            )
            failed: list[str] = []
            warnings: list[str] = []
            for alias in request.aliases:
                try:
                    with self.progress_bar(alias, verbosity) as progress:
                        stored = run_backup(alias, request, settings, progress=progress)
                    self.tell_stored(alias, stored, verbosity)
                    warnings += [f"{alias}: {warning}" for warning in stored.warnings]
                    if clean:
                        cleaning = request.cleaning(alias, settings, made=stored.receipt.name)
                        self.tell_pruned(alias, prune(cleaning, settings), verbosity)
                except DbbackupError as error:
                    if len(request.aliases) == 1:
                        raise
                    failed.append(alias)
                    self.stderr.write(f"{alias}: {error.for_terminal()}")
            if failed:
                last = f"{len(failed)} of {len(request.aliases)} databases failed: {', '.join(failed)}"
                raise CommandError("\n".join([*warnings, last]), returncode=SOME_FAILED)
            if warnings:
                raise CommandError("\n".join(warnings), returncode=FINISHED_WITH_WARNINGS)
