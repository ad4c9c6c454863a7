"""PostgreSQL in Django: what a project asks for by settings and options, on real servers."""

import subprocess
from pathlib import Path

import pytest

from tests.databases_real.conftest import NewDatabase, NewProject, Servers
from tests.postgres import PASSWORD, Server, quoted
from tests.project import wait_until

CONNECTORS = ("PgDumpBinaryConnector", "PgDumpConnector", "PgDumpGisConnector")

FILL = """\
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mood mood);
CREATE TABLE log (customer bigint, said text);
CREATE VIEW happy AS SELECT * FROM customer WHERE mood = 'good';
INSERT INTO customer (name, mood) SELECT 'it''s ' || n || E';\\nCOMMIT;', 'good' FROM generate_series(1, 1000) AS n;
INSERT INTO log VALUES (1, 'before');
"""

MOVE_ON = """\
DELETE FROM customer WHERE id > 10;
ALTER TABLE customer ADD COLUMN added mood;
CREATE TABLE later (customer bigint REFERENCES customer);
CREATE VIEW happier AS SELECT * FROM happy;
INSERT INTO log VALUES (2, 'after');
"""


@pytest.mark.parametrize("flag", ["", "-z"])
@pytest.mark.parametrize("connector", CONNECTORS)
def test_what_has_moved_on_is_what_it_was(
    postgres: Server, new_database: NewDatabase, new_project: NewProject, connector: str, flag: str
) -> None:
    database = new_database(
        postgres, 'it\'s a "shop" = 1', owner="an owner's", password="p@ss'w \"ord%41/:#$\\ä"
    )
    database.psql(f"SET ROLE {quoted(database.owner)}; {FILL}")
    before = database.dump_text()
    project = new_project(database, CONNECTOR=f"dbbackup.db.postgresql.{connector}")
    project.ok("dbbackup", *filter(None, [flag]))
    extension = "psql.bin" if "Binary" in connector else "psql"
    (name,) = project.backups()
    assert name.endswith(extension + (".gz" if flag else ""))
    database.psql(f"SET ROLE {quoted(database.owner)}; {MOVE_ON}")
    project.ok("dbrestore", "--noinput")
    assert database.dump_text() == before


def test_the_manifest_tells_versions_rows_and_roles(
    postgres: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres)
    database.psql(FILL)
    project = new_project(database)
    project.ok("dbbackup")
    manifest = project.manifest(project.backups()[0])
    assert manifest["connector"] == "dbbackup.db.postgresql.PgDumpBinaryConnector"
    record = manifest["dbbackup"]
    assert record["content"] == {"tables": {"public.customer": 1000, "public.log": 1}, "exact": True}
    assert record["source"]["server"].startswith(f"PostgreSQL {postgres.version}")
    assert record["source"]["pg_dump"].startswith(str(postgres.version))
    assert "postgres" in record["source"]["roles"]


def test_the_question_says_what_is_there(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL + "ANALYZE;")
    project = new_project(database)
    project.ok("dbbackup")
    before = database.dump_text()
    said = project.fails(7, "dbrestore", stdin="n\n")
    assert "declined" in said
    out = project.manage("dbrestore", stdin="n\n").out
    assert "PostgreSQL, `shop` on 127.0.0.1" in out
    assert "2 tables with about 1,001 rows" in out
    assert database.dump_text() == before


def test_excluded_tables_keep_their_rows(
    postgres: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres)
    database.psql(FILL)
    project = new_project(database, EXCLUDE=["lo*"])
    project.ok("dbbackup")
    assert project.manifest(project.backups()[0])["dbbackup"]["excluded"] == ["public.log"]
    database.psql(MOVE_ON)
    out = project.ok("dbrestore", "--noinput")
    assert "`public.log` (2 rows)" in out
    assert database.psql("SELECT said FROM log ORDER BY customer") == "before\nafter\n"
    assert database.psql("SELECT count(*) FROM customer") == "1000\n"
    assert "there is no such table" in project.fails(2, "dbbackup", "-x", "nothing")


def test_a_schema_is_filtered_by_and_what_depends_on_it_is_told(
    postgres: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres)
    database.psql(FILL + 'CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema".t AS SELECT 1 AS a;')
    for connector in CONNECTORS[:2]:
        project = new_project(database, CONNECTOR=f"dbbackup.db.postgresql.{connector}")
        project.ok("dbbackup")
        database.psql('INSERT INTO "My Schema".t VALUES (2); DELETE FROM log')
        project.ok("dbrestore", "--noinput", "-n", "My Schema")
        assert database.psql('SELECT a FROM "My Schema".t') == "1\n"
        assert database.psql("SELECT count(*) FROM log") == "0\n"
    database.psql('CREATE VIEW public.outside AS SELECT a FROM "My Schema".t')
    before = database.dump_text()
    said = project.fails(9, "dbrestore", "--noinput", "-n", "My Schema")
    assert "public.outside" in said
    assert database.dump_text() == before
    project.ok("dbrestore", "--noinput", "-n", "My Schema", "--cascade")
    assert "outside" not in database.dump_text()
    assert "absent" in project.fails(4, "dbrestore", "--noinput", "-n", "absent")


def test_a_dump_of_one_schema_has_nothing_else(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL + "CREATE SCHEMA other; CREATE TABLE other.t (a int);")
    project = new_project(database)
    project.ok("dbbackup", "-n", "other")
    assert list(project.manifest(project.backups()[0])["dbbackup"]["content"]["tables"]) == ["other.t"]
    assert "not there" in project.fails(2, "dbbackup", "-n", "absent")


def test_without_dropping_what_is_in_the_way_is_an_error(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    project = new_project(database)
    project.ok("dbbackup")
    database.psql("DROP VIEW happy; DROP TABLE log")
    before = database.dump_text()
    assert "already exists" in project.fails(1, "dbrestore", "--noinput", "--no-drop")
    assert database.dump_text() == before
    database.psql("DROP TABLE customer; DROP TYPE mood")
    project.ok("dbrestore", "--noinput", "--no-drop")
    assert database.psql("SELECT count(*) FROM customer") == "1000\n"


def test_options_of_pg_restore_and_suffixes_reach_it(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15)
    database.role("reader")
    database.psql(FILL + "GRANT SELECT ON log TO reader")
    project = new_project(database)
    project.ok("dbbackup")
    project.ok("dbrestore", "--noinput", "--pg-options=--no-privileges")
    assert "reader" not in database.dump_text()
    said = project.fails(2, "dbrestore", "--noinput", "--pg-options=--no-such-option")
    assert "no-such-option" in said
    project.configure("DBBACKUP_CONNECTORS = {'default': {'DUMP_SUFFIX': '--exclude-table=log'}}")
    project.ok("dbbackup")
    assert (
        "public.log"
        not in subprocess.run(
            ["pg_restore", "-l", str(project.store / project.backups()[-1])],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def test_sessions_in_the_way_are_named_or_ended(
    postgres: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres)
    database.psql(FILL)
    project = new_project(database, LOCK_TIMEOUT=2)
    project.ok("dbbackup")
    before = database.dump_text()
    with subprocess.Popen(
        [str(postgres.bin / "psql"), "-XAtq"],
        env=dict(postgres.environment(database.name)) | {"PGAPPNAME": "in the way"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write("BEGIN; SELECT count(*) FROM customer;\n")
        session.stdin.flush()
        assert session.stdout.readline() == "1000\n"
        said = project.fails(8, "dbrestore", "--noinput")
        assert "in the way of postgres, idle in transaction" in said
        assert database.dump_text() == before
        project.ok("dbrestore", "--noinput", "--terminate-connections")
        session.stdin.close()
        wait_until(lambda: session.poll() is not None)
    assert database.dump_text() == before


def test_a_password_is_on_no_command_line_and_in_no_file(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    canary = "canary'\"\\%41 in the mine"
    database = new_database(postgres_15, "shop", owner="miner", password=canary)
    database.psql(
        f"SET ROLE miner; {FILL}; INSERT INTO log SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) AS n"
    )
    project = new_project(database)
    lines: set[bytes] = set()
    for arguments in (["dbbackup", "-v", "3"], ["dbrestore", "--noinput", "-v", "3"]):
        with project.running(*arguments) as command:
            while command.poll() is None:
                lines |= _command_lines()
            out, err = command.communicate()
            assert command.returncode == 0, err
            assert "canary" not in out + err
    assert any(b"pg_dump" in line for line in lines)
    assert any(b"psql" in line for line in lines)
    assert not [line for line in lines if b"canary" in line]
    assert not [
        path for path in project.store.iterdir() if "canary" in path.read_bytes().decode(errors="replace")
    ]
    project.configure("DATABASES['default']['PASSWORD'] = 'wrong canary'")
    said = project.fails(10, "dbbackup")
    assert "password authentication failed" in said
    assert "canary" not in said


def test_a_password_comes_from_where_libpq_looks(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject, tmp_path: Path
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passfile = tmp_path / "pgpass"
    passfile.touch(mode=0o600)
    passfile.write_text(f"*:*:*:*:{escaped}\n")
    for password in ("None", "''"):
        project = new_project(database)
        project.configure(
            f"DATABASES['default'] |= {{'PASSWORD': {password}, 'OPTIONS': {{'passfile': {str(passfile)!r}}}}}"
        )
        project.ok("dbbackup")
    project.configure("DATABASES['default']['OPTIONS'] = {}")
    assert "no password supplied" in project.fails(10, "dbbackup")


def test_a_socket_and_a_service_are_connected_to(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject, tmp_path: Path
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    project = new_project(database)
    project.configure(f"DATABASES['default']['HOST'] = {str(postgres_15.socket)!r}")
    project.ok("dbbackup")
    (tmp_path / "services").write_text(
        f"[mine]\nhost=127.0.0.1\nport={postgres_15.port}\ndbname=shop\nuser=postgres\n"
    )
    project.configure(
        "DATABASES['default'] |= {'HOST': '', 'PORT': '', 'USER': '', 'NAME': '', 'OPTIONS': {'service': 'mine'}}"
    )
    run = project.manage("dbbackup", env={"PGSERVICEFILE": str(tmp_path / "services")})
    assert run.code == 0, run
    assert len(project.backups()) == 2


def test_an_engine_of_somebody_elses_is_mapped_by_a_setting(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    project = new_project(database, engine="theirs")
    (project.root / "theirs").mkdir()
    (project.root / "theirs/__init__.py").touch()
    (project.root / "theirs/base.py").write_text(
        "from django.db.backends.postgresql.base import DatabaseWrapper as DatabaseWrapper\n"
    )
    project.configure("DBBACKUP_CONNECTOR_MAPPING = {'theirs': 'dbbackup.db.postgresql.PgDumpConnector'}")
    project.ok("dbbackup")
    before = database.dump_text()
    database.psql(MOVE_ON)
    project.ok("dbrestore", "--noinput")
    assert database.dump_text() == before


def test_wrong_files_are_refused_and_change_nothing(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject, tmp_path: Path
) -> None:
    database = new_database(postgres_15)
    database.psql(FILL)
    before = database.dump_text()
    project = new_project(database)
    for name, content, code in (
        ("lite.sqlite3", b"SQLite format 3\0" + bytes(1000), 9),
        ("my.sql", b"-- MySQL dump 10.13\n-- Dump completed\n", 9),
        ("junk.psql", b"junk", 9),
        ("half.psql", b"--\n-- PostgreSQL database dump\n--\n\nDROP TABLE log;\n", 6),
        ("empty.psql", b"", 6),
        ("cut.psql.bin", b"PGDMP\x01\x0e\x00\x04\x08\x01", 6),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        project.fails(code, "dbrestore", "--noinput", "-I", str(path))
    assert database.dump_text() == before


def test_the_extension_is_made_as_its_administrator(
    postgres_servers: Servers, new_database: NewDatabase, new_project: NewProject
) -> None:
    server = postgres_servers(15)
    if (
        server.psql("postgres", "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'")
        == "0\n"
    ):
        pytest.skip("there is no PostGIS: apt-get install postgresql-15-postgis-3")
    database = new_database(server, "map", owner="mapper", password="m")
    database.psql(
        "CREATE EXTENSION postgis; SET ROLE mapper; CREATE TABLE place AS SELECT ST_MakePoint(1, 2) AS point"
    )
    project = new_project(database, CONNECTOR="dbbackup.db.postgresql.PgDumpGisConnector")
    project.ok("dbbackup")
    before = database.dump_text()
    project.ok("dbrestore", "--noinput")
    assert database.dump_text() == before
    database.psql("DROP EXTENSION postgis CASCADE; DROP TABLE place")
    assert "extension" in project.fails(10, "dbrestore", "--noinput")
    project.configure(
        f"DBBACKUP_CONNECTORS['default'] |= {{'ADMIN_USER': 'postgres', 'ADMIN_PASSWORD': {PASSWORD!r}}}"
    )
    project.ok("dbrestore", "--noinput")
    assert database.dump_text() == before


def _command_lines() -> set[bytes]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add((process / "cmdline").read_bytes())
        except OSError:
            continue
    return found
