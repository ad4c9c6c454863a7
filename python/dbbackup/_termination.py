"""Ending on a signal: SIGTERM becomes an exception, so that what is open is closed properly."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""Exit status after Ctrl-C, as a shell reports it: 130."""

TERMINATED = 128 + signal.SIGTERM
"""Exit status after SIGTERM, as a shell reports it: 143."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise ``SystemExit(143)`` in the main thread when SIGTERM arrives inside the block.

    The handler that was there before is put back at the end. Nothing is changed in other threads (Python
    allows handlers only in the main one), where SIGTERM is ignored on purpose, and where the handler was not
    installed from Python and could not be put back.
    """
    previous = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or previous in (None, signal.SIG_IGN):
        yield
        return
    signal.signal(signal.SIGTERM, _raise_system_exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _raise_system_exit(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
