"""Drills: what need not be a database of a project."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from dbbackup._drill_sqlite import _interruptible, _unreadable
from dbbackup.exceptions import CorruptBackupError, SourceError

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class Stop(BaseException):
    """What a handler of a signal raises."""


@contextmanager
def a_signal_after(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGUSR1, stop)
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_ends_a_count_that_takes_long() -> None:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as database:
        started = time.monotonic()
        with pytest.raises(Stop), a_signal_after(0.3):
            _interruptible(database, lambda: database.execute(ENDLESS).fetchone())
        assert time.monotonic() - started < 10
        assert _interruptible(database, lambda: database.execute("SELECT 1").fetchone()) == (1,)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_CORRUPT_VTAB, CorruptBackupError),
        (sqlite3.SQLITE_NOTADB, CorruptBackupError),
        (sqlite3.SQLITE_IOERR_READ, SourceError),
    ],
)
def test_what_the_disk_does_not_give_is_no_damage(code: int, expected: type[Exception]) -> None:
    error = sqlite3.OperationalError("it is so")
    error.sqlite_errorcode = code
    assert type(_unreadable("a.sqlite3", error)) is expected
