"""``manage.py listbackups``."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.conftest import Call

HEADER = "Name                                     Datetime            \n"

PAYLOAD = b"no listing looks into it"

FILES = [
    "default-host-2020-01-01-120000.sqlite3",
    "second-host-2020-01-02-120000.sqlite3.gz",
    "default-host-2020-01-03-120000.sqlite3.gpg",
    "host-2020-01-04-120000.tar.gz",
    "default-host-2020-01-05-120000.sqlite3.zst",
]


@pytest.fixture
def listed(store: Path) -> list[str]:
    store.mkdir()
    for name in FILES:
        (store / name).write_bytes(b"x")
    return FILES


def names(out: str) -> list[str]:
    return [line.split()[0] for line in out.splitlines()]


def test_two_columns_are_printed_under_a_header(call: Call, listed: list[str]) -> None:
    assert call("listbackups") == HEADER + (
        "default-host-2020-01-01-120000.sqlite3   01/01/20 12:00:00   \n"
        "second-host-2020-01-02-120000.sqlite3.gz 01/02/20 12:00:00   \n"
        "default-host-2020-01-03-120000.sqlite3.gpg 01/03/20 12:00:00   \n"
        "host-2020-01-04-120000.tar.gz            01/04/20 12:00:00   \n"
        "default-host-2020-01-05-120000.sqlite3.zst 01/05/20 12:00:00   \n"
    )


def test_quiet_leaves_the_header_out(call: Call, listed: list[str]) -> None:
    assert names(call("listbackups", "-q")) == listed


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (["-d", "default"], [0, 2, 4]),
        (["-d", "second"], [1]),
        (["-d", "sec"], []),
        (["-z"], [1, 3, 4]),
        (["-Z"], [0, 2]),
        (["-e"], [2]),
        (["-E"], [0, 1, 3, 4]),
        (["-c", "db"], [0, 1, 2, 4]),
        (["-c", "media"], [3]),
        (["-d", "default", "-z", "-E", "--content-type", "db", "--noinput"], [4]),
    ],
)
def test_filters_leave_only_what_fits(
    call: Call, listed: list[str], filters: list[str], kept: list[int]
) -> None:
    assert names(call("listbackups", "-q", *filters)) == [listed[index] for index in kept]


def test_media_are_told_from_databases_by_manifest_or_template(
    call: Call, listed: list[str], store: Path, settings: Settings
) -> None:
    (store / "uploads").write_bytes(b"x")
    (store / "uploads.metadata").write_text(manifest(kind="media", alias="media"))
    media = ["host-2020-01-04-120000.tar.gz", "uploads"]
    assert sorted(names(call("listbackups", "-q", "-c", "media"))) == media
    assert names(call("listbackups", "-q", "-d", "media")) == names(call("listbackups", "-q", "-c", "media"))
    assert not {*media} & {*names(call("listbackups", "-q", "-c", "db"))}
    settings.DBBACKUP_MEDIA_FILENAME_TEMPLATE = "files_{datetime}.{extension}"
    (store / "files_2020-01-06-120000.tar").write_bytes(b"x")
    assert "files_2020-01-06-120000.tar" in names(call("listbackups", "-q", "-d", "media"))


def test_an_unknown_content_type_is_an_error(call: Call, listed: list[str]) -> None:
    with pytest.raises(CommandError, match="content-type"):
        call("listbackups", "-c", "files")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_dates_are_local_in_the_projects_time_zone(
    call: Call, store: Path, settings: Settings, zone: str
) -> None:
    settings.TIME_ZONE = zone
    store.mkdir()
    (store / "default-host-2020-07-01-233000.sqlite3").write_bytes(b"x")
    assert call("listbackups", "-q").split()[1:] == ["07/01/20", "23:30:00"]


def test_a_file_without_a_date_is_listed_first_as_unknown(call: Call, listed: list[str], store: Path) -> None:
    (store / "before-migration.sqlite3").write_bytes(b"x")
    lines = call("listbackups", "-q").splitlines()
    assert lines[0] == "before-migration.sqlite3                 Unknown             "
    assert len(lines) == len(listed) + 1


def test_what_is_no_backup_is_not_listed(call: Call, listed: list[str], store: Path) -> None:
    for name in (
        "default-host-2020-01-01-120000.sqlite3.metadata",
        "default-host-2020-01-01-120000.sqlite3.sig",
        ".default-host-2030-01-01-000000.sqlite3.partial",
        ".dbbackup-left-over",
        "notes.txt",
    ):
        (store / name).write_text("{}")
    (store / "folder-2020-01-01-120000.sqlite3").mkdir()
    assert names(call("listbackups", "-q")) == listed


def manifest(**record: object) -> str:
    base = {
        "format": 1,
        "state": "whole",
        "kind": "database",
        "alias": "default",
        "database": "default",
        "servername": "host",
        "created_at": "2020-01-01T12:00:00Z",
        "compression": "none",
        "encryption": "none",
        "stored_bytes": 1,
        "stored_sha256": hashlib.sha256(PAYLOAD).hexdigest(),
        "plain_bytes": 1,
        "generator": "tests",
    }
    return json.dumps({"dbbackup": base | record})


def test_backups_made_before_a_restore_are_listed_when_all_are_asked_for(call: Call, store: Path) -> None:
    store.mkdir()
    (store / "safe.sqlite3").write_bytes(b"x")
    (store / "safe.sqlite3.metadata").write_text(manifest(reason="before-restore"))
    assert call("listbackups", "-q") == ""
    assert names(call("listbackups", "-q", "--all")) == ["safe.sqlite3"]


def test_a_backup_that_was_never_finished_is_not_listed(call: Call, store: Path) -> None:
    store.mkdir()
    (store / "half.sqlite3").write_bytes(b"x")
    (store / "half.sqlite3.metadata").write_text(manifest(state="writing"))
    assert call("listbackups", "-q", "--all") == ""


def test_what_cannot_be_whole_is_named_beside_the_list(call: Call, store: Path) -> None:
    store.mkdir()
    (store / "cut.sqlite3").write_bytes(b"xx")
    (store / "cut.sqlite3.metadata").write_text(manifest())
    (store / "empty.sqlite3").touch()
    err = io.StringIO()
    call_command("listbackups", stdout=io.StringIO(), stderr=err)
    lines = err.getvalue().splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["cut.sqlite3", "empty.sqlite3"]
    with pytest.raises(CommandError, match=r"cut\.sqlite3"):
        call_command("dbrestore", "--noinput", "-d", "default", stdout=io.StringIO())
    assert call("listbackups") == HEADER


def test_an_empty_storage_lists_nothing(call: Call, store: Path) -> None:
    store.mkdir()
    assert call("listbackups") == HEADER


def test_a_storage_that_is_not_there_is_an_error_and_is_not_made(store: Path) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError, match=str(store)) as caught:
        call_command("listbackups", stdout=out)
    assert (caught.value.returncode, out.getvalue()) == (4, "")
    assert not store.exists()


def test_the_manifest_counts_more_than_the_name(call: Call, store: Path) -> None:
    store.mkdir()
    (store / "any.name").write_bytes(b"x")
    record = manifest(alias="second", compression="zstd", created_at="2020-02-03T04:05:06Z")
    (store / "any.name.metadata").write_text(record)
    assert call("listbackups", "-q", "-d", "second", "-z").split() == ["any.name", "02/03/20", "04:05:06"]
