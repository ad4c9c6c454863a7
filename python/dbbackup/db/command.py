"""Connectors that run somebody else's program: what they write against."""

from __future__ import annotations

import logging
import os
import shlex
from typing import TYPE_CHECKING, Any

from dbbackup._masking import Mask, secrets_in
from dbbackup._process import Command, Output, run
from dbbackup._spool import disk_file
from dbbackup.db.base import BaseDBConnector
from dbbackup.exceptions import CommandConnectorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbbackup._file import StreamedFile

logger = logging.getLogger("dbbackup.command")


class BaseCommandDBConnector(BaseDBConnector):
    """Dumps and restores one database by programs.

    ``_create_dump`` returns what `stream_command` or the first file of `run_command` gives; ``_restore_dump``
    hands its file to `run_command` as `stdin`. Where a prefix, a suffix or an environment stands in the
    command is up to them.
    """

    dump_prefix: str = ""
    """What stands before the command of a dump, such as ``docker exec db``."""

    dump_suffix: str = ""
    """What stands behind it."""

    restore_prefix: str = ""
    """The same for a restore."""

    restore_suffix: str = ""
    """The same for a restore."""

    use_parent_env: bool = True
    """Whether a program gets this process's environment, too."""

    env: dict[str, Any] = {}  # noqa: RUF012 (each connector gets copies)
    """Variables that every program gets."""

    dump_env: dict[str, Any] = {}  # noqa: RUF012 (as above)
    """Variables for ``_create_dump`` to hand on."""

    restore_env: dict[str, Any] = {}  # noqa: RUF012 (as above)
    """Variables for ``_restore_dump`` to hand on."""

    def run_command(
        self, command: str | Sequence[str], stdin: Any = None, env: Mapping[str, Any] | None = None
    ) -> tuple[Any, Any]:
        """Run a program to its end; return what it wrote to standard output and to standard error.

        No shell is involved. Both are binary files at their beginning, of any size: they lie in
        ``DBBACKUP_TMP_DIR``. An exception (Ctrl-C is one) ends the program.

        Args:
            command: The program and its arguments: one text, quoted as for a shell, or a list.
            stdin: What it reads: a binary file from where it stands, a Django file from its beginning.
                Default: the standard input of this process.
            env: Variables over `env` of the connector.

        Raises:
            CommandConnectorError: There is no such program, or its exit status is not 0. The text has its
                last lines, without passwords and values of variables.

        """
        call = self._command(command, env)
        stdout, stderr = disk_file(), disk_file()
        try:
            run(call, stdin=stdin, stdout=stdout, stderr=stderr)
        except BaseException:
            stdout.close()
            stderr.close()
            raise
        stdout.seek(0)
        stderr.seek(0)
        return stdout, stderr

    def stream_command(
        self, command: str | Sequence[str], env: Mapping[str, Any] | None = None
    ) -> StreamedFile:
        """Start a program; return what it writes to standard output, as a stream that is stored nowhere.

        The end of the file means that it exited with status 0: else the read that would have come to the end
        raises. Closing the file ends the program. It reads nothing.

        Args:
            command: As for `run_command`.
            env: As for `run_command`.

        Raises:
            CommandConnectorError: There is no such program.

        """
        return self.stream(Output(self._command(command, env), disk_file()))

    def _command(self, command: str | Sequence[str], env: Mapping[str, Any] | None) -> Command:
        own = {name: _variable(value) for name, value in {**self.env, **(env or {})}.items()}
        inherited = dict(os.environ) if self.use_parent_env else {}
        secrets = [*secrets_in(self._named_values()), *secrets_in(inherited)]
        mask = Mask(secrets, own.values())
        try:
            argv = tuple(shlex.split(command) if isinstance(command, str) else map(os.fspath, command))
        except ValueError as error:
            why = str(error).lower()
            message = f"cannot read the command of database `{self.database_name}`: {why}"
            raise CommandConnectorError(message, subject=self.database_name) from None
        if not argv:
            message = f"the command of database `{self.database_name}` is empty"
            raise CommandConnectorError(message, subject=self.database_name)
        logger.debug("running %s", " ".join(map(mask, argv)))
        return Command(argv=argv, env=inherited | own, mask=mask)

    def _named_values(self) -> dict[str, Any]:
        """Return all that has a name here, and may be a secret."""
        found: dict[str, Any] = {}
        for home in reversed(type(self).__mro__):
            found |= vars(home)
        # One with another case is another value: neither hides the other.
        return {**found, **vars(self), "database": self.connection.settings_dict, "settings": self.settings}


def _variable(value: Any) -> str:
    return str(value) if isinstance(value, (int, float)) else os.fsdecode(value)
