"""``manage.py dbrestore``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup._restore import RestorePlan, plan_restore, restored_alias, run_restore
from dbbackup._units import human_bytes, human_seconds
from dbbackup.conf import get_settings
from dbbackup.management.commands._base import DbbackupCommand, declined


class Command(DbbackupCommand):
    """Replace a database by a backup."""

    help = "Replace a database by a backup: its newest one, or the one that is named."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument("-d", "--database", help="Database to restore: an alias. Needed with several.")
        parser.add_argument("-i", "--input-filename", help="Name of the backup in the storage.")
        parser.add_argument("-I", "--input-path", help="Local file to restore from.")
        parser.add_argument("-s", "--servername", help="Take the newest backup of this server.")
        unneeded = "Accepted and not needed: the backup's content decides."
        parser.add_argument("-c", "--decrypt", action="store_true", help=unneeded)
        parser.add_argument("-z", "--uncompress", action="store_true", help=unneeded)

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
                self._ask(plan)
            elif verbosity >= 1:
                for sentence in plan.differences:
                    self.say(f"{alias}: {sentence}")
            with self.progress_bar(alias, verbosity) as progress:
                report = run_restore(plan, progress=progress)
            if verbosity < 1:
                return
            size, duration = human_bytes(report.plain_bytes), human_seconds(report.seconds)
            self.say(f"{alias}: restored {plan.label} ({size} in {duration})")
            for note in report.notes:
                self.say(f"  note: {note}")
            if verbosity >= 2:
                self.say(f"  proof: {report.proof}")

    def _ask(self, plan: RestorePlan) -> None:
        self.say(plan.question())
        try:
            answer = input("Continue? [y/N] ")
        except (EOFError, RuntimeError):  # RuntimeError: there is no standard input at all
            declined()
        if answer.strip().lower() not in ("y", "yes"):
            declined()
