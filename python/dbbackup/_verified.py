"""What came of verifications: by reading, and by drills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbbackup import _engine

if TYPE_CHECKING:
    from dbbackup._place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What a restored database holds, beside what its manifest says."""

    tables: int
    rows: int
    compared: bool
    """Whether the manifest has the rows of each table."""
    differences: list[str]
    """What is not as the manifest says, one clause for each table."""
    foreign_keys: dict[str, Any]
    """How many rows refer to others that are not there (``violations``), from which table to which (``names``), and
    the tables whose foreign keys cannot be checked (``unchecked``, where there are some)."""

    def describe(self) -> str:
        """Return how much was restored, and whether that is what its manifest says."""
        compared = "as in its manifest" if self.compared else "which no manifest counts"
        return f"{counted(self.tables, 'table')}, {counted(self.rows, 'row')}, {compared}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of one verification, by reading or by a drill."""

    report: _engine.Report
    seconds: float
    proof: str
    """What proved that the backup is whole, in words."""
    drill: Drill | None
    """What was restored; ``None``: the backup was only read."""
    notes: tuple[str, ...]

    def require_same(self) -> None:
        """Fail if a drill found something else than the manifest says.

        Raises:
            CorruptBackupError: It did; the message names the first tables.

        """
        if self.drill:
            _engine.require_same(self.report.name, self.drill.differences)


def reading(
    place: Place, name: str, *, passphrase: str | None, progress: _engine.Progress | None
) -> Verified:
    """Read the backup `name` to its end, and restore it nowhere.

    Raises:
        BackupNotFoundError: There is no such backup.
        CorruptBackupError: It is damaged.

    """
    report = _engine.verify(place.store, name, passphrase=passphrase, progress=progress)
    return Verified(
        report=report, seconds=report.seconds, proof=report.proof, drill=None, notes=tuple(report.notes)
    )


def counted(number: int, what: str) -> str:
    """Return a number of things: ``1 row``, ``2,401 rows``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
