"""A progress bar: one line on a terminal, redrawn in place, gone at the end."""

import shutil
import time
from collections.abc import Callable
from typing import Protocol

from dbbackup._units import human_bytes, human_seconds

_RATE_AFTER_SECONDS = 0.5
"""Younger averages jump too much to be worth reading."""

_BAR_CELLS = 20


class Terminal(Protocol):
    """What the bar needs of Django's ``OutputWrapper``."""

    def write(
        self, msg: str = "", style_func: Callable[[str], str] | None = None, ending: str | None = None
    ) -> None:
        """Write `msg` and `ending`."""

    def flush(self) -> None:
        """Show what was written."""


class ProgressBar:
    """Draws the engine's progress: bytes, rate and the time left.

    Args:
        terminal: Where it is drawn.
        label: What stands before it: the database.
        clock: Seconds that only grow.

    """

    def __init__(self, terminal: Terminal, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._label = label
        self._clock = clock
        self._phase = ""
        self._started = 0.0
        self._drawn = 0

    def __call__(self, phase: str, done: int, expected: int | None) -> None:
        """Draw the state of `phase`: plain bytes `done` of those `expected`, if that is known."""
        now = self._clock()
        if phase != self._phase:
            self._phase, self._started = phase, now
        self._draw(f"{self._label}: {describe(phase, done, expected, now - self._started)}")

    def close(self) -> None:
        """Wipe the line."""
        if self._drawn:
            self._draw("")
            self._write("\r")
            self._drawn = 0

    def _draw(self, text: str) -> None:
        # One column stays free: a terminal that has written its last one may wrap.
        text = text[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + text + " " * (self._drawn - len(text)))
        self._drawn = len(text)

    def _write(self, text: str) -> None:
        self._terminal.write(text, style_func=str, ending="")
        self._terminal.flush()


def describe(phase: str, done: int, expected: int | None, seconds: float) -> str:
    """Return one line, such as ``backup [#####     ]  50% of 2.0 GiB, 310.0 MiB/s, 3.3 s left``."""
    rate = done / seconds if seconds >= _RATE_AFTER_SECONDS else 0
    speed = f", {human_bytes(int(rate))}/s" if rate else ""
    if not expected:
        return f"{phase} {human_bytes(done)}{speed}"
    share = min(done / expected, 1)
    bar = "#" * int(share * _BAR_CELLS)
    left = f", {human_seconds((expected - done) / rate)} left" if rate and done < expected else ""
    return f"{phase} [{bar:<{_BAR_CELLS}}] {share:4.0%} of {human_bytes(expected)}{speed}{left}"
