"""A server of each version for all tests, and databases of its own for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import mysql
from tests.conftest import Servers as Servers
from tests.contract.conftest import predecessor as predecessor
from tests.postgres import VERSIONS, Database, Server
from tests.project import Project

NewDatabase = Callable[..., Database]
NewMysql = Callable[..., mysql.Database]
NewProject = Callable[..., Project]


@pytest.fixture(params=VERSIONS)
def postgres(request: pytest.FixtureRequest, postgres_servers: Servers) -> Server:
    """The server of each version in turn."""
    return postgres_servers(request.param)


@pytest.fixture
def postgres_15(postgres_servers: Servers) -> Server:
    """The oldest server."""
    return postgres_servers(15)


@pytest.fixture
def new_database() -> Iterator[NewDatabase]:
    """Make a database on a server, for this test: ``new_database(postgres, "name", owner="ada")``."""
    with ExitStack() as stack:

        def make(server: Server, name: str = "shop", **options: str) -> Database:
            return stack.enter_context(server.database(name, **options))

        yield make


@pytest.fixture
def new_mysql(mariadb: mysql.Server) -> Iterator[NewMysql]:
    """Make a database of MariaDB, for this test: ``new_mysql("name", owner="ada")``."""
    with ExitStack() as stack:

        def make(name: str = "shop", **options: str) -> mysql.Database:
            return stack.enter_context(mariadb.database(name, **options))

        yield make


@pytest.fixture
def new_project(tmp_path: Path) -> NewProject:
    """Make a project on a database, with options of its connector."""

    def make(
        database: Database | mysql.Database, extra: str = "", *, engine: str | None = None, **options: Any
    ) -> Project:
        more = {"ENGINE": engine} if engine else {}
        project = Project(tmp_path / "project")
        if isinstance(database, mysql.Database):
            project.configure(mysql.USE_PYMYSQL)
        project.configure(f"DATABASES = {{'default': {database.settings(**more)!r}}}")
        project.configure(f"DBBACKUP_CONNECTORS = {{'default': {options!r}}}")
        project.configure(extra)
        return project

    return make
