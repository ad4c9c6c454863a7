"""``manage.py dbrestore``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup._restore import plan_restore, restored_alias, run_restore
from dbbackup._units import human_bytes, human_seconds
from dbbackup.conf import get_settings
from dbbackup.management.commands._base import UNNEEDED, DbbackupCommand, add_input_arguments


class Command(DbbackupCommand):
    """Replace a database by a backup."""

    help = "Replace a database by a backup: its newest one, or the one that is named."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument("-d", "--database", help="Database to restore: an alias. Needed with several.")
        add_input_arguments(parser)
        parser.add_argument("-c", "--decrypt", action="store_true", help=UNNEEDED)

    def handle(
        self,
        *_args: Any,
        database: str | None,
        input_filename: str | None,
        input_path: str | None,
        servername: str | None,
        interactive: bool,
        quiet: bool,
        verbosity: int,
        **_options: Any,
    ) -> None:
        """Choose the backup, ask, restore."""
        with self.failures_as_command_errors():
            verbosity = 0 if quiet else verbosity
            settings = get_settings()
            alias = restored_alias(database, settings)
            plan = plan_restore(
                alias, settings, filename=input_filename, path=input_path, servername=servername
            )
            if interactive:
                self.ask(plan.question())
            elif verbosity >= 1:
                for sentence in plan.differences:
                    self.say(f"{alias}: {sentence}")
            with self.progress_bar(alias, verbosity) as progress:
                report = run_restore(plan, progress=progress)
            size, duration = human_bytes(report.plain_bytes), human_seconds(report.seconds)
            line = f"restored {plan.chosen.label} ({size} in {duration})"
            self.tell_restored(alias, line, report, verbosity)
