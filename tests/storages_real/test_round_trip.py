"""Backups on real servers of S3, SFTP and FTP, through django-storages: there, back, listed, cleaned, proven."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill, pad, rows, texts
from tests.servers import Server
from tests.storages_real.conftest import Use, listed, names, refused

FILES = {"a.txt": "a" * 3000, "products/large lamp.txt": "lamp"}


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """A folder of media."""
    folder = tmp_path / "media"
    settings.MEDIA_ROOT = str(folder)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("flag", ["-v1", "-z"])
def test_a_database_goes_there_and_comes_back(
    call: Call, database: Path, use: Use, server: Server, flag: str
) -> None:
    folder = use(server)
    before = fill(database, ["a", "b"])
    pad(database, 9)  # S3 gets it in two parts
    call("dbbackup", flag)
    (name,) = listed(call)
    assert names(folder) == [name, f"{name}.metadata"]
    fill(database, ["c"])
    call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before


def test_each_of_several_comes_back_by_its_name(call: Call, database: Path, use: Use, server: Server) -> None:
    use(server)
    contents = {name: fill(database, [name]) for name in ("first", "second") if back_up(call, database, name)}
    for name, content in contents.items():
        call("dbrestore", "--noinput", "-d", "default", "-i", f"{name}.sqlite3")
        assert rows(database) == content
    code, message = refused(call, "dbrestore", "--noinput", "-d", "default", "-i", "third.sqlite3")
    assert (code, "cannot find backup `third.sqlite3`" in message) == (4, True)


def back_up(call: Call, database: Path, name: str) -> str:
    fill(database, [name])
    return call("dbbackup", "-o", f"{name}.sqlite3")


@pytest.mark.parametrize("flag", ["-v1", "-z"])
def test_media_go_there_and_come_back(call: Call, use: Use, server: Server, media: Path, flag: str) -> None:
    folder = use(server)
    call("mediabackup", flag)
    (name,) = listed(call)
    assert names(folder) == [name, f"{name}.metadata"]
    (media / "a.txt").write_text("other")
    (media / "products" / "large lamp.txt").unlink()
    call("mediarestore", "--noinput", "--replace")
    assert texts(media) == FILES


def test_cleaning_deletes_exactly_the_old_ones(
    call: Call, database: Path, use: Use, server: Server, settings: Settings
) -> None:
    folder = use(server)
    settings.DBBACKUP_CLEANUP_KEEP = 1
    fill(database, ["a"])
    call("dbbackup")
    call("dbbackup", "--servername", "other")
    (oldest, _) = listed(call)
    plan = call("prunebackups", "--dry-run", "-c", "db")
    assert f"default: keeps {oldest} (the newest is always kept)" in plan
    call("dbbackup", "--clean", "-z")
    left = listed(call)
    assert [name.endswith(".gz") for name in left] == [False, True]
    assert "other" in left[0]
    assert names(folder) == sorted(name + ending for name in left for ending in ("", ".metadata"))


def test_whole_backups_are_proven_and_damaged_ones_named(
    call: Call, database: Path, use: Use, server: Server
) -> None:
    folder = use(server)
    now = fill(database, ["a"])
    call("dbbackup", "-o", "mine.sqlite3")
    assert "mine.sqlite3: whole" in call("verifybackups")
    whole = (folder / "mine.sqlite3").read_bytes()
    (folder / "mine.sqlite3").write_bytes(whole[:5000] + b"x" + whole[5001:])
    server.look_again()
    for command in (["verifybackups"], ["dbrestore", "--noinput", "-d", "default"]):
        code, message = refused(call, *command)
        assert (code, "its SHA-256 is not the one in its manifest" in message) == (6, True)
    assert rows(database) == now


def test_a_taken_name_becomes_what_the_storage_makes_of_it(
    call: Call, database: Path, use: Use, server: Server
) -> None:
    folder = use(server)
    fill(database, ["a"])
    call("dbbackup", "-o", "mine.sqlite3")
    newest = fill(database, ["b"])
    call("dbbackup", "-o", "mine.sqlite3")
    found = sorted(listed(call), key=len)
    assert names(folder) == sorted(name + ending for name in found for ending in ("", ".metadata"))
    if server.protocol == "s3":
        assert found == ["mine.sqlite3"]
    else:
        assert len(found) == 2
        assert found[1].startswith("mine_")
    fill(database, ["c"])
    call("dbrestore", "--noinput", "-d", "default", "-i", found[-1])
    assert rows(database) == newest
