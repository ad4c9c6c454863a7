"""What the commands have in common: two options, how failures end them, what they print."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dbbackup._termination import INTERRUPTED, sigterm_raises
from dbbackup.exceptions import DbbackupError
from dbbackup.management.progress import ProgressBar

FINISHED_WITH_WARNINGS = 3
DECLINED = 7
SOME_FAILED = 11


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
        parser.add_argument(
            "--noinput",
            "--no-input",
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

    @contextmanager
    def failures_as_command_errors(self) -> Iterator[None]:
        """Raise the engine's errors as ``CommandError``, and SIGTERM as ``SystemExit``, inside the block."""
        with sigterm_raises():
            try:
                yield
            except DbbackupError as error:
                raise CommandError(error.for_terminal(), returncode=error.exit_code) from error

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


def declined() -> NoReturn:
    """End a command because the answer was no.

    Raises:
        CommandError: Always.

    """
    raise CommandError("declined: nothing was changed", returncode=DECLINED)
