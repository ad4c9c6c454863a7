"""Programs that somebody else wrote: run without a shell, and not longer than somebody waits for them."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.files.base import File

from dbbackup._file import CHUNK_BYTES
from dbbackup.exceptions import CommandConnectorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbbackup._masking import Mask

GRACE_SECONDS = 5
"""How long a program that was asked to end may take. As the engine's."""

SAID_CHARACTERS = 4096
"""How much of its last words stands in an error. As the engine's."""

_HEARD_BYTES = 64 * 1024
"""How much is searched for secrets: one that is cut in two is no longer found, so this is much more."""

_PACKAGES = {
    **dict.fromkeys(("pg_dump", "pg_restore", "psql"), "postgresql-client"),
    **dict.fromkeys(("mysqldump", "mysql", "mariadb-dump", "mariadb"), "mariadb-client"),
    **dict.fromkeys(("mongodump", "mongorestore"), "mongodb-database-tools"),
    "sqlite3": "sqlite3",
}
"""Program → package of Debian and Ubuntu, and of MongoDB itself, that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program and its arguments, which may be secret. Nothing has been started yet."""

    argv: tuple[str, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    """Its whole environment."""
    mask: Mask
    """What must not stand in an error."""

    @property
    def name(self) -> str:
        """The program, as errors name it: without what follows a ``=``, which was meant for a shell."""
        return self.mask(self.argv[0].partition("=")[0])

    def start(self, *, stdin: Any, stdout: Any, stderr: Any, bound: bool) -> subprocess.Popen[bytes]:
        """Start it.

        Args:
            stdin: As `subprocess.Popen` takes it, as the next two.
            stdout: See `stdin`.
            stderr: See `stdin`.
            bound: Whether it ends with the thread that starts it, even by a kill, where the system can.

        Raises:
            CommandConnectorError: There is no such program, or it cannot be run.

        """
        program = self._find()
        binder = _binder() if bound else None
        argv = [binder, "--pdeathsig", "TERM", "--", program] if binder else [program]
        try:
            return subprocess.Popen(
                [*argv, *self.argv[1:]], stdin=stdin, stdout=stdout, stderr=stderr, env=self.env, bufsize=0
            )
        except OSError as error:
            raise self._not_run(error.strerror or type(error).__name__) from None

    def require_success(self, process: subprocess.Popen[bytes], stderr: Any) -> None:
        """Wait for its end.

        Raises:
            CommandConnectorError: Its exit status is not 0. The text has the last lines of `stderr`.

        """
        status = process.wait()
        if status == 0:
            return
        how = f"exit status {status}" if status > 0 else f"ended by {_signal_name(-status)}"
        said = self._last_words(stderr)
        message = f"`{self.name}` failed ({how})" + (f": {said}" if said else "")
        raise CommandConnectorError(message, subject=self.name)

    def _find(self) -> str:
        program = self.argv[0]
        found = shutil.which(program, path=self.env.get("PATH", os.defpath))
        if found:
            return found
        if os.sep in program and Path(program).exists():
            raise self._not_run("it is no program, or may not be run")
        if "=" in program:
            hint = "a command is not run by a shell: variables go into ENV, DUMP_ENV and RESTORE_ENV"
        else:
            package = _PACKAGES.get(Path(program).name)
            install = f"install it (the package `{package}`)" if package else "install it"
            hint = f"{install}, or name another command in DUMP_CMD and RESTORE_CMD of DBBACKUP_CONNECTORS"
        raise self._not_run("there is no such program", hint=hint)

    def _not_run(self, why: str, *, hint: str | None = None) -> CommandConnectorError:
        return CommandConnectorError(f"cannot run `{self.name}`: {why}", subject=self.name, hint=hint)

    def _last_words(self, stderr: Any) -> str:
        stderr.seek(0, os.SEEK_END)
        stderr.seek(max(0, stderr.tell() - _HEARD_BYTES))
        said = self.mask(stderr.read().decode(errors="replace")).strip()
        if len(said) <= SAID_CHARACTERS:
            return said
        said = said[-SAID_CHARACTERS:]
        return said.partition("\n")[2] or said


def run(command: Command, *, stdin: Any, stdout: Any, stderr: Any) -> None:
    """Run `command` to its end, into two files. It does not outlive an exception, nor this process on Linux.

    Args:
        command: What is run.
        stdin: A binary file, a Django file, a descriptor as `subprocess.Popen` takes it, or ``None``: this
            process's own. A real file is handed on; of every other one, what it reads goes through a pipe.
        stdout: A file with a descriptor, as `stderr`.
        stderr: See `stdout`.

    Raises:
        CommandConnectorError: It cannot be run, or its exit status is not 0.
        Exception: `stdin` cannot be read to its end. The program was ended, and did not see an end.

    """
    source, given = _input(stdin)
    process = command.start(stdin=given, stdout=stdout, stderr=stderr, bound=True)
    try:
        if process.stdin is not None:
            _feed(process, source)
        command.require_success(process, stderr)
    except BaseException:
        end(process)
        raise
    finally:
        if process.stdin is not None:
            process.stdin.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program: ask it, then make it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Output:
    """What a program writes to its standard output, as a stream whose end means that it exited with status 0.

    It is started at once. Its standard error goes to a temporary file; the last lines stand in the error when
    it fails. On Linux it ends when this process is killed, if the main thread started it, since the system
    counts by thread; else when it writes next.
    """

    def __init__(self, command: Command, stderr: Any) -> None:
        self._command = command
        self._stderr = stderr
        self._failure: CommandConnectorError | None = None
        try:
            self._process = command.start(
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bound=threading.current_thread() is threading.main_thread(),
            )
        except BaseException:
            stderr.close()
            raise

    def read(self, size: int, /) -> bytes:
        """Return what is there, up to `size` bytes; ``b""`` at the end.

        Raises:
            CommandConnectorError: The program failed. So does every further read.

        """
        if self._failure is not None:
            raise self._failure
        part: bytes = self._pipe.read(size)
        if not part and size:
            try:
                self._command.require_success(self._process, self._stderr)
            except CommandConnectorError as error:
                self._failure = error
                raise
        return part

    def close(self) -> None:
        """End the program, if it still runs."""
        self._pipe.close()
        try:
            end(self._process)
        finally:
            self._stderr.close()

    @property
    def _pipe(self) -> Any:
        return self._process.stdout


def _input(stdin: Any) -> tuple[Any, Any]:
    """Return the file that has to be read, if any, and what the program gets as its standard input."""
    if stdin is None or isinstance(stdin, int):
        return None, stdin
    if isinstance(stdin, File):
        stdin = stdin.open("rb")
    file = _inner(stdin)
    descriptor = _descriptor(file)
    return (file, subprocess.PIPE) if descriptor is None else (None, descriptor)


def _inner(file: Any) -> Any:
    """Return what is wrapped by Django's files, those of `tempfile`, and text."""
    while not isinstance(file, io.IOBase) and getattr(file, "file", file) is not file:
        file = file.file
    return getattr(file, "buffer", file)


def _descriptor(file: Any) -> int | None:
    """Return the descriptor of a real file, which stands where `file` stands; ``None``: it must be read.

    Others have a descriptor too, and other bytes: a gzip file's gives the compressed ones.
    """
    is_real = isinstance(getattr(file, "raw", file), io.FileIO) or isinstance(
        file, tempfile.SpooledTemporaryFile
    )
    if not is_real or not file.seekable():
        return None
    if file.writable():
        file.flush()
    # What a file has read ahead would be missing.
    place = file.tell()
    descriptor: int = file.fileno()
    os.lseek(descriptor, place, os.SEEK_SET)
    return descriptor


def _feed(process: subprocess.Popen[bytes], source: Any) -> None:
    pipe: Any = process.stdin
    try:
        while source is not None and (part := source.read(CHUNK_BYTES)):
            view = memoryview(part)
            while view:
                view = view[pipe.write(view) :]
    except BrokenPipeError:  # it has enough, or has failed: its exit status tells
        pass
    pipe.close()


@cache
def _binder() -> str | None:
    """Return the program that lets another one end with its parent: ``setpriv`` of util-linux, from 2.33 on.

    `subprocess` has no safe way: a ``preexec_fn`` may hang in a process with threads.
    """
    found = shutil.which("setpriv") if sys.platform == "linux" else None
    if found is None:
        return None
    # BusyBox's has no such option.
    told = subprocess.run([found, "--help"], capture_output=True, text=True, check=False)
    return found if "--pdeathsig" in told.stdout else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
