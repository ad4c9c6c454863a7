"""What django-dbbackup's documentation shows for PostgreSQL does the same here, with a real server."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.databases_real.conftest import NewDatabase, NewProject
from tests.databases_real.test_postgresql import CONNECTORS, FILL, MOVE_ON
from tests.postgres import Database, Server, literal
from tests.project import Project

pytestmark = pytest.mark.timeout(120)  # many processes each

PROGRAM = """\
#!/bin/sh
echo "$0 $*" >> {log}
exec {program} "$@"
"""


@pytest.fixture
def shop(postgres_15: Server, new_database: NewDatabase) -> Database:
    """A database with rows of two schemas, as its owner made it."""
    database = new_database(postgres_15, "shop", owner="keeper", password="keepers")
    database.psql(f"SET ROLE keeper; {FILL} CREATE SCHEMA other; CREATE TABLE other.t AS SELECT 1 AS a;")
    return database


def comes_back(project: Project, shop: Database, *options: str) -> None:
    """Back up, change everything, restore, and compare."""
    before = shop.dump_text()
    project.ok("dbbackup")
    shop.psql(f"SET ROLE keeper; {MOVE_ON} INSERT INTO other.t VALUES (2);")
    project.ok("dbrestore", "--noinput", *options)
    assert shop.dump_text() == before


def logged(path: Path) -> list[str]:
    """Return the command lines that programs left in a log, but for those that ask for their version."""
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [line for line in lines if not line.endswith("--version")]


@pytest.mark.parametrize(
    "options", ['["--clean", "--if-exists", "--jobs=2"]', '"--no-owner --no-privileges"']
)
def test_more_options_for_pg_restore_are_those_of_the_predecessor(
    shop: Database, new_project: NewProject, options: str
) -> None:
    project = new_project(shop)
    project.configure(f"DBBACKUP_CONNECTORS = {{'default': {{'PG_OPTIONS': {options}}}}}")
    comes_back(project, shop)


def test_options_on_the_command_line_are_those_of_the_changelog(
    shop: Database, new_project: NewProject
) -> None:
    comes_back(new_project(shop), shop, "--pg-options=--if-exists")


def test_another_user_password_and_host_are_for_backups(shop: Database, new_project: NewProject) -> None:
    options = {"USER": "backupuser", "PASSWORD": "backuppassword", "HOST": str(shop.server.socket)}
    shop.role("backupuser", "backuppassword")
    shop.psql(f"GRANT pg_read_all_data TO backupuser; ALTER ROLE keeper PASSWORD {literal('another')}")
    project = new_project(shop, **options)
    project.ok("dbbackup")
    project.configure("DBBACKUP_CONNECTORS = {}")
    assert "password authentication failed" in project.fails(10, "dbbackup")


@pytest.mark.parametrize("side", ["DUMP", "RESTORE"])
def test_a_variable_of_one_side_does_not_reach_the_other(
    shop: Database, new_project: NewProject, side: str
) -> None:
    project = new_project(shop)
    project.ok("dbbackup")
    project.configure(f"DBBACKUP_CONNECTORS = {{'default': {{'{side}_ENV': {{'PGSSLMODE': 'require'}}}}}}")
    works, fails = ["dbrestore", "--noinput"], ["dbbackup"]
    if side == "RESTORE":
        works, fails = fails, works
    assert "SSL" in project.fails(1, *fails)
    project.ok(*works)


def test_a_clean_environment_has_what_the_options_name_and_no_more(
    shop: Database, new_project: NewProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c no_such_parameter=1")
    project = new_project(shop)
    assert "no_such_parameter" in project.fails(1, "dbbackup")
    project.configure("DBBACKUP_CONNECTORS = {'default': {'USE_PARENT_ENV': False}}")
    comes_back(project, shop)
    project.configure("DBBACKUP_CONNECTORS['default']['ENV'] = {'PGOPTIONS': '-c another_parameter=1'}")
    assert "another_parameter" in project.fails(1, "dbbackup")


@pytest.mark.parametrize("connector", CONNECTORS[:2])
def test_commands_and_suffixes_are_the_users_own(
    shop: Database, new_project: NewProject, tmp_path: Path, connector: str
) -> None:
    log = tmp_path / "log"
    own = {}
    for program in ("pg_dump", "pg_restore", "psql"):
        own[program] = tmp_path / f"my {program}"
        own[program].write_text(PROGRAM.format(log=log, program=shop.server.bin / program))
        own[program].chmod(0o755)
    restore = "pg_restore" if "Binary" in connector else "psql"
    project = new_project(
        shop,
        CONNECTOR=f"dbbackup.db.postgresql.{connector}",
        DUMP_CMD=shlex.quote(str(own["pg_dump"])),
        RESTORE_CMD=shlex.quote(str(own[restore])),
        PSQL_CMD=shlex.quote(str(own["psql"])),
        DUMP_SUFFIX="--no-comments --encoding=UTF8",
        RESTORE_SUFFIX="--no-comments" if restore == "pg_restore" else "--set=FETCH_COUNT=1",
    )
    comes_back(project, shop)
    lines = logged(log)
    for program in {"pg_dump", restore, "psql"}:
        assert any(line.startswith(f"{own[program]} ") for line in lines), program
    assert any("--no-comments --encoding=UTF8" in line for line in lines if "my pg_dump" in line)
    suffix = "--no-comments" if restore == "pg_restore" else "--set=FETCH_COUNT=1"
    assert any(line.startswith(str(own[restore])) and suffix in line for line in lines), suffix


def test_schemas_of_the_options_are_dumped_and_restored(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop, SCHEMAS=["other"])
    project.ok("dbbackup")
    assert list(project.manifest(project.backups()[0])["dbbackup"]["content"]["tables"]) == ["other.t"]
    shop.psql(f"SET ROLE keeper; {MOVE_ON} UPDATE other.t SET a = 2")
    project.ok("dbrestore", "--noinput")
    assert shop.psql("SELECT a FROM other.t") == "1\n"
    assert shop.psql("SELECT count(*) FROM customer") == "10\n"


def test_options_that_do_nothing_here_are_taken(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop, SINGLE_TRANSACTION=False, IF_EXISTS=False, EXTENSION="dump")
    comes_back(project, shop)
    assert [Path(name).suffix for name in project.backups()] == [".dump"]
    assert "dbbackup.W" not in project.manage("check", "--tag", "dbbackup").err
    project.configure("DBBACKUP_CONNECTORS['default']['ENABLE_ROW_SECURITY'] = True")
    assert "dbbackup.W018" in project.manage("check", "--tag", "dbbackup").err


def test_without_dropping_nothing_is_dropped(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop, DROP=False)
    project.ok("dbbackup")
    before = shop.dump_text()
    assert "already exists" in project.fails(1, "dbrestore", "--noinput")
    assert shop.dump_text() == before


ELSEWHERE = """\
#!{python}
import os, subprocess, sys

# As `docker exec -i` and `sudo -u`: another environment, standard streams that somebody else hands on, nothing else.
extra = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2]
assert not [fd for fd in extra if os.path.exists(f"/proc/self/fd/{{fd}}")], extra
assert "PGPASSWORD" not in sys.argv[1:]
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
tool = subprocess.Popen(
    sys.argv[1:],
    env={{"PATH": {path!r}, "HOME": {home!r}}},
    cwd="/",
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
)
import threading

def pump(source, sink, ends):
    while part := source.read1(65536):
        try:
            sink.write(part)
            sink.flush()
        except BrokenPipeError:
            break
    if ends:
        sink.close()

feeder = threading.Thread(target=pump, args=(sys.stdin.buffer, tool.stdin, True), daemon=True)
readers = [
    threading.Thread(target=pump, args=(tool.stdout, sys.stdout.buffer, False)),
    threading.Thread(target=pump, args=(tool.stderr, sys.stderr.buffer, False)),
]
for thread in (feeder, *readers):
    thread.start()
for thread in readers:
    thread.join()
os._exit(tool.wait())
"""


@pytest.fixture
def elsewhere(tmp_path: Path, shop: Database) -> tuple[Path, Path]:
    """A program that runs others in another place, and its log. Only there stands the password of `keeper`."""
    home, log, program = tmp_path / "home", tmp_path / "log", tmp_path / "elsewhere"
    home.mkdir()
    (home / ".pgpass").touch(mode=0o600)
    (home / ".pgpass").write_text("*:*:*:keeper:keepers\n")
    path = f"{shop.server.bin}:/usr/bin:/bin"
    program.write_text(ELSEWHERE.format(python=sys.executable, log=str(log), path=path, home=str(home)))
    program.chmod(0o755)
    return program, log


@pytest.mark.parametrize("connector", CONNECTORS[:2])
def test_a_prefix_runs_the_programs_in_another_place(
    shop: Database, new_project: NewProject, elsewhere: tuple[Path, Path], connector: str
) -> None:
    program, log = elsewhere
    path = f"dbbackup.db.postgresql.{connector}"
    project = new_project(shop, CONNECTOR=path, DUMP_PREFIX=str(program), RESTORE_PREFIX=str(program))
    project.configure("DATABASES['default']['PASSWORD'] = 'is not this one'")
    comes_back(project, shop)
    lines = logged(log)
    assert {line.split()[0] for line in lines} >= {"pg_dump", "psql"}
    assert "is not this one" not in "".join(lines)


@pytest.mark.parametrize("prefix", ["nice -n 5", ["env", "X=1"]])
def test_a_prefix_may_have_arguments(
    shop: Database, new_project: NewProject, prefix: str | list[str]
) -> None:
    comes_back(new_project(shop, DUMP_PREFIX=prefix, RESTORE_PREFIX=prefix), shop)


def test_a_prefix_that_is_not_there_is_told(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop, DUMP_PREFIX="no-such-program")
    assert "cannot run `no-such-program psql`" in project.fails(2, "dbbackup")
    assert project.files() == []
