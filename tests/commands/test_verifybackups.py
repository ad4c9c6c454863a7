"""``manage.py verifybackups``: what is whole is proven, what is not is named."""

import re
from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill


@pytest.fixture
def backups(call: Call, database: Path, tmp_path: Path, settings: Settings) -> list[str]:
    """Two backups of the database and one of the media, oldest first."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.txt").write_text("a" * 5000)
    fill(database, ["a"])
    call("dbbackup")
    call("dbbackup", "-z")
    call("mediabackup")
    return [line.split()[0] for line in call("listbackups", "-q").splitlines()]


def damage(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])


def test_the_newest_of_each_is_proven(call: Call, backups: list[str]) -> None:
    _old, new, media = backups
    out = call("verifybackups")
    assert re.fullmatch(
        rf"{re.escape(new)}: whole \(8\.0 KiB in \d\.\d s\), proven by size and SHA-256 of its manifest, "
        rf"the pages that its header counts\n"
        rf"{re.escape(media)}: whole \(1 file, .* in \d\.\d s\), proven by size and SHA-256 of its manifest, "
        rf"tar's two zero blocks\n",
        out,
    )


@pytest.mark.parametrize(
    ("arguments", "indexes"),
    [
        (["--all"], [0, 1, 2]),
        (["-c", "db"], [1]),
        (["-c", "media"], [2]),
        (["-d", "default", "--all"], [0, 1]),
    ],
)
def test_options_choose_what_is_verified(
    call: Call, backups: list[str], arguments: list[str], indexes: list[int]
) -> None:
    out = call("verifybackups", *arguments)
    assert [line.partition(":")[0] for line in out.splitlines()] == [backups[index] for index in indexes]


def test_a_damaged_one_does_not_keep_the_others_from_being_verified(
    call: Call, backups: list[str], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(store / backups[0])
    with pytest.raises(CommandError, match="not every backup is whole") as caught:
        call("verifybackups", "--all")
    assert caught.value.returncode == 6
    err = capsys.readouterr().err
    assert f"cannot use backup `{backups[0]}`: its SHA-256 is not the one in its manifest" in err
    assert call("verifybackups", backups[1], backups[2]).count("whole") == 2


def test_a_file_of_another_size_is_named(call: Call, backups: list[str], store: Path) -> None:
    (store / backups[1]).write_bytes(b"cut")
    with pytest.raises(CommandError) as caught:
        call("verifybackups", backups[1])
    assert caught.value.returncode == 6


def test_nothing_to_verify_is_no_success(call: Call, store: Path) -> None:
    store.mkdir()
    for arguments in ([], ["--all"], ["none"]):
        with pytest.raises(CommandError) as caught:
            call("verifybackups", *arguments)
        assert caught.value.returncode == 4
