"""A project as InvenTree is one: backups, a disaster, restores, old backups, and what its hooks say."""

import re
import shutil
import time
from pathlib import Path

import pytest

from tests.contract.both_ways import RECIPIENT, run_by, scripted
from tests.projects.inventree import WORKER, InvenTree

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that the tests copy."""
    inventree = InvenTree(tmp_path_factory.mktemp("installation") / "inventree")
    inventree.install()
    return inventree.root


@pytest.fixture
def inventree(installation: Path, tmp_path: Path) -> InvenTree:
    """An installation with rows and media."""
    shutil.copytree(installation, tmp_path / "inventree")
    return InvenTree(tmp_path / "inventree")


@pytest.fixture
def theirs(inventree: InvenTree, predecessor: str) -> InvenTree:
    """The same installation, run by django-dbbackup."""
    return run_by(predecessor, inventree)


def media(inventree: InvenTree) -> dict[str, bytes]:
    """The files of the media."""
    return {
        str(path.relative_to(inventree.media)): path.read_bytes()
        for path in inventree.media.rglob("*")
        if path.is_file()
    }


def lose_everything(inventree: InvenTree) -> None:
    """Change rows, lose rows and tables, and lose all media."""
    inventree.change()
    shutil.rmtree(inventree.media)


def test_a_disaster_is_undone(inventree: InvenTree) -> None:
    rows, files = inventree.content(), media(inventree)
    assert len(files) == 3
    inventree.backup()
    database_name, media_name = sorted(inventree.listing())
    assert database_name.startswith("InvenTree-db-")
    assert database_name.endswith(".sqlite3.gz")
    assert media_name.startswith("InvenTree-media-")
    assert media_name.endswith(".tar.gz")
    assert inventree.manifest(database_name)["dbbackup"]["excluded"] == ["django_session"]
    lose_everything(inventree)
    for run in inventree.restore():
        assert (run.code, run.out, run.err) == (0, "", "")
    assert (inventree.content(), media(inventree)) == (rows, files)
    assert inventree.count("django_session") == 0


def test_media_that_are_there_stay_as_they_are(inventree: InvenTree) -> None:
    files = media(inventree)
    inventree.backup()
    changed, *lost = sorted(files)
    (inventree.media / changed).write_bytes(b"mine")
    for name in lost:
        (inventree.media / name).unlink()
    inventree.restore()
    assert media(inventree) == files | {changed: b"mine"}


def test_an_older_state_is_restored_by_name(inventree: InvenTree) -> None:
    rows, files = inventree.content(), media(inventree)
    inventree.backup()
    names = sorted(inventree.backups())
    lose_everything(inventree)
    inventree.media.mkdir()
    inventree.backup()
    assert [run.code for run in inventree.restore(*names)] == [0, 0]
    assert (inventree.content(), media(inventree)) == (rows, files)


def test_old_backups_are_deleted_by_the_task(inventree: InvenTree) -> None:
    inventree.configure("DBBACKUP_CLEANUP_KEEP = 2")
    for _ in range(3):
        before = inventree.backups()
        inventree.backup(clean=True)
    assert len(inventree.backups()) == 4
    assert len(set(inventree.backups()) - set(before)) == 2
    assert len(inventree.files()) == 8


def test_the_worker_backs_up_each_day(inventree: InvenTree) -> None:
    scripted(inventree, WORKER)
    assert len(inventree.backups()) == 2


def test_the_checks_find_nothing_but_a_setting_of_its_own(inventree: InvenTree) -> None:
    err = inventree.manage("check").err
    assert re.findall(r"\((dbbackup\.\w+)\)", err) == ["dbbackup.W014"]
    assert "`DBBACKUP_STORAGE_CONFIG`" in err


def test_the_hooks_keys_are_in_the_manifest(inventree: InvenTree) -> None:
    inventree.backup()
    manifest = inventree.manifest(min(inventree.backups()))
    assert (manifest["ivt_1_version"], manifest["ivt_1_version_api"]) == ("1.2.0", 400)
    assert manifest["ivt_1_installer"] == "PKG"


def test_an_older_version_is_restored_with_a_warning(inventree: InvenTree) -> None:
    rows = inventree.content()
    inventree.backup()
    inventree.change()
    runs = inventree.restore(env={"VERSION": "1.3.0", "API_VERSION": "450"})
    assert [(run.code, run.err) for run in runs] == [(0, "another version\n"), (0, "")]
    assert inventree.content() == rows


def test_a_newer_version_is_refused_unless_it_is_allowed(inventree: InvenTree) -> None:
    rows = inventree.content()
    inventree.backup(env={"VERSION": "1.3.0", "API_VERSION": "450"})
    inventree.change()
    changed = inventree.content()
    (run,) = inventree.restore()
    assert run.code == 9
    assert "another version\na newer version\n" in run.err
    assert "`DBBACKUP_RESTORE_METADATA_VALIDATOR` refused the backup" in run.err
    assert inventree.content() == changed
    runs = inventree.restore(env={"INVENTREE_BACKUP_RESTORE_ALLOW_NEWER_VERSION": "True"})
    assert [run.code for run in runs] == [0, 0]
    assert inventree.content() == rows


def test_its_backups_are_listed_and_restored_by_us(inventree: InvenTree, theirs: InvenTree) -> None:
    rows, files = inventree.content(), media(inventree)
    theirs.backup()
    assert sorted(inventree.listing()) == sorted(theirs.listing())
    lose_everything(inventree)
    assert [run.code for run in inventree.restore()] == [0, 0]
    assert (inventree.content(), media(inventree)) == (rows, files)


def test_its_backups_are_cleaned_by_us(inventree: InvenTree, theirs: InvenTree) -> None:
    inventree.configure("DBBACKUP_CLEANUP_KEEP = 1")
    theirs.backup()
    old = inventree.backups()
    time.sleep(1 - time.time() % 1)
    inventree.backup(clean=True)
    assert len(inventree.backups()) == 2
    assert not set(inventree.backups()) & set(old)


def test_our_backups_are_restored_by_it(inventree: InvenTree, theirs: InvenTree) -> None:
    rows, files = inventree.content(), media(inventree)
    inventree.backup(env={"VERSION": "1.3.0", "API_VERSION": "450"})
    lose_everything(inventree)
    assert [run.code for run in theirs.restore()] == [1]
    runs = theirs.restore(env={"INVENTREE_BACKUP_RESTORE_ALLOW_NEWER_VERSION": "True"})
    assert [run.code for run in runs] == [0, 0]
    assert (inventree.content(), media(inventree)) == (rows, files)


def test_a_backup_from_before_there_were_manifests_is_restored(
    inventree: InvenTree, theirs: InvenTree
) -> None:
    rows = inventree.content()
    theirs.backup()
    for path in inventree.store.glob("*.metadata"):
        path.unlink()
    inventree.change()
    assert [(run.code, run.err) for run in inventree.restore()] == [(0, ""), (0, "")]
    assert inventree.content() == rows


def test_encrypted_by_gpg_a_disaster_is_undone(
    inventree: InvenTree, gpg_home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", gpg_home)
    monkeypatch.setenv("INVENTREE_BACKUP_GPG_RECIPIENT", RECIPIENT)
    rows, files = inventree.content(), media(inventree)
    inventree.backup(encrypt=True)
    assert all(name.endswith(".gz.gpg") for name in inventree.backups())
    lose_everything(inventree)
    assert [run.code for run in inventree.restore(decrypt=True)] == [0, 0]
    assert (inventree.content(), media(inventree)) == (rows, files)


def test_encryption_for_nobody_is_an_error_and_stores_nothing_by_gpg(inventree: InvenTree) -> None:
    run = inventree.task("dbbackup", "--noinput", "--encrypt")
    assert run.code != 0
    assert "DBBACKUP_GPG_RECIPIENT" in run.err
    assert inventree.files() == []
