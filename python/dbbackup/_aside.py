"""Work beside the calling thread, for which nobody has to wait: neither Ctrl-C nor the end of the process."""

from __future__ import annotations

import concurrent.futures.thread as executors
import contextvars
import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Result = TypeVar("Result")
Item = TypeVar("Item")


class Aside(Generic[Result]):
    """One call on a thread of its own, which sees the caller's context variables.

    Args:
        work: What is called, at once.
        name: The thread's name.

    """

    def __init__(self, work: Callable[[], Result], name: str) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        # Not `Thread.join`: after an interruption, Python 3.11 takes the thread for ended.
        self._ended = threading.Event()
        self._older = set(_pool_threads())
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name=name, daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether there is a result, or an error."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most so long; return whether it came."""
        return self._ended.wait(seconds)

    def result(self) -> Result:
        """Wait for the end; return what the work returned, or raise what it raised."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        result: Result = self._result
        return result

    def leave(self) -> None:
        """Let the process end before it does, also while it waits for threads that it started."""
        # Those of an executor (boto3's) are daemons as their parent is, and Python waits for them all the same.
        threads = _pool_threads()
        for thread in set(threads) - self._older:
            if thread.daemon:
                threads.pop(thread, None)

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # (raised again by `result`)
            self._error = error
        finally:
            connections.close_all()
            self._ended.set()


def for_each(
    items: Sequence[Item], work: Callable[[Item], Result], *, threads: int, name: str
) -> list[Result]:
    """Return what `work` makes of each item; several at once, and in the items' order."""
    results: dict[int, Result] = {}
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(items)):
        waiting.put(number)

    def take_turns() -> None:
        with suppress(queue.Empty):
            while True:
                number = waiting.get_nowait()
                results[number] = work(items[number])

    workers = [Aside(take_turns, name) for _ in range(min(threads, len(items)))]
    try:
        for worker in workers:
            worker.result()
    finally:
        with suppress(queue.Empty):
            while True:
                waiting.get_nowait()
    return [results[number] for number in range(len(items))]


def _pool_threads() -> Any:
    """Return the threads for which Python waits at its end, with the queue of each."""
    return getattr(executors, "_threads_queues", {})
