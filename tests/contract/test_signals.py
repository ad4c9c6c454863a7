"""Receivers of signals are told the same, in the same order, by django-dbbackup and by ours."""

import json
import re
import shutil
from typing import Any

import pytest

from tests.contract.both_ways import RECIPIENT, Form, run_by
from tests.project import Project, fill

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

RECEIVERS = """
import json

from django.apps import AppConfig


class Receivers(AppConfig):
    name = "receivers"
    path = "."

    def ready(self):
        from dbbackup import signals

        for name in dir(signals):
            if name.startswith(("pre_", "post_")):
                getattr(signals, name).connect(receiver(name), weak=False)


def receiver(name):
    def receive(sender, **arguments):
        told = {key: plain(value) for key, value in arguments.items() if key != "signal"}
        with open("told.jsonl", "a") as file:
            print(json.dumps([name, f"{sender.__module__}.{sender.__qualname__}", told]), file=file)

    return receive


def plain(value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {key: str(value) for key, value in value.items()}
    return f"{type(value).__module__}.{type(value).__qualname__}"
"""

Told = list[list[Any]]


@pytest.fixture
def ours(project: Project) -> Project:
    """A project that writes down what its receivers are told."""
    (project.root / "receivers.py").write_text(RECEIVERS)
    project.configure("INSTALLED_APPS += ['receivers.Receivers']")
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {RECIPIENT!r}")
    fill(project.database, ["a"])
    project.fill_media({"a.txt": "a"})
    return project


def told(project: Project, *commands: list[str], succeeds: bool = True) -> Told:
    """Run commands over an empty storage; return what receivers were told, without the time in names."""
    shutil.rmtree(project.store, ignore_errors=True)
    file = project.root / "told.jsonl"
    file.write_text("")
    for command in commands:
        run = project.manage(*command)
        assert (run.code == 0) == succeeds, run
    without_times = re.sub(r"-\d{6}\.", "-000000.", file.read_text())
    return [json.loads(line) for line in without_times.splitlines()]


def names(found: Told) -> list[str]:
    return [name for name, _sender, _arguments in found]


@pytest.mark.parametrize(
    "commands",
    [
        [["dbbackup", "-s", "web1"], ["dbrestore", "--noinput", "-s", "web1"]],
        [["dbbackup", "-o", "mine", "-z", "-c"], ["dbrestore", "--noinput", "-i", "mine", "-z"]],
        [["dbbackup", "-d", "default"], ["dbrestore", "--noinput", "-d", "default"]],
        [["mediabackup", "-s", "web1"], ["mediarestore", "--noinput", "-s", "web1"]],
        [["mediabackup", "-o", "mine.tar"], ["mediarestore", "--noinput", "-i", "mine.tar", "-r"]],
    ],
    ids=lambda commands: " ".join(commands[0]),
)
def test_senders_and_arguments_are_the_same(
    ours: Project, predecessor: str, commands: list[list[str]]
) -> None:
    its = told(run_by(predecessor, ours), *commands)
    assert len(its) == 4
    assert told(ours, *commands) == its


@pytest.mark.parametrize("infix", ["", "_media"])
def test_the_name_of_a_backup_is_the_same_before_and_after_a_restore(
    ours: Project, predecessor: str, infix: str, form: Form
) -> None:
    backup, restore = ("mediabackup", "mediarestore") if infix else ("dbbackup", "dbrestore")
    commands = [backup, *form.backup_options], [restore, "--noinput", *form.restore_options]
    its = told(run_by(predecessor, ours), *commands)
    assert names(its) == [
        f"{time}{infix}_{verb}" for verb in ("backup", "restore") for time in ("pre", "post")
    ]
    stored, after = its[1][-1]["filename"], its[3][-1]
    # There it has lost its suffixes by then, and names no file.
    assert after["filename"] == stored.removesuffix(form.suffix)
    after["filename"] = stored
    assert told(ours, *commands) == its


@pytest.mark.parametrize("infix", ["", "_media"])
def test_a_backup_at_a_path_is_told_by_the_name_that_it_has_there(
    ours: Project, predecessor: str, infix: str
) -> None:
    backup, restore = ("mediabackup", "mediarestore") if infix else ("dbbackup", "dbrestore")
    commands = [backup, "-O", "here.tar"], [restore, "--noinput", "-I", "here.tar"]
    its = told(run_by(predecessor, ours), *commands)
    # There it has the name that it would have in the storage, where it is not.
    assert "host-" in its[1][-1]["filename"]
    its[1][-1]["filename"] = "here.tar"
    assert told(ours, *commands) == its


@pytest.mark.parametrize("command", [["dbrestore", "-i", "none"], ["mediarestore", "-i", "none"]])
def test_nobody_is_told_of_a_restore_of_nothing(ours: Project, predecessor: str, command: list[str]) -> None:
    for project in (ours, run_by(predecessor, ours)):
        assert told(project, [*command, "--noinput"], succeeds=False) == []
