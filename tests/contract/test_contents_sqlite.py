"""SQL text of SQLite: which content each brings back from whose backup. Pages have all of it, both ways."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.both_ways import back_up_each, restore_each, run_by
from tests.contract.contents import CASES, LOSES, content, make
from tests.project import Project

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor


@pytest.fixture
def ours(tmp_path: Path) -> Project:
    """A project with a database for each case."""
    options = {"default": {"CONNECTOR": "dbbackup.db.sqlite.SqliteConnector"}}
    project = Project(tmp_path / "project", extra=f"DBBACKUP_CONNECTORS = {options!r}\n")
    for case in CASES:
        make(project.root / f"{case}.sqlite3", case)
    return project


@pytest.fixture
def theirs(ours: Project, predecessor: str) -> Project:
    """The same project, run by django-dbbackup."""
    return run_by(predecessor, ours)


def lost(writer: Project, reader: Project) -> tuple[set[str], Mapping[str, str]]:
    """Which cases are not what they were after a backup, the loss of their files, and a restore; what failed."""
    paths = {case: writer.root / f"{case}.sqlite3" for case in CASES}
    expected = {case: content(path) for case, path in paths.items()}
    failures = dict(back_up_each(writer, CASES))
    for path in paths.values():
        path.unlink()
    failures |= restore_each(reader, [case for case in CASES if case not in failures])
    kept = {case for case, path in paths.items() if path.exists() and content(path) == expected[case]}
    return set(CASES) - kept, failures


def test_ours_lose_nothing(ours: Project) -> None:
    assert lost(ours, ours) == (set(), {})


def test_the_predecessor_loses_what_is_said_and_no_more(theirs: Project) -> None:
    assert lost(theirs, theirs)[0] == LOSES.keys()


def test_ours_bring_back_all_that_its_backups_have(ours: Project, theirs: Project) -> None:
    missing, failures = lost(theirs, ours)
    assert missing == {case for case, loss in LOSES.items() if not loss.is_in_backup}
    assert failures.keys() <= missing


def test_it_brings_back_all_of_our_backups_that_it_can_read(ours: Project, theirs: Project) -> None:
    missing, failures = lost(ours, theirs)
    assert missing == {case for case, loss in LOSES.items() if not loss.is_restorable}
    assert failures == {}


@pytest.mark.parametrize("connector", ["SqliteConnector", "SqliteCPConnector"])
def test_its_backup_of_nothing_proves_nothing_and_is_refused(
    tmp_path: Path, predecessor: str, connector: str
) -> None:
    options = {"default": {"CONNECTOR": f"dbbackup.db.sqlite.{connector}"}}
    ours = Project(tmp_path / "project", extra=f"DBBACKUP_CONNECTORS = {options!r}\n")
    ours.database.touch()
    assert run_by(predecessor, ours).manage("dbbackup", "-o", "empty").code == 0
    assert (ours.store / "empty").read_bytes() == b""
    assert "it is empty, and no manifest says so" in ours.fails(6, "dbrestore", "--noinput", "-i", "empty")
