"""Every connector that needs no server, and media, in every form: its backups restored by us, and ours by it."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.zoo import make_zoo
from tests.contract.both_ways import (
    FORMS,
    LOCKED,
    MEDIA,
    PASSPHRASE,
    RECIPIENT,
    Form,
    backed_up,
    media_backed_up,
    run_by,
    succeeded,
)
from tests.contract.contents import content, make_kept
from tests.contract.json_zoo import Zoo, content_of_rows
from tests.project import Project, fill, rows, texts

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

DATE = r"\d{4}-\d\d-\d\d-\d{6}"


@dataclass(frozen=True)
class Kind:
    """A connector, and a database with all that both bring back by it."""

    connector: str
    extension: str
    content: Callable[[Path], dict[str, Any]] = content
    damage: str = "DELETE FROM items"
    """What happens to the rows."""

    def make(self, root: Path, json_zoo: Zoo) -> Project:
        """Make a project with the database."""
        if self.extension == "json":
            project = json_zoo.project(root)
            shutil.copy(json_zoo.kept, project.database)
            return project
        options = {"default": {"CONNECTOR": self.connector}}
        project = Project(root, extra=f"DBBACKUP_CONNECTORS = {options!r}\n")
        is_text = self.connector.endswith(".SqliteConnector")
        make: Callable[[Path], None] = make_kept if is_text else make_zoo
        make(project.database)
        return project

    def lose(self, project: Project, json_zoo: Zoo) -> None:
        """Lose all rows: the database is as it is before the first of them."""
        project.database.unlink()
        if self.extension == "json":
            shutil.copy(json_zoo.empty, project.database)

    def change(self, project: Project) -> None:
        """Lose some rows and change others."""
        with closing(sqlite3.connect(project.database)) as connection, connection:
            connection.executescript(self.damage)


COPY = "dbbackup.db.sqlite.SqliteCPConnector"
"""Whose dumps django-dbbackup cannot encrypt unless it compresses them: it asks them for what they have not."""

KINDS = [
    Kind("dbbackup.db.sqlite.SqliteBackupConnector", "sqlite3"),
    Kind(COPY, "dump"),
    Kind(
        "dbbackup.db.sqlite.SqliteConnector",
        "dump",
        damage='UPDATE reals SET plain = 7, t = NULL; DELETE FROM emoji; DELETE FROM "select"',
    ),
    Kind(
        "dbbackup.db.django.DjangoConnector",
        "json",
        content=content_of_rows,
        damage="UPDATE zoo_everything SET text = 'changed', moment = '2001-01-01'; DELETE FROM zoo_session",
    ),
]


@pytest.fixture(params=KINDS, ids=[kind.connector.rpartition(".")[2] for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def ours(kind: Kind, tmp_path: Path, json_zoo: Zoo) -> Project:
    """A project with awkward rows, which can encrypt."""
    project = kind.make(tmp_path / "project", json_zoo)
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {RECIPIENT!r}")
    return project


def brings_back(reader: Project, kind: Kind, json_zoo: Zoo, *, by_name: list[str], newest: list[str]) -> bool:
    """Whether everything is back after a loss and a restore by name, and after a change and one of the newest."""
    expected = kind.content(reader.database)
    kind.lose(reader, json_zoo)
    assert kind.content(reader.database) != expected
    succeeded(reader.manage("dbrestore", "--noinput", *by_name))
    after_loss = kind.content(reader.database)
    kind.change(reader)
    assert kind.content(reader.database) != expected
    succeeded(reader.manage("dbrestore", "--noinput", *newest))
    return after_loss == kind.content(reader.database) == expected


def is_as_usual(name: str, project: Project, kind: Kind, form: Form) -> bool:
    """Whether a backup has the usual name, and its manifest the keys that both read."""
    manifest = project.manifest(name)
    assert re.fullmatch(rf"default-host-{DATE}\.{kind.extension}{re.escape(form.suffix)}", name)
    return (manifest["engine"], manifest["connector"]) == ("django.db.backends.sqlite3", kind.connector)


def test_its_backup_is_restored_by_us_by_name_and_as_the_newest(
    ours: Project, predecessor: str, kind: Kind, form: Form, json_zoo: Zoo
) -> None:
    theirs = run_by(predecessor, ours)
    if kind.connector == COPY and form == FORMS["gpg"]:
        assert "object has no attribute 'mode'" in theirs.manage("dbbackup", "-e").err
        return
    name = backed_up(theirs, *form.backup_options)
    assert is_as_usual(name, ours, kind, form)
    assert brings_back(ours, kind, json_zoo, by_name=["-i", name], newest=form.restore_options)


def test_our_backup_is_restored_by_it_by_name_and_as_the_newest(
    ours: Project, predecessor: str, kind: Kind, form: Form, json_zoo: Zoo
) -> None:
    name = backed_up(ours, *form.backup_options)
    assert is_as_usual(name, ours, kind, form)
    theirs, options = run_by(predecessor, ours), form.restore_options
    assert brings_back(theirs, kind, json_zoo, by_name=["-i", name, *options], newest=options)


def test_it_restores_our_backup_of_a_database_in_wal_mode(project: Project, predecessor: str) -> None:
    expected = fill(project.database, ["a", "b"], wal=True)
    backed_up(project)
    fill(project.database, ["c"] * 300)
    succeeded(run_by(predecessor, project).manage("dbrestore", "--noinput"))
    assert rows(project.database) == expected


def test_its_media_are_restored_by_us(project: Project, predecessor: str, form: Form) -> None:
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {RECIPIENT!r}")
    project.fill_media(MEDIA)
    name = media_backed_up(run_by(predecessor, project), *form.backup_options)
    assert re.fullmatch(rf"host-{DATE}\.tar{re.escape(form.suffix)}", name)
    shutil.rmtree(project.media)
    out = project.ok("mediarestore", "--noinput", "-i", name)
    assert f" into {project.media}: {len(MEDIA)} new (" in out
    assert texts(project.media) == MEDIA
    changed = dict.fromkeys(MEDIA, "changed")
    project.fill_media(changed)
    project.ok("mediarestore", "--noinput", *form.restore_options)
    assert texts(project.media) == changed
    project.ok("mediarestore", "--noinput", "--replace")
    assert texts(project.media) == MEDIA


def test_our_media_are_restored_by_it(project: Project, predecessor: str, form: Form) -> None:
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {RECIPIENT!r}")
    project.fill_media({**MEDIA, "empty/": ""})
    name = media_backed_up(project, *form.backup_options)
    assert re.fullmatch(rf"host-{DATE}\.tar{re.escape(form.suffix)}", name)
    theirs, options = run_by(predecessor, project), form.restore_options
    shutil.rmtree(project.media)
    succeeded(theirs.manage("mediarestore", "--noinput", "-i", name, *options))
    assert texts(project.media) == MEDIA
    project.fill_media(dict.fromkeys(MEDIA, "changed"))
    succeeded(theirs.manage("mediarestore", "--noinput", "-r", *options))
    assert texts(project.media) == MEDIA


def test_a_file_that_it_wrote_to_a_path_is_restored_by_us(
    project: Project, predecessor: str, tmp_path: Path
) -> None:
    expected = fill(project.database, ["a", "b"])
    succeeded(run_by(predecessor, project).manage("dbbackup", "-z", "-O", str(tmp_path / "file")))
    fill(project.database, ["c"] * 300)
    project.ok("dbrestore", "--noinput", "-I", str(tmp_path / "file"))
    assert rows(project.database) == expected


def test_media_that_it_wrote_to_a_path_are_restored_by_us(
    project: Project, predecessor: str, tmp_path: Path
) -> None:
    project.fill_media(MEDIA)
    succeeded(run_by(predecessor, project).manage("mediabackup", "-z", "-O", str(tmp_path / "file")))
    shutil.rmtree(project.media)
    project.ok("mediarestore", "--noinput", "-I", str(tmp_path / "file"))
    assert texts(project.media) == MEDIA


@pytest.mark.parametrize("writer_is_ours", [False, True], ids=["gpg-its", "gpg-ours"])
def test_a_passphrase_is_given_alike(
    project: Project, predecessor: str, gpg_home: str, monkeypatch: pytest.MonkeyPatch, writer_is_ours: bool
) -> None:
    monkeypatch.setenv("GNUPGHOME", gpg_home)
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {LOCKED!r}\nDBBACKUP_GPG_ALWAYS_TRUST = True")
    theirs = run_by(predecessor, project)
    writer, reader = (project, theirs) if writer_is_ours else (theirs, project)
    expected = fill(project.database, ["a", "b"])
    backed_up(writer, "-e")
    now = fill(project.database, ["c"] * 300)
    assert reader.manage("dbrestore", "--noinput", "--decrypt", "-p", "wrong").code != 0
    assert rows(project.database) == now
    succeeded(reader.manage("dbrestore", "--noinput", "--decrypt", "-p", PASSPHRASE))
    assert rows(project.database) == expected
