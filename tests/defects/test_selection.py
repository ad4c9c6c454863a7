"""Which backup a restore takes, and under which name one is stored."""

import pytest

from tests.defects.conftest import MakePeer
from tests.defects.world import Peer, held, said
from tests.project import fill

SHARED = 'STORAGES["dbbackup"]["OPTIONS"]["location"] = BASE_DIR.parent / "shared"\n'


@pytest.mark.defect(3, "`dbrestore` takes no backup of another alias out of a shared storage")
def test_the_newest_backup_of_another_alias_is_not_taken(make: MakePeer) -> None:
    shop = make("shop", extra=SHARED)
    blog = make("blog", {"default": "db.sqlite3", "blog": "blog.sqlite3"}, extra=SHARED)
    shop.store = blog.store = shop.root.parent / "shared"
    fill(shop.database, ["shop"])
    fill(blog.databases["blog"], ["blog"])
    shop.backed_up()
    blog.backed_up("-d", "blog")
    run = shop.manage("dbrestore", "--noinput")
    assert held(shop.database) == "the rows `shop`", f"{said(run)}; the shop has {held(shop.database)}"


@pytest.mark.defect(
    3, "`dbrestore` takes no backup of a database of another name, of the same alias and host"
)
def test_the_newest_backup_of_a_database_of_another_name_is_not_taken(make: MakePeer) -> None:
    shop = make("shop", {"default": "shop.sqlite3"}, extra=SHARED)
    blog = make("blog", {"default": "blog.sqlite3"}, extra=SHARED)
    shop.store = blog.store = shop.root.parent / "shared"
    fill(shop.database, ["shop"])
    fill(blog.database, ["blog"])
    shop.backed_up()
    blog.backed_up()
    run = shop.manage("dbrestore", "--noinput")
    assert held(shop.database) == "the rows `shop`", f"{said(run)}; the shop has {held(shop.database)}"


@pytest.mark.defect(3, "`dbrestore` takes no backup of another project with the same alias, name and host")
def test_the_newest_backup_of_another_project_is_not_taken(make: MakePeer) -> None:
    shop, blog = make("shop", extra=SHARED), make("blog", extra=SHARED)
    shop.store = blog.store = shop.root.parent / "shared"
    for project, row in ((shop, "shop"), (blog, "blog")):
        fill(project.database, [row])
        project.backed_up()
    run = shop.manage("dbrestore", "--noinput")
    assert held(shop.database) == "the rows `shop`", f"{said(run)}; the shop has {held(shop.database)}"


@pytest.mark.defect(4, "`dbrestore` takes the newest backup, compressed or not, without a flag")
def test_the_newest_backup_is_restored_whatever_its_compression(project: Peer) -> None:
    for names, options in ((["older"], []), (["newest"], ["-z"])):
        fill(project.database, names)
        project.backed_up(*options)
    fill(project.database, ["now"])
    run = project.manage("dbrestore", "--noinput")
    restored = held(project.database)
    assert restored == "the rows `newest`", f"{said(run)}; the database has {restored}"


@pytest.mark.defect(7, "`-O FILE` with two databases is refused, and nothing is written")
def test_one_file_for_two_databases_is_refused(two_databases: Peer) -> None:
    for alias, path in two_databases.databases.items():
        fill(path, [alias])
    file = two_databases.root / "backup"
    run = two_databases.manage("dbbackup", "-O", str(file))
    assert run.code != 0, f"{said(run)}; the one file holds {held(file)}"
    assert not file.exists(), f"{said(run)}; a file is left"


@pytest.mark.defect(8, "`-o NAME` used twice gives two backups, each with the metadata of its name")
def test_a_name_that_is_used_twice_has_its_metadata_twice(project: Peer) -> None:
    fill(project.database, ["a"])
    for _ in range(2):
        project.done("dbbackup", "-o", "release.sqlite3")
    assert len(project.backups()) == 2, "the first backup is gone"
    orphans = [name for name in project.backups() if f"{name}.metadata" not in project.files()]
    assert not orphans, "exit 0; the second backup has no metadata of its name"
