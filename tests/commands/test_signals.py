"""Signals: what receivers are told, when, and what they can stop."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.dispatch import Signal
from pytest_django import Settings

from dbbackup import signals
from dbbackup.storage import Storage
from tests.conftest import Call
from tests.project import Project, fill, rows

Heard = list[tuple[str, dict[str, Any]]]

NAMES = [
    "pre_backup",
    "post_backup",
    "pre_restore",
    "post_restore",
    "pre_media_backup",
    "post_media_backup",
    "pre_media_restore",
    "post_media_restore",
]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Every signal that is sent, in order, with its arguments."""
    told: Heard = []
    receivers: dict[str, Callable[..., None]] = {}
    for name in NAMES:

        def receive(sender: type, name: str = name, **arguments: Any) -> None:
            arguments.pop("signal")
            told.append((name, {"sender": sender.__module__.rpartition(".")[2], **arguments}))

        receivers[name] = receive
        getattr(signals, name).connect(receive, weak=False)
    yield told
    for name, receive in receivers.items():
        getattr(signals, name).disconnect(receive)


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """A folder of media with one file."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.txt").write_text("a")
    return tmp_path / "media"


def test_those_of_a_database_have_their_arguments_and_their_order(
    call: Call, database: Path, heard: Heard
) -> None:
    fill(database, ["a"])
    call("dbbackup", "-z", "-s", "web1")
    name = call("listbackups", "-q").split()[0]
    call("dbrestore", "--noinput", "-d", "default", "-s", "web1")
    assert [signal for signal, _ in heard] == ["pre_backup", "post_backup", "pre_restore", "post_restore"]
    (_, before), (_, after), (_, pre), (_, post) = heard
    assert set(before) == {"sender", "database", "connector", "servername"}
    assert (before["sender"], before["servername"]) == ("dbbackup", "web1")
    assert before["database"]["NAME"] == str(database)
    assert before["connector"].database_name == "default"
    assert set(after) == {"sender", "database", "connector", "servername", "filename", "storage"}
    assert after["filename"] == name
    assert isinstance(after["storage"], Storage)
    assert after["storage"].list_backups() == [name]
    assert set(pre) == {"sender", "database", "database_name", "filename", "servername", "storage"}
    assert (pre["sender"], pre["database_name"], pre["filename"]) == ("dbrestore", "default", name)
    assert pre["database"]["ENGINE"] == "django.db.backends.sqlite3"
    assert set(post) == set(pre) | {"connector"}


def test_those_of_media_have_their_arguments_and_their_order(
    call: Call, media: Path, store: Path, heard: Heard
) -> None:
    call("mediabackup", "-s", "web1")
    name = call("listbackups", "-q").split()[0]
    call("mediarestore", "--noinput")
    assert [signal for signal, _ in heard] == NAMES[4:]
    (_, before), (_, after), (_, pre), (_, post) = heard
    assert set(before) == {"sender", "servername", "storage"}
    assert set(after) == set(pre) == set(post) == {"sender", "filename", "servername", "storage"}
    assert (after["filename"], pre["filename"], after["servername"]) == (name, name, "web1")


def test_a_dry_run_and_a_declined_restore_send_none(
    call: Call, database: Path, media: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, ["a"])
    call("dbbackup")
    call("mediabackup")
    heard.clear()
    monkeypatch.setattr("builtins.input", lambda _question: "n")
    call("mediarestore", "--dry-run")
    for command in (["dbrestore", "-d", "default"], ["mediarestore"]):
        with pytest.raises(CommandError, match="declined"):
            call(*command)
    assert heard == []


@pytest.mark.parametrize("signal", [signals.pre_backup, signals.pre_restore])
def test_a_receiver_that_raises_before_keeps_it_from_happening(
    call: Call, database: Path, store: Path, signal: Signal
) -> None:
    fill(database, ["a"])
    call("dbbackup")
    now = fill(database, ["b"])
    files = sorted(store.iterdir())

    def refuse(**_arguments: Any) -> None:
        message = "not today"
        raise CommandError(message)

    signal.connect(refuse)
    try:
        command = (
            ["dbbackup"] if signal is signals.pre_backup else ["dbrestore", "--noinput", "-d", "default"]
        )
        with pytest.raises(CommandError, match="not today"):
            call(*command)
    finally:
        signal.disconnect(refuse)
    assert rows(database) == now
    assert sorted(store.iterdir()) == files


def test_a_receiver_that_raises_afterwards_changes_nothing_about_the_backup(
    call: Call, database: Path, store: Path
) -> None:
    fill(database, ["a"])

    def fail(**_arguments: Any) -> None:
        raise ZeroDivisionError

    signals.post_backup.connect(fail)
    try:
        with pytest.raises(ZeroDivisionError):
            call("dbbackup")
    finally:
        signals.post_backup.disconnect(fail)
    assert len(call("listbackups", "-q").splitlines()) == 1


def test_a_receiver_that_fails_for_one_database_does_not_keep_the_others_from_being_backed_up(
    two_databases: Project,
) -> None:
    for path in two_databases.databases.values():
        fill(path, ["a"])
    (two_databases.root / "receivers.py").write_text(
        "from django.apps import AppConfig\n"
        "class Receivers(AppConfig):\n"
        "    name = 'receivers'\n"
        "    path = '.'\n"
        "    def ready(self):\n"
        "        from dbbackup.signals import pre_backup\n"
        "        pre_backup.connect(refuse)\n"
        "def refuse(connector, **_arguments):\n"
        "    if connector.database_name == 'default':\n"
        "        raise ZeroDivisionError('not this one')\n"
    )
    two_databases.configure('INSTALLED_APPS += ["receivers.Receivers"]')
    err = two_databases.fails(11, "dbbackup")
    assert "default: ZeroDivisionError: not this one" in err
    assert "1 of 2 databases failed: default" in err
    assert [name.partition("-")[0] for name in two_databases.backups()] == ["second"]
