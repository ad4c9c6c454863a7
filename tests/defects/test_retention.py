"""``-c`` deletes old backups: those of this database, of this server, and nothing else."""

import io
import tarfile

import pytest

from tests.defects.conftest import MakePeer
from tests.defects.world import Peer
from tests.project import fill

KEEP_ONE = "DBBACKUP_CLEANUP_KEEP = 1\n"
DATES = ["2020-01-01-000000", "2020-01-02-000000"]


@pytest.fixture
def keeping_one(make: MakePeer) -> Peer:
    """A project that keeps one backup of a database."""
    project = make("project", extra=KEEP_ONE)
    fill(project.database, ["a"])
    return project


@pytest.mark.defect(1, "`dbbackup -d app -c` deletes no backups of the database `app2`")
def test_cleaning_leaves_databases_alone_whose_names_begin_alike(make: MakePeer) -> None:
    databases = {"default": "db.sqlite3", "app": "app.sqlite3", "app2": "app2.sqlite3"}
    project = make("project", databases, extra=KEEP_ONE)
    for path in project.databases.values():
        fill(path, ["a"])
    others = project.place(*(f"app2-host-{date}.sqlite3" for date in DATES))
    own = project.place(*(f"app-host-{date}.sqlite3" for date in DATES))
    project.done("dbbackup", "-d", "app", "-c")
    assert project.gone(own) == own, "old backups of `app` are left"
    gone = project.gone(others)
    assert not gone, f"exit 0; {len(gone)} of 2 backups of `app2` are deleted"


@pytest.mark.defect(2, "`dbbackup -c -s serverb` deletes no backups of another server")
def test_cleaning_for_a_server_leaves_other_servers_alone(keeping_one: Peer) -> None:
    others = keeping_one.place(*(f"default-servera-{date}.sqlite3" for date in DATES))
    own = keeping_one.place(*(f"default-serverb-{date}.sqlite3" for date in DATES))
    keeping_one.done("dbbackup", "-c", "-s", "serverb")
    assert keeping_one.gone(own) == own, "old backups of `serverb` are left"
    gone = keeping_one.gone(others)
    assert not gone, f"exit 0; {len(gone)} of 2 backups of `servera` are deleted"


@pytest.mark.defect(1, "`dbbackup -c` deletes no backups of another project with the same alias and name")
def test_cleaning_leaves_another_projects_backups_alone(make: MakePeer) -> None:
    shared = 'STORAGES["dbbackup"]["OPTIONS"]["location"] = BASE_DIR.parent / "shared"\n'
    shop, blog = (make(name, extra=KEEP_ONE + shared) for name in ("shop", "blog"))
    shop.store = blog.store = shop.root.parent / "shared"
    fill(shop.database, ["shop"])
    fill(blog.database, ["blog"])
    other = blog.backed_up()
    old = shop.backed_up()
    shop.backed_up("-c")
    assert shop.gone([old]) == [old], "the old backup of this project is left"
    assert not shop.gone([other]), "exit 0; the only backup of the other project is deleted"


@pytest.mark.defect(2, "`mediabackup -c` deletes no media backups of another server")
def test_cleaning_media_leaves_other_servers_alone(keeping_one: Peer) -> None:
    keeping_one.fill_media({"a.txt": "a"})
    others = [f"servera-{date}.tar" for date in DATES]
    keeping_one.store.mkdir()
    for name in others:
        with tarfile.open(keeping_one.store / name, "w") as archive:
            archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    keeping_one.done("mediabackup", "-c")
    gone = keeping_one.gone(others)
    assert not gone, f"exit 0; {len(gone)} of 2 backups of `servera` are deleted"


@pytest.mark.defect(20, "`dbbackup -c -z` counts and deletes old backups that are not compressed, too")
def test_cleaning_counts_backups_whatever_their_compression(keeping_one: Peer) -> None:
    old = keeping_one.place(*(f"default-host-{date}.sqlite3" for date in DATES))
    keeping_one.done("dbbackup", "-c", "-z")
    left = len(old) - len(keeping_one.gone(old))
    assert not left, f"exit 0; {left} of 2 old backups are left"
