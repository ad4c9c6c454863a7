"""``manage.py verifybackups --restore`` of MySQL: really restored on a server, beside the project's database."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.mysql import USE_PYMYSQL, Database, Server, running
from tests.project import Project, wait_until

FILL = """\
CREATE TABLE customer (id integer PRIMARY KEY, name varchar(99) NOT NULL);
CREATE TABLE django_migrations (id integer AUTO_INCREMENT PRIMARY KEY, app text, name text, applied datetime);
INSERT INTO customer SELECT seq, md5(seq) FROM seq_1_to_1000;
INSERT INTO django_migrations (app, name, applied) VALUES ('gone', '0001_initial', now());
"""

SCRATCHES = r"ALL ON `dbbackup\_scratch\_%`.*"

LOOK = r"SHOW DATABASES LIKE 'dbbackup\_scratch\_%'"

NewShop = Callable[..., Database]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    with running("--innodb-flush-log-at-trx-commit=0") as server:
        yield server


@pytest.fixture
def new_shop(mariadb: Server) -> Iterator[NewShop]:
    """Make a database with rows, whose owner may make others for drills."""
    with ExitStack() as stack:

        def make(sql: str = FILL, name: str = "shop", owner: str = "ada") -> Database:
            database = stack.enter_context(mariadb.database(name, owner=owner))
            mariadb.query("", f"GRANT {SCRATCHES} TO {owner}@'%'")
            database.query(sql)
            return database

        yield make


def project_on(database: Database, tmp_path: Path, extra: str = "") -> Project:
    project = Project(tmp_path / "project")
    project.configure(f"{USE_PYMYSQL}DATABASES = {{'default': {database.settings()!r}}}")
    project.configure(extra)
    return project


def test_a_whole_backup_is_restored_counted_and_dropped(
    mariadb: Server, new_shop: NewShop, tmp_path: Path
) -> None:
    database = new_shop()
    before = database.dump_text()
    # Whoever has the project's connections, or its signals, would see the scratch database.
    watch = (
        "from django.db.backends.signals import connection_created\n"
        "def refuse(connection, **_): assert 'scratch' not in connection.settings_dict['NAME']\n"
        "connection_created.connect(refuse)\n"
    )
    project = project_on(database, tmp_path, watch)
    project.ok("dbbackup", "-z")
    out = project.ok("verifybackups", "--restore")
    assert ": restored (2 tables, 1,001 rows, as in its manifest; " in out
    assert "MySQL's constraints in the restored database\n" in out
    assert "note: the backup has 1 migration that the project does not know: gone.0001_initial\n" in out
    (verified,) = json.loads(project.ok("verifybackups", "--restore", "--json"))["verified"]
    assert verified["drill"] == {
        "tables": 2,
        "rows": 1001,
        "compared": True,
        "differences": [],
        "foreign_keys": {"violations": 0, "names": []},
    }
    assert database.dump_text() == before
    assert mariadb.query("", LOOK) == ""


def test_another_content_than_the_manifests_is_damage(
    mariadb: Server, new_shop: NewShop, tmp_path: Path
) -> None:
    loose = (
        "CREATE TABLE loose (customer integer, FOREIGN KEY (customer) REFERENCES customer (id));"
        "SET foreign_key_checks = 0; INSERT INTO loose VALUES (0), (1);"
    )
    project = project_on(new_shop(FILL + loose), tmp_path)
    project.ok("dbbackup")
    out = project.ok("verifybackups", "--restore")
    assert "1 row refers to others that are not there: `loose` to `customer` (1)" in out
    project.edit_manifest({"content": {"tables": {"customer": 1001}, "exact": True}})
    said = project.fails(6, "verifybackups", "--restore")
    assert "restored, `customer` has 1000 rows, its manifest says 1001" in said
    assert mariadb.query("", LOOK) == ""


def test_another_server_is_named_by_an_alias(mariadb: Server, new_shop: NewShop, tmp_path: Path) -> None:
    database, drills = new_shop(), new_shop("", "drills", "driller")
    mariadb.query("", f"REVOKE {SCRATCHES} FROM ada@'%'")
    project = project_on(database, tmp_path)
    project.configure(f"DATABASES['drills'] = {drills.settings()!r}")
    project.configure(
        "DATABASES['lite'] = {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'lite'}\n"
        "DATABASES['other'] = {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'nowhere'}\n"
    )
    project.ok("dbbackup", "-d", "default")
    grant = rf"GRANT {SCRATCHES} TO 'ada'@'%';"
    assert grant in project.fails(10, "verifybackups", "--restore")
    # What is for backups of another engine is not for this one.
    assert grant in project.fails(10, "verifybackups", "--restore", "--scratch", "other")
    out = project.ok("verifybackups", "--restore", "--scratch", "drills")
    assert ": restored (2 tables, 1,001 rows, as in its manifest; " in out
    assert "it is of another engine" in project.fails(2, "verifybackups", "--restore", "--scratch", "lite")
    project.configure("DATABASES['default'] = DATABASES['lite']")
    out = project.ok("verifybackups", "--restore", project.backups()[0])
    assert "it was read and not restored: it is of MySQL, and `DATABASES` has no server for it" in out


LARGE = FILL + "CREATE TABLE big AS SELECT repeat('x', 1000) AS x FROM seq_1_to_20000"


@contextmanager
def drilling(project: Project, server: Server) -> Iterator[subprocess.Popen[str]]:
    """Back up and drill; in the block, the scratch database is there."""
    project.ok("dbbackup")
    with project.running("verifybackups", "--restore") as command:
        wait_until(lambda: server.query("", LOOK) != "")
        yield command


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_drill_that_leaves_nothing(
    mariadb: Server, new_shop: NewShop, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    project = project_on(new_shop(LARGE), tmp_path)
    with drilling(project, mariadb) as command:
        command.send_signal(number)
        _, err = command.communicate(timeout=20)
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert mariadb.query("", LOOK) == ""


def test_what_a_killed_drill_leaves_the_next_one_drops(
    mariadb: Server, new_shop: NewShop, tmp_path: Path
) -> None:
    project = project_on(new_shop(LARGE), tmp_path)
    with drilling(project, mariadb) as command:
        command.kill()
        command.wait(20)
    left = mariadb.query("", LOOK).split()[0]
    wait_until(lambda: mariadb.query("", f"SELECT is_free_lock('{left}')") == "1\n")
    out = project.ok("verifybackups", "--restore")
    assert f"note: dropped what killed drills had left: {left}\n" in out
    assert mariadb.query("", LOOK) == ""
