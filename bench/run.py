"""Measures dbbackup, django-dbbackup and the standard tools side by side: `make bench`.

Every case runs in a fresh process, once per round, and the rounds go through all cases in turn, so that
whatever else the machine does falls on everybody. Files that a case reads are in the page cache, earlier
writes are on the disk, outputs of earlier rounds are gone.
"""

import argparse
import sys
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path

from bench.cases import GROUPS, Cases
from bench.data import DATA, Dataset
from bench.encryption import ENCRYPTION_GROUPS, EncryptionCases
from bench.measure import Case, FailedError, Measured, measure
from bench.media import MEDIA_GROUPS, MediaCases, MediaData
from bench.mysql import MYSQL_GROUPS, MysqlCases, MysqlData
from bench.peers import Peers
from bench.postgresql import POSTGRESQL_GROUPS, PostgresqlCases, PostgresqlData
from bench.report import machine, tables, write_csv
from bench.targets import Results, table

SUITES = {
    "sqlite": GROUPS,
    "encryption": ENCRYPTION_GROUPS,
    "media": MEDIA_GROUPS,
    "postgresql": POSTGRESQL_GROUPS,
    "mysql": MYSQL_GROUPS,
}
SERVER_GROUPS = {*POSTGRESQL_GROUPS, *MYSQL_GROUPS}
"""Beside these, what interpreters take is measured."""
ALL_GROUPS = tuple(group for groups in SUITES.values() for group in groups)
LARGER = 10
"""`--large` measures the memory at this many times the size, too."""


def main() -> int:
    """Measure, print, write the CSV."""
    options = _options()
    peers = Peers()
    print("machine:", ", ".join(machine()), flush=True)
    print(peers.versions(), flush=True)
    with ExitStack() as stack:
        return _run(options, peers, stack)


def _run(options: argparse.Namespace, peers: Peers, stack: ExitStack) -> int:
    measured: dict[str, list[Case]] = {}
    datasets: dict[str, Dataset | MediaData | PostgresqlData | MysqlData] = {}
    for name, groups in SUITES.items():
        only = [group for group in options.only if group in groups]
        if name == "sqlite" and (only or set(options.only) & SERVER_GROUPS):
            only = ["start", *(group for group in only if group != "start")]
        if not only:
            continue
        if name == "encryption" and "gpg" in peers.missing:
            print("left out: encryption, because gpg is not installed", flush=True)
            continue
        suite = _suite(name, peers, options.scale, stack)
        measured[name] = _possible((case for group in only for case in suite.group(group)), peers)
        datasets |= dict.fromkeys((case.id for case in measured[name]), suite.data)
    results = _measure((case for cases in measured.values() for case in cases), options.rounds)
    if options.large:
        larger = Dataset(options.scale * LARGER, rollback_copy=False)
        memory = _measure(Cases(peers, larger, "large-").large(), 1)
        measured["sqlite"] = [*measured.get("sqlite", []), *memory.cases.values()]
        datasets |= dict.fromkeys(memory.cases, larger)
        results = Results({**results.cases, **memory.cases}, {**results.rounds, **memory.rounds})
    print("\n".join(tables(results)))
    print(f"\ntargets\n{table(results)}\n")
    for name, cases in measured.items():
        if all(case.group == "start" for case in cases):
            continue
        path = options.results / f"{name}.csv"
        write_csv(path, Results({case.id: case for case in cases}, results.rounds), datasets, peers.readable)
        print(f"every round: {path}")
    return 0


def _suite(
    name: str, peers: Peers, scale: float, stack: ExitStack
) -> Cases | EncryptionCases | MediaCases | PostgresqlCases | MysqlCases:
    match name:
        case "sqlite":
            return Cases(peers, Dataset(scale))
        case "encryption":
            return stack.enter_context(closing(EncryptionCases(peers, Dataset(scale))))
        case "media":
            return MediaCases(peers, MediaData())
        case "postgresql":
            return stack.enter_context(closing(PostgresqlCases(peers, PostgresqlData(scale))))
        case _:
            return stack.enter_context(closing(MysqlCases(peers, MysqlData(scale))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=0.5, help="0.5 is a database of 459 MB")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=ALL_GROUPS,
        default=ALL_GROUPS,
        metavar="GROUP",
        help=", ".join(ALL_GROUPS),
    )
    parser.add_argument("--large", action="store_true", help="the memory at ten times the size, too")
    parser.add_argument("--results", type=Path, default=Path("bench/results"), help="folder for the CSVs")
    return parser.parse_args()


def _possible(cases: Iterable[Case], peers: Peers) -> list[Case]:
    possible = []
    for case in cases:
        lacking = [tool for tool in case.tools if tool in peers.missing]
        if lacking:
            print(f"left out: {case.id}, because {' and '.join(lacking)} is not installed", flush=True)
        else:
            possible.append(case)
    return possible


def _measure(cases: Iterable[Case], count: int) -> Results:
    log = DATA / "last-command.log"
    by_id = {case.id: case for case in cases}
    rounds: dict[str, list[Measured]] = {case_id: [] for case_id in by_id}
    for number in range(1, count + 1):
        for case_id, case in by_id.items():
            took = measure(case, log)
            rounds[case_id].append(took)
            print(f"round {number}: {case_id:32} {took.seconds:8.3f} s {took.peak_kib:>8} KiB", flush=True)
    return Results(by_id, rounds)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FailedError as error:
        sys.exit(f"error: {error}")
