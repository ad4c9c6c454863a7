"""One measurement: a command in a fresh process, its time, its memory and what it wrote."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.memory import Watch

ROOT = Path(__file__).resolve().parent.parent
READ_BYTES = 1 << 20
LOG_TAIL_CHARACTERS = 2_000


class FailedError(Exception):
    """A measured command failed, or its result is not what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something to measure, again and again."""

    group: str
    """What is done, for example `backup-zstd`. Cases of one group are compared."""
    who: str
    """Who does it, for example `ours-cli`."""
    argv: tuple[str, ...]
    """Runs in the project's root."""
    env: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()
    """Files, and folders of files, that are in the page cache when the clock starts."""
    prepare: Callable[[], object] = lambda: None
    """Before each round, not measured."""
    result: Callable[[], int] = lambda: 0
    """After each round, not measured: checks the result, returns its size in bytes and removes it."""
    interpreters: tuple[str, ...] = ()
    """Cases whose memory is that of the interpreters in this one."""
    tools: tuple[str, ...] = ()
    """Programs without which the case is left out."""

    @property
    def id(self) -> str:
        """The name that results go by."""
        return f"{self.group}/{self.who}"

    @property
    def moves_data(self) -> bool:
        """Whether the whole dataset goes through it."""
        return bool(self.reads)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one round of a case took."""

    seconds: float
    peak_kib: int
    output_bytes: int


def measure(case: Case, log: Path) -> Measured:
    """Run a case once.

    Raises:
        FailedError: if the command did not exit with 0.

    """
    case.prepare()
    for path in case.reads:
        for file in (path,) if path.is_file() else path.rglob("*"):
            if file.is_file():
                _read(file)
    os.sync()
    seconds, peak_kib = _run(case, log)
    return Measured(seconds, peak_kib, case.result())


def _run(case: Case, log: Path) -> tuple[float, int]:
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            case.argv,
            cwd=ROOT,
            env={**os.environ, **case.env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        watch = Watch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_kib = watch.stop()
    if process.returncode:
        tail = log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
        problem = f"{case.id} ended with exit status {process.returncode}: {' '.join(case.argv)}\n{tail}"
        raise FailedError(problem)
    # The kernel's own word counts the last interval too. It begins with the size of this process at the fork,
    # so a value below that says nothing.
    own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, max(peak_kib, usage.ru_maxrss if usage.ru_maxrss > own_kib else 0)


def _read(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(READ_BYTES):
            pass
