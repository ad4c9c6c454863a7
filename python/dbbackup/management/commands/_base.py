"""What the commands have in common: options, how failures end them, what they ask and print."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.dispatch import Signal

from dbbackup._engine import Pruned, Report
from dbbackup._output import Stored
from dbbackup._termination import INTERRUPTED, sigterm_raises
from dbbackup.exceptions import ConfigurationError, DbbackupError
from dbbackup.management.progress import ProgressBar
from dbbackup.notify import report_failure
from dbbackup.storage import Storage, get_storage

FINISHED_WITH_WARNINGS = 3
DECLINED = 7
SOME_FAILED = 11

_OWN_ENDS = (FINISHED_WITH_WARNINGS, DECLINED, SOME_FAILED)

KINDS = {"db": "database", "media": "media"}
"""What ``-c/--content-type`` calls the kinds of backups."""

UNNEEDED = "Accepted and not needed: the backup's content decides."
"""Help of options that django-dbbackup needs."""


class DbbackupCommand(BaseCommand):
    """Base of the commands. Failures leave as ``CommandError`` with the exit status of their kind."""

    # A backup must not depend on whether unrelated parts of the project are in order, and a restore least of
    # all: checks import the project's views, and views may query the database that is broken.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options that all commands have."""
        parser.add_argument(
            "--skip-checks", action="store_true", help="Accepted and not needed: no system checks are run."
        )
        # Two options: Django's `call_command` knows an option by the name of its keyword or by the first of its own.
        for option in ("--noinput", "--no-input"):
            parser.add_argument(
                option,
                action="store_false",
                dest="interactive",
                help="Ask nothing: go on where a question would be asked.",
            )
        parser.add_argument("-q", "--quiet", action="store_true", help="Print nothing but errors.")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as ``manage.py`` does; Ctrl-C ends with one line and 130, not with a traceback."""
        try:
            super().run_from_argv(argv)
        except KeyboardInterrupt:
            self.stderr.write("interrupted")
            raise SystemExit(INTERRUPTED) from None

    @property
    def name(self) -> str:
        """The command's name."""
        return type(self).__module__.rpartition(".")[2]

    @contextmanager
    def failures_as_command_errors(self) -> Iterator[None]:
        """Raise the engine's errors as ``CommandError``, and SIGTERM as ``SystemExit``, inside the block.

        The admins are mailed about every failure.
        """
        with sigterm_raises():
            try:
                yield
            except DbbackupError as error:
                self.report(error)
                raise CommandError(error.for_terminal(), returncode=error.exit_code) from error
            except Exception as error:
                # Those statuses are ours: what failed was reported, and an answer is no failure.
                is_ours = isinstance(error, CommandError) and error.returncode in _OWN_ENDS
                if not is_ours:
                    self.report(error)
                raise

    def report(self, error: BaseException, about: str = "") -> None:
        """Log a failure and mail the admins; say so if that fails."""
        trouble = report_failure(f"{self.name} of {about}" if about else self.name, error)
        if trouble:
            self.stderr.write(f"cannot mail the admins: {trouble}")

    def announce(self, signal: Signal, **arguments: Any) -> None:
        """Send a signal with the command's class as its sender."""
        signal.send(sender=type(self), **arguments)

    def end(self, failed: int, warnings: Sequence[str]) -> None:
        """End with the warnings and the status for them, or for what failed.

        Raises:
            CommandError: There are some.

        """
        if failed or warnings:
            raise CommandError("\n".join(warnings), returncode=failed or FINISHED_WITH_WARNINGS)

    @contextmanager
    def progress_bar(self, label: str, verbosity: int) -> Iterator[ProgressBar | None]:
        """Give a bar on standard error inside the block; ``None`` where nobody would see it."""
        if verbosity < 1 or not self.stderr.isatty():
            yield None
            return
        bar = ProgressBar(self.stderr, label)
        try:
            yield bar
        finally:
            bar.close()

    def ask(self, question: str) -> None:
        """Print `question` and wait for an answer; every other one than yes ends the command.

        Raises:
            CommandError: It was declined.

        """
        self.say(question)
        try:
            answer = input("Continue? [y/N] ")
        except (EOFError, RuntimeError):  # RuntimeError: there is no standard input at all
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandError("declined: nothing was changed", returncode=DECLINED)

    def tell_stored(self, label: str, stored: Stored, verbosity: int) -> None:
        """Print what came of a backup of `label`."""
        if verbosity < 1:
            return
        self.say(f"{label}: {stored.one_line()}")
        for note in stored.receipt.notes:
            self.say(f"  note: {note}")
        if verbosity >= 2:
            self.say(f"  sha256: {stored.receipt.stored_sha256}")

    def tell_pruned(self, label: str, pruned: Pruned, verbosity: int) -> None:
        """Print which backups of `label` were deleted, and whose were not."""
        if verbosity < 1:
            return
        for decision in pruned.decisions:
            if decision.delete:
                self.say(f"{label}: deleted {decision.name} ({decision.reason})")
        if pruned.others:
            self.say(f"{label}: left alone {pruned.others} of other servers or projects")

    def tell_restored(self, label: str, line: str, report: Report, verbosity: int) -> None:
        """Print the `line` that says what came of a restore of `label`, and what its report adds."""
        if verbosity < 1:
            return
        self.say(f"{label}: {line}")
        for note in report.notes:
            self.say(f"  note: {note}")
        if verbosity >= 2:
            self.say(f"  proof: {report.proof}")

    def say(self, text: str) -> None:
        """Print one line on standard output; what its encoding lacks is written as ``->`` or escaped.

        A backup that was stored must not end in an error because the terminal has no arrow. (Standard error
        prints any text by itself.)
        """
        try:
            self.stdout.write(text)
        except UnicodeEncodeError:
            # Python encodes the whole text before it writes any of it, so nothing is printed twice.
            self.stdout.write(text.replace("→", "->").encode("ascii", "backslashreplace").decode())


def add_output_arguments(parser: CommandParser) -> None:
    """Add the options of commands that make backups."""
    parser.add_argument("-c", "--clean", action="store_true", help="Delete old backups afterwards.")
    parser.add_argument("-s", "--servername", help="Server name to put into the backup's name.")
    parser.add_argument(
        "-z", "--compress", action="store_true", help="Compress, as DBBACKUP_COMPRESSION says."
    )
    parser.add_argument(
        "-e", "--encrypt", action="store_true", help="Encrypt for DBBACKUP_GPG_RECIPIENT, with GnuPG."
    )
    parser.add_argument("-o", "--output-filename", help="Name of the backup in the storage.")
    parser.add_argument(
        "-O",
        "--output-path",
        metavar="PATH",
        help="Write there instead: a local file, replaced if it exists; s3://bucket/name, which must not exist; "
        "or s3://bucket/folder/, where the backup gets a name of its own.",
    )


def add_input_arguments(parser: CommandParser) -> None:
    """Add the options of commands that restore backups."""
    parser.add_argument("-i", "--input-filename", help="Name of the backup in the storage.")
    parser.add_argument(
        "-I", "--input-path", metavar="PATH", help="Restore from there: a local file, or s3://bucket/name."
    )
    parser.add_argument("-s", "--servername", help="Take the newest backup of this server.")
    parser.add_argument("-z", "--uncompress", action="store_true", help=UNNEEDED)
    add_passphrase_arguments(parser)


def add_passphrase_arguments(parser: CommandParser) -> None:
    """Add the options of commands that may have to decrypt."""
    parser.add_argument(
        "-p",
        "--passphrase",
        help="Passphrase of the secret key. Everybody on this machine can see it among the processes: better is "
        "--passphrase-file, or the variable DBBACKUP_PASSPHRASE. On a terminal it is asked for where it is needed.",
    )
    parser.add_argument(
        "--passphrase-file", metavar="PATH", help="File with the passphrase of the secret key."
    )


def signal_storage() -> Storage | None:
    """Return the storage that signals are given; ``None`` where the project has none that can be used."""
    try:
        return get_storage()
    except ConfigurationError:
        return None
