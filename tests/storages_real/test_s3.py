"""Prefixes and URLs of S3: which bucket, which key, and what must not be touched."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill, rows, texts
from tests.servers import Server
from tests.storages_real.conftest import Use, listed, names, new_folder, refused


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """A folder of media with one file."""
    folder = tmp_path / "media"
    settings.MEDIA_ROOT = str(folder)
    folder.mkdir()
    (folder / "a.txt").write_text("lamp")
    return folder


@pytest.fixture
def bucket(s3: Server) -> Path:
    """Another bucket than the configured one."""
    return new_folder(s3)


def test_a_location_is_a_folder_of_its_own(
    call: Call, database: Path, use: Use, s3: Server, settings: Settings
) -> None:
    folder = use(s3, location="shop/nightly")
    settings.DBBACKUP_CLEANUP_KEEP = 1
    for other in ("default-host-2026-01-01-000000.sqlite3", "shop/default-host-2026-01-01-000000.sqlite3"):
        (folder / other).parent.mkdir(exist_ok=True)
        (folder / other).write_text("not ours")
    s3.look_again()
    before = fill(database, ["a"])
    call("dbbackup")
    call("dbbackup", "-z", "--clean")
    (name,) = listed(call)
    assert names(folder) == sorted(
        [
            "default-host-2026-01-01-000000.sqlite3",
            "shop/default-host-2026-01-01-000000.sqlite3",
            f"shop/nightly/{name}",
            f"shop/nightly/{name}.metadata",
        ]
    )
    fill(database, ["b"])
    call("dbrestore", "--noinput", "-d", "default", "-i", name)
    assert rows(database) == before


def test_a_backup_goes_to_exactly_the_key_of_the_url(
    call: Call, database: Path, use: Use, s3: Server, bucket: Path
) -> None:
    configured = use(s3, location="shop")
    before = fill(database, ["a"])
    url = f"s3://{bucket.name}/years/2026/shop.sqlite3.gz"
    assert f"stored {url} (" in call("dbbackup", "-z", "-O", url)
    assert names(bucket) == ["years/2026/shop.sqlite3.gz", "years/2026/shop.sqlite3.gz.metadata"]
    assert names(configured) == []
    fill(database, ["b"])
    call("dbrestore", "--noinput", "-d", "default", "-I", url)
    assert rows(database) == before


def test_the_configured_storage_stays_what_it_was(
    call: Call, database: Path, use: Use, s3: Server, bucket: Path
) -> None:
    configured = use(s3, location="shop")
    fill(database, ["a"])
    call("dbbackup", "-O", f"s3://{bucket.name}/elsewhere.sqlite3")
    call("dbbackup", "-o", "here.sqlite3")
    assert names(configured) == ["shop/here.sqlite3", "shop/here.sqlite3.metadata"]
    storage: Any = storages["dbbackup"]
    assert (storage.bucket_name, storage.location) == (configured.name, "shop")


def test_a_key_that_is_taken_is_left_alone(
    call: Call, database: Path, use: Use, s3: Server, bucket: Path
) -> None:
    use(s3)
    fill(database, ["a"])
    (bucket / "taken.sqlite3").write_text("somebody's")
    s3.look_again()
    code, message = refused(call, "dbbackup", "-O", f"s3://{bucket.name}/taken.sqlite3")
    assert (code, "the storage has a file of that name" in message) == (4, True)
    assert (names(bucket), (bucket / "taken.sqlite3").read_text()) == (["taken.sqlite3"], "somebody's")


def test_below_a_folder_each_gets_a_name_of_its_own(
    call: Call, database: Path, use: Use, s3: Server, bucket: Path
) -> None:
    use(s3)
    fill(database, ["a"])
    fill(database.with_name("second.sqlite3"), ["b"])
    out = call("dbbackup", "-d", "default,second", "-O", f"s3://{bucket.name}/nightly/")
    stored = [name for name in names(bucket) if not name.endswith(".metadata")]
    assert [name.partition("-host-")[0] for name in stored] == ["nightly/default", "nightly/second"]
    assert names(bucket) == sorted(name + ending for name in stored for ending in ("", ".metadata"))
    for name in stored:
        assert f"stored s3://{bucket.name}/{name} (" in out


def test_the_root_of_a_bucket_is_a_folder(
    call: Call, database: Path, use: Use, s3: Server, bucket: Path
) -> None:
    use(s3)
    fill(database, ["a"])
    call("dbbackup", "-O", f"s3://{bucket.name}/")
    assert [name.partition("-host-")[0] for name in names(bucket)] == ["default", "default"]


def test_media_go_to_urls_and_come_back(call: Call, use: Use, s3: Server, bucket: Path, media: Path) -> None:
    use(s3)
    call("mediabackup", "-z", "-O", f"s3://{bucket.name}/media/all.tar.gz")
    call("mediabackup", "-O", f"s3://{bucket.name}/media/")
    assert len(names(bucket)) == 4
    (media / "a.txt").unlink()
    call("mediarestore", "--noinput", "-I", f"s3://{bucket.name}/media/all.tar.gz")
    assert texts(media) == {"a.txt": "lamp"}
    code, message = refused(
        call, "dbrestore", "--noinput", "-d", "default", "-I", f"s3://{bucket.name}/media/all.tar.gz"
    )
    assert (code, "mediarestore -I" in message) == (9, True)


@pytest.mark.parametrize(
    ("url", "code", "text"),
    [
        ("s3://{bucket}/none.sqlite3", 4, "cannot find backup `none.sqlite3`"),
        ("s3://{bucket}/folder/", 2, "is a folder and names no backup"),
        ("s3:///none.sqlite3", 2, "names no bucket"),
        ("s3://no-such-bucket/none.sqlite3", 4, "cannot find backup `none.sqlite3`"),
    ],
)
def test_what_cannot_be_restored_is_said(
    call: Call, database: Path, use: Use, s3: Server, bucket: Path, url: str, code: int, text: str
) -> None:
    use(s3)
    now = fill(database, ["a"])
    found, message = refused(
        call, "dbrestore", "--noinput", "-d", "default", "-I", url.format(bucket=bucket.name)
    )
    assert (found, text in message) == (code, True), message
    assert rows(database) == now


@pytest.mark.parametrize(
    "command",
    [
        ["dbbackup", "-O", "s3://bucket/key"],
        ["mediabackup", "-O", "s3://bucket/"],
        ["dbrestore", "--noinput", "-d", "default", "-I", "s3://bucket/key"],
    ],
    ids=" ".join,
)
def test_urls_need_a_storage_of_s3(
    call: Call, database: Path, use: Use, sftp: Server, media: Path, command: list[str]
) -> None:
    use(sftp)
    fill(database, ["a"])
    code, message = refused(call, *command)
    assert (code, "is no S3 storage" in message) == (2, True), message


def test_one_url_is_not_for_several_databases(
    call: Call, database: Path, use: Use, s3: Server, bucket: Path
) -> None:
    use(s3)
    fill(database, ["a"])
    code, _ = refused(call, "dbbackup", "-d", "default,second", "-O", f"s3://{bucket.name}/one.sqlite3")
    assert (code, names(bucket)) == (2, [])
