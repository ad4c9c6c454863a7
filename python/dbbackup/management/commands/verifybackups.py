"""``manage.py verifybackups``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from django.core.management.base import CommandParser

from dbbackup import _engine
from dbbackup._drill import drill
from dbbackup._encryption import given_passphrase, somebody_is_there, unlocking
from dbbackup._objects import error_object, verified_object
from dbbackup._output import count_files
from dbbackup._place import Place, backup_place
from dbbackup._select import backups_to_verify, scopes
from dbbackup._units import human_bytes, human_seconds
from dbbackup._verified import Verified, reading
from dbbackup.conf import get_settings
from dbbackup.exceptions import (
    BackupNotFoundError,
    ConfigurationError,
    CorruptBackupError,
    DbbackupError,
    WrongKeyError,
)
from dbbackup.management.commands._base import KINDS, DbbackupCommand, add_passphrase_arguments


class Command(DbbackupCommand):
    """Read backups to their end and prove that they are whole."""

    help = (
        "Read backups to their last byte and prove that they are whole: size, SHA-256, checksums, and the end of "
        "their content. Changes nothing. Without a name: the newest of each database and of the media, by server."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument("backup", nargs="*", help="Names of backups in the storage.")
        parser.add_argument("--all", action="store_true", help="All backups, not only the newest.")
        parser.add_argument(
            "--restore",
            action="store_true",
            help="Restore backups of SQLite, PostgreSQL and MySQL databases into new ones, in DBBACKUP_TMP_DIR and "
            "on the server, count their rows, and drop them. The project's databases are not touched.",
        )
        parser.add_argument(
            "--scratch",
            metavar="ALIAS",
            help="The database of DATABASES on whose server --restore makes databases of PostgreSQL or MySQL. Default: "
            "the one that was backed up.",
        )
        parser.add_argument("-d", "--database", help="Only of these databases: aliases, separated by commas.")
        add_passphrase_arguments(parser)
        parser.add_argument(
            "--json",
            action="store_true",
            help="Print one JSON object on standard output, as `dbbackup verify --json` does.",
        )
        parser.add_argument(
            "-c", "--content-type", choices=list(KINDS), help="Only databases, or only media."
        )

    def handle(
        self,
        *_args: Any,
        backup: list[str],
        restore: bool,
        scratch: str | None,
        database: str | None,
        content_type: str | None,
        passphrase: str | None,
        passphrase_file: str | None,
        interactive: bool,
        quiet: bool,
        verbosity: int,
        **options: Any,
    ) -> None:
        """Verify each; one that is damaged does not keep the others from being verified."""
        code = 0
        sealed = []
        with self.failures_as_command_errors(), self._object_of(wanted=options["json"]) as objects:
            if scratch and not restore:
                message = "cannot use --scratch without --restore"
                raise ConfigurationError(message, subject=scratch)
            verbosity = 0 if quiet or options["json"] else verbosity
            settings = get_settings()
            place = backup_place(settings)
            passphrase = given_passphrase(passphrase, passphrase_file)
            verify = partial(drill, scratch=scratch) if restore else reading
            names = list(backup)
            if not names:
                wanted = scopes(settings, databases=database, content_type=content_type)
                names, faulty = backups_to_verify(place, settings, wanted, everything=options["all"])
                for name, why in faulty:
                    error = CorruptBackupError(why, subject=name)
                    code = error.exit_code
                    objects.append({"name": name, "error": error_object(error)})
                    self.report(error, f"`{name}`")
                    self.stderr.write(_about(name, why))
                if not names and not faulty:
                    message = "there is no backup to verify"
                    raise BackupNotFoundError(message, hint="`listbackups` shows what there is")
            for name in names:
                found: dict[str, Any] = {"name": name}
                try:
                    if interactive and somebody_is_there() and name.endswith(".gpg"):
                        passphrase = _ask_for_passphrase(place, name, passphrase)
                    with self.progress_bar(name, verbosity) as progress:
                        verified = verify(place, name, passphrase=passphrase, progress=progress)
                    found = verified_object(verified)
                    verified.require_same()
                except DbbackupError as error:
                    objects.append({**found, "error": error_object(error)})
                    if len(names) == 1:
                        raise
                    code = code or error.exit_code
                    self.report(error, f"`{name}`")
                    self.stderr.write(_about(name, error.for_terminal()))
                else:
                    objects.append(found)
                    self._tell(verified, verbosity)
                    if verified.report.sealed:
                        sealed.append(
                            f"{name}: only its stored bytes were verified: {verified.report.sealed}"
                        )
        self.end(code, [*sealed, "not every backup is whole"] if code else sealed)

    @contextmanager
    def _object_of(self, *, wanted: bool) -> Iterator[list[dict[str, Any]]]:
        """Give a list for what is verified inside the block, and print it at its end, or what failed before it."""
        verified: list[dict[str, Any]] = []
        try:
            yield verified
        except DbbackupError as error:
            if wanted:
                self._say_object({"verified": verified} if verified else {"error": error_object(error)})
            raise
        if wanted:
            self._say_object({"verified": verified})

    def _say_object(self, value: dict[str, Any]) -> None:
        self.say(json.dumps(value, indent=2))

    def _tell(self, verified: Verified, verbosity: int) -> None:
        report = verified.report
        if verbosity < 1:
            return
        files = f"{count_files(report.content.files)}, " if report.content else ""
        size, duration = human_bytes(report.plain_bytes), human_seconds(verified.seconds)
        if report.sealed:
            self.say(f"{report.name}: sealed ({duration}), stored bytes proven by {report.proof}")
            return
        end = f"{size} in {duration}), proven by {verified.proof}"
        if verified.drill:
            self.say(f"{report.name}: restored ({verified.drill.describe()}; {end}")
        else:
            self.say(f"{report.name}: whole ({files}{end}")
        for note in verified.notes:
            self.say(f"  note: {note}")


def _about(name: str, text: str) -> str:
    """Return a text that names the backup."""
    return text if name in text else f"{name}: {text}"


def _ask_for_passphrase(place: Place, name: str, passphrase: str | None) -> str | None:
    """Return the passphrase that a backup takes, if somebody knows it."""
    with suppress(WrongKeyError):  # the verification says what it could not read
        read = partial(_head, place, name)
        _, passphrase = unlocking(name, passphrase, may_ask=True, read=read)
    return passphrase


def _head(place: Place, name: str, passphrase: str | None) -> object:
    return _engine.head(place.store, name, passphrase=passphrase)
