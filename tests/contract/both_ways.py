"""Both ways between django-dbbackup, really installed, and ours: one project that either may run."""

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from tests.project import Project, Run

AnyProject = TypeVar("AnyProject", bound=Project)

RECIPIENT = "backup@example.org"
"""To whom backups are encrypted; the key has no passphrase."""

LOCKED = "locked@example.org"
"""Whose key has a passphrase."""

PASSPHRASE = "open sesame"

MEDIA = {
    "a.txt": "a" * 20_000,
    "products/2026/large lamp (1).jpg": "lamp",
    "products/ünïcode 写真.jpg": "ü",
    "-dash.txt": "",
    "zero bytes.bin": "\0\1\0",
    f"{'long' * 50}.txt": "longer than a plain tar header holds",
}


@dataclass(frozen=True)
class Form:
    """What is done to a backup on its way into the storage."""

    is_compressed: bool
    is_encrypted: bool

    @property
    def suffix(self) -> str:
        """What a backup's name ends in."""
        return ".gz" * self.is_compressed + ".gpg" * self.is_encrypted

    @property
    def backup_options(self) -> list[str]:
        """Options of ``dbbackup`` and ``mediabackup``."""
        return ["-z"] * self.is_compressed + ["-e"] * self.is_encrypted

    @property
    def restore_options(self) -> list[str]:
        """Options of ``dbrestore`` and ``mediarestore``, without which django-dbbackup does not read the backup.

        It asks for a passphrase unless it is given one, even where the key has none.
        """
        return ["-z"] * self.is_compressed + ["--decrypt", "-p", "unused"] * self.is_encrypted


FORMS = {
    "plain": Form(is_compressed=False, is_encrypted=False),
    "gzip": Form(is_compressed=True, is_encrypted=False),
    "gpg": Form(is_compressed=False, is_encrypted=True),
    "gzip+gpg": Form(is_compressed=True, is_encrypted=True),
}


@dataclass(frozen=True)
class Loss:
    """Content that django-dbbackup does not bring back from its own backup."""

    reason: str
    is_in_backup: bool
    """Whether ours bring it back from that backup."""
    is_restorable: bool
    """Whether django-dbbackup brings it back from our backup."""


def run_by(python: str, project: AnyProject) -> AnyProject:
    """The same project, its settings and files, run by another interpreter."""
    other = copy.copy(project)
    other.python = python
    return other


def backed_up(project: Project, *arguments: str, command: str = "dbbackup") -> str:
    """Back up; return the new backup's name. Each gets a second of its own, as django-dbbackup needs it."""
    before = set(project.backups())
    if before:
        time.sleep(1 - time.time() % 1)
    run = project.manage(command, *arguments)
    assert run.code == 0, run
    (name,) = set(project.backups()) - before
    return name


def media_backed_up(project: Project, *arguments: str) -> str:
    """Back up the media, as `backed_up` does."""
    return backed_up(project, *arguments, command="mediabackup")


def succeeded(run: Run) -> None:
    """Fail unless a command ended well."""
    assert run.code == 0, run
    assert "Traceback" not in run.err, run


def scripted(project: Project, code: str) -> str:
    """Run Python in the project; return what it printed. Ours have nothing to print on standard error."""
    (project.root / "script.py").write_text(code)
    command = "import runpy; runpy.run_path('script.py')"
    run = project.manage("shell", "--verbosity", "0", "--command", command)
    assert run.code == 0, run
    assert project.python or not run.err, run
    return run.out


BACK_UP = """
from django.core.management import call_command
from django.db import connections

connection = connections["default"]
for case in {cases!r}:
    connection.close()
    connection.settings_dict["NAME"] = case + ".sqlite3"
    try:
        call_command("dbbackup", "--quiet", "--output-filename", case)
    except Exception as error:
        print("failed", case, error, sep="\\t")
"""

RESTORE = """
import warnings

from django.core.management import call_command
from django.db import connections

# What django-dbbackup cannot restore it warns about, and goes on.
warnings.simplefilter("ignore")
connection = connections["default"]
for case in {cases!r}:
    connection.close()
    connection.settings_dict["NAME"] = case + ".sqlite3"
    try:
        call_command("dbrestore", "--quiet", "--noinput", "--input-filename", case)
    except Exception as error:
        print("failed", case, error, sep="\\t")
"""


def back_up_each(project: Project, cases: list[str]) -> Mapping[str, str]:
    """Back up each of the databases ``<case>.sqlite3`` as ``<case>``; return what failed, and why."""
    return _failures(scripted(project, BACK_UP.format(cases=cases)))


def restore_each(project: Project, cases: list[str]) -> Mapping[str, str]:
    """Restore each of the databases ``<case>.sqlite3`` from ``<case>``; return what failed, and why."""
    return _failures(scripted(project, RESTORE.format(cases=cases)))


def _failures(out: str) -> dict[str, str]:
    lines = (line.split("\t", 2) for line in out.splitlines() if line.startswith("failed\t"))
    return {case: reason for _failed, case, reason in lines}
