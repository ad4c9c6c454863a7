"""JSON: which rows each brings back from whose backup."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.both_ways import back_up_each, restore_each, run_by
from tests.contract.json_zoo import CASES, LOSES, Zoo, content_of_rows
from tests.project import Project

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor


@pytest.fixture
def ours(json_zoo: Zoo, tmp_path: Path) -> Project:
    """A project for the databases of the cases."""
    return json_zoo.project(tmp_path / "project")


@pytest.fixture
def theirs(ours: Project, predecessor: str) -> Project:
    """The same project, run by django-dbbackup."""
    return run_by(predecessor, ours)


def lost(writer: Project, reader: Project, json_zoo: Zoo) -> tuple[set[str], Mapping[str, str]]:
    """Which cases are not what they were after a backup, the loss of all rows, and a restore; what failed."""
    paths = {case: writer.root / f"{case}.sqlite3" for case in CASES}
    for case, path in paths.items():
        shutil.copy(json_zoo.database(case), path)
    expected = {case: content_of_rows(path) for case, path in paths.items()}
    failures = dict(back_up_each(writer, CASES))
    for path in paths.values():
        shutil.copy(json_zoo.empty, path)
    failures |= restore_each(reader, [case for case in CASES if case not in failures])
    kept = {case for case, path in paths.items() if content_of_rows(path) == expected[case]}
    return set(CASES) - kept, failures


def test_ours_lose_nothing(ours: Project, json_zoo: Zoo) -> None:
    assert lost(ours, ours, json_zoo) == (set(), {})


def test_the_predecessor_loses_what_is_said_and_no_more(theirs: Project, json_zoo: Zoo) -> None:
    assert lost(theirs, theirs, json_zoo)[0] == LOSES.keys()


def test_ours_bring_back_all_that_its_backups_have(ours: Project, theirs: Project, json_zoo: Zoo) -> None:
    missing, failures = lost(theirs, ours, json_zoo)
    assert missing == {case for case, loss in LOSES.items() if not loss.is_in_backup}
    assert failures.keys() <= missing


def test_it_brings_back_all_of_our_backups_that_it_can_read(
    ours: Project, theirs: Project, json_zoo: Zoo
) -> None:
    missing, failures = lost(ours, theirs, json_zoo)
    assert missing == {case for case, loss in LOSES.items() if not loss.is_restorable}
    assert failures.keys() <= missing
