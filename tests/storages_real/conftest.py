"""A server of each protocol for all tests, and a bucket or folder of its own for each test."""

import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError
from pytest_django import Settings

from tests.conftest import Call
from tests.project import Project
from tests.servers import PASSWORD, PROTOCOLS, Protocol, Server, serving

Servers = Callable[[Protocol], Server]
Use = Callable[..., Path]
NewServer = Callable[..., AbstractContextManager[Server]]

_numbers = itertools.count(1)


class RemoteProject(Project):
    """A project whose backups are on a server."""

    def _argv(self, arguments: tuple[str, ...]) -> list[str]:
        # django-storages' FTPStorage keeps its connection until the process ends.
        filters = ["-W", "error", "-W", "ignore:unclosed <socket:ResourceWarning"]
        return [sys.executable, *filters, "manage.py", *arguments]

    def keep_backups_in(self, server: Server, folder: str, **options: Any) -> None:
        """Make the bucket or folder the storage of the backups."""
        # Without any handler, Python would print paramiko's errors, with their tracebacks, on standard error.
        self.configure('import logging; logging.getLogger("paramiko").addHandler(logging.NullHandler())')
        self.configure(f'STORAGES["dbbackup"] = {server.storage(folder, **options)!r}')


@pytest.fixture(scope="session")
def server_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where SFTP servers find their host keys, which take half a second to make."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, server_keys: Path) -> Iterator[Servers]:
    """Return the server of a protocol, started when it is first asked for. Nobody stops it before the end."""
    folder = tmp_path_factory.mktemp("servers")
    running: dict[Protocol, Server] = {}
    with ExitStack() as stack:

        def server(protocol: Protocol) -> Server:
            if protocol not in running:
                running[protocol] = stack.enter_context(serving(protocol, folder / protocol, server_keys))
            return running[protocol]

        yield server


@pytest.fixture(params=PROTOCOLS)
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """The server of each protocol in turn."""
    return servers(request.param)


@pytest.fixture
def s3(servers: Servers) -> Server:
    """The S3 server."""
    return servers("s3")


@pytest.fixture
def sftp(servers: Servers) -> Server:
    """The SFTP server."""
    return servers("sftp")


@pytest.fixture
def ftp(servers: Servers) -> Server:
    """The FTP server."""
    return servers("ftp")


@pytest.fixture
def use(store: Path, settings: Settings) -> Iterator[Use]:
    """Make a new bucket or folder of a server the storage of the backups; return where its files are."""

    def configure(server: Server, **options: Any) -> Path:
        folder = new_folder(server)
        settings.STORAGES = settings.STORAGES | {"dbbackup": server.storage(folder.name, **options)}
        return folder

    yield configure
    hang_up(storages["dbbackup"])


def new_folder(server: Server) -> Path:
    """Make a bucket or folder of the server that nobody else has."""
    return server.folder(f"test-{next(_numbers)}")


def hang_up(storage: Any) -> None:
    """Close the connections that a storage of SFTP or FTP keeps open, here and not in somebody else's test."""
    if hasattr(storage, "close"):
        storage.close()
    if getattr(storage, "_connection", None):
        storage._connection.close()
    if hasattr(storage, "_connection"):
        gc.collect()


def listed(call: Call) -> list[str]:
    """Names of the backups, as `listbackups` prints them."""
    return [line.split()[0] for line in call("listbackups", "-q").splitlines()]


def names(folder: Path) -> list[str]:
    """Names of the files in a bucket or folder, below it too; without what the server itself keeps there."""
    files = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(file for file in files if not file.startswith(".rclone_temp_"))


def refused(call: Call, *arguments: str) -> tuple[int, str]:
    """Call a command that has to fail; return its exit status and what it says, which has no password in it."""
    with pytest.raises(CommandError) as caught:
        call(*arguments)
    assert PASSWORD not in str(caught.value)
    return caught.value.returncode, str(caught.value)
