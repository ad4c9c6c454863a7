"""What servers refuse, and servers that are not there: said so that a person understands it, and without secrets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.files.storage import storages
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill
from tests.servers import PASSWORD, Server, free_port
from tests.storages_real.conftest import hang_up, listed, names, new_folder, refused

Configure = Callable[..., None]

COMMANDS = [
    ["dbbackup"],
    ["dbbackup", "-o", "mine.sqlite3"],
    ["listbackups"],
    ["dbrestore", "--noinput", "-d", "default"],
    ["dbrestore", "--noinput", "-d", "default", "-i", "mine.sqlite3"],
    ["verifybackups"],
    ["verifybackups", "mine.sqlite3"],
    ["prunebackups"],
]

WHAT_THEY_SAY = {
    "s3": ("Forbidden", "The request signature we calculated does not match"),
    "sftp": ("Authentication failed",),
    "ftp": ("530",),
}


# django-storages' FTPStorage forgets the connection over which it could not log in; `hang_up` collects it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def admin(settings: Settings) -> None:
    """Somebody to be mailed to."""
    settings.ADMINS = [("Ada", "ada@example.com")]


@pytest.fixture
def keep_in(store: Path, settings: Settings) -> Iterator[Callable[..., None]]:
    """Make a storage of a server that may not work the storage of the backups."""

    def configure(storage: dict[str, Any]) -> None:
        settings.STORAGES = settings.STORAGES | {"dbbackup": storage}

    yield configure
    hang_up(storages["dbbackup"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_password_is_denied(
    call: Call, database: Path, keep_in: Configure, server: Server, command: list[str]
) -> None:
    fill(database, ["a"])
    wrong = "another-secret"
    keep_in(server.storage(new_folder(server).name, password=wrong))
    code, message = refused(call, *command)
    assert code == 10, message
    assert any(text in message for text in WHAT_THEY_SAY[server.protocol])
    assert "hint: check the credentials" in message
    assert "Storage (" in message.partition("\n")[0]
    (mailed,) = mail.outbox
    for text in (message, str(mailed.message()), mailed.body):
        assert wrong not in text


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_server_that_is_not_there_is_named(
    call: Call, database: Path, keep_in: Configure, server: Server, command: list[str]
) -> None:
    fill(database, ["a"])
    nobody = replace(server, port=free_port())
    keep_in(nobody.storage("anywhere"))
    code, message = refused(call, *command)
    assert code == 1, message
    assert message.startswith("cannot ")
    assert str(nobody.port) in message or "Connection refused" in message
    (mailed,) = mail.outbox
    assert PASSWORD not in mailed.body


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if "mine.sqlite3" not in command], ids=" ".join
)
def test_a_bucket_that_is_not_there_is_named(
    call: Call, database: Path, keep_in: Configure, s3: Server, command: list[str]
) -> None:
    fill(database, ["a"])
    keep_in(s3.storage("no-such-bucket"))
    code, message = refused(call, *command)
    assert (code, "S3Storage (no-such-bucket): NoSuchBucket: " in message) == (4, True), message
    assert not (s3.root / "no-such-bucket").exists()


def test_sftp_makes_the_folder(call: Call, database: Path, keep_in: Configure, sftp: Server) -> None:
    fill(database, ["a"])
    keep_in(sftp.storage("made/below"))
    assert listed(call) == []
    call("dbbackup", "-o", "mine.sqlite3")
    assert names(sftp.root / "made" / "below") == ["mine.sqlite3", "mine.sqlite3.metadata"]


def test_ftp_wants_the_folder_to_be_there(
    call: Call, database: Path, keep_in: Configure, ftp: Server
) -> None:
    fill(database, ["a"])
    keep_in(ftp.storage("no-such-folder"))
    code, message = refused(call, "dbbackup")
    assert (code, "error_perm: 550" in message) == (1, True), message
