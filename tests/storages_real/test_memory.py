"""Peak memory of backups and restores over a network, and what of it is the storages' own."""

import pytest

from tests.commands.test_memory import GROWTH_BYTES, MIB, peaks
from tests.project import fill, pad, rows
from tests.servers import Server
from tests.storages_real.conftest import RemoteProject, new_folder

PART_BYTES = 8 * MIB
"""boto3's `TransferConfig.multipart_chunksize`."""

UPLOAD_BYTES = 11 * PART_BYTES
"""boto3 holds ten parts that wait or are being sent (`max_in_memory_upload_chunks`), and reads the next one."""

DOWNLOAD_BYTES = 9 * PART_BYTES + 110 * MIB // 4
"""On the way back it fetches ten parts at once, in pieces of 256 KiB: ten arrive, and a hundred wait for the disk
(`max_io_queue`). If the first that is there is of the tenth part, django-storages' temporary file makes room in memory
for all that comes before it, until it notices that it belongs on the disk."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> tuple[RemoteProject, RemoteProject]:
    """A project with hardly a row, and one with 200 MiB. Each test says where their backups go."""
    folder = tmp_path_factory.mktemp("projects")
    small, large = RemoteProject(folder / "small"), RemoteProject(folder / "large")
    for project in (small, large):
        fill(project.database, ["a"], wal=True)
    pad(large.database, 200)
    return small, large


def growth(projects: tuple[RemoteProject, RemoteProject], *arguments: str) -> int:
    """Run a command in both; return how much more memory the large database takes, wherever."""
    small, large = (peaks(project, *arguments) for project in projects)
    return max(more - usual for usual, more in zip(small, large, strict=True))


def test_s3_takes_as_much_more_as_boto3_holds(
    projects: tuple[RemoteProject, RemoteProject], s3: Server
) -> None:
    for project in projects:
        project.keep_backups_in(s3, new_folder(s3).name)
    assert growth(projects, "dbbackup") < GROWTH_BYTES + UPLOAD_BYTES
    assert growth(projects, "dbrestore", "--noinput") < GROWTH_BYTES + DOWNLOAD_BYTES
    assert [name for _, name in rows(projects[1].database)] == ["a"]


def test_sftp_takes_no_more(projects: tuple[RemoteProject, RemoteProject], sftp: Server) -> None:
    for project in projects:
        project.keep_backups_in(sftp, new_folder(sftp).name)
    for arguments in (("dbbackup",), ("dbrestore", "--noinput")):
        assert growth(projects, *arguments) < GROWTH_BYTES
    assert [name for _, name in rows(projects[1].database)] == ["a"]


def test_an_upload_by_ftp_takes_no_more(projects: tuple[RemoteProject, RemoteProject], ftp: Server) -> None:
    for project in projects:
        project.keep_backups_in(ftp, new_folder(ftp).name)
    assert growth(projects, "dbbackup") < GROWTH_BYTES
