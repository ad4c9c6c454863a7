"""``manage.py mediarestore``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup._encryption import given_passphrase
from dbbackup._media import plan_media_restore, run_media_restore
from dbbackup._output import list_skipped
from dbbackup._scope import MEDIA
from dbbackup.conf import get_settings
from dbbackup.management.commands._base import (
    UNNEEDED,
    DbbackupCommand,
    add_input_arguments,
    signal_storage,
)
from dbbackup.signals import post_media_restore, pre_media_restore


class Command(DbbackupCommand):
    """Restore media files from a backup."""

    help = (
        "Restore media files: from the newest backup, or the one that is named. Each is whole, or as it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        add_input_arguments(parser)
        parser.add_argument("-e", "--decrypt", action="store_true", help=UNNEEDED)
        parser.add_argument(
            "-r",
            "--replace",
            action="store_true",
            help="Replace files that are there and differ; else they stay.",
        )
        parser.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="PATH",
            help="Restore only this file or folder of the backup. May be given several times.",
        )
        parser.add_argument(
            "--into",
            metavar="PATH",
            help="Folder to restore into, made if it is missing. Default: the media's.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Read the whole backup, say what would be new, replaced or kept, and change nothing.",
        )

    def handle(
        self,
        *_args: Any,
        input_filename: str | None,
        input_path: str | None,
        servername: str | None,
        replace: bool,
        only: list[str],
        into: str | None,
        dry_run: bool,
        passphrase: str | None,
        passphrase_file: str | None,
        interactive: bool,
        quiet: bool,
        verbosity: int,
        **_options: Any,
    ) -> None:
        """Choose the backup, ask, restore; what was left out is named at the end."""
        with self.failures_as_command_errors():
            verbosity = 0 if quiet else verbosity
            plan = plan_media_restore(
                get_settings(),
                filename=input_filename,
                path=input_path,
                servername=servername,
                into=into,
                replace=replace,
                only=only,
                passphrase=given_passphrase(passphrase, passphrase_file),
                may_ask=interactive,
            )
            if interactive and not dry_run:
                self.ask(plan.question())
            elif verbosity >= 1:
                for sentence in plan.chosen.surprises:
                    self.say(f"{MEDIA}: {sentence}")
            facts = {"filename": plan.chosen.label, "servername": servername, "storage": signal_storage()}
            if not dry_run:
                self.announce(pre_media_restore, **facts)
            with self.progress_bar(MEDIA, verbosity) as progress:
                report = run_media_restore(plan, dry_run=dry_run, progress=progress)
            self.tell_restored(MEDIA, plan.one_line(report, dry_run=dry_run), report, verbosity)
            warnings = [f"{MEDIA}: {text}" for text in list_skipped("not restored", report.left_out)]
            if not dry_run:
                self.announce(post_media_restore, **facts)
            self.end(0, warnings)
