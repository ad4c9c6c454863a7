"""``manage.py dbbackup``."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from dbbackup._backup import BackupRequest, Stored, plan_backups, prune, run_backup
from dbbackup._units import human_bytes, human_seconds
from dbbackup.conf import Settings, get_settings
from dbbackup.exceptions import DbbackupError
from dbbackup.management.commands._base import FINISHED_WITH_WARNINGS, SOME_FAILED, DbbackupCommand


class Command(DbbackupCommand):
    """Back up one or more databases."""

    help = "Back up one or more databases to the `dbbackup` storage."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument("-c", "--clean", action="store_true", help="Delete old backups afterwards.")
        parser.add_argument(
            "-d",
            "--database",
            help="Databases to back up: aliases, separated by commas. Default: DBBACKUP_DATABASES, or all.",
        )
        parser.add_argument("-s", "--servername", help="Server name to put into the backup's name.")
        parser.add_argument(
            "-z", "--compress", action="store_true", help="Compress, as DBBACKUP_COMPRESSION says."
        )
        parser.add_argument("-o", "--output-filename", help="Name of the backup in the storage.")
        parser.add_argument("-O", "--output-path", help="Local file to write instead, replaced if it exists.")

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
                    stored = self._back_up(alias, request, settings, verbosity)
                    warnings += [f"{alias}: {warning}" for warning in stored.warnings]
                    if clean:
                        self._clean(alias, request, settings, verbosity, stored.receipt.name)
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

    def _back_up(self, alias: str, request: BackupRequest, settings: Settings, verbosity: int) -> Stored:
        with self.progress_bar(alias, verbosity) as progress:
            stored = run_backup(alias, request, settings, progress=progress)
        if verbosity >= 1:
            self.say(f"{alias}: {one_line(stored)}")
        if verbosity >= 2:
            self.say(f"  sha256: {stored.receipt.stored_sha256}")
            for note in stored.receipt.notes:
                self.say(f"  note: {note}")
        return stored

    def _clean(
        self, alias: str, request: BackupRequest, settings: Settings, verbosity: int, made: str
    ) -> None:
        pruned = prune(alias, request, settings, made=made)
        if verbosity < 1:
            return
        for decision in pruned.decisions:
            if decision.delete:
                self.say(f"{alias}: deleted {decision.name} ({decision.reason})")
        if pruned.other_servers:
            self.say(f"{alias}: left alone {pruned.other_servers} of other servers")


def one_line(stored: Stored) -> str:
    """Return what was stored, how large it is and how long it took."""
    receipt = stored.receipt
    size = human_bytes(receipt.plain_bytes)
    if stored.compression != "none":
        size += f" → {human_bytes(receipt.stored_bytes)}"
    return f"stored {stored.label} ({size} in {human_seconds(receipt.seconds)})"
