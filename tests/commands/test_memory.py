"""Peak memory does not grow with the database."""

import subprocess
from pathlib import Path

import pytest

from tests.project import Project, fill, pad, rows, watched_peaks

MIB = 1024 * 1024

GROWTH_BYTES = 64 * MIB
"""What the engine may use on two cores, whatever the size."""


def peaks(project: Project, *arguments: str) -> tuple[int, int]:
    """Run a command to its end; return the peak memory of the command and of its largest child."""
    with project.running(*arguments) as command:
        most = watched_peaks(command)
        _, err = command.communicate()
    assert (command.returncode, err) == (0, "")
    parent, children = most.pop(command.pid), max(most.values())
    assert min(parent, children) > MIB, "nothing was measured"
    return parent, children


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("wal", [False, True])
def test_backups_and_restores_of_a_large_database_need_no_more_memory(tmp_path: Path, wal: bool) -> None:
    small, large = Project(tmp_path / "small"), Project(tmp_path / "large")
    for project in (small, large):
        fill(project.database, ["a"], wal=wal)
    pad(large.database, 320)
    assert large.database.stat().st_size > 300 * MIB
    for arguments in (("dbbackup",), ("dbbackup", "-z"), ("dbrestore", "--noinput")):
        for usual, seen in zip(peaks(small, *arguments), peaks(large, *arguments), strict=True):
            assert seen < usual + GROWTH_BYTES, (arguments, usual // MIB, seen // MIB)
    assert [name for _, name in rows(large.database)] == ["a"]


def test_a_backup_makes_no_copy_of_a_database_in_wal_mode(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", extra="DBBACKUP_TMP_DIR = BASE_DIR / 'tmp'\n")
    (project.root / "tmp").mkdir()
    fill(project.database, ["a"], wal=True)
    pad(project.database, 32)
    seen = 0
    with project.running("dbbackup") as command:
        while command.poll() is None:
            listed = subprocess.run(
                ["du", "-sb", project.root / "tmp"], capture_output=True, text=True, check=True
            )
            seen = max(seen, int(listed.stdout.split()[0]))
        command.communicate()
    assert command.returncode == 0
    assert seen < MIB
