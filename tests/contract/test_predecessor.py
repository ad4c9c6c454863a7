"""Projects move over, and back: files of django-dbbackup are ours, and ours are its."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.project import Project, Run, fill, rows, texts

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

OLD = ["old", "older"]
NEW = ["new"] * 300
MEDIA = {
    "a.txt": "a" * 20_000,
    "products/2026/large lamp (1).jpg": "lamp",
    "products/ünïcode 写真.jpg": "ü",
    "-dash.txt": "",
    f"{'long' * 50}.txt": "longer than a plain tar header holds",
}


@pytest.fixture
def theirs(project: Project, predecessor: str) -> Project:
    """The same project, the same settings and files, run by django-dbbackup."""
    copy = Project(project.root, python=predecessor)
    assert copy.database == project.database
    return copy


def backed_up(project: Project, *arguments: str, command: str = "dbbackup") -> str:
    """Back up in a second of its own, as the predecessor needs it; return the new backup's name."""
    time.sleep(1 - time.time() % 1)
    before = set(project.backups())
    run = project.manage(command, *arguments)
    assert run.code == 0, run
    (name,) = set(project.backups()) - before
    return name


def succeeded(run: Run) -> None:
    assert run.code == 0, run
    assert "Traceback" not in run.err, run


@pytest.mark.parametrize("options", [[], ["-z"]])
@pytest.mark.parametrize("named", [False, True])
def test_its_backup_is_restored_by_us(
    project: Project, theirs: Project, options: list[str], named: bool
) -> None:
    expected = fill(project.database, OLD)
    name = backed_up(theirs, *options)
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput", *(["-i", name] if named else []), *options)
    assert rows(project.database) == expected


@pytest.mark.parametrize("options", [[], ["-z"]])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("wal", [False, True])
def test_our_backup_is_restored_by_it(
    project: Project, theirs: Project, options: list[str], named: bool, wal: bool
) -> None:
    expected = fill(project.database, OLD, wal=wal)
    name = backed_up(project, *options)
    fill(project.database, NEW)
    succeeded(theirs.manage("dbrestore", "--noinput", *(["-i", name] if named else []), *options))
    assert rows(project.database) == expected


def test_a_file_that_it_wrote_to_a_path_is_restored_by_us(
    project: Project, theirs: Project, tmp_path: Path
) -> None:
    expected = fill(project.database, OLD)
    succeeded(theirs.manage("dbbackup", "-z", "-O", str(tmp_path / "file")))
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput", "-I", str(tmp_path / "file"))
    assert rows(project.database) == expected


def media_backed_up(project: Project, *arguments: str) -> str:
    """Back up the media, as `backed_up` does."""
    return backed_up(project, *arguments, command="mediabackup")


@pytest.mark.parametrize("options", [[], ["-z"]])
@pytest.mark.parametrize("named", [False, True])
def test_its_media_are_restored_by_us_without_a_flag(
    project: Project, theirs: Project, options: list[str], named: bool
) -> None:
    project.fill_media(MEDIA)
    name = media_backed_up(theirs, *options)
    shutil.rmtree(project.media)
    out = project.ok("mediarestore", "--noinput", *(["-i", name] if named else []))
    assert f" into {project.media}: {len(MEDIA)} new (" in out
    assert texts(project.media) == MEDIA
    project.fill_media(dict.fromkeys(MEDIA, "changed"))
    project.ok("mediarestore", "--noinput", "-r", "-i", name)
    assert texts(project.media) == MEDIA


@pytest.mark.parametrize("options", [[], ["-z"]])
@pytest.mark.parametrize("named", [False, True])
def test_our_media_are_restored_by_it(
    project: Project, theirs: Project, options: list[str], named: bool
) -> None:
    project.fill_media({**MEDIA, "empty/": ""})
    name = media_backed_up(project, *options)
    shutil.rmtree(project.media)
    succeeded(theirs.manage("mediarestore", "--noinput", *(["-i", name] if named else []), *options))
    assert texts(project.media) == MEDIA
    project.fill_media(dict.fromkeys(MEDIA, "changed"))
    succeeded(theirs.manage("mediarestore", "--noinput", "-r", "-i", name, *options))
    assert texts(project.media) == MEDIA


def test_media_that_it_wrote_to_a_path_are_restored_by_us(
    project: Project, theirs: Project, tmp_path: Path
) -> None:
    project.fill_media(MEDIA)
    succeeded(theirs.manage("mediabackup", "-z", "-O", str(tmp_path / "file")))
    shutil.rmtree(project.media)
    project.ok("mediarestore", "--noinput", "-I", str(tmp_path / "file"))
    assert texts(project.media) == MEDIA


def test_our_cleaning_counts_its_media(project: Project, theirs: Project) -> None:
    project.configure("DBBACKUP_CLEANUP_KEEP_MEDIA = 2")
    project.fill_media(MEDIA)
    old = [media_backed_up(theirs), media_backed_up(theirs, "-z")]
    new = media_backed_up(project, "-c")
    assert project.backups() == sorted([old[1], new])


MEDIA_SETTINGS = [
    "",
    "DBBACKUP_DATE_FORMAT = '%d%b%Y_%H%M%S'",
    "DBBACKUP_MEDIA_FILENAME_TEMPLATE = '-{databasename}-{content_type}@{servername}_{datetime}.{extension}'",
    "def DBBACKUP_MEDIA_FILENAME_TEMPLATE(**kw): return '-'.join(str(kw[k]) for k in sorted(kw, reverse=True)"
    " if k != 'extension') + '.' + kw['extension']",
]


@pytest.mark.parametrize("setting", MEDIA_SETTINGS)
def test_both_name_and_list_media_alike(project: Project, theirs: Project, setting: str) -> None:
    project.configure(setting)
    project.fill_media(MEDIA)
    names = [media_backed_up(theirs, "-z", "-s", "web-1"), media_backed_up(project, "-z", "-s", "web-1")]
    names += [media_backed_up(theirs), media_backed_up(project)]
    without_times = [re.sub(r"\d{6}", "000000", name) for name in names]
    assert without_times[0] == without_times[1]
    assert without_times[2] == without_times[3]
    for filters in ([], ["-c", "media"], ["-c", "db"], ["-c", "media", "-z"]):
        assert_same_listing(project, theirs, *filters)


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


def assert_same_listing(project: Project, theirs: Project, *filters: str) -> None:
    ours, its = project.ok("listbackups", *filters), theirs.manage("listbackups", *filters)
    assert its.code == 0, its
    assert sorted(ours.splitlines()) == sorted(its.out.splitlines()), filters


@pytest.mark.parametrize("setting", SETTINGS[:-1])
def test_both_list_the_same_files_and_dates(project: Project, theirs: Project, setting: str) -> None:
    project.configure(setting)
    fill(project.database, OLD)
    for maker in (theirs, project):
        backed_up(maker)
    assert_same_listing(project, theirs)


def test_filters_of_the_listing_mean_the_same(project: Project, theirs: Project) -> None:
    fill(project.database, OLD)
    for maker in (theirs, project):
        for options in ([], ["-z"]):
            backed_up(maker, *options)
    for filters in (
        "-z",
        "-Z",
        "-e",
        "-E",
        "-q",
        "-d default",
        "-c db",
        "-c media",
        "-q -z -c db -d default",
    ):
        assert_same_listing(project, theirs, *filters.split())


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
