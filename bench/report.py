"""What a run prints, and the CSV that it leaves."""

import csv
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from bench.data import Dataset
from bench.measure import Case
from bench.media import MediaData
from bench.mysql import MysqlData
from bench.postgresql import PostgresqlData
from bench.targets import Results

COLUMNS = ("date", "machine", "cpu", "dataset", "dataset_bytes", "group", "who", "round")
MEASURED = ("seconds", "peak_kib", "output_bytes", "command")


def machine() -> tuple[str, str]:
    """Return the machine in a few words, and the model of its CPU."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    version = ".".join(platform.release().split(".")[:2])
    system = f"{platform.system()} {version} {platform.machine()}"
    words = f"{cores} cores, {memory / 2**30:.0f} GiB, {system}"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return words, line.partition(":")[2].strip()
    return words, "unknown"


def write_csv(
    path: Path,
    results: Results,
    datasets: Mapping[str, Dataset | MediaData | PostgresqlData | MysqlData],
    command: Callable[[Case], str],
) -> None:
    """Write one row for each round of each case; `datasets` says what it ran on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    common = (f"{datetime.now(UTC):%Y-%m-%d %H:%M}", *machine())
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow((*COLUMNS, *MEASURED))
        for case in results.cases.values():
            data = datasets[case.id]
            for number, one in enumerate(results.rounds[case.id], 1):
                took = (number, f"{one.seconds:.4f}", one.peak_kib, one.output_bytes)
                rows.writerow((*common, data, data.bytes, case.group, case.who, *took, command(case)))


def tables(results: Results) -> Iterator[str]:
    """Return the lines of one table for each group: times, how they compare to the first, memory, size."""
    head = (
        f"{'median s':>10} {'min':>8} {'max':>8} {'x first':>8} {'peak MiB':>9} {'own MiB':>8} {'MB out':>8}"
    )
    for group, cases in groupby(results.cases.values(), key=lambda case: case.group):
        yield f"\n{group:24} {head}"
        first = 0.0
        for case in cases:
            seconds = [one.seconds for one in results.rounds[case.id]]
            middle = results.seconds(case.id)
            first = first or middle
            times = f"{middle:>10.3f} {min(seconds):>8.3f} {max(seconds):>8.3f} {middle / first:>8.2f}"
            memory = f"{results.peak_kib(case.id) / 1024:>9.1f} {results.own_kib(case.id) / 1024:>8.1f}"
            yield f"  {case.who:22} {times} {memory} {results.output_bytes(case.id) / 1e6:>8.1f}"
