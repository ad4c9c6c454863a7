"""`listbackups` prints the same here and there, over a storage that holds backups of both."""

import re

import pytest

from tests.contract.both_ways import (
    FORMS,
    MEDIA,
    RECIPIENT,
    backed_up,
    media_backed_up,
    run_by,
    scripted,
    succeeded,
)
from tests.contract.test_predecessor import SETTINGS
from tests.project import Project, fill

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

FILTERS = [
    "",
    "-z",
    "--compressed",
    "-Z",
    "--not-compressed",
    "-e",
    "--encrypted",
    "-E",
    "--not-encrypted",
    "-q",
    "--quiet",
    "-d default",
    "--database second",
    "-c db",
    "--content-type media",
    "-c media -z",
    "-e -Z",
    "-q -z -c db -d default",
    "-v 0",
    "-v 2",
]

LIST = """
from django.core.management import call_command

for filters in {filters!r}:
    print("filters:", filters)
    call_command("listbackups", *filters.split())
"""

MEDIA_SETTINGS = [
    "",
    "DBBACKUP_DATE_FORMAT = '%d%b%Y_%H%M%S'",
    "DBBACKUP_MEDIA_FILENAME_TEMPLATE = '-{databasename}-{content_type}@{servername}_{datetime}.{extension}'",
    "def DBBACKUP_MEDIA_FILENAME_TEMPLATE(**kw): return '-'.join(str(kw[k]) for k in sorted(kw, reverse=True)"
    " if k != 'extension') + '.' + kw['extension']",
]

TWO_CONNECTORS = "DBBACKUP_CONNECTORS = {'second': {'CONNECTOR': 'dbbackup.db.sqlite.SqliteConnector'}}"


def listings(project: Project, filters: list[str]) -> dict[str, list[str]]:
    """What `listbackups` prints with each of the filters: lines in any order, since a storage may have any."""
    blocks = scripted(project, LIST.format(filters=filters)).split("filters: ")[1:]
    return {block.partition("\n")[0]: sorted(block.splitlines()[1:]) for block in blocks}


@pytest.mark.parametrize("forms", [["plain", "gzip"], ["gpg", "gzip+gpg"]], ids="-and-".join)
def test_filters_mean_the_same(
    two_databases: Project,
    predecessor: str,
    forms: list[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = run_by(predecessor, two_databases)
    two_databases.configure(f"{TWO_CONNECTORS}\nDBBACKUP_GPG_RECIPIENT = {RECIPIENT!r}")
    if "gpg" in forms:
        monkeypatch.setenv("GNUPGHOME", request.getfixturevalue("gpg_home"))
    for path in two_databases.databases.values():
        fill(path, ["a"])
    two_databases.fill_media(MEDIA)
    for server, maker in {"theirs": theirs, "ours": two_databases}.items():
        for form in forms:
            # Without a server's name of its own, two backups of one second would have one name.
            options = [*FORMS[form].backup_options, "-s", f"{server}-{form.replace('+', '-')}"]
            for command in ("dbbackup", "mediabackup"):
                succeeded(maker.manage(command, *options))
    succeeded(theirs.manage("dbbackup", "-d", "default"))
    assert len(two_databases.backups()) == 2 * 2 * 3 + 1
    its = listings(theirs, FILTERS)
    assert listings(two_databases, FILTERS) == its
    assert len(its[""]) == 2 * 2 * 3 + 2
    assert len({tuple(lines) for lines in its.values()}) > 8


@pytest.mark.parametrize("setting", SETTINGS[:-1])
def test_files_and_dates_are_the_same(project: Project, predecessor: str, setting: str) -> None:
    project.configure(setting)
    fill(project.database, ["a"])
    theirs = run_by(predecessor, project)
    for maker in (theirs, project):
        backed_up(maker)
    assert listings(project, [""]) == listings(theirs, [""])


@pytest.mark.parametrize("setting", MEDIA_SETTINGS)
def test_both_name_and_list_media_alike(project: Project, predecessor: str, setting: str) -> None:
    theirs = run_by(predecessor, project)
    project.configure(setting)
    project.fill_media(MEDIA)
    names = [media_backed_up(theirs, "-z", "-s", "web-1"), media_backed_up(project, "-z", "-s", "web-1")]
    names += [media_backed_up(theirs), media_backed_up(project)]
    without_times = [re.sub(r"\d{6}", "000000", name) for name in names]
    assert without_times[0] == without_times[1]
    assert without_times[2] == without_times[3]
    assert listings(project, FILTERS) == listings(theirs, FILTERS)
