"""A project as AlekSIS is one: a worker's backups on S3, the check of their age, a disaster, a restore."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.both_ways import RECIPIENT, run_by
from tests.contract.contents import content
from tests.projects.aleksis import OLD_SETTINGS, AlekSIS
from tests.servers import Server
from tests.storages_real.conftest import names, new_folder

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor


@pytest.fixture
def aleksis(tmp_path: Path, s3: Server) -> AlekSIS:
    """An installation whose backups are on S3."""
    project = AlekSIS(tmp_path / "aleksis")
    project.store = new_folder(s3)
    project.keep_backups_in(s3, project.store.name)
    project.install()
    return project


def is_undone(aleksis: AlekSIS, *options: str) -> bool:
    """Whether restores bring back the rows and the media after a disaster."""
    rows = content(aleksis.database)
    files = {path: path.read_bytes() for path in aleksis.media.rglob("*") if path.is_file()}
    with closing(sqlite3.connect(aleksis.database)) as connection, connection:
        connection.executescript("UPDATE auth_user SET first_name = 'wrong'; DROP TABLE django_site")
    shutil.rmtree(aleksis.media)
    for command in ("dbrestore", "mediarestore"):
        aleksis.ok(command, "--noinput", *options)
    return content(aleksis.database) == rows and files == {path: path.read_bytes() for path in files}


def test_a_worker_backs_up_cleans_and_is_healthy_and_a_disaster_is_undone(aleksis: AlekSIS) -> None:
    assert aleksis.work() == ["db 2 True", "media 2 True"]
    assert len(names(aleksis.store)) == 8
    assert is_undone(aleksis, "-z")


def test_encrypted_by_gpg_a_disaster_is_undone(
    aleksis: AlekSIS, gpg_home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", gpg_home)
    monkeypatch.setenv("GPG_RECIPIENT", RECIPIENT)
    assert aleksis.work() == ["db 2 True", "media 2 True"]
    assert all(".gz.gpg" in name for name in names(aleksis.store))
    assert is_undone(aleksis)


def test_its_old_settings_are_refused_with_those_to_write(aleksis: AlekSIS, predecessor: str) -> None:
    aleksis.configure(OLD_SETTINGS)
    refused = run_by(predecessor, aleksis).manage("dbbackup")
    assert "RuntimeError: The settings DBBACKUP_STORAGE" in refused.err
    err = aleksis.fails(2, "dbbackup")
    assert "the setting `DBBACKUP_STORAGE`" in err
    assert 'move it: STORAGES = {..., "dbbackup": {"BACKEND": ' in err
    assert names(aleksis.store) == []
