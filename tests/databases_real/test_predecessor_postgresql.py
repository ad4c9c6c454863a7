"""PostgreSQL backups of django-dbbackup and of ours, each restored by the other."""

import json

import pytest

from tests.contract.both_ways import run_by
from tests.databases_real.conftest import NewDatabase, NewProject
from tests.databases_real.test_postgresql import CONNECTORS, FILL, MOVE_ON
from tests.postgres import Server
from tests.project import Project
from tests.terminal import on_terminal

pytestmark = pytest.mark.timeout(120)  # many processes each


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


def test_rows_that_its_backup_may_lack_are_named_before_they_are_emptied(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject, predecessor: str
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    ours = new_project(database, EXCLUDE=["log"])
    theirs = run_by(predecessor, ours)
    assert theirs.manage("dbbackup").code == 0
    before = database.dump_text()
    run = ours.manage("dbrestore", stdin="n\n")
    assert run.code == 7, run
    attention = "it does not say whose rows it was made without: if it has none of `log`, they will be empty"
    assert f"Attention: {attention}.\n" in run.out
    assert database.dump_text() == before
    assert attention not in ours.manage("dbrestore", "--no-drop", stdin="n\n").out
    assert f"default: {attention}\n" in ours.ok("dbrestore", "--noinput")
    assert database.psql("SELECT count(*) FROM log") == "0\n"


def test_the_command_line_says_what_becomes_of_rows_that_a_backup_lacks(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    project = new_project(database)
    (project.root / "manage.py").write_text(COMMAND_LINE)
    config = f"[databases.shop]\nurl = {json.dumps(database.url)}\nexclude = ['log']\n"
    (project.root / "dbbackup.toml").write_text(config)
    # As django-dbbackup runs it.
    postgres_15.run(
        "pg_dump", "-Fc", "--exclude-table-data=log", f"--file={project.root}/theirs", database="shop"
    )
    project.ok("backup", "shop", "--to", "store")

    def asked(*arguments: str, answer: str) -> str:
        with on_terminal(project, "restore", *arguments, "--into", "shop") as terminal:
            terminal.answer("[y/N]", f"{answer}\n")
            assert terminal.end() == {"n": 7, "y": 0}[answer], terminal.shown
        return terminal.shown.replace("\r\n", "\n")

    lacking = "It does not say whose rows it was made without: if it has none of `log`, they will be empty.\n"
    assert lacking in asked("theirs", answer="n")
    assert lacking not in asked("theirs", "--no-drop", answer="n")
    kept = "It was made without the rows of `public.log`: those that are there stay.\n"
    assert kept in asked("--from", "store", answer="y")
    assert database.psql("SELECT count(*) FROM log") == "1\n"
    assert lacking in asked("theirs", answer="y")
    assert database.psql("SELECT count(*) FROM log") == "0\n"


def test_text_that_may_be_cut_is_taken_where_the_user_says_so(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    project = new_project(database, CONNECTOR="dbbackup.db.postgresql.PgDumpConnector")
    text = postgres_15.run("pg_dump", database="shop")
    before = database.dump_text()
    file = project.root / "theirs.psql"
    file.write_text(text.replace("-- PostgreSQL database dump complete", "--"))
    said = project.fails(6, "dbrestore", "--noinput", "-I", str(file))
    assert "--accept-unproven" in said
    assert "nothing marks the end" in project.ok(
        "dbrestore", "--noinput", "-I", str(file), "--accept-unproven"
    )
    assert database.dump_text() == before
    (project.root / "manage.py").write_text(COMMAND_LINE)
    restore = ("restore", str(file), "--into", database.url, "--yes")
    project.fails(6, *restore)
    project.ok(*restore, "--accept-unproven", "--quiet")
    assert database.dump_text() == before


COMMAND_LINE = "import sys\nfrom dbbackup.__main__ import main\nsys.exit(main())\n"
