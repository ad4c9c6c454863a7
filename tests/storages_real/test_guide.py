"""The settings that the guide shows work as they stand there, but for where the server is."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill, rows
from tests.servers import PASSWORD, PROTOCOLS, USER, Protocol, Server
from tests.storages_real.conftest import Servers, hang_up, new_folder

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "storages.md"


def shown() -> dict[str, Any]:
    """What the guide shows for ``STORAGES["dbbackup"]``, by the first word of each title."""
    found: dict[str, Any] = {}
    for title, code in re.findall(
        r'^```python title="(.*?)"\n(.*?)^```', GUIDE.read_text(), re.MULTILINE | re.DOTALL
    ):
        storages: dict[str, Any] = {"dbbackup": {"OPTIONS": {}}}
        if "STORAGES[" in code:
            exec(code, {"STORAGES": storages})
            found[title.split()[0].strip(":").lower()] = storages["dbbackup"]
    return found


def adapted(entry: dict[str, Any], server: Server, folder: str) -> dict[str, Any]:
    """Return an entry with this server in the place of the one in the guide."""
    options = entry["OPTIONS"]
    ours = server.storage(folder)["OPTIONS"]
    if server.protocol == "sftp":
        del options["params"]["key_filename"]
        options["params"] |= ours.pop("params")
        ours["root_path"] += options["root_path"]
    if server.protocol == "ftp":
        assert re.fullmatch(r"ftp://shop:secret@backup.example.com:21/shop", options["location"])
        assert (USER in ours["location"], PASSWORD in ours["location"]) == (True, True)
    return {"BACKEND": entry["BACKEND"], "OPTIONS": options | ours}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_shown_can_be_copied(
    call: Call, database: Path, store: Path, settings: Settings, servers: Servers, protocol: Protocol
) -> None:
    server = servers(protocol)
    folder = new_folder(server)
    entry = adapted(shown()[protocol], server, folder.name)
    settings.STORAGES = settings.STORAGES | {"dbbackup": entry}
    before = fill(database, ["a"])
    call("dbbackup", "-z")
    fill(database, ["b"])
    call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before
    (manifest,) = folder.rglob("*.metadata")
    assert (
        manifest.relative_to(folder).parts[:-1]
        == {"s3": ("web1",), "sftp": ("srv", "backups", "shop"), "ftp": ()}[protocol]
    )
    hang_up(storages["dbbackup"])


def test_the_larger_parts_are_as_large_as_it_says() -> None:
    config = shown()["for"]["OPTIONS"]["transfer_config"]
    (title,) = re.findall(r'title="for .*?"', GUIDE.read_text())
    gibibytes, mebibytes = map(int, re.findall(r"(\d+) [GM]iB", title))
    assert config.multipart_chunksize * 10_000 // 1024**3 == gibibytes
    assert config.multipart_chunksize * 11 // 1024**2 == mebibytes
