"""The MariaDB servers that tests use: they answer, keep tests apart, and never outlive them."""

import pytest

from tests.keeper import PASSWORD
from tests.mysql import USE_PYMYSQL, Server, quoted, running
from tests.project import Project


def test_nobody_enters_without_the_password(mariadb: Server) -> None:
    assert mariadb.query("", "SELECT 1") == "1\n"
    with pytest.raises(AssertionError, match="Access denied"):
        mariadb.query("", "SELECT 1", password="")


@pytest.mark.parametrize("name", ["it's `quoted`", "50% off; a/b?c=d#e @f:g\\h", 'größer "Ж"', "x" * 64])
def test_a_database_and_its_owner_are_gone_in_the_end(mariadb: Server, name: str) -> None:
    with mariadb.database(name, owner=name[::-1], password=f" {name} ") as database:
        database.query("CREATE TABLE mine (id int)")
        asked = "SELECT count(*) FROM mine"
        assert mariadb.query(name, asked, user=database.owner, password=database.password) == "0\n"
        assert database.url.isascii()
    left = "SELECT count(*) FROM information_schema.schemata; SELECT count(*) FROM mysql.user"
    assert mariadb.query("", left) == "4\n2\n"


def test_a_user_may_make_second_schemas_which_are_gone_in_the_end(mariadb: Server) -> None:
    with mariadb.database("shop_1") as database:
        database.user("ada", "SELECT ON {database}.*", "ALL ON {seconds}.*")
        mariadb.query("shop_1", "CREATE DATABASE shop_1__dbbackup_7", user="ada")
        with pytest.raises(AssertionError, match="Access denied"):
            mariadb.query("shop_1", "CREATE DATABASE shopx1__dbbackup_7", user="ada")
        assert database.seconds() == ["shop_1__dbbackup_7"]
    assert "shop_1" not in mariadb.query("", "SHOW DATABASES")


def test_django_connects_with_an_awkward_name_and_password(mariadb: Server, project: Project) -> None:
    with mariadb.database("it's; `one`", owner="Ada's\\", password="100% 'x'\"\\") as database:
        database.query("CREATE TABLE orders (id integer PRIMARY KEY)")
        project.configure(f"{USE_PYMYSQL}DATABASES['default'] = {database.settings()!r}")
        assert "class Orders(models.Model):" in project.ok("inspectdb")


def test_the_zoo_is_the_same_after_a_dump_and_its_restore(mariadb: Server) -> None:
    with mariadb.database("zoo") as zoo, mariadb.database("restored") as restored:
        zoo.fill_with_zoo()
        before = zoo.dump_text()
        restored.query(
            "ALTER DATABASE COLLATE utf8mb4_unicode_ci COMMENT 'the zoo; it''s \"one\" of `everything`'"
        )
        restored.load(mariadb.dump("zoo").replace(quoted("zoo").encode(), quoted("restored").encode()))
        assert (restored.dump_text() == before) is True
        zoo.move_on()
        assert (zoo.dump_text() == before) is False


def test_a_server_of_its_own_can_be_stopped() -> None:
    with running("--max-connections=17") as server:
        assert server.query("", "SELECT @@max_connections") == "17\n"
        server.stop()
        with pytest.raises(AssertionError, match="connect"):
            server.query("", "SELECT 1")
    assert not server.folder.exists()


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="no-such-option"), running("--no-such-option=1"):
        pass


def test_no_password_is_shown(mariadb: Server) -> None:
    with mariadb.database("shown", owner="somebody", password="canary") as database:
        assert "canary" not in repr(database)
        assert PASSWORD not in repr(database)
