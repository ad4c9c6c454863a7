"""Worlds for the tests: a project in a folder of its own, and commands called in this process."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker, Settings

from tests import mysql
from tests.gnupg import Keyring, Keys, usual_keys
from tests.postgres import Server, running
from tests.project import Project

Call = Callable[..., str]
NewKeyring = Callable[[], Keyring]
UseKeyring = Callable[[Keyring], None]
Servers = Callable[[int], Server]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one database, in which nothing is yet."""
    return Project(tmp_path / "project")


@pytest.fixture
def two_databases(tmp_path: Path) -> Project:
    """A project with the databases ``default`` and ``second``."""
    return Project(tmp_path / "project", {"default": "db.sqlite3", "second": "second.sqlite3"})


@pytest.fixture
def database(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Path]:
    """The file of ``default`` in this process; ``second`` is beside it. Neither exists yet."""
    folder = tmp_path / "databases"
    folder.mkdir()
    names = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    for alias in connections:
        connections[alias].settings_dict["NAME"] = str(folder / f"{alias}.sqlite3")
    with django_db_blocker.unblock():
        yield folder / "default.sqlite3"
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Path:
    """The folder of ``STORAGES["dbbackup"]`` in this process. It does not exist yet."""
    location = tmp_path / "backups"
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "dbbackup": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(location)},
        },
    }
    settings.DBBACKUP_HOSTNAME = "host"
    return location


@pytest.fixture
def call(database: Path, store: Path, settings: Settings) -> Call:
    """Call a command in this process, on `store` and by default on `database`; return what it prints."""
    settings.DBBACKUP_DATABASES = ["default"]

    def run(command: str, *arguments: str, **options: object) -> str:
        out = io.StringIO()
        call_command(command, *arguments, stdout=out, **options)
        return out.getvalue()

    return run


@pytest.fixture(scope="session")
def keys() -> Iterator[Keys]:
    """The key ring that tests share, and do not change."""
    keys = usual_keys()
    yield keys
    keys.ring.close()


@pytest.fixture
def new_keyring() -> Iterator[NewKeyring]:
    """Make an empty key ring, which ends with the test."""
    made: list[Keyring] = []

    def make() -> Keyring:
        made.append(Keyring())
        return made[-1]

    yield make
    for keyring in made:
        keyring.close()


@pytest.fixture
def use_keyring(monkeypatch: pytest.MonkeyPatch) -> UseKeyring:
    """Make a key ring that of this process and of those that it starts; nothing else there opens a backup."""
    for variable in ("DBBACKUP_PASSPHRASE", "GPG_TTY", "DISPLAY"):
        monkeypatch.delenv(variable, raising=False)

    def use(keyring: Keyring) -> None:
        monkeypatch.setenv("GNUPGHOME", str(keyring.home))

    return use


@pytest.fixture
def gnupg(keys: Keys, use_keyring: UseKeyring, settings: Settings) -> Keys:
    """The shared key ring, in use; ``-e`` encrypts for Ada."""
    use_keyring(keys.ring)
    settings.DBBACKUP_GPG_RECIPIENT = keys.ada
    return keys


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Servers]:
    """Return the PostgreSQL server of a version, started when it is first asked for. Nobody stops it before the end."""
    started: dict[int, Server] = {}
    with ExitStack() as stack:

        def server(version: int) -> Server:
            if version not in started:
                started[version] = stack.enter_context(running(version))
            return started[version]

        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[mysql.Server]:
    """The MariaDB server that tests share: each has databases of its own. Nobody stops it before the end."""
    with mysql.running("--innodb-flush-log-at-trx-commit=0") as server:
        yield server
