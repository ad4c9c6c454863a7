"""What the project promises of its speed and memory, and whether a run met it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from statistics import median

from bench.measure import Case, Measured

MEMORY_KIB = 65_536
"""Promise P5: 64 MiB above the interpreter, on two cores."""


class NotMeasuredError(Exception):
    """A target needs a case that was not part of the run."""


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured, by case."""

    cases: Mapping[str, Case]
    rounds: Mapping[str, list[Measured]]

    def seconds(self, case_id: str) -> float:
        """Return the median."""
        return median(one.seconds for one in self._of(case_id))

    def output_bytes(self, case_id: str) -> float:
        """Return the median size of what was written."""
        return median(one.output_bytes for one in self._of(case_id))

    def peak_kib(self, case_id: str) -> int:
        """Return the peak over all rounds, interpreters included."""
        return max(one.peak_kib for one in self._of(case_id))

    def own_kib(self, case_id: str) -> float:
        """Return the peak above the interpreters."""
        interpreters = self.cases[case_id].interpreters
        return self.peak_kib(case_id) - sum(
            median(one.peak_kib for one in self._of(id_)) for id_ in interpreters
        )

    def _of(self, case_id: str) -> list[Measured]:
        if not self.rounds.get(case_id):
            raise NotMeasuredError(case_id)
        return self.rounds[case_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A number and its bound."""

    id: str
    text: str
    value: Callable[[Results], float]
    at_most: float = inf
    at_least: float = -inf
    unit: str = "x"

    def row(self, results: Results) -> str:
        """Return one line: met, not met or not measured."""
        word, limit = ("at most", self.at_most) if self.at_most < inf else ("at least", self.at_least)
        bound = f"{word:8} {limit:>8,.6g} {self.unit:3}"
        try:
            value = self.value(results)
        except NotMeasuredError as error:
            return f"  {self.id:2} {'-':>10}  {bound}  {'no data':8} {self.text} (without {error})"
        verdict = "met" if self.at_least <= value <= self.at_most else "NOT MET"
        return f"  {self.id:2} {value:>10,.2f}  {bound}  {verdict:8} {self.text}"


def table(results: Results) -> str:
    """Return all targets, one a line."""
    return "\n".join(target.row(results) for target in _targets(results.cases.values()))


def _targets(cases: Iterable[Case]) -> Iterator[Target]:
    zstd = "backup-zstd/zstd-synced"
    yield Target(
        id="a",
        text="time of `zstd -3 -T2` and sync",
        value=_times("backup-zstd/ours-cli", zstd),
        at_most=1.25,
    )
    for who in ("ours-cli", "ours-django"):
        text = f"{who}: times as fast as django-dbbackup's -z"
        yield Target(
            id="b", text=text, value=_times("backup-gzip/django-dbbackup", f"backup-gzip/{who}"), at_least=12
        )
        yield Target(
            id="b",
            text=f"{who}: size of django-dbbackup's .gz",
            value=_size(f"backup-gzip/{who}"),
            at_most=1.01,
        )
    for who in ("ours-cli", "ours-django"):
        for group, at_most in (("restore-plain", 4.5), ("restore-gzip", 1.5)):
            times = _times(f"{group}/{who}", f"{group}/django-dbbackup")
            yield Target(
                id="c", text=f"{who}: time of django-dbbackup's {group}", value=times, at_most=at_most
            )
    for case_id, other, text, at_most in (
        ("media-zstd/ours-cli", "media-zstd/tar-zstd", "media: time of `tar | zstd -3 -T2`", 1.3),
        ("media-restore/ours-cli", "media-restore/zstd-tar", "media: time of `zstd -dc | tar x`", 1.3),
        ("media-empty/ours-cli", "media-empty/tar", "100,000 empty files: time of `tar`", 1.5),
    ):
        yield Target(id="g", text=text, value=_times(case_id, other), at_most=at_most)
    for case_id, other, text in (
        ("encrypt/ours-cli", "encrypt/gpg-synced", "encrypt: time of `cat | gpg -z 0` and sync"),
        ("decrypt/ours-cli", "decrypt/gpg-digest", "decrypt: time of `openssl dgst -sha256` and `gpg -d`"),
    ):
        yield Target(id="h", text=text, value=_times(case_id, other), at_most=1.1)
    zstd, gzip = "postgresql-zstd/ours-cli", "postgresql-gzip"
    pipe, theirs = "postgresql-zstd/pg_dump-zstd-synced", f"{gzip}/django-dbbackup"
    for text, value, at_most, at_least in (
        ("zstd: time of `pg_dump | zstd -3 -T2` and sync", _times(zstd, pipe), 1.15, -inf),
        ("zstd: times as fast as django-dbbackup's -z", _times(theirs, zstd), inf, 4.5),
        ("gzip: times as fast as django-dbbackup's -z", _times(theirs, f"{gzip}/ours-django"), inf, 3.3),
        (
            "restore: time of `pg_restore -1 --clean`",
            _times("postgresql-restore/ours-cli", "postgresql-restore/pg_restore"),
            1.15,
            -inf,
        ),
    ):
        yield Target(id="i", text=f"PostgreSQL, {text}", value=value, at_most=at_most, at_least=at_least)
    zstd, theirs = "mysql-zstd/ours-cli", "mysql-gzip/django-dbbackup"
    pipe, restore = "mysql-zstd/mariadb-dump-zstd-synced", "mysql-restore/ours-cli"
    for text, value, at_most, at_least in (
        ("zstd: time of `mariadb-dump | zstd -3 -T2` and sync", _times(zstd, pipe), 1.15, -inf),
        ("zstd: times as fast as django-dbbackup's -z", _times(theirs, zstd), inf, 4.5),
        ("restore: time of `mariadb`", _times(restore, "mysql-restore/mariadb"), 0.7, -inf),
        ("restore: time of django-dbbackup's", _times(restore, "mysql-restore/django-dbbackup"), 0.7, -inf),
    ):
        yield Target(id="j", text=f"MariaDB, {text}", value=value, at_most=at_most, at_least=at_least)
    for case in cases:
        if case.who.startswith("ours-") and case.moves_data:
            memory = _own_kib(case.id)
            yield Target(id="d", text=f"{case.id}: memory", value=memory, at_most=MEMORY_KIB, unit="KiB")
    yield Target(
        id="e", text="list 1,000 local backups", value=_milliseconds("list/ours-cli"), at_most=50, unit="ms"
    )
    start = _milliseconds("start/ours-listbackups", above="start/ours-check")
    yield Target(id="f", text="start of listbackups, above check's", value=start, at_most=150, unit="ms")


def _times(case_id: str, other_id: str) -> Callable[[Results], float]:
    return lambda results: results.seconds(case_id) / results.seconds(other_id)


def _size(case_id: str) -> Callable[[Results], float]:
    return lambda results: results.output_bytes(case_id) / results.output_bytes("backup-gzip/django-dbbackup")


def _own_kib(case_id: str) -> Callable[[Results], float]:
    return lambda results: results.own_kib(case_id)


def _milliseconds(case_id: str, *, above: str | None = None) -> Callable[[Results], float]:
    return lambda results: 1000 * (results.seconds(case_id) - (results.seconds(above) if above else 0))
