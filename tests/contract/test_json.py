"""JSON goes both ways between the predecessor, really installed, and our connector."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.zoo_project import ZooProject

FILL = "from zoo.rows import fill\nfill(is_loadable=True)\n"


def comparable(content: bytes) -> list[Any]:
    """The objects without what only our own restore brings back: the numbers of rows with natural keys."""
    found = json.loads(content)
    for one in found:
        one.pop("dbbackup", None)
        if one["model"] == "zoo.tag":
            del one["fields"]["object_id"]
        for name in {"keepers", "friends", "permissions"} & one["fields"].keys():
            one["fields"][name].sort()
    return list(found)


@pytest.mark.timeout(120)
def test_a_backup_of_the_predecessor_is_restored(tmp_path: Path, predecessor: str) -> None:
    theirs = ZooProject(tmp_path / "theirs", python=predecessor)
    theirs.run(FILL)
    assert theirs.manage("dbbackup").code == 0
    [name] = theirs.backups()
    assert name.endswith(".json")
    ours = ZooProject(tmp_path / "ours")
    ours.restore(theirs.store / name)
    theirs.python = None
    assert comparable(ours.dump()) == comparable(theirs.dump())


@pytest.mark.timeout(120)
def test_the_predecessor_restores_our_dump(tmp_path: Path, predecessor: str) -> None:
    ours = ZooProject(tmp_path / "ours")
    ours.run(FILL)
    content = ours.dump()
    theirs = ZooProject(tmp_path / "theirs", python=predecessor)
    done = theirs.manage("dbrestore", "--noinput", "--input-path", str(ours.root / "ours.json"))
    assert done.code == 0, done
    theirs.python = None
    assert comparable(theirs.dump()) == comparable(content)


@pytest.mark.timeout(120)
def test_each_alias_is_its_own_database(tmp_path: Path) -> None:
    project = ZooProject(tmp_path / "project", {"default": "db.sqlite3", "second": "second.sqlite3"})
    project.run(FILL)
    content = project.dump()
    before = project.database.read_bytes()
    project.restore(project.root / "ours.json", "second")
    assert project.dump("second") == content
    assert project.database.read_bytes() == before
