"""What single classes of django-storages do that a backup must not suffer from."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill, rows
from tests.servers import PROTOCOLS, Protocol, Server, serving
from tests.storages_real.conftest import Servers, Use, hang_up, listed, names, refused


def test_s3_that_unpacks_gzip_gives_back_what_was_stored(
    call: Call, database: Path, use: Use, s3: Server
) -> None:
    use(s3, gzip=True)
    before = fill(database, ["a"])
    call("dbbackup", "-z")
    call("verifybackups")
    fill(database, ["b"])
    call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before


def test_s3_holds_no_large_object_in_memory(call: Call, database: Path, use: Use, s3: Server) -> None:
    use(s3)
    fill(database, ["a"])
    call("dbbackup")
    storage: Any = storages["dbbackup"]
    assert storage.max_memory_size == 1024 * 1024


def test_ftp_that_overwrites_lists_restores_and_cleans(
    call: Call, database: Path, use: Use, ftp: Server
) -> None:
    folder = use(ftp, allow_overwrite=True)
    fill(database, ["a"])
    call("dbbackup", "-o", "mine.sqlite3")
    before = fill(database, ["b"])
    call("dbbackup", "-o", "mine.sqlite3")
    assert names(folder) == ["mine.sqlite3", "mine.sqlite3.metadata"]
    fill(database, ["c"])
    call("dbrestore", "--noinput", "-d", "default")
    call("dbrestore", "--noinput", "-d", "default", "-i", "mine.sqlite3")
    assert rows(database) == before
    call("dbbackup")
    call("dbbackup", "-z")
    call("prunebackups", "--keep", "1", "-c", "db")
    assert [name.endswith(".gz") for name in listed(call) if name != "mine.sqlite3"] == [True]
    assert len(names(folder)) == 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_deletion_that_is_refused_is_no_success(
    call: Call,
    database: Path,
    use: Use,
    servers: Servers,
    settings: Settings,
    server_keys: Path,
    protocol: Protocol,
) -> None:
    folder = use(servers(protocol))
    fill(database, ["a"])
    call("dbbackup")
    call("dbbackup", "-z")
    hang_up(storages["dbbackup"])
    before = names(folder)
    with serving(protocol, folder.parent, server_keys, "--read-only") as server:
        settings.STORAGES = settings.STORAGES | {"dbbackup": server.storage(folder.name)}
        code, message = refused(call, "prunebackups", "--keep", "1", "-c", "db")
        hang_up(storages["dbbackup"])
    assert (code, "cannot delete `" in message) == (1, True), message
    assert names(folder) == before
