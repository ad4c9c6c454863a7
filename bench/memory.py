"""Peak memory of a process and its children, from Linux' `/proc`."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

INTERVAL_SECONDS = 0.005
"""Between two looks. A look costs about 0.1 ms per process, so this takes 2 % of one core."""


@dataclass(slots=True)
class _Process:
    first_seen: float
    last_seen: float
    high_water_kib: int


class Watch(Thread):
    """Looks at a process and its descendants until it is stopped.

    The kernel keeps each process's high-water mark (`VmHWM`), so a look may come late: what is missed is only
    the growth in the last interval of a process's life.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = pid
        self._ended = Event()
        self._seen: dict[int, _Process] = {}

    def run(self) -> None:
        """Look until told to stop."""
        self._look()
        while not self._ended.wait(INTERVAL_SECONDS):
            self._look()

    def stop(self) -> int:
        """Return the largest sum of high-water marks, in KiB, of processes that lived at the same time."""
        self._ended.set()
        self.join()
        seen = self._seen.values()
        return max((_together(seen_at.first_seen, list(seen)) for seen_at in seen), default=0)

    def _look(self) -> None:
        now = time.monotonic()
        for pid in _tree(self._root):
            high_water_kib = _high_water_kib(pid)
            if high_water_kib is None:
                continue
            known = self._seen.setdefault(pid, _Process(now, now, high_water_kib))
            # The newest value, not the largest: between fork and exec a child shows its parent's.
            known.last_seen, known.high_water_kib = now, high_water_kib


def _together(moment: float, processes: list[_Process]) -> int:
    return sum(one.high_water_kib for one in processes if one.first_seen <= moment <= one.last_seen)


def _tree(root: int) -> list[int]:
    pids, found = [root], []
    while pids:
        pid = pids.pop()
        found.append(pid)
        # A process, or a thread, may end at any moment.
        with suppress(OSError):
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    pids += map(int, children.read_text().split())
    return found


def _high_water_kib(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # the process has ended
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return None  # a zombie has no memory
