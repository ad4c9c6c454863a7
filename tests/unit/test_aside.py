"""Work beside the calling thread: its results, and that nobody is kept waiting."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from dbbackup._aside import Aside, for_each

language = ContextVar("language", default="en")


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Let work wait for this; it is set in the end."""
    event = threading.Event()
    yield event
    event.set()


def test_the_result_is_what_the_work_returned() -> None:
    language.set("de")
    work = Aside(language.get, "test")
    assert (work.result(), work.has_ended, work.wait(0)) == ("de", True, True)


def test_an_error_is_raised_where_the_result_is_wanted() -> None:
    with pytest.raises(ZeroDivisionError):
        Aside(lambda: 1 // 0, "test").result()


def test_an_interrupted_wait_does_not_make_the_work_end(stuck: threading.Event) -> None:
    work = Aside(stuck.wait, "test")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            work.result()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not work.has_ended
    assert not work.wait(0.05)
    stuck.set()
    assert work.result() is True


def test_the_process_ends_before_work_that_was_left() -> None:
    # As boto3 does, the work waits for a thread of an executor of its own, for which Python waits at its end.
    script = """
import time
from concurrent.futures import ThreadPoolExecutor
from dbbackup._aside import Aside
work = Aside(lambda: ThreadPoolExecutor(1).submit(time.sleep, 60).result(), "test")
assert not work.wait(0.5)
work.leave()
raise SystemExit(130)
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (130, b"")
    assert time.monotonic() - started < 15


def test_what_others_wait_for_is_waited_for(stuck: threading.Event) -> None:
    from dbbackup._aside import _pool_threads

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        others = set(_pool_threads())
        work = Aside(stuck.wait, "test")
        work.leave()
        assert set(_pool_threads()) == others
    assert others


def test_each_item_gets_its_result_in_order() -> None:
    together = threading.Barrier(4, timeout=10)

    def double(number: int) -> int:
        together.wait()
        return 2 * number

    assert for_each(range(8), double, threads=4, name="test") == [0, 2, 4, 6, 8, 10, 12, 14]
    assert for_each([], double, threads=4, name="test") == []


def test_the_first_error_ends_the_others(stuck: threading.Event) -> None:
    done: list[int] = []

    def fail_at_once(number: int) -> None:
        done.append(number)
        if number == 0:
            raise KeyboardInterrupt
        stuck.wait(1)

    with pytest.raises(KeyboardInterrupt):
        for_each(range(100), fail_at_once, threads=2, name="test")
    stuck.set()
    time.sleep(0.1)
    assert len(done) < 10
