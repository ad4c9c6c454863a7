"""PostgreSQL backups of django-dbbackup and of ours, each restored by the other."""

import pytest

from tests.contract.both_ways import run_by
from tests.databases_real.conftest import NewDatabase, NewProject
from tests.databases_real.test_postgresql import CONNECTORS, FILL, MOVE_ON
from tests.postgres import Server
from tests.project import Project


@pytest.mark.parametrize("flag", [(), ("-z",)], ids=["plain", "gzip"])
@pytest.mark.parametrize("connector", CONNECTORS)
def test_each_restores_what_the_other_wrote(
    postgres_15: Server,
    new_database: NewDatabase,
    new_project: NewProject,
    predecessor: str,
    connector: str,
    flag: tuple[str, ...],
) -> None:
    database = new_database(postgres_15, "shop", owner="keeper", password="keepers")
    database.psql(f"SET ROLE keeper; {FILL}")
    before = database.dump_text()
    ours = new_project(database, CONNECTOR=f"dbbackup.db.postgresql.{connector}")
    theirs = run_by(predecessor, ours)

    def remade(writer: Project, reader: Project) -> str:
        for name in ours.files():
            (ours.store / name).unlink()
        assert writer.manage("dbbackup", *flag).code == 0
        run = reader.manage("dbrestore", "--noinput", *(["-z"] if flag else []))
        assert run.code == 0, run
        return database.dump_text()

    assert remade(ours, theirs) == before
    assert remade(theirs, ours) == before

    # Of what was added since, theirs cannot drop what the backup's objects are used by.
    assert ours.manage("dbbackup", *flag).code == 0
    database.psql(f"SET ROLE keeper; {MOVE_ON}")
    assert theirs.manage("dbrestore", "--noinput", *(["-z"] if flag else [])).code != 0
    ours.ok("dbrestore", "--noinput")
    assert database.dump_text() == before
