"""``manage.py listbackups``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup._engine import Backup, catalogue
from dbbackup._naming import local_time, naming
from dbbackup._place import backup_place
from dbbackup.conf import get_settings
from dbbackup.management.commands._base import KINDS, DbbackupCommand

ROW = "{name:40} {datetime:20}"


class Command(DbbackupCommand):
    """List the backups in the storage, oldest first."""

    help = "List the backups in the `dbbackup` storage."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters."""
        super().add_arguments(parser)
        parser.add_argument("-d", "--database", help="Only backups of this database: an alias.")
        parser.add_argument(
            "-z", "--compressed", action="store_true", default=None, help="Only compressed backups."
        )
        parser.add_argument(
            "-Z",
            "--not-compressed",
            action="store_false",
            default=None,
            dest="compressed",
            help="Only backups that are not compressed.",
        )
        parser.add_argument(
            "-e", "--encrypted", action="store_true", default=None, help="Only encrypted backups."
        )
        parser.add_argument(
            "-E",
            "--not-encrypted",
            action="store_false",
            default=None,
            dest="encrypted",
            help="Only backups that are not encrypted.",
        )
        parser.add_argument(
            "-c", "--content-type", choices=list(KINDS), help="Only databases, or only media."
        )
        parser.add_argument(
            "--all", action="store_true", help="Also those made before a restore, to be safe."
        )

    def handle(
        self,
        *_args: Any,
        database: str | None,
        compressed: bool | None,
        encrypted: bool | None,
        content_type: str | None,
        quiet: bool,
        **options: Any,
    ) -> None:
        """Print one row for each backup, under a header."""
        with self.failures_as_command_errors():
            settings = get_settings()
            store = backup_place(settings).store

            def asked_for(backup: Backup) -> bool:
                return (
                    (options["all"] or backup.reason == "asked")
                    and (not database or backup.alias == database)
                    and (not content_type or backup.kind == KINDS[content_type])
                    and (compressed is None or (backup.compression != "none") == compressed)
                    and (encrypted is None or (backup.encryption != "none") == encrypted)
                )

            backups, faulty = catalogue(store, naming=naming(settings))
            if not quiet:
                self.say(ROW.format(name="Name", datetime="Datetime"))
            for backup in filter(asked_for, backups):
                made = backup.created_at
                date = local_time(made, settings.time_zone).strftime("%x %X") if made else "Unknown"
                self.say(ROW.format(name=backup.name, datetime=date))
            if not quiet:
                for name, why in faulty:
                    self.stderr.write(f"not listed: {name}: {why}")
