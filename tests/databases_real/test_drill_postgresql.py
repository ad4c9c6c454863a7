"""``manage.py verifybackups --restore`` of PostgreSQL: really restored on a server, beside the project's database."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.databases_real.conftest import NewDatabase, NewProject, Servers
from tests.postgres import PASSWORD, Database, Server, quoted
from tests.project import Project, wait_until

FILL = """\
CREATE TABLE customer (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE django_migrations (id serial PRIMARY KEY, app text, name text, applied timestamptz);
INSERT INTO customer SELECT n, md5(n::text) FROM generate_series(1, 1000) AS n;
INSERT INTO django_migrations (app, name, applied) VALUES ('gone', '0001_initial', now());
"""

LOOK = "SELECT datname FROM pg_database WHERE datname LIKE 'dbbackup\\_scratch\\_%' ORDER BY 1"


def shop(new_database: NewDatabase, server: Server, sql: str = FILL) -> Database:
    """Make a database whose owner may make others."""
    database = new_database(server, owner="ada")
    database.psql(f"ALTER ROLE ada CREATEDB; SET ROLE ada; {sql}")
    return database


@pytest.mark.parametrize("connector", ["PgDumpBinaryConnector", "PgDumpConnector"])
def test_a_whole_backup_is_restored_counted_and_dropped(
    postgres: Server, new_database: NewDatabase, new_project: NewProject, connector: str
) -> None:
    database = shop(new_database, postgres)
    before = database.dump_text()
    # Whoever has the project's connections, or its signals, would see the scratch database.
    watch = (
        "from django.db.backends.signals import connection_created\n"
        "def refuse(connection, **_): assert 'scratch' not in connection.settings_dict['NAME']\n"
        "connection_created.connect(refuse)\n"
    )
    project = new_project(database, watch, CONNECTOR=f"dbbackup.db.postgresql.{connector}")
    project.ok("dbbackup", "-z")
    out = project.ok("verifybackups", "--restore")
    assert ": restored (2 tables, 1,001 rows, as in its manifest; " in out
    assert "PostgreSQL's constraints in the restored database\n" in out
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
    assert postgres.psql("postgres", LOOK) == ""


def test_another_content_than_the_manifests_is_damage(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = shop(
        new_database,
        postgres_15,
        FILL + "CREATE TABLE loose (customer integer); INSERT INTO loose VALUES (0), (1);"
        "ALTER TABLE loose ADD FOREIGN KEY (customer) REFERENCES customer NOT VALID;",
    )
    project = new_project(database)
    project.ok("dbbackup")
    out = project.ok("verifybackups", "--restore")
    assert "1 row refers to others that are not there: `public.loose` to `public.customer` (1)" in out
    project.edit_manifest({"content": {"tables": {"public.customer": 1001}, "exact": True}})
    said = project.fails(6, "verifybackups", "--restore")
    assert "restored, `public.customer` has 1000 rows, its manifest says 1001" in said
    assert postgres_15.psql("postgres", LOOK) == ""


def test_another_server_is_named_by_an_alias(
    postgres_servers: Servers, new_database: NewDatabase, new_project: NewProject
) -> None:
    old, new = postgres_servers(15), postgres_servers(18)
    database = shop(new_database, old)
    drills = new_database(new, "drills", owner="driller")
    drills.psql("ALTER ROLE driller CREATEDB")
    database.psql("ALTER ROLE ada NOCREATEDB")
    project = new_project(database)
    project.configure(f"DATABASES['drills'] = {drills.settings()!r}")
    project.configure(
        "DATABASES['lite'] = {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'lite'}"
    )
    project.ok("dbbackup", "-d", "default")
    said = project.fails(10, "verifybackups", "--restore")
    assert f"ALTER ROLE {quoted('ada')} CREATEDB;" in said
    out = project.ok("verifybackups", "--restore", "--scratch", "drills")
    assert ": restored (2 tables, 1,001 rows, as in its manifest; " in out
    assert "roles" in out
    assert "ada" in out
    assert "there is no database `nowhere`" in project.fails(
        2, "verifybackups", "--restore", "--scratch", "nowhere"
    )
    assert "it is of another engine" in project.fails(2, "verifybackups", "--restore", "--scratch", "lite")
    project.fails(2, "verifybackups", "--scratch", "drills")
    project.configure("DATABASES['default'] = DATABASES['lite']")
    out = project.ok("verifybackups", "--restore", project.backups()[0])
    assert "it was read and not restored: it is of PostgreSQL, and `DATABASES` has no server for it" in out


def test_a_missing_extension_is_made_by_the_administrator(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    if postgres_15.psql("postgres", "SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'") == "":
        pytest.skip("there is no PostGIS: apt-get install postgresql-15-postgis-3")
    database = shop(new_database, postgres_15)
    database.psql("CREATE EXTENSION postgis WITH SCHEMA public")
    project = new_project(database, CONNECTOR="dbbackup.db.postgresql.PgDumpGisConnector")
    project.ok("dbbackup")
    assert "drill as a superuser" in project.fails(10, "verifybackups", "--restore")
    options = {"ADMIN_USER": "postgres", "ADMIN_PASSWORD": PASSWORD}
    project.configure(f"DBBACKUP_CONNECTORS['default'] |= {options!r}")
    assert ": restored (2 tables, 1,001 rows, as in its manifest; " in project.ok(
        "verifybackups", "--restore"
    )
    assert postgres_15.psql("postgres", LOOK) == ""


LARGE = FILL + "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)"


@contextmanager
def drilling(project: Project, server: Server) -> Iterator[subprocess.Popen[str]]:
    """Back up and drill; in the block, the scratch database is there."""
    project.ok("dbbackup")
    with project.running("verifybackups", "--restore") as command:
        wait_until(lambda: server.psql("postgres", LOOK) != "")
        yield command


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_drill_that_leaves_nothing(
    postgres_15: Server,
    new_database: NewDatabase,
    new_project: NewProject,
    number: signal.Signals,
    code: int,
) -> None:
    project = new_project(shop(new_database, postgres_15, LARGE))
    with drilling(project, postgres_15) as command:
        command.send_signal(number)
        _, err = command.communicate(timeout=20)
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert postgres_15.psql("postgres", LOOK) == ""


def test_what_a_killed_drill_leaves_the_next_one_drops(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    project = new_project(shop(new_database, postgres_15, LARGE))
    with drilling(project, postgres_15) as command:
        command.kill()
        command.wait(20)
    left = postgres_15.psql("postgres", LOOK).strip()
    sessions = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE concat(datname, application_name) LIKE '%dbbackup\\_scratch\\_%' AND pid <> pg_backend_pid()"
    )
    wait_until(lambda: postgres_15.psql("postgres", sessions) == "0\n")
    out = project.ok("verifybackups", "--restore")
    assert f"note: dropped what killed drills had left: {left}\n" in out
    assert postgres_15.psql("postgres", LOOK) == ""
