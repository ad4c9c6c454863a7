"""What a restore into PostgreSQL brings back: the backup that was asked for, all of it or nothing."""

from collections.abc import Callable

import pytest

from tests.databases_real.conftest import NewDatabase
from tests.defects.conftest import MakePeer
from tests.defects.waiting import impatient, restored_in_a_process
from tests.defects.world import Peer, said
from tests.postgres import Database, Server

TEXT = "dbbackup.db.postgresql.PgDumpConnector"
ROWS = 300


@pytest.fixture
def shop(postgres_15: Server, new_database: NewDatabase) -> Database:
    """A database with rows in two schemas."""
    database = new_database(postgres_15)
    database.psql(
        "CREATE SCHEMA one; CREATE SCHEMA two;"
        + "".join(
            f"CREATE TABLE {schema}.item (id serial PRIMARY KEY, name text);"
            f"INSERT INTO {schema}.item (name) SELECT 'stored' FROM generate_series(1, {ROWS});"
            for schema in ("one", "two")
        )
    )
    return database


@pytest.fixture
def project(make: MakePeer, shop: Database) -> Peer:
    """A project on that database, which is backed up as text."""
    databases = f"DATABASES = {{'default': {shop.settings()!r}}}\n"
    return make(
        "project", extra=f"{databases}DBBACKUP_CONNECTORS = {{'default': {{'CONNECTOR': {TEXT!r}}}}}\n"
    )


def held(database: Database, schema: str = "one") -> str:
    """Say what a table holds, by the names in its rows."""
    found = database.psql(f"SELECT name, count(*) FROM {schema}.item GROUP BY name ORDER BY name").split()
    return ", ".join("{1} row(s) `{0}`".format(*line.split("|")) for line in found) or "no rows"


def cut(text: str) -> str:
    """Cut a text between two rows of its last table."""
    return text[: text.rindex(f"\n{ROWS // 2}\tstored\n") + 1]


def flipped(text: str) -> str:
    """Flip one bit of a row: an `s` becomes an `r`."""
    return text.replace("\tstored\n", "\trtored\n", 1)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(
            cut, marks=pytest.mark.defect(5, "A text of PostgreSQL that was cut short is not restored")
        ),
        pytest.param(
            flipped, marks=pytest.mark.defect(5, "A text of PostgreSQL with a flipped bit is not restored")
        ),
    ],
)
def test_a_damaged_text_is_refused(project: Peer, shop: Database, damage: Callable[[str], str]) -> None:
    name = project.backed_up()
    shop.psql("UPDATE one.item SET name = 'now'; UPDATE two.item SET name = 'now'")
    backup = project.store / name
    backup.write_text(damage(backup.read_text()))
    run = project.manage("dbrestore", "--noinput", "-i", name)
    now = {held(shop, schema) for schema in ("one", "two")}
    assert now == {f"{ROWS} row(s) `now`"}, f"{said(run)}; its tables have {' and '.join(sorted(now))}"
    assert run.code != 0, said(run)


@pytest.mark.defect(
    16, "A schema that is asked for is filtered by, or refused: `psql -n` means something else"
)
def test_a_schema_that_is_asked_for_is_filtered_by(project: Peer, shop: Database) -> None:
    name = project.backed_up()
    shop.psql("UPDATE one.item SET name = 'now'; UPDATE two.item SET name = 'now'")
    run = project.manage("dbrestore", "--noinput", "-i", name, "-n", "one")
    assert held(shop, "two") == f"{ROWS} row(s) `now`", f"{said(run)}; `two` is restored, too"
    if run.code == 0:
        assert held(shop, "one") == f"{ROWS} row(s) `stored`", f"{said(run)}; `one` has {held(shop, 'one')}"


def end_waiting(database: Database) -> list[str]:
    """End sessions in the database that wait for another there; return their pids."""
    # The order in which conditions are looked at is not said, but in CASE.
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE CASE WHEN datname = current_database()"
        " AND cardinality(pg_blocking_pids(pid)) > 0 AND state_change < clock_timestamp() - interval '1 s'"
        " THEN pg_terminate_backend(pid) END"
    )
    return database.psql(waiting).split()


@pytest.mark.defect(18, "A restore into a second database of PostgreSQL does not wait for its own process")
def test_connections_of_other_aliases_are_not_in_the_way(project: Peer, shop: Database) -> None:
    project.configure("DATABASES['second'] = DATABASES['default']")
    project.configure("DBBACKUP_CONNECTORS['second'] = DBBACKUP_CONNECTORS['default']")
    name = project.backed_up("-d", "second")
    shop.psql("UPDATE one.item SET name = 'now'; UPDATE two.item SET name = 'now'")
    with impatient(lambda: end_waiting(shop)) as waited:
        run = restored_in_a_process(project, name, "one.item")
    assert not waited, "it waits for ever, for a connection of `second` that the process has open"
    assert run.out.strip() == "stored", f"{said(run)}; its connection reads `{run.out.strip()}`"
