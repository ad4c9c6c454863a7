"""What a backup of MySQL has, what it shows meanwhile, and what a restore waits for."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.databases_real.conftest import NewMysql
from tests.defects.conftest import MakePeer
from tests.defects.waiting import impatient, restored_in_a_process
from tests.defects.world import Peer, said
from tests.mysql import USE_PYMYSQL, Database

CANARY = "canary"


@pytest.fixture
def shop(new_mysql: NewMysql) -> Database:
    """A database with rows, and an owner who may make schemas beside it."""
    database = new_mysql("shop", owner="keeper", password=CANARY)
    database.grant("keeper", "ALL ON {seconds}.*")
    database.as_owner(
        "CREATE TABLE item (id int AUTO_INCREMENT PRIMARY KEY, name text);"
        "INSERT INTO item (name) SELECT 'stored' FROM seq_1_to_300;"
    )
    return database


@pytest.fixture
def project(make: MakePeer, shop: Database) -> Peer:
    """A project on that database."""
    return make("project", extra=f"{USE_PYMYSQL}DATABASES = {{'default': {shop.settings()!r}}}\n")


@pytest.mark.parametrize(
    ("what", "made"),
    [
        pytest.param("PROCEDURE", "SELECT 1", marks=pytest.mark.defect(13, "A dump of MySQL has routines")),
        pytest.param(
            "EVENT",
            "ON SCHEDULE EVERY 1 DAY DO SELECT 1",
            marks=pytest.mark.defect(13, "A dump of MySQL has events"),
        ),
    ],
)
def test_a_dump_is_whole(project: Peer, shop: Database, what: str, made: str) -> None:
    shop.as_owner(f"CREATE {what} own{' ()' if what == 'PROCEDURE' else ''} {made}")
    project.backed_up()
    shop.as_owner(f"DROP {what} own")
    run = project.manage("dbrestore", "--noinput")
    found = shop.query(
        "SELECT 1 FROM mysql.proc WHERE db = 'shop' UNION ALL SELECT 1 FROM mysql.event WHERE db = 'shop'"
    )
    assert found == "1\n", f"{said(run)}; the {what.lower()} is gone"


@pytest.mark.defect(13, "A backup of MySQL is one snapshot, and waits for no open transaction")
def test_a_backup_is_one_snapshot(project: Peer, shop: Database) -> None:
    with transaction(shop, "UPDATE item SET name = 'now'"), impatient(lambda: end_waiting(shop)) as waited:
        run = project.manage("dbbackup")
    assert not waited, "it waits for ever, for an open transaction, and meanwhile nobody else may write"
    assert run.code == 0, said(run)


@contextmanager
def transaction(database: Database, sql: str) -> Iterator[None]:
    """Keep a transaction open, which is rolled back in the end."""
    server = database.server
    where = [
        "--no-defaults",
        "--protocol=tcp",
        f"--host={server.host}",
        f"--port={server.port}",
        "--user=root",
    ]
    with subprocess.Popen(
        [str(server.bin / "mariadb"), *where, "--batch", "--unbuffered", database.name],
        env=server.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write(f"BEGIN; {sql}; SELECT 'done' AS done;\n")
        session.stdin.flush()
        assert session.stdout.readline() == "done\n"
        yield
        session.stdin.close()


@pytest.mark.defect(15, "No password of MySQL stands on a command line")
def test_no_password_stands_on_a_command_line(project: Peer, shop: Database) -> None:
    shop.as_owner("CREATE TABLE large SELECT seq, REPEAT('x', 1000) AS text FROM seq_1_to_20000")
    for arguments in (["dbbackup"], ["dbrestore", "--noinput"]):
        programs = set()
        with project.running(*arguments) as command:
            while command.poll() is None:
                programs |= command_lines()
            err = command.stderr.read() if command.stderr else ""
        assert command.returncode == 0, err
        shown = sorted({line.partition(b"\0")[0].decode() for line in programs if CANARY.encode() in line})
        assert not shown, f"everybody can read it among the arguments of `{'`, `'.join(shown)}`"


def command_lines() -> set[bytes]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.add((process / "cmdline").read_bytes())
    return found


def end_waiting(database: Database) -> list[str]:
    """End sessions that wait for another's table; return their ids."""
    waits = "state = 'Waiting for table metadata lock' AND time > 0"
    ids = database.query(f"SELECT id FROM information_schema.processlist WHERE {waits}").split()
    database.query("".join(f"KILL {id_};" for id_ in ids))
    return ids


@pytest.mark.defect(18, "A restore into a second database of MySQL does not wait for its own process")
def test_connections_of_other_aliases_are_not_in_the_way(project: Peer, shop: Database) -> None:
    project.configure("DATABASES['second'] = DATABASES['default']")
    name = project.backed_up("-d", "second")
    shop.query("UPDATE item SET name = 'now'")
    with impatient(lambda: end_waiting(shop)) as waited:
        run = restored_in_a_process(project, name, "item")
    assert not waited, "it waits for ever, for a connection of `second` that the process has open"
    assert run.out.strip() == "stored", f"{said(run)}; its connection reads `{run.out.strip()}`"
