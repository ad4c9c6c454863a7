"""Where a passphrase must never be seen: in command lines, environments, output, logs, mails and manifests."""

import logging
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.core import mail
from django.core.management import CommandError
from pytest_django import Settings

from dbbackup._input import Chosen
from dbbackup._restore import RestoreOptions
from tests.commands.encrypted import CANARY, RESTORE, stored
from tests.conftest import Call, UseKeyring
from tests.gnupg import Keys
from tests.project import Project, Rows, fill, pad, rows


class Watch:
    """What stood in ``/proc`` while it was watched."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.seen: dict[str, set[bytes]] = {"cmdline": set(), "environ": set()}
        """What held the secret. (A child has its parent's until it has become another program.)"""
        self.programs: set[bytes] = set()
        """First words of the command lines that there were."""

    def look(self) -> None:
        """Look at every process once."""
        for process in Path("/proc").glob("[0-9]*"):
            for file in ("cmdline", "environ"):
                with suppress(OSError):
                    content = (process / file).read_bytes()
                    if self._secret in content:
                        self.seen[file].add(content)
                    if file == "cmdline":
                        self.programs.add(content.partition(b"\0")[0].rpartition(b"/")[2])


@contextmanager
def watching(secret: str) -> Iterator[Watch]:
    """Watch all processes while the block runs."""
    watch, done = Watch(secret), threading.Event()

    def run() -> None:
        while not done.is_set():
            watch.look()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


@pytest.fixture
def locked(project: Project, keys: Keys, use_keyring: UseKeyring) -> Rows:
    """A backup for a key that has a passphrase, of the rows that are returned; there are others by now."""
    use_keyring(keys.ring)
    project.configure("DBBACKUP_GPG_RECIPIENT = 'locked@example.org'")
    before = fill(project.database, ["old"], wal=True)
    pad(project.database, 32)  # so that decrypting takes a moment
    project.ok("dbbackup", "-e")
    fill(project.database, ["new"])
    return before


@pytest.mark.parametrize("way", ["file", "environment", "option"])
def test_it_is_on_no_command_line_but_the_users_own(
    project: Project, keys: Keys, locked: Rows, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    arguments = []
    if way == "file":
        (project.root / "passphrase").write_text(keys.passphrase)
        arguments = ["--passphrase-file", "passphrase"]
    elif way == "environment":
        monkeypatch.setenv("DBBACKUP_PASSPHRASE", keys.passphrase)
    else:
        arguments = ["-p", keys.passphrase]
    with (
        watching(keys.passphrase) as watch,
        project.running("dbrestore", "--noinput", "-v3", *arguments) as command,
    ):
        out, err = command.communicate(timeout=25)
    assert command.returncode == 0, err
    assert rows(project.database) == locked
    assert b"gpg" in watch.programs
    own = b"".join(
        word.encode() + b"\0" for word in project._argv(("dbrestore", "--noinput", "-v3", *arguments))
    )
    assert watch.seen["cmdline"] == ({own} if way == "option" else set())
    if way != "environment":
        assert watch.seen["environ"] == set()
    assert keys.passphrase not in out + err
    assert not any(keys.passphrase.encode() in path.read_bytes() for path in project.store.iterdir())


def test_a_failure_does_not_show_it(project: Project, keys: Keys, locked: Rows) -> None:
    secret = "canary of a wrong one"
    run = project.manage("dbrestore", "--noinput", "-v3", "--traceback", "-p", secret)
    assert (run.code, "the passphrase is wrong" in run.err) == (1, True), run
    assert secret not in run.out + run.err
    run = project.manage("verifybackups", "-v3", "-p", f"{secret}\nline")
    assert (run.code, "line break" in run.err) == (2, True)
    assert secret not in run.out + run.err


def test_neither_mails_nor_logs_nor_exceptions_show_it(
    call: Call,
    database: Path,
    settings: Settings,
    gnupg: Keys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.ADMINS = [("Ada", "ada@example.com")]
    settings.DBBACKUP_GPG_RECIPIENT = gnupg.locked
    caplog.set_level(logging.DEBUG)
    secret = "secret of a wrong one"
    fill(database, [CANARY])
    call("dbbackup", "-e")
    with pytest.raises(CommandError) as caught:
        call(*RESTORE, "-p", secret)
    (message,) = mail.outbox
    assert "the passphrase is wrong" in message.body
    told = [message.subject, message.body, caplog.text, *traceback.format_exception(caught.value)]
    assert not any(secret in text for text in told)
    assert not any(secret.encode() in content for content in stored().values())


def test_values_that_hold_it_do_not_show_it() -> None:
    assert "secret" not in repr(RestoreOptions(passphrase="secret"))
    assert not Chosen.__dataclass_fields__["passphrase"].repr
