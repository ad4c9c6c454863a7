"""The servers that tests use: they answer, keep tests apart, and never outlive them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases_real.conftest import NewDatabase
from tests.postgres import PASSWORD, ROOT, Server, running
from tests.project import Project, wait_until

AWKWARD = ['it\'s "quoted"', "50% off; a/b?c=d#e @f:g\\h", "größer 🐘", "x" * 63]


def test_it_is_of_the_version_that_was_asked_for(postgres: Server) -> None:
    assert postgres.psql("postgres", "SHOW server_version").startswith(str(postgres.version))


def test_nobody_enters_without_the_password(postgres: Server) -> None:
    for host in (postgres.host, str(postgres.socket)):
        environment = dict(postgres.environment("postgres")) | {"PGHOST": host}
        argv = [str(postgres.bin / "psql"), "-XAtq", "--no-password", "-c", "SELECT 1"]
        assert subprocess.run(argv, env=environment, capture_output=True, check=False).stdout == b"1\n"
        del environment["PGPASSWORD"]
        refused = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert refused.returncode != 0
        assert "password" in refused.stderr


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_and_passwords_work_in_urls(
    postgres_15: Server, new_database: NewDatabase, name: str
) -> None:
    database = new_database(postgres_15, name, owner=name[::-1], password=f" {name} ")
    argv = [str(postgres_15.bin / "psql"), "-XAtq", "-c", "SELECT current_database(), current_user"]
    environment = postgres_15.environment("not this one", "nor this one", "nor this one")
    done = subprocess.run([*argv, "-d", database.url], env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == f"{name}|{name[::-1]}\n"


def test_an_owner_is_no_superuser_and_both_are_gone_in_the_end(postgres: Server) -> None:
    with postgres.database("short lived", owner="ada") as database:
        database.role("bob")
        made = "CREATE TABLE mine (id int); CREATE SCHEMA own; GRANT SELECT ON mine TO bob; SHOW is_superuser"
        assert postgres.psql(database.name, made, user="ada") == "off\n"
    names = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
    assert not {"short lived", "ada", "bob"} & set(postgres.psql("postgres", names).split("\n"))


def test_django_connects_with_an_awkward_name_and_password(
    postgres: Server, new_database: NewDatabase, project: Project
) -> None:
    database = new_database(postgres, 'it\'s; "one"', owner="Ada's\\", password="100% 'x'\"\\")
    database.psql("CREATE TABLE orders (id integer PRIMARY KEY); GRANT ALL ON orders TO PUBLIC")
    project.configure(f"DATABASES['default'] = {database.settings()!r}")
    assert "class Orders(models.Model):" in project.ok("inspectdb")


def test_the_zoo_is_the_same_after_a_dump_and_its_restore(
    postgres: Server, new_database: NewDatabase, tmp_path: Path
) -> None:
    zoo, restored = new_database(postgres, "zoo"), new_database(postgres, "restored")
    zoo.fill_with_zoo()
    dump = tmp_path / "zoo.sql"
    dump.write_text(postgres.run("pg_dump", database="zoo"))
    restored.load(dump)
    before = zoo.dump_text()
    assert (restored.dump_text() == before) is True
    zoo.move_on()
    assert (zoo.dump_text() == before) is False


def test_sessions_are_ended_in_one_database_only(postgres_15: Server, new_database: NewDatabase) -> None:
    one, other = new_database(postgres_15, "one"), new_database(postgres_15, "other")
    argv = [str(postgres_15.bin / "psql"), "-Xq", "-c", "SELECT pg_sleep(20)"]
    sessions = [
        subprocess.Popen(argv, env=postgres_15.environment(database.name), stderr=subprocess.DEVNULL)
        for database in (one, other)
    ]
    wait_until(lambda: postgres_15.kill_backends("one") == 1)
    assert sessions[0].wait(10) != 0
    assert sessions[1].poll() is None
    sessions[1].kill()
    sessions[1].wait()


def test_a_server_of_its_own_can_be_stopped() -> None:
    with running(15, "max_connections=7") as server:
        assert server.psql("postgres", "SHOW max_connections") == "7\n"
        server.stop()
        with pytest.raises(AssertionError, match="onnection"):
            server.psql("postgres", "SELECT 1")
    assert not server.folder.exists()


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="no_such_parameter"), running(15, "no_such_parameter=1"):
        pass


def test_a_server_ends_when_its_user_is_killed(postgres_15: Server, tmp_path: Path) -> None:
    said = tmp_path / "said"
    code = f"""
from pathlib import Path
from tests.postgres import running
with running(15) as server:
    Path({str(said)!r}).write_text(f"{{server.folder}} {{(server.socket / 'data/postmaster.pid').read_text()}}")
    time.sleep(20)
"""
    environment = dict(os.environ) | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    user = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    wait_until(lambda: said.exists() and bool(said.read_text()))
    user.send_signal(signal.SIGKILL)
    user.wait()
    folder, server = said.read_text().split()[:2]
    wait_until(lambda: not Path(folder).exists())
    assert not Path("/proc", server).exists()


def test_no_password_is_shown(postgres_15: Server, new_database: NewDatabase) -> None:
    database = new_database(postgres_15, "shown", owner="somebody", password="canary")
    assert "canary" not in repr(database)
    assert PASSWORD not in repr(database)
