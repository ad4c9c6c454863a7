"""``manage.py dbrestore``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup._encryption import given_passphrase
from dbbackup._output import list_skipped
from dbbackup._restore import (
    RestoreOptions,
    database_settings,
    plan_restore,
    restored_alias,
    run_restore,
    save_before,
)
from dbbackup._units import human_bytes, human_seconds
from dbbackup.conf import get_settings
from dbbackup.exceptions import DbbackupError
from dbbackup.management.commands._base import (
    UNNEEDED,
    DbbackupCommand,
    add_input_arguments,
    signal_storage,
)
from dbbackup.signals import post_restore, pre_restore


class Command(DbbackupCommand):
    """Replace a database by a backup."""

    help = "Replace a database by a backup: its newest one, or the one that is named."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument("-d", "--database", help="Database to restore: an alias. Needed with several.")
        add_input_arguments(parser)
        parser.add_argument("-c", "--decrypt", action="store_true", help=UNNEEDED)
        parser.add_argument(
            "--exact",
            action="store_true",
            help="SQL text and JSON: also remove the rows that the backup does not have. MySQL: also drop the "
            "tables, views, routines and events.",
        )
        parser.add_argument(
            "-n",
            "--schema",
            action="append",
            default=[],
            help="PostgreSQL: restore only this schema. May be given several times.",
        )
        parser.add_argument(
            "-r", "--no-drop", action="store_true", help="PostgreSQL and MongoDB: drop nothing first."
        )
        parser.add_argument(
            "--cascade",
            action="store_true",
            help="PostgreSQL, with --schema: also drop what stands in other schemas and depends on it.",
        )
        parser.add_argument(
            "--terminate-connections",
            action="store_true",
            help="PostgreSQL: end the sessions that hold a lock on what is replaced.",
        )
        parser.add_argument(
            "--accept-unproven",
            action="store_true",
            help="PostgreSQL, MySQL: take SQL text without the dump program's last comment: it may have been cut.",
        )
        parser.add_argument(
            "--atomic-only",
            action="store_true",
            help="MySQL: refuse where the user may not make a schema beside the database, instead of restoring in "
            "place.",
        )
        parser.add_argument(
            "--pg-options", default="", help="PostgreSQL: more options for pg_restore, quoted."
        )
        parser.add_argument(
            "--no-safety-backup",
            action="store_true",
            help="Connectors of your own, and MySQL in place: do not back the database up before it is replaced.",
        )

    def handle(
        self,
        *_args: Any,
        database: str | None,
        input_filename: str | None,
        input_path: str | None,
        servername: str | None,
        exact: bool,
        schema: list[str],
        no_drop: bool,
        cascade: bool,
        terminate_connections: bool,
        accept_unproven: bool,
        atomic_only: bool,
        pg_options: str,
        no_safety_backup: bool,
        passphrase: str | None,
        passphrase_file: str | None,
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
            options = RestoreOptions(
                servername=servername,
                exact=exact,
                no_drop=no_drop,
                cascade=cascade,
                terminate_connections=terminate_connections,
                accept_unproven=accept_unproven,
                atomic_only=atomic_only,
                schemas=schema,
                pg_options=pg_options,
                passphrase=given_passphrase(passphrase, passphrase_file),
                may_ask=interactive,
            )
            plan = plan_restore(alias, settings, filename=input_filename, path=input_path, options=options)
            if interactive:
                self.ask(plan.question())
            elif verbosity >= 1:
                for sentence in plan.differences:
                    self.say(f"{alias}: {sentence}")
            facts = {
                "database": database_settings(alias),
                "database_name": alias,
                "filename": plan.chosen.label,
                "servername": servername,
                "storage": signal_storage(),
            }
            self.announce(pre_restore, **facts)
            saved, warnings = None, []
            if plan.saves_first and not no_safety_backup:
                with self.progress_bar(f"{alias}, to be safe", verbosity) as progress:
                    saved = save_before(plan, settings, progress=progress)
                self.tell_stored(f"{alias}, to be safe", saved, verbosity)
                warnings += [f"{alias}, to be safe: {warning}" for warning in saved.warnings]
            try:
                with self.progress_bar(alias, verbosity) as progress:
                    report = run_restore(plan, progress=progress)
            except BaseException as error:
                if saved:
                    way_back = f"what was there comes back with: dbrestore -d {alias} -i {saved.receipt.name}"
                    if isinstance(error, DbbackupError):
                        error.hint = f"{error.hint}; {way_back}" if error.hint else way_back
                    else:
                        self.stderr.write(way_back)
                raise
            size, duration = human_bytes(report.plain_bytes), human_seconds(report.seconds)
            line = f"restored {plan.chosen.label} ({size} in {duration})"
            self.tell_restored(alias, line, report, verbosity)
            warnings += [f"{alias}: {text}" for text in list_skipped("not restored", report.left_out)]
            self.announce(post_restore, connector=plan.connector, **facts)
            self.end(0, warnings)
