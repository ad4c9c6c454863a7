"""How a project says where its MySQL is and what runs: sockets, TLS, option files, engines, programs."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.databases_real.conftest import NewMysql, NewProject
from tests.mysql import Database, Server, running
from tests.project import Project


@pytest.fixture
def shop(new_mysql: NewMysql) -> Database:
    """A database whose owner may make schemas beside it."""
    database = new_mysql("shop", owner="keeper", password="keepers")
    database.grant("keeper", "ALL ON {seconds}.*")
    database.as_owner("CREATE TABLE log (customer bigint, said text); INSERT INTO log VALUES (1, 'before')")
    return database


def there_and_back(project: Project, database: Database) -> str:
    """Back up, move on and restore; return what the restore said."""
    before = database.dump_text()
    project.ok("dbbackup", "-o", "backup.dump")
    database.query("DELETE FROM log")
    out = project.ok("dbrestore", "--noinput", "-i", "backup.dump")
    assert database.dump_text() == before
    return out


def entry(project: Project, **keys: object) -> None:
    project.configure(f"DATABASES['default'] |= {keys!r}")


@pytest.mark.parametrize("is_host", [True, False])
def test_a_socket_is_connected_to(
    mariadb: Server, shop: Database, new_project: NewProject, is_host: bool
) -> None:
    project = new_project(shop)
    socket = str(mariadb.socket)
    if is_host:
        entry(project, HOST=socket, PORT="")
    else:
        entry(project, HOST="", PORT="", OPTIONS={"unix_socket": socket})
    there_and_back(project, shop)


def test_all_comes_from_an_option_file_as_djangos_documentation_has_it(
    mariadb: Server, shop: Database, new_project: NewProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(shop)
    file = project.root / "my.cnf"
    file.touch(mode=0o600)
    file.write_text(
        f"# my.cnf\n[client]\ndatabase = shop\nuser = keeper\npassword = keepers\nhost={mariadb.host}\n"
        f"port = {mariadb.port}\ndefault-character-set = utf8mb4\n[mysqld]\nport = 1\n"
    )
    monkeypatch.setenv("HOME", str(project.root))
    engine = "django.db.backends.mysql"
    project.configure(
        f"DATABASES['default'] = {{'ENGINE': {engine!r}, 'OPTIONS': {{'read_default_file': '~/my.cnf'}}}}"
    )
    there_and_back(project, shop)
    assert project.manifest("backup.dump")["dbbackup"]["database"] == "shop"
    file.unlink()
    assert "my.cnf" in project.fails(2, "dbbackup")


@contextmanager
def certificates() -> Iterator[Path]:
    """Make an authority and a server's certificate, for all to read."""
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        made.chmod(0o755)
        for name in ("ca", "other-ca"):
            openssl(made, f"req -x509 {key} -keyout {name}.key -out {name}.pem -subj /CN={name}")
        openssl(made, f"req {key} -keyout server.key -out server.csr -subj /CN=server")
        openssl(made, "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem")
        for file in made.iterdir():
            file.chmod(0o644)
        yield made


def openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)


def test_a_server_that_wants_tls_is_asked_by_tls(new_project: NewProject) -> None:
    with (
        certificates() as made,
        running(
            f"--ssl-ca={made}/ca.pem", f"--ssl-cert={made}/server.pem", f"--ssl-key={made}/server.key"
        ) as server,
        server.database("shop", owner="keeper", password="keepers") as shop,
    ):
        shop.grant("keeper", "ALL ON {seconds}.*")
        shop.as_owner("CREATE TABLE log (a int); INSERT INTO log VALUES (1)")
        server.query("", "ALTER USER keeper REQUIRE SSL")
        project = new_project(shop)
        entry(project, OPTIONS={"ssl_mode": "DISABLED"})
        assert "Access denied" in project.fails(10, "dbbackup")
        for options in ({"ssl": {"ca": f"{made}/ca.pem"}}, {"ssl_mode": "REQUIRED"}):
            entry(project, OPTIONS=options)
            there_and_back(project, shop)
            (project.store / "backup.dump").unlink()
            (project.store / "backup.dump.metadata").unlink()
        entry(project, OPTIONS={"ssl": {"ca": f"{made}/other-ca.pem"}, "ssl_mode": "VERIFY_CA"})
        assert "certificate" in project.fails(1, "dbbackup")


@pytest.mark.parametrize(("mode", "code"), [("REQUIRED", 2), ("VERIFY_CA", 1)])
def test_a_server_without_tls_is_not_asked_without(
    shop: Database, new_project: NewProject, mode: str, code: int
) -> None:
    project = new_project(shop)
    project.ok("dbbackup")
    entry(project, OPTIONS={"ssl_mode": mode})
    for command in (["dbbackup"], ["dbrestore", "--noinput"]):
        assert "TLS" in project.fails(code, *command)


@pytest.mark.parametrize("engine", ["theirs", "django_prometheus.db.backends.mysql"])
def test_other_engines_have_the_same_connector(shop: Database, new_project: NewProject, engine: str) -> None:
    project = new_project(shop, engine=engine)
    module = project.root.joinpath(*engine.split("."))
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    (module / "base.py").write_text(
        "from django.db.backends.mysql.base import DatabaseWrapper as DatabaseWrapper\n"
    )
    project.configure("DBBACKUP_CONNECTOR_MAPPING = {'theirs': 'dbbackup.db.mysql.MysqlDumpConnector'}")
    there_and_back(project, shop)


def test_options_of_a_connector_stand_over_those_of_the_database(
    mariadb: Server, shop: Database, new_project: NewProject
) -> None:
    entry = {key: shop.settings()[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    project = new_project(shop, **entry)
    nothing = {"NAME": "no", "USER": "no", "PASSWORD": "no", "HOST": "localhost", "PORT": 1}
    project.configure(f"DATABASES['default'] |= {nothing!r}")
    there_and_back(project, shop)


PROGRAM = """\
#!/bin/sh
echo "$MINE" >>"{seen}"
exec {program} "$@"
"""


def test_commands_suffixes_and_variables_reach_the_programs(
    mariadb: Server, shop: Database, new_project: NewProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(name: str, program: str) -> str:
        path = project.root / name
        path.write_text(PROGRAM.format(seen=f"{path}.seen", program=mariadb.bin / program))
        path.chmod(0o755)
        return f"{path} --no-such-option" if program == "none" else str(path)

    monkeypatch.setenv("PARENT", "parents")
    project = new_project(shop)
    connector = {
        "DUMP_CMD": own("my dump", "mariadb-dump").replace(" ", "\\ "),
        "RESTORE_CMD": own("client", "mariadb"),
        "DUMP_SUFFIX": "--skip-comments --where='customer = 1 or 1'",
        "ENV": {"MINE": "both"},
        "RESTORE_ENV": {"MINE": 7},
    }
    project.configure(f"DBBACKUP_CONNECTORS['default'] = {connector!r}")
    there_and_back(project, shop)
    text = (project.store / "backup.dump").read_text()
    assert "Host:" not in text
    assert set((project.root / "my dump.seen").read_text().split()) == {"both"}
    assert set((project.root / "client.seen").read_text().split()) == {"both", "7"}
    project.configure("DBBACKUP_CONNECTORS['default']['RESTORE_SUFFIX'] = ['--no-such-option']")
    said = project.fails(2, "dbrestore", "--noinput", "-i", "backup.dump")
    assert "unknown option '--no-such-option'" in said
    project.configure("DBBACKUP_CONNECTORS['default'] = {'DUMP_CMD': 'no-such-program'}")
    assert "cannot run `no-such-program`" in project.fails(2, "dbbackup")


@pytest.mark.parametrize(("inherits", "expected"), [(True, "parents"), (False, "")])
def test_programs_get_the_projects_environment_unless_it_says_no(
    mariadb: Server,
    shop: Database,
    new_project: NewProject,
    monkeypatch: pytest.MonkeyPatch,
    inherits: bool,
    expected: str,
) -> None:
    monkeypatch.setenv("MINE", "parents")
    project = new_project(shop, USE_PARENT_ENV=inherits, DUMP_CMD="./dump")
    path = project.root / "dump"
    path.write_text(PROGRAM.format(seen="seen", program=mariadb.bin / "mariadb-dump"))
    path.chmod(0o755)
    there_and_back(project, shop)
    assert set((project.root / "seen").read_text().splitlines()) == {expected}
