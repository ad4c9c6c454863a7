"""The way back that the documentation tells: django-dbbackup restores what was unpacked for it."""

import re
import shutil
import subprocess

import pytest

from tests.docs.pages import ROOT
from tests.project import Project, fill, rows, texts

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

PAGE = (ROOT / "docs" / "coming-from-django-dbbackup.md").read_text()


def unpack(project: Project) -> str:
    """Unpack the only backup as the page shows it; return the name that it has then."""
    program, *options = re.findall(r"^\$ (zstd .*-d) /srv/", PAGE, re.MULTILINE)[0].split()
    (name,) = project.backups()
    subprocess.run([program, *options, str(project.store / name)], check=True)
    return name.removesuffix(".zst")


def test_a_database_in_zstd_goes_back(project: Project, predecessor: str) -> None:
    project.configure("DBBACKUP_COMPRESSION = 'zstd'")
    expected = fill(project.database, ["a", "b"])
    project.ok("dbbackup", "-z")
    name = unpack(project)
    fill(project.database, ["c"])
    theirs = Project(project.root, python=predecessor)
    theirs.configure("DBBACKUP_COMPRESSION = 'zstd'")
    run = theirs.manage("dbrestore", "--noinput", "-i", name)
    assert run.code == 0, run
    assert rows(project.database) == expected


def test_media_in_zstd_go_back(project: Project, predecessor: str) -> None:
    project.configure("DBBACKUP_COMPRESSION = 'zstd'")
    project.fill_media({"a.txt": "a", "folder/b.txt": "b"})
    project.ok("mediabackup", "-z")
    name = unpack(project)
    shutil.rmtree(project.media)
    run = Project(project.root, python=predecessor).manage("mediarestore", "--noinput", "-i", name)
    assert run.code == 0, run
    assert texts(project.media) == {"a.txt": "a", "folder/b.txt": "b"}


def test_zstd_as_it_is_does_not_go_back(project: Project, predecessor: str) -> None:
    project.configure("DBBACKUP_COMPRESSION = 'zstd'")
    project.fill_media({"a.txt": "a"})
    project.ok("mediabackup", "-z")
    (name,) = project.backups()
    shutil.rmtree(project.media)
    Project(project.root, python=predecessor).manage("mediarestore", "--noinput", "-z", "-i", name)
    assert not project.media.exists()
