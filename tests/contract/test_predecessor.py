"""Projects move over, and back: names, manifests and cleaning of django-dbbackup and ours fit together."""

import json
import re

import pytest

from tests.contract.both_ways import MEDIA, backed_up, media_backed_up, run_by, succeeded
from tests.project import Project, fill, rows

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

OLD = ["old", "older"]
NEW = ["new"] * 300


@pytest.fixture
def theirs(project: Project, predecessor: str) -> Project:
    """The same project, the same settings and files, run by django-dbbackup."""
    return run_by(predecessor, project)


SETTINGS = [
    "",
    "DBBACKUP_DATE_FORMAT = '%d%b%Y_%H%M%S'",
    "DBBACKUP_FILENAME_TEMPLATE = '{datetime}_{content_type}.{databasename}@{servername}.{extension}'",
    "DBBACKUP_HOSTNAME = '--web--1.example.org'",
    "DBBACKUP_CONNECTORS = {'default': {'EXTENSION': 'backup'}}",
    "TIME_ZONE = 'Asia/Kathmandu'",
    "def DBBACKUP_FILENAME_TEMPLATE(**kw): return '-'.join(sorted(str(v) for v in kw.values()))",
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_both_give_the_same_names_and_keys(project: Project, theirs: Project, setting: str) -> None:
    project.configure(setting)
    fill(project.database, OLD)
    names = [backed_up(theirs, "-z", "-s", "web-1"), backed_up(project, "-z", "-s", "web-1")]
    names += [backed_up(theirs), backed_up(project)]
    without_digits = [re.sub(r"\d\d(?=[^\d]|$)", "00", re.sub(r"\d{4,6}", "0000", name)) for name in names]
    assert without_digits[0] == without_digits[1]
    assert without_digits[2] == without_digits[3]
    ours, its = project.manifest(names[3]), project.manifest(names[2])
    assert {key: ours[key] for key in its} == its
    assert ours.keys() - its.keys() == {"dbbackup"}


def test_its_validator_and_setter_see_the_same_keys(project: Project, theirs: Project) -> None:
    project.configure("def DBBACKUP_BACKUP_METADATA_SETTER(metadata): return {'release': 7, **metadata}")
    project.configure("def DBBACKUP_RESTORE_METADATA_VALIDATOR(metadata): return metadata['release'] == 7")
    expected = fill(project.database, OLD)
    names = [backed_up(theirs), backed_up(project)]
    for maker, name in ((project, names[0]), (theirs, names[1])):
        fill(project.database, NEW)
        succeeded(maker.manage("dbrestore", "--noinput", "-i", name))
        assert rows(project.database) == expected
    manifest = project.store / f"{names[0]}.metadata"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"release": 8}))
    project.fails(9, "dbrestore", "--noinput", "-i", names[0])


def test_our_cleaning_counts_its_backups_and_deletes_their_metadata(
    project: Project, theirs: Project
) -> None:
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    fill(project.database, OLD)
    old = backed_up(theirs)
    new = backed_up(project, "-c")
    assert old != new
    assert project.files() == [new, f"{new}.metadata"]


def test_its_cleaning_deletes_our_manifests(project: Project, theirs: Project) -> None:
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    fill(project.database, OLD)
    old = backed_up(project)
    new = backed_up(theirs, "-c")
    assert old != new
    assert project.files() == [new, f"{new}.metadata"]


def test_our_cleaning_counts_its_media(project: Project, theirs: Project) -> None:
    project.configure("DBBACKUP_CLEANUP_KEEP_MEDIA = 2")
    project.fill_media(MEDIA)
    old = [media_backed_up(theirs), media_backed_up(theirs, "-z")]
    new = media_backed_up(project, "-c")
    assert project.backups() == sorted([old[1], new])
