"""``manage.py prunebackups``: exactly the old ones of exactly this scope, and a dry run that says why."""

from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill


@pytest.fixture
def backups(call: Call, database: Path, tmp_path: Path, settings: Settings) -> list[str]:
    """Three backups of the database, one of another server and two of the media, oldest first."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    fill(database, ["a"])
    for arguments in ([], ["-z"], ["-s", "other"], ["-s", "host"]):
        call("dbbackup", *arguments)
    call("mediabackup")
    call("mediabackup", "-z")
    return listed(call)


def listed(call: Call) -> list[str]:
    return [line.split()[0] for line in call("listbackups", "-q").splitlines()]


def test_a_dry_run_says_why_and_deletes_nothing(call: Call, backups: list[str]) -> None:
    out = call("prunebackups", "--dry-run", "--keep", "1", "-c", "db")
    first, second, _other, third = backups[:4]
    assert out.splitlines() == [
        f"default: keeps {third} (the newest is always kept)",
        f"default: would delete {second} (older than the newest 1)",
        f"default: would delete {first} (older than the newest 1)",
        "default: leaves alone 1 of other servers or projects",
    ]
    assert listed(call) == backups


def test_what_the_dry_run_said_is_done(call: Call, backups: list[str], store: Path) -> None:
    call("prunebackups", "--keep", "1")
    assert listed(call) == [backups[2], backups[3], backups[5]]
    assert len(list(store.iterdir())) == 6


def test_the_settings_say_how_many_stay(call: Call, backups: list[str], settings: Settings) -> None:
    settings.DBBACKUP_CLEANUP_KEEP = 2
    settings.DBBACKUP_CLEANUP_KEEP_MEDIA = 1
    call("prunebackups")
    assert listed(call) == [*backups[1:4], backups[5]]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["-c", "media"], [0, 1, 2, 3, 5]),
        (["-d", "default"], [2, 3, 4, 5]),
        (["-s", "other"], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_options_narrow_the_scope(
    call: Call, backups: list[str], arguments: list[str], left: list[int]
) -> None:
    call("prunebackups", "--keep", "1", *arguments)
    assert listed(call) == [backups[index] for index in left]


@pytest.mark.parametrize("arguments", [["--keep", "0"], ["-d", "default", "-c", "media"], ["-d", "nowhere"]])
def test_what_makes_no_sense_is_refused(call: Call, backups: list[str], arguments: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        call("prunebackups", *arguments)
    assert caught.value.returncode == 2
    assert listed(call) == backups
