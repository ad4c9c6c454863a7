"""A command on a terminal of its own, and somebody who reads and types there."""

import fcntl
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.project import Project, wait_until


class Terminal:
    """A terminal with a command in its foreground."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self._ours, self._its = pty.openpty()
        self._shown: list[bytes] = []
        self._seen = 0
        self._reader = threading.Thread(target=self._read)
        self.process = subprocess.Popen(
            project._argv(arguments),
            cwd=project.root,
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            start_new_session=True,
            # Whatever opens /dev/tty gets this terminal, and Ctrl-C goes to the command.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._reader.start()

    @property
    def shown(self) -> str:
        """All that has been shown so far."""
        return b"".join(self._shown).decode()

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        flags = termios.tcgetattr(self._ours)[3]
        return bool(flags & termios.ECHO)

    def answer(self, question: str, typed: str) -> None:
        """Wait until `question` is shown, after the last one, and type an answer."""

        def is_there() -> bool:
            assert question in self.shown[self._seen :] or self.process.poll() is None, self.shown
            return question in self.shown[self._seen :]

        wait_until(is_there)
        self._seen = self.shown.index(question, self._seen) + len(question)
        os.write(self._ours, typed.encode())

    def end(self) -> int:
        """Wait for the end of the command; return its exit status."""
        code = self.process.wait(timeout=20)
        os.close(self._its)
        self._its = -1
        self._reader.join()
        return code

    def close(self) -> None:
        """End the command, if nobody has waited for its end."""
        if self._its != -1:
            self.process.kill()
            self.end()
        os.close(self._ours)

    def _read(self) -> None:
        # Linux ends the terminal of a process that is gone with EIO.
        try:
            while data := os.read(self._ours, 65536):
                self._shown.append(data)
        except OSError:
            pass


@contextmanager
def on_terminal(project: Project, *arguments: str) -> Iterator[Terminal]:
    """Run a command on a terminal, to the end of the block at most."""
    terminal = Terminal(project, *arguments)
    try:
        yield terminal
    finally:
        terminal.close()
