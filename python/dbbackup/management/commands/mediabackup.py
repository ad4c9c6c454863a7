"""``manage.py mediabackup``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup._media import plan_media_backup, run_media_backup
from dbbackup._prune import prune
from dbbackup._scope import MEDIA
from dbbackup.conf import get_settings
from dbbackup.management.commands._base import (
    DbbackupCommand,
    add_output_arguments,
    signal_storage,
)
from dbbackup.signals import post_media_backup, pre_media_backup


class Command(DbbackupCommand):
    """Back up the media files."""

    help = "Back up the media files to the `dbbackup` storage: one tar file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        add_output_arguments(parser)
        parser.add_argument(
            "--exclude",
            action="append",
            default=[],
            metavar="PATTERN",
            help="Leave out what matches, as a line of a .gitignore does; on top of DBBACKUP_MEDIA_EXCLUDE. "
            "May be given several times.",
        )
        parser.add_argument(
            "--readers",
            type=int,
            default=1,
            metavar="N",
            help="Small files that are read at once; more help where each takes its time, as over a network.",
        )

    def handle(
        self,
        *_args: Any,
        servername: str | None,
        compress: bool,
        encrypt: bool,
        output_filename: str | None,
        output_path: str | None,
        exclude: list[str],
        readers: int,
        clean: bool,
        quiet: bool,
        verbosity: int,
        **_options: Any,
    ) -> None:
        """Back up the folder; what cannot be read is named at the end."""
        with self.failures_as_command_errors():
            verbosity = 0 if quiet else verbosity
            settings = get_settings()
            request = plan_media_backup(
                settings,
                servername=servername,
                compress=compress,
                encrypt=encrypt,
                exclude=exclude,
                readers=readers,
                filename=output_filename,
                path=output_path,
            )
            self.announce(pre_media_backup, servername=servername, storage=signal_storage())
            with self.progress_bar(MEDIA, verbosity) as progress:
                stored = run_media_backup(request, settings, progress=progress)
            self.tell_stored(MEDIA, stored, verbosity)
            warnings = [f"{MEDIA}: {warning}" for warning in stored.warnings]
            try:
                self.announce(
                    post_media_backup,
                    filename=stored.receipt.name,
                    servername=servername,
                    storage=signal_storage(),
                )
                if clean:
                    pruned = prune(request.cleaning(settings, made=stored.receipt.name), settings)
                    self.tell_pruned(MEDIA, pruned, verbosity)
            except Exception:
                self.stderr.write("\n".join(warnings), ending="\n" if warnings else "")
                raise
            self.end(0, warnings)
