"""Users of MySQL who may do little: restores in place, and backups that lack what may not be read."""

import re

import pytest

from tests.databases_real.conftest import NewMysql, NewProject
from tests.databases_real.test_mysql import FILL, MOVE_ON
from tests.mysql import Database
from tests.project import Project

GRANT = r"GRANT ALL ON `shop\_\_dbbackup\_%`.* TO the user"

IN_PLACE = "in place: its user may not make a schema beside it. It is backed up first"


@pytest.fixture
def shop(new_mysql: NewMysql) -> Database:
    """A database whose owner may do everything in it, and make no schema."""
    database = new_mysql("shop", owner="keeper", password="keepers")
    database.as_owner(FILL)
    return database


def backed_up(project: Project) -> str:
    """Back up; return the new backup's name."""
    before = set(project.backups())
    project.ok("dbbackup")
    (name,) = set(project.backups()) - before
    return name


def test_what_has_moved_on_is_saved_and_replaced_in_place(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop)
    before = shop.dump_text()
    name = backed_up(project)
    shop.as_owner(MOVE_ON)
    moved_on = shop.dump_text()
    run = project.manage("dbrestore", stdin="y\n")
    assert (run.code, run.err) == (0, ""), run
    assert f"The tables of `default` will be replaced, {IN_PLACE}:\n" in run.out
    assert "default, to be safe: stored default-host-" in run.out
    assert "note: it was restored in place: the user may not make a schema beside it\n" in run.out
    assert shop.dump_text() == before
    (saved,) = set(project.backups()) - {name}
    assert project.manifest(saved)["dbbackup"]["reason"] == "before-restore"
    assert saved not in project.ok("listbackups", "-q")
    project.ok("dbrestore", "--noinput", "-i", saved, "--exact")
    assert shop.dump_text() == moved_on


def test_one_that_fails_names_the_command_that_brings_back_what_was_there(
    shop: Database, new_project: NewProject
) -> None:
    project = new_project(shop)
    text = (project.store / backed_up(project)).read_text()
    shop.as_owner(MOVE_ON)
    moved_on = shop.dump_text()
    theirs = project.root / "theirs.dump"
    theirs.write_text(text.replace("INSERT INTO `or``der` VALUES\n", "INSERT INTO `or``der` VALUES\n(1,1),"))
    said = project.fails(1, "dbrestore", "--noinput", "-I", str(theirs))
    assert (
        "Column count doesn't match value count at row 1; `shop` has some of the old and some of the new now"
        in said
    )
    assert shop.dump_text() != moved_on
    (way_back,) = re.findall(r"what was there comes back with: (.*)", said)
    project.ok(*way_back.split(), "--noinput", "--exact", "--no-safety-backup")
    assert shop.dump_text() == moved_on


def test_a_text_that_is_cut_changes_nothing_in_place(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop)
    text = (project.store / backed_up(project)).read_text()
    shop.as_owner(MOVE_ON)
    moved_on = shop.dump_text()
    theirs = project.root / "theirs.dump"
    for part in (text[: len(text) // 2], text[: text.rindex("-- Dump completed")]):
        theirs.write_text(part)
        project.fails(6, "dbrestore", "--noinput", "--no-safety-backup", "-I", str(theirs))
        assert shop.dump_text() == moved_on


def test_nothing_is_saved_or_replaced_where_the_user_says_so(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop)
    before = shop.dump_text()
    name = backed_up(project)
    shop.as_owner(MOVE_ON)
    moved_on = shop.dump_text()
    said = project.fails(10, "dbrestore", "--noinput", "--atomic-only")
    assert GRANT in said
    assert (shop.dump_text(), project.backups()) == (moved_on, [name])
    project.ok("dbrestore", "--noinput", "--no-safety-backup")
    assert (shop.dump_text(), project.backups()) == (before, [name])
    shop.grant("keeper", GRANT.removeprefix("GRANT ").removesuffix(" TO the user"))
    out = project.ok("dbrestore", "--noinput", "--atomic-only")
    assert "in place" not in out
    assert (shop.dump_text(), project.backups()) == (before, [name])


def test_a_backup_lacks_what_its_user_may_not_read_and_says_what_to_grant(
    shop: Database, new_project: NewProject
) -> None:
    shop.user("reader", "SELECT, LOCK TABLES, SHOW VIEW ON {database}.*", password="readers")
    project = new_project(shop)
    project.configure("DATABASES['default'] |= {'USER': 'reader', 'PASSWORD': 'readers'}")
    said = project.fails(3, "dbbackup")
    assert said == (
        "CommandError: default: 3 not stored, or not whole:\n"
        "  triggers: the user may not read them (GRANT TRIGGER ON `shop`.* TO …)\n"
        "  events: the user may not read them (GRANT EVENT ON `shop`.* TO …)\n"
        "  routines: the user may not read them (GRANT SELECT ON `mysql`.`proc` TO …)\n"
    )
    (name,) = project.backups()
    assert project.manifest(name)["dbbackup"]["skipped"]["count"] == 3
    text = (project.store / name).read_text()
    assert "CREATE TABLE `log`" in text
    assert not any(word in text for word in ("TRIGGER", "PROCEDURE", "EVENT"))

    shop.as_owner("DELETE FROM log; CREATE TABLE later (id int)")
    project.configure(f"DATABASES['default'] |= {shop.settings()!r}")
    project.ok("dbrestore", "--noinput", "-i", name, "--exact")
    assert shop.query("SELECT said FROM log; SHOW TABLES LIKE 'later'") == "before\n"
    # What it lacks, it does not take away: but the triggers of its tables.
    kept = "SELECT name FROM mysql.proc WHERE db = 'shop' ORDER BY name; SELECT name FROM mysql.event; SHOW TRIGGERS"
    assert shop.query(kept) == "five\nsay\nnightly\n"


def test_with_those_rights_it_is_whole(shop: Database, new_project: NewProject) -> None:
    rights = "SELECT, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER ON {database}.*"
    shop.user("reader", rights, "SELECT ON mysql.proc", password="readers")
    project = new_project(shop)
    before = shop.dump_text()
    project.configure("DATABASES['default'] |= {'USER': 'reader', 'PASSWORD': 'readers'}")
    name = backed_up(project)
    assert project.manifest(name)["dbbackup"]["skipped"]["count"] == 0
    shop.as_owner(MOVE_ON)
    project.fails(10, "dbrestore", "--noinput")
    project.configure(f"DATABASES['default'] |= {shop.settings()!r}")
    project.ok("dbrestore", "--noinput", "--no-safety-backup", "-i", name)
    assert shop.dump_text() == before


def test_what_other_users_define_is_refused_before_anything_is_replaced(
    shop: Database, new_project: NewProject
) -> None:
    project = new_project(shop)
    backed_up(project)
    shop.user("second", "ALL ON {database}.*", password="seconds")
    project.configure("DATABASES['default'] |= {'USER': 'second', 'PASSWORD': 'seconds'}")
    shop.as_owner("DELETE FROM log")
    before = shop.dump_text()
    said = project.fails(10, "dbrestore", "--noinput", "--no-safety-backup")
    assert "it has views, routines, triggers or events of `keeper@%`" in said
    assert shop.dump_text() == before
    shop.server.query("", "GRANT SET USER ON *.* TO second")
    project.ok("dbrestore", "--noinput", "--no-safety-backup")
    assert shop.query("SELECT said FROM log") == "before\n"
    shop.query("DELETE FROM log")
    assert shop.dump_text() == before


def test_a_safety_backup_that_lacks_something_is_told(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop)
    shop.as_owner(
        "DROP FUNCTION five; DROP PROCEDURE say; DROP VIEW happy; DROP TRIGGER logs; DROP EVENT nightly"
    )
    backed_up(project)
    shop.query("CREATE PROCEDURE hidden () SELECT 1")
    said = project.fails(3, "dbrestore", "--noinput")
    assert "default, to be safe: 1 not stored, or not whole:\n  routines: the user may not read them" in said
    assert shop.query("SELECT name FROM mysql.proc WHERE db = 'shop'") == "hidden\n"
