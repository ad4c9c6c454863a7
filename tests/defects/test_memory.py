"""A backup needs the same memory for a large database as for a small one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.defects.conftest import MakePeer
from tests.defects.world import Peer, UnpreparedError
from tests.project import fill, watched_peaks

MIB = 1024 * 1024
GROWTH_BYTES = 64 * MIB
ROWS, TEXT_BYTES = 36_000, 4096
"""141 MiB of text."""


def fill_up(path: Path) -> None:
    fill(path, ["small"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?) "
            "INSERT INTO item (name) SELECT hex(randomblob(?)) FROM count",
            (ROWS, TEXT_BYTES // 2),
        )


def peak(project: Peer, *arguments: str) -> int:
    """Run a command; return the sum of the most memory that it and each of its children had."""
    with project.running(*arguments) as command:
        most = watched_peaks(command)
        out, err = command.communicate()
    if command.returncode != 0 or most.get(command.pid, 0) < MIB:
        message = f"{' '.join(arguments)}: {out}{err}"
        raise UnpreparedError(message)
    return sum(most.values())


@pytest.mark.parametrize(
    "as_json",
    [
        pytest.param(
            False,
            marks=pytest.mark.defect(
                14, "A backup of a SQLite database of 150 MB needs the memory of a small one"
            ),
        ),
        pytest.param(
            True, marks=pytest.mark.defect(14, "A backup of 150 MB as JSON needs the memory of a small one")
        ),
    ],
    ids=["sqlite", "json"],
)
def test_memory_does_not_grow_with_the_database(make: MakePeer, as_json: bool) -> None:
    small, large = make("small"), make("large")
    fill(small.database, ["small"])
    fill_up(large.database)
    if as_json:
        for project in (small, large):
            project.use_json()
    growth = peak(large, "dbbackup") - peak(small, "dbbackup")
    assert growth < GROWTH_BYTES, "it needs more than 64 MiB more"
