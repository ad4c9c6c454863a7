"""MySQL on the command line, by its URL and by ``dbbackup.toml``."""

import json
import re
from urllib.parse import quote

import pytest

from tests.databases_real.conftest import NewMysql, NewProject
from tests.databases_real.test_mysql import FILL, MOVE_ON
from tests.databases_real.test_mysql_rights import GRANT
from tests.mysql import Database
from tests.project import Project
from tests.terminal import on_terminal

pytestmark = pytest.mark.timeout(120)  # many processes each

COMMAND_LINE = "import sys\nfrom dbbackup.__main__ import main\nsys.exit(main())\n"


@pytest.fixture
def shop(new_mysql: NewMysql) -> Database:
    """A database whose owner may do everything in it, and make no schema."""
    database = new_mysql("shop", owner="a keeper's", password="p@ss'w \"ord%41/:#$`\\ä")
    database.as_owner(FILL)
    return database


@pytest.fixture
def project(shop: Database, new_project: NewProject) -> Project:
    """A folder in which ``manage.py`` is the command line, and the database is ``shop`` in ``dbbackup.toml``."""
    project = new_project(shop)
    (project.root / "manage.py").write_text(COMMAND_LINE)
    (project.root / "dbbackup.toml").write_text(f"[databases.shop]\nurl = {json.dumps(shop.url)}\n")
    return project


def test_a_database_goes_there_and_back_by_its_url(shop: Database, project: Project) -> None:
    shop.grant(shop.owner, "ALL ON {seconds}.*")
    before = shop.dump_text()
    url = shop.url.replace("mysql://", "mariadb://")
    out = project.ok("backup", url, "--to", "store")
    (name,) = (path.name for path in (project.root / "store").glob("shop-*.dump.zst"))
    assert name in out
    assert name in project.ok("list", "store")
    assert "proven by size and SHA-256 of its manifest, mysqldump's last comment" in project.ok(
        "verify", "store"
    )
    shop.as_owner(MOVE_ON)
    out = project.ok("restore", "--from", "store", "--into", url, "--yes")
    assert f"shop on 127.0.0.1: restored {name}" in out
    assert shop.dump_text() == before
    shop.as_owner("CREATE TABLE later (id int)")
    project.ok("restore", "--from", "store", "--into", url, "--yes", "--exact")
    assert shop.dump_text() == before


def test_a_restore_in_place_says_so_and_saves_what_is_there(shop: Database, project: Project) -> None:
    before = shop.dump_text()
    project.ok("backup", "shop", "--to", "store")
    shop.as_owner(MOVE_ON)
    moved_on = shop.dump_text()
    restore = ("restore", "--from", "store", "--into", "shop")
    assert GRANT in project.fails(10, *restore, "--yes", "--atomic-only")
    with on_terminal(project, *restore) as terminal:
        terminal.answer("[y/N]", "n\n")
        assert terminal.end() == 7, terminal.shown
    assert "Its user may not make a schema beside it, so it is restored in place" in terminal.shown
    assert shop.dump_text() == moved_on
    run = project.manage(*restore, "--yes")
    assert run.code == 0, run
    assert "shop, to be safe: stored " in run.out
    assert "note: it was restored in place: the user may not make a schema beside it\n" in run.err
    assert shop.dump_text() == before
    (saved,) = re.findall(r"to be safe: stored (\S+)", run.out)
    assert f"{saved} " in project.ok("list", "store", "--all")
    exactly = (
        "restore",
        saved,
        "--from",
        "store",
        "--into",
        "shop",
        "--yes",
        "--exact",
        "--no-safety-backup",
    )
    assert project.manage(*exactly).code == 0
    assert shop.dump_text() == moved_on


def test_excluded_tables_and_a_password_file_stand_in_the_configuration(
    shop: Database, project: Project
) -> None:
    shop.grant(shop.owner, "ALL ON {seconds}.*")
    url = f"mysql://{quote(shop.owner)}@{shop.server.host}:{shop.server.port}/shop"
    (project.root / "secret").touch(mode=0o600)
    (project.root / "secret").write_text(shop.password + "\n")
    lines = [f"url = {json.dumps(url)}", 'password_file = "secret"', 'exclude = ["log"]']
    (project.root / "dbbackup.toml").write_text("[databases.shop]\n" + "\n".join(lines))
    project.ok("backup", "shop", "--to", "store")
    shop.as_owner("INSERT INTO log VALUES (2, 'after'); DELETE FROM customer")
    with on_terminal(project, "restore", "--from", "store", "--into", "shop") as terminal:
        terminal.answer("[y/N]", "y\n")
        assert terminal.end() == 0, terminal.shown
    assert "It was made without the rows of `log`: those that are there stay." in terminal.shown
    assert shop.query("SELECT count(*) FROM log; SELECT count(*) FROM customer") == "2\n1000\n"


def test_what_may_not_be_read_is_said_with_what_to_grant(shop: Database, project: Project) -> None:
    shop.user("reader", "SELECT, LOCK TABLES, SHOW VIEW ON {database}.*", password="readers")
    said = project.fails(3, "backup", shop.server.url("shop", "reader", "readers"), "--to", "store")
    for grant in ("GRANT TRIGGER ON `shop`.*", "GRANT EVENT ON `shop`.*", "GRANT SELECT ON `mysql`.`proc`"):
        assert grant in said
