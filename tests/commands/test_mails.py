"""Mails about failures: one for each, for every command, and nobody's logging is replaced."""

import logging
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dbbackup.log import DbbackupAdminEmailHandler
from dbbackup.signals import pre_backup
from tests.conftest import Call
from tests.project import fill

COMMANDS = [
    ["dbbackup", "-d", "nowhere"],
    ["dbrestore", "--noinput", "-d", "default", "-i", "none"],
    ["mediabackup"],
    ["mediarestore", "--noinput", "-i", "none"],
    ["listbackups"],
    ["verifybackups", "none"],
    ["prunebackups", "--keep", "0"],
]


@pytest.fixture(autouse=True)
def admins(settings: Settings) -> None:
    """Somebody to be mailed to."""
    settings.ADMINS = [("Ada", "ada@example.com")]
    settings.SERVER_EMAIL = "server@example.com"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_mails_its_failure_once(
    call: Call, database: Path, tmp_path: Path, settings: Settings, command: list[str]
) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "no-such-folder")
    with pytest.raises(CommandError) as caught:
        call(*command)
    (message,) = mail.outbox
    assert message.subject.startswith(f"[dbbackup] {command[0]}")
    assert str(caught.value).partition("\n")[0] in message.body
    assert (message.to, message.from_email) == (["ada@example.com"], "server@example.com")
    assert "server: host" in message.body


def test_each_database_that_fails_is_a_mail(database: Path, store: Path) -> None:
    with pytest.raises(CommandError, match="2 of 2 databases failed"):
        call_command("dbbackup", "-d", "default,second")
    assert ["`default`" in message.subject for message in mail.outbox] == [True, False]
    assert ["`second`" in message.subject for message in mail.outbox] == [False, True]


def test_what_nobody_expected_is_mailed_with_its_traceback(call: Call, database: Path) -> None:
    fill(database, ["a"])

    def fail(**_arguments: Any) -> None:
        message = "surprise"
        raise ZeroDivisionError(message)

    pre_backup.connect(fail)
    try:
        with pytest.raises(ZeroDivisionError):
            call("dbbackup")
    finally:
        pre_backup.disconnect(fail)
    (message,) = mail.outbox
    assert "surprise" in message.subject
    assert "Traceback" in message.body
    assert "ZeroDivisionError: surprise" in message.body


def test_success_warnings_and_answers_are_not_mailed(
    call: Call, database: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "link").symlink_to("nothing")
    fill(database, ["a"])
    call("dbbackup")
    with pytest.raises(CommandError) as caught:
        call("mediabackup")
    assert caught.value.returncode == 3
    monkeypatch.setattr("builtins.input", lambda _question: "")
    with pytest.raises(CommandError, match="declined"):
        call("dbrestore", "-d", "default")
    assert mail.outbox == []


def test_the_settings_say_to_whom_from_whom_and_whether(call: Call, settings: Settings) -> None:
    settings.DBBACKUP_ADMINS = [("Bob", "bob@example.com"), ("Eve", "eve@example.com")]
    settings.DBBACKUP_SERVER_EMAIL = "backup@example.com"
    settings.DBBACKUP_EMAIL_SUBJECT_PREFIX = "[shop] "
    with pytest.raises(CommandError):
        call("verifybackups", "none")
    (message,) = mail.outbox
    assert message.to == ["bob@example.com", "eve@example.com"]
    assert message.from_email == "backup@example.com"
    assert message.subject.startswith("[shop] verifybackups")
    settings.DBBACKUP_SEND_EMAIL = False
    with pytest.raises(CommandError):
        call("verifybackups", "none")
    assert len(mail.outbox) == 1


def test_a_wrong_setting_is_mailed_too(call: Call, settings: Settings) -> None:
    settings.DBBACKUP_CLEANUP_KEEP = "many"
    with pytest.raises(CommandError, match="DBBACKUP_CLEANUP_KEEP"):
        call("listbackups")
    (message,) = mail.outbox
    assert "DBBACKUP_CLEANUP_KEEP" in message.subject


def test_a_mail_that_cannot_be_sent_hides_no_failure(
    call: Call, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "no.such.Backend"
    with pytest.raises(CommandError, match="cannot find the store"):
        call("verifybackups", "none")
    assert "cannot mail the admins: ModuleNotFoundError" in capsys.readouterr().err


def test_a_mail_holds_neither_settings_nor_arguments(call: Call, settings: Settings) -> None:
    settings.SECRET_KEY = "canary-key"
    with pytest.raises(CommandError):
        call("dbrestore", "--noinput", "-d", "default", "-i", "none", "-p", "canary-passphrase")
    (message,) = mail.outbox
    assert "canary" not in f"{message.subject}{message.body}"


def test_the_projects_handlers_stay_and_are_told(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("dbbackup")
    mine = logging.StreamHandler()
    logger.addHandler(mine)
    try:
        with pytest.raises(CommandError):
            call("verifybackups", "none")
        assert mine in logger.handlers
    finally:
        logger.removeHandler(mine)
    assert any("verifybackups" in record.getMessage() for record in caplog.records)


def test_a_handler_that_mails_is_not_doubled(call: Call) -> None:
    handler = DbbackupAdminEmailHandler()
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("dbbackup")
    logger.addHandler(handler)
    try:
        with pytest.raises(CommandError):
            call("verifybackups", "none")
    finally:
        logger.removeHandler(handler)
    assert len(mail.outbox) == 1
