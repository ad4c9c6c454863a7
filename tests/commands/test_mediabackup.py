"""``manage.py mediabackup``."""

import gzip
import hashlib
import io
import os
import re
import signal
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.project import Project, fill, texts, tree, wait_until

FILES = {"a.txt": "a" * 1000, "products/large lamp.txt": "lamp", "products/ünïcode.txt": "ü", "drafts/": ""}
STORED = ["a.txt", "drafts", "products", "products/large lamp.txt", "products/ünïcode.txt"]
NAME = r"host-\d{4}-\d\d-\d\d-\d{6}\.tar"
SLOW_BYTES = 96 * 1024 * 1024
"""So much takes gzip about a second, in which a test can do something."""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with a few media files and an empty folder."""
    project.fill_media(FILES)
    return project


def only(project: Project) -> Path:
    (name,) = project.backups()
    return project.store / name


def stored_names(backup: Path) -> list[str]:
    with tarfile.open(backup) as archive:
        # The folder itself is the first member.
        return sorted(member.name.rstrip("/") for member in archive if member.name != ".")


# The backup and what is said of it


def test_one_line_says_what_was_stored(shop: Project) -> None:
    out = shop.ok("mediabackup")
    assert re.fullmatch(rf"media: stored {NAME} \(3 files, 1006 B in \d+\.\d s\)\n", out)


def test_the_backup_is_a_tar_file_that_tar_unpacks_with_times_modes_and_empty_folders(
    shop: Project, tmp_path: Path
) -> None:
    (shop.media / "a.txt").chmod(0o640)
    (shop.media / "drafts").chmod(0o750)
    os.utime(shop.media / "a.txt", ns=(0, 1_234_567_890_123_456_789))
    before = tree(shop.media)
    shop.ok("mediabackup")
    (tmp_path / "new").mkdir()
    subprocess.run(["tar", "-xpf", only(shop), "-C", tmp_path / "new"], check=True)
    assert tree(tmp_path / "new") == before


def test_compressed_backups_are_what_gunzip_reads(shop: Project) -> None:
    out = shop.ok("mediabackup", "-z")
    pattern = rf"media: stored {NAME}\.gz \(3 files, 1006 B → \d+ B in \d+\.\d s\)\n"
    assert re.fullmatch(pattern, out)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(only(shop).read_bytes())), mode="r:") as archive:
        member = archive.extractfile("products/ünïcode.txt")
        assert member is not None
        assert member.read() == "ü".encode()


def test_the_setting_decides_what_compressed_means(shop: Project) -> None:
    shop.configure("DBBACKUP_COMPRESSION = 'zstd'")
    shop.ok("mediabackup", "-z")
    assert only(shop).name.endswith(".tar.zst")
    subprocess.run(["zstd", "-qt", only(shop)], check=True)


def test_quiet_prints_nothing_and_verbose_adds_the_digest(shop: Project) -> None:
    assert shop.ok("mediabackup", "-q", "-c", "-o", "first.tar") == ""
    out = shop.ok("mediabackup", "-v", "2", "-o", "second.tar")
    assert f"\n  sha256: {hashlib.sha256((shop.store / 'second.tar').read_bytes()).hexdigest()}\n" in out


def test_the_manifest_says_what_it_is_of(shop: Project) -> None:
    shop.ok("mediabackup", "-z", "-s", "web-1")
    manifest = shop.manifest(only(shop).name)
    ours = manifest.pop("dbbackup")
    assert manifest == {}
    assert (ours["kind"], ours["alias"], ours["servername"], ours["compression"]) == (
        "media",
        "media",
        "web-1",
        "gzip",
    )
    assert ours["media"] == {"files": 3, "folders": 2, "bytes": 1006, "links": 0}
    assert only(shop).name.startswith("web-1-20")


def test_backups_are_for_their_owner_alone(shop: Project) -> None:
    shop.ok("mediabackup")
    assert {stat.S_IMODE(path.stat().st_mode) for path in shop.store.iterdir()} == {0o600}


def test_several_readers_store_the_same(shop: Project) -> None:
    shop.fill_media({f"many/{number}.txt": str(number) for number in range(300)})
    shop.ok("mediabackup", "-o", "one.tar")
    shop.ok("mediabackup", "--readers", "8", "-o", "eight.tar")
    assert (shop.store / "one.tar").read_bytes() == (shop.store / "eight.tar").read_bytes()


# Which folder


def test_the_path_in_the_settings_counts_more_than_the_default_storage(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "upload.txt").touch()
    shop.configure(f"DBBACKUP_MEDIA_PATH = {str(tmp_path / 'uploads')!r}")
    shop.configure("STORAGES['default']['BACKEND'] = 'django.core.files.storage.InMemoryStorage'")
    shop.ok("mediabackup")
    assert stored_names(only(shop)) == ["upload.txt"]


def test_the_location_of_the_default_storage_counts_more_than_the_media_root(shop: Project) -> None:
    (shop.root / "elsewhere").mkdir()
    (shop.root / "elsewhere" / "file").touch()
    shop.configure("STORAGES['default']['OPTIONS'] = {'location': BASE_DIR / 'elsewhere'}")
    shop.ok("mediabackup")
    assert stored_names(only(shop)) == ["file"]


def test_an_empty_media_root_is_not_the_working_directory(shop: Project) -> None:
    shop.configure("MEDIA_ROOT = ''")
    assert "the setting `MEDIA_ROOT` is empty" in shop.fails(2, "mediabackup")
    assert shop.files() == []


def test_a_folder_that_is_not_there_is_an_error_and_is_not_made(project: Project) -> None:
    assert str(project.media) in project.fails(2, "mediabackup")
    assert project.files() == []
    assert not project.media.exists()


# What is left out


def test_patterns_of_settings_and_options_are_left_out_without_a_warning(shop: Project) -> None:
    shop.fill_media({"cache/x": "", "cache/keep.txt": "", "b.tmp": "", "products/c.tmp": "", "y.log": ""})
    shop.configure("DBBACKUP_MEDIA_EXCLUDE = ['cache/', '*.log']")
    shop.ok("mediabackup", "--exclude", "*.tmp", "--exclude", "/drafts")
    assert stored_names(only(shop)) == [name for name in STORED if name != "drafts"]
    assert shop.manifest(only(shop).name)["dbbackup"]["excluded"] == ["cache/", "*.log", "*.tmp", "/drafts"]


@pytest.mark.parametrize("value", ["'*.tmp'", "[1]", "None"])
def test_a_setting_that_is_no_list_of_patterns_is_refused(shop: Project, value: str) -> None:
    shop.configure(f"DBBACKUP_MEDIA_EXCLUDE = {value}")
    assert "`DBBACKUP_MEDIA_EXCLUDE` must be a list of patterns" in shop.fails(2, "mediabackup")


def test_what_dangles_loops_or_is_no_file_is_named_and_the_rest_is_stored(shop: Project) -> None:
    (shop.media / "dangling").symlink_to("nowhere")
    (shop.media / "loop").symlink_to("loop")
    (shop.media / "products" / "up").symlink_to("..")
    os.mkfifo(shop.media / "pipe")
    run = shop.manage("mediabackup", "-c")
    assert run.code == 3
    lines = run.err.splitlines()
    assert lines[0] == "CommandError: media: 4 not stored, or not whole:"
    assert sorted(line.partition(": ")[0].strip() for line in lines[1:]) == [
        "dangling",
        "loop",
        "pipe",
        "products/up",
    ]
    assert "  dangling: it is a link to nothing" in lines
    assert re.match(rf"media: stored {NAME} \(3 files", run.out)
    assert stored_names(only(shop)) == STORED
    assert shop.manifest(only(shop).name)["dbbackup"]["skipped"]["count"] == 4


def test_many_that_are_left_out_are_counted_and_the_first_are_named(shop: Project) -> None:
    for number in range(30):
        (shop.media / f"dangling-{number}").symlink_to("nowhere")
    err = shop.fails(3, "mediabackup", "-q")
    assert err.startswith("CommandError: media: 30 not stored, or not whole:\n  dangling-0: ")
    assert err.endswith("\n  and 10 more\n")


def test_links_are_followed(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    (shop.media / "linked").symlink_to(tmp_path / "outside")
    (shop.media / "b.txt").symlink_to("a.txt")
    shop.ok("mediabackup")
    shop.ok("mediarestore", "--noinput", "--into", str(tmp_path / "new"))
    assert texts(tmp_path / "new") == texts(shop.media) | {"linked/file": "outside"}
    assert not [path for path in (tmp_path / "new").rglob("*") if path.is_symlink()]


@contextmanager
def stopped_within(project: Project, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A backup of a large file that was begun and is stopped (SIGSTOP) somewhere in it."""
    with (project.media / "a-large-file").open("wb") as file:
        for _ in range(SLOW_BYTES // 1024**2):
            file.write(os.urandom(1024**2))
    with project.running("mediabackup", "-z", *arguments) as command:
        wait_until(lambda: any(path.stat().st_size > 1024**2 for path in begun(project)))
        command.send_signal(signal.SIGSTOP)
        yield command


def begun(project: Project) -> list[Path]:
    """What is being written in the store."""
    return [path for path in project.store.glob(".dbbackup-*") if path.is_file()]


def test_a_file_that_vanishes_meanwhile_is_named_and_the_rest_is_stored(shop: Project) -> None:
    shop.fill_media({"z.txt": "gone soon"})
    with stopped_within(shop) as command:
        (shop.media / "z.txt").unlink()
        command.send_signal(signal.SIGCONT)
        _, err = command.communicate(timeout=25)
    assert command.returncode == 3, err
    assert re.fullmatch(r"CommandError: media: 1 not stored, or not whole:\n  z\.txt: .+\n", err)
    assert "products/large lamp.txt" in stored_names(only(shop))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_backup_that_leaves_nothing(shop: Project, number: signal.Signals, code: int) -> None:
    with stopped_within(shop) as command:
        command.send_signal(number)
        command.send_signal(signal.SIGCONT)
        _, err = command.communicate(timeout=20)
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert shop.files() == []


# The folder of the backups


def test_a_storage_in_the_media_files_is_refused(shop: Project) -> None:
    shop.configure("STORAGES['dbbackup']['OPTIONS']['location'] = MEDIA_ROOT / 'backups'")
    assert "it lies in the folder of `MEDIA_ROOT`" in shop.fails(2, "mediabackup")
    assert not (shop.media / "backups").exists()


@pytest.mark.parametrize("destination", [[], ["-O", "out.tar"]])
def test_the_folder_of_the_backups_is_never_in_a_backup(shop: Project, destination: list[str]) -> None:
    shop.configure("STORAGES['dbbackup']['OPTIONS']['location'] = MEDIA_ROOT / 'backups'")
    shop.configure("DBBACKUP_ALLOW_PUBLIC_STORAGE = True")
    fill(shop.database, ["a"])
    shop.ok("dbbackup")
    shop.ok("mediabackup", "-o", "first.tar")
    shop.ok("mediabackup", *(destination or ["-o", "second.tar"]))
    backup = shop.root / "out.tar" if destination else shop.media / "backups" / "second.tar"
    assert not [name for name in stored_names(backup) if "backups" in name]
    assert "a.txt" in stored_names(backup)


def test_backups_beside_the_media_files_themselves_are_refused(shop: Project) -> None:
    shop.configure("del STORAGES['dbbackup']\nDBBACKUP_ALLOW_PUBLIC_STORAGE = True")
    before = tree(shop.media)
    assert "into itself" in shop.fails(2, "mediabackup")
    assert {name: found[2] for name, found in tree(shop.media).items()} == {
        name: found[2] for name, found in before.items()
    }


# Names and places


def test_a_name_that_is_taken_gets_the_storages_suffix_and_one_manifest(shop: Project) -> None:
    shop.ok("mediabackup", "-o", "nightly.tar")
    out = shop.ok("mediabackup", "-o", "nightly.tar")
    name = re.match(r"media: stored (nightly_\w{7}\.tar) ", out)
    assert name
    assert shop.files() == sorted(["nightly.tar", "nightly.tar.metadata", name[1], f"{name[1]}.metadata"])


def test_a_local_file_is_written_and_replaced_whole(shop: Project, tmp_path: Path) -> None:
    for text in ("first", "second"):
        shop.fill_media({"a.txt": text})
        assert f"media: stored {tmp_path}/out.tar (" in shop.ok(
            "mediabackup", "-O", str(tmp_path / "out.tar")
        )
    assert shop.files() == []
    shop.ok("mediarestore", "--noinput", "-I", str(tmp_path / "out.tar"), "--into", str(tmp_path / "new"))
    assert texts(tmp_path / "new") == texts(shop.media)


def test_a_local_path_needs_no_storage(shop: Project) -> None:
    shop.configure("del STORAGES['dbbackup']")
    shop.ok("mediabackup", "-O", "out.tar")
    assert "a.txt" in stored_names(shop.root / "out.tar")


@pytest.mark.parametrize("path", ["media/out.tar", "media/products/out.tar", "link/out.tar"])
def test_a_local_path_in_the_media_files_is_refused(shop: Project, path: str) -> None:
    (shop.root / "link").symlink_to("media/products")
    assert "it lies in the folder that is backed up" in shop.fails(9, "mediabackup", "-O", path)
    assert not (shop.root / path).exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-o", "x", "-O", "y"], 2),
        (["-o", "../x"], 2),
        (["-O", "s3://bucket/key"], 2),
        (["-O", "ftp://host/key"], 1),
        (["-O", "db.sqlite3"], 9),
        (["--readers", "0"], 2),
        (["--readers", "many"], 2),
    ],
)
def test_options_that_cannot_be_used_are_errors(shop: Project, arguments: list[str], code: int) -> None:
    shop.fails(code, "mediabackup", *arguments)
    assert shop.files() == []


def test_the_template_of_media_names_them(shop: Project) -> None:
    shop.configure(
        "DBBACKUP_MEDIA_FILENAME_TEMPLATE = "
        "'{content_type}_{databasename}{servername}@{datetime}.{extension}'"
    )
    shop.ok("mediabackup", "-z")
    assert re.fullmatch(r"media_host@\d{4}-\d\d-\d\d-\d{6}\.tar\.gz", only(shop).name)


def test_a_callable_gets_the_same_keywords_as_for_databases(shop: Project) -> None:
    shop.configure("def DBBACKUP_MEDIA_FILENAME_TEMPLATE(**keywords):")
    shop.configure("    date = keywords.pop('datetime')")
    shop.configure("    return '_'.join(f'{k}={v}' for k, v in sorted(keywords.items())) + f'_{date}.tar'")
    for _ in range(2):
        shop.ok("mediabackup", "-z")
    names = shop.backups()
    assert len(names) == 2, "the second waits for a name that is not taken"
    for name in names:
        assert re.fullmatch(
            r"content_type=media_databasename=_extension=tar_servername=host_\d{4}-\d\d-\d\d-\d{6}\.tar\.gz",
            name,
        )
    shop.ok("mediarestore", "--noinput", "--dry-run")


def test_a_callable_that_fails_is_named_by_its_setting(shop: Project) -> None:
    shop.configure("def DBBACKUP_MEDIA_FILENAME_TEMPLATE(**keywords): return keywords['x']")
    assert "`DBBACKUP_MEDIA_FILENAME_TEMPLATE` failed: KeyError: 'x'" in shop.fails(2, "mediabackup")
    shop.configure("def DBBACKUP_MEDIA_FILENAME_TEMPLATE(**keywords): return None")
    assert "`DBBACKUP_MEDIA_FILENAME_TEMPLATE` must return a name" in shop.fails(2, "mediabackup")


def test_a_wrong_template_is_an_error_before_the_first_byte(shop: Project) -> None:
    shop.configure("DBBACKUP_MEDIA_FILENAME_TEMPLATE = '{date}.tar'")
    shop.fails(2, "mediabackup")
    assert shop.files() == []


# What -c deletes


def backup_at(project: Project, day: int, server: str = "host", ending: str = "tar") -> str:
    """Put a media backup of a day into the store, as it would be found there; return its name."""
    name = f"{server}-2020-01-0{day}-120000.{ending}"
    project.store.mkdir(exist_ok=True)
    (project.store / name).write_bytes(b"x")
    return name


def test_cleaning_deletes_media_of_this_server_only(shop: Project) -> None:
    shop.configure("DBBACKUP_CLEANUP_KEEP = 2")
    own = [backup_at(shop, day, ending=ending) for day, ending in ((1, "tar"), (2, "tar.gz"), (3, "tar.zst"))]
    others = [backup_at(shop, day, "host-2") for day in (1, 2, 3)]
    databases = [backup_at(shop, day, "default-host", "sqlite3") for day in (1, 2, 3)]
    out = shop.ok("mediabackup", "-c", "-z")
    kept = shop.backups()
    assert set(kept) >= {own[2], *others, *databases}
    assert not set(kept) & set(own[:2])
    assert [line.split(" (")[0] for line in out.splitlines()[1:]] == [
        f"media: deleted {own[1]}",
        f"media: deleted {own[0]}",
        "media: left alone 3 of other servers or projects",
    ]


def test_cleaning_databases_never_touches_media(shop: Project) -> None:
    shop.configure("DBBACKUP_CLEANUP_KEEP = 1")
    fill(shop.database, ["a"])
    media = [backup_at(shop, day) for day in (1, 2, 3)]
    shop.ok("dbbackup", "-c")
    assert set(media) <= set(shop.backups())


def test_media_have_a_count_of_their_own(shop: Project) -> None:
    shop.configure("DBBACKUP_CLEANUP_KEEP = 9\nDBBACKUP_CLEANUP_KEEP_MEDIA = 1")
    backup_at(shop, 1)
    shop.ok("mediabackup", "-c")
    assert len(shop.backups()) == 1
    shop.configure("DBBACKUP_CLEANUP_KEEP_MEDIA = -1")
    assert "`DBBACKUP_CLEANUP_KEEP_MEDIA` must be" in shop.fails(2, "mediabackup")


def test_the_filter_keeps_media_too(shop: Project) -> None:
    shop.configure("DBBACKUP_CLEANUP_KEEP = 1")
    shop.configure("def DBBACKUP_CLEANUP_KEEP_FILTER(name): return '-01-120000' in name")
    names = [backup_at(shop, day) for day in (1, 2)]
    shop.ok("mediabackup", "-c")
    assert [name for name in shop.backups() if name in names] == names[:1]


def test_the_backup_just_made_stays_when_a_clock_was_ahead(shop: Project) -> None:
    shop.configure("DBBACKUP_CLEANUP_KEEP = 1")
    shop.store.mkdir()
    ahead = f"host-{datetime.now(UTC) + timedelta(hours=30):%Y-%m-%d-%H%M%S}.tar"
    (shop.store / ahead).write_bytes(b"x")
    shop.ok("mediabackup", "-c")
    assert [name for name in shop.backups() if name != ahead]


def test_a_failed_cleaning_still_names_what_was_not_stored(shop: Project) -> None:
    (shop.media / "dangling").symlink_to("nowhere")
    shop.configure("DBBACKUP_CLEANUP_KEEP = 1")
    shop.configure("def DBBACKUP_CLEANUP_KEEP_FILTER(name): raise ValueError('oh')")
    names = [backup_at(shop, day) for day in (1, 2)]
    err = shop.fails(2, "mediabackup", "-c")
    assert "  dangling: it is a link to nothing\n" in err
    assert "`DBBACKUP_CLEANUP_KEEP_FILTER` failed for" in err
    assert set(names) < set(shop.backups())
