"""Media backups hold the media that are there, as they are, and nothing else."""

import os
import shutil
import tarfile
from collections.abc import Callable

import pytest

from tests.defects.world import Peer, said
from tests.project import fill, tree

VANISHING = """\
from django.core.files.storage import FileSystemStorage

class Storage(FileSystemStorage):
    def listdir(self, path):
        folders, files = super().listdir(path)
        return folders, [*files, "vanished.txt"]
"""

IN_MEDIA_ROOT = """
STORAGES["dbbackup"]["OPTIONS"]["location"] = MEDIA_ROOT / "backups"
DBBACKUP_ALLOW_PUBLIC_STORAGE = True
"""


def members(project: Peer, name: str) -> list[str]:
    """Names of the files in a media backup."""
    with tarfile.open(project.store / name) as archive:
        return sorted(member.name for member in archive if member.isfile())


def broken_link(project: Peer) -> str:
    (project.media / "link").symlink_to("nothing")
    return "link"


def link_to_itself(project: Peer) -> str:
    (project.media / "link").symlink_to("link")
    return "link"


def link_upwards(project: Peer) -> str:
    (project.media / "folder").mkdir()
    (project.media / "folder" / "link").symlink_to("..")
    return "folder/link"


def vanished_file(project: Peer) -> str:
    """Let the storage list a file that is gone when it is opened."""
    (project.root / "vanishing.py").write_text(VANISHING)
    project.configure('STORAGES["default"]["BACKEND"] = "vanishing.Storage"')
    return "vanished.txt"


@pytest.mark.parametrize(
    "break_something",
    [
        pytest.param(broken_link, marks=pytest.mark.defect(9, "A broken link is skipped and reported")),
        pytest.param(link_to_itself, marks=pytest.mark.defect(9, "A link to itself is skipped and reported")),
        pytest.param(
            link_upwards, marks=pytest.mark.defect(9, "A loop of linked folders is skipped and reported")
        ),
        pytest.param(
            vanished_file,
            marks=pytest.mark.defect(9, "A file that vanishes meanwhile is skipped and reported"),
        ),
    ],
)
def test_what_cannot_be_read_is_skipped_and_the_status_tells(
    project: Peer, break_something: Callable[[Peer], str]
) -> None:
    project.fill_media({"a.txt": "a"})
    broken = break_something(project)
    run = project.manage("mediabackup")
    assert project.backups(), f"{said(run)}; nothing is backed up"
    (name,) = project.backups()
    assert members(project, name) == ["a.txt"], "the backup holds other files"
    assert run.code == 3, said(run)
    assert broken in run.err, f"{said(run)}; nothing is said of it"


def restored(project: Peer) -> None:
    """Back up the media, remove them, and restore them."""
    project.done("mediabackup")
    shutil.rmtree(project.media)
    project.done("mediarestore", "--noinput")


@pytest.mark.defect(10, "Restored media have the times that they had")
def test_times_of_media_come_back(project: Peer) -> None:
    project.fill_media({"a.txt": "a"})
    os.utime(project.media / "a.txt", (1_234_567_890, 1_234_567_890))
    restored(project)
    assert (project.media / "a.txt").stat().st_mtime == 1_234_567_890, "a file has the time of the restore"


@pytest.mark.defect(10, "Restored media have the modes that they had")
def test_modes_of_media_come_back(project: Peer) -> None:
    project.fill_media({"secret.txt": "a"})
    (project.media / "secret.txt").chmod(0o600)
    restored(project)
    mode = (project.media / "secret.txt").stat().st_mode & 0o777
    assert mode == 0o600, f"a file of the mode 600 has the mode {mode:o}"


@pytest.mark.defect(10, "Empty folders of the media come back")
def test_empty_folders_of_media_come_back(project: Peer) -> None:
    project.fill_media({"a.txt": "a", "empty/": ""})
    restored(project)
    assert "empty" in tree(project.media), "an empty folder is gone"


@pytest.mark.defect(11, "`DBBACKUP_MEDIA_PATH` is the folder that is backed up")
def test_the_setting_says_which_folder_is_backed_up(project: Peer) -> None:
    project.configure('DBBACKUP_MEDIA_PATH = BASE_DIR / "uploads"')
    project.fill_media({"other.txt": "a"})
    (project.root / "uploads").mkdir()
    (project.root / "uploads" / "upload.txt").write_text("a")
    name = project.backed_up(command="mediabackup")
    found = ", ".join(members(project, name))
    assert found == "upload.txt", f"exit 0; the backup holds `{found}`, of `MEDIA_ROOT`"


@pytest.mark.defect(21, 'Without `STORAGES["dbbackup"]` no backup is put into `MEDIA_ROOT`')
def test_backups_are_not_published(project: Peer) -> None:
    project.configure('del STORAGES["dbbackup"]')
    project.fill_media({"a.txt": "a"})
    fill(project.database, ["a"])
    run = project.manage("dbbackup")
    found = [path for path in tree(project.media) if path.startswith("default-host-")]
    assert not found, f"{said(run)}; the backup lies in `MEDIA_ROOT`"
    assert run.code != 0, said(run)
    assert "STORAGES" in run.err, f"{said(run)}; the setting is not named"


@pytest.mark.defect(21, "A media backup does not contain earlier backups that lie in `MEDIA_ROOT`")
def test_media_backups_do_not_contain_one_another(project: Peer) -> None:
    project.configure(IN_MEDIA_ROOT)
    project.store = project.media / "backups"
    project.fill_media({"a.txt": "a"})
    first = project.backed_up(command="mediabackup")
    second = project.backed_up(command="mediabackup")
    found = members(project, second)
    assert f"backups/{first}" not in found, "exit 0; the second backup holds the first"
    assert found == ["a.txt"], "the backup holds other files"
