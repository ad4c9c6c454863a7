"""``manage.py mediarestore``."""

import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.project import Project, fill, rows, texts, tree, wait_until

FILES = {"a.txt": "a" * 1000, "products/large lamp.txt": "lamp", "products/ünïcode.txt": "ü", "drafts/": ""}
OLD = {"a.txt": "a" * 1000, "products/large lamp.txt": "lamp", "products/ünïcode.txt": "ü"}


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with a few media files, which are backed up."""
    project.fill_media(FILES)
    project.ok("mediabackup")
    return project


def damage(project: Project) -> None:
    """Delete a file, change another and add a third."""
    (project.media / "products" / "large lamp.txt").unlink()
    project.fill_media({"a.txt": "changed", "new.txt": "new"})


def leftovers(project: Project) -> list[str]:
    return [str(path) for path in project.root.rglob(".dbbackup-*")]


# The way there and back


@pytest.mark.parametrize("options", [[], ["-z"]])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_everything_comes_back_with_times_modes_and_empty_folders(
    project: Project, options: list[str], compression: str
) -> None:
    project.configure(f"DBBACKUP_COMPRESSION = {compression!r}")
    project.fill_media(FILES)
    (project.media / "a.txt").chmod(0o640)
    (project.media / "drafts").chmod(0o750)
    os.utime(project.media / "a.txt", ns=(0, 1_234_567_890_123_456_789))
    os.utime(project.media / "drafts", ns=(0, 1_000_000_000_000_000_000))
    before = tree(project.media)
    project.ok("mediabackup", *options)
    shutil.rmtree(project.media)
    out = project.ok("mediarestore", "--noinput")
    assert re.fullmatch(
        rf"media: restored {re.escape(project.backups()[0])} into {project.media}: "
        r"3 new \(1006 B in \d+\.\d s\)\n",
        out,
    )
    assert tree(project.media) == before
    assert leftovers(project) == []


def test_files_that_are_there_stay(shop: Project) -> None:
    damage(shop)
    out = shop.ok("mediarestore", "--noinput")
    assert ": 1 new, 2 kept as they are (4 B in " in out
    assert texts(shop.media) == OLD | {"a.txt": "changed", "new.txt": "new"}


@pytest.mark.parametrize("option", ["-r", "--replace"])
def test_files_that_differ_are_replaced_when_asked_for_and_others_stay(shop: Project, option: str) -> None:
    damage(shop)
    out = shop.ok("mediarestore", "--noinput", option)
    assert ": 1 new, 1 replaced, 1 the same (1004 B in " in out
    assert texts(shop.media) == OLD | {"new.txt": "new"}


@pytest.mark.parametrize("flags", [["-z"], ["-e"], ["-z", "-e"], ["--uncompress", "--decrypt"]])
def test_flags_of_django_dbbackup_are_accepted_and_not_needed(shop: Project, flags: list[str]) -> None:
    shutil.rmtree(shop.media)
    shop.ok("mediarestore", "--noinput", *flags)
    assert texts(shop.media) == OLD


def test_quiet_prints_nothing_and_verbose_names_the_proof(shop: Project) -> None:
    assert shop.ok("mediarestore", "--noinput", "-q") == ""
    assert shop.ok("mediarestore", "--noinput", "-v", "0") == ""
    assert re.search(r"\n  proof: \S+", shop.ok("mediarestore", "--noinput", "-v", "2"))


# Where to, and what


def test_another_folder_takes_the_files_and_the_media_stay(shop: Project, tmp_path: Path) -> None:
    damage(shop)
    before = tree(shop.media)
    out = shop.ok("mediarestore", "--noinput", "--into", "../look/here")
    assert f" into {shop.root}/../look/here: 3 new " in out
    assert texts(tmp_path / "look" / "here") == OLD
    assert tree(shop.media) == before


def test_another_folder_needs_no_folder_of_media(shop: Project, tmp_path: Path) -> None:
    shop.configure("MEDIA_ROOT = ''")
    assert "`MEDIA_ROOT` is empty" in shop.fails(2, "mediarestore", "--noinput")
    shop.ok("mediarestore", "--noinput", "--into", str(tmp_path / "look"))
    assert texts(tmp_path / "look") == OLD


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["products"], ["products/large lamp.txt", "products/ünïcode.txt"]),
        (["products/"], ["products/large lamp.txt", "products/ünïcode.txt"]),
        (["./a.txt"], ["a.txt"]),
        (["a.txt", "products/ünïcode.txt"], ["a.txt", "products/ünïcode.txt"]),
    ],
)
def test_only_what_is_asked_for_is_restored(shop: Project, asked: list[str], expected: list[str]) -> None:
    shutil.rmtree(shop.media)
    shop.ok("mediarestore", "--noinput", *(word for path in asked for word in ("--only", path)))
    assert sorted(texts(shop.media)) == expected


def test_a_path_that_the_backup_lacks_is_an_error_and_nothing_is_changed(shop: Project) -> None:
    damage(shop)
    before = tree(shop.media)
    err = shop.fails(4, "mediarestore", "--noinput", "-r", "--only", "a.txt", "--only", "b.txt")
    assert "cannot find `b.txt` in the backup" in err
    assert tree(shop.media) == before


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ([], "1 new, 2 kept as they are (4 B)"),
        (["-r"], "1 new, 1 replaced, 1 the same (1004 B)"),
        (["-r", "--only", "a.txt"], "1 replaced (1000 B)"),
    ],
)
def test_a_dry_run_asks_nothing_tells_all_and_changes_nothing(
    shop: Project, options: list[str], counts: str
) -> None:
    damage(shop)
    before = tree(shop.root)
    out = shop.ok("mediarestore", "--dry-run", *options)
    assert out == f"media: would restore {shop.backups()[0]} into {shop.media}: {counts}\n"
    assert tree(shop.root) == before


def test_a_dry_run_does_not_make_the_folder(shop: Project) -> None:
    shutil.rmtree(shop.media)
    assert ": 3 new (1006 B)\n" in shop.ok("mediarestore", "--dry-run")
    assert not shop.media.exists()


# What cannot be restored


def hostile(path: Path) -> None:
    """Write an archive with a file for us, one for somebody else, and a link."""
    with tarfile.open(path, "w") as archive:
        for name in ("good.txt", "../outside.txt", "/outside.txt"):
            archive.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)


@pytest.mark.parametrize("dry", [False, True])
def test_members_that_may_not_be_written_are_named_and_the_rest_is_restored(shop: Project, dry: bool) -> None:
    hostile(shop.root / "hostile.tar")
    run = shop.manage("mediarestore", "-I", "hostile.tar", *(["--dry-run"] if dry else ["--noinput"]))
    assert run.code == 3
    lines = run.err.splitlines()
    assert lines[0] == "CommandError: media: 3 not restored:"
    assert [line.partition(": ")[0].strip() for line in lines[1:]] == [
        "../outside.txt",
        "/outside.txt",
        "link",
    ]
    assert (shop.media / "good.txt").exists() != dry
    assert not (shop.root / "outside.txt").exists()
    assert not Path("/outside.txt").exists()


def damaged(sound: bytes) -> dict[str, bytes]:
    """A stored backup in several ways of being wrong."""
    middle = len(sound) // 2
    flipped = sound[:middle] + bytes([sound[middle] ^ 0xFF]) + sound[middle + 1 :]
    return {"cut": sound[:-600], "flipped": flipped, "empty": b"", "junk": b"junk" * 1000}


@pytest.mark.parametrize("kind", ["cut", "flipped", "empty", "junk"])
@pytest.mark.parametrize("options", [[], ["-z"]])
def test_a_damaged_backup_is_refused_and_nothing_is_changed(
    project: Project, kind: str, options: list[str]
) -> None:
    project.fill_media({**FILES, "noise": os.urandom(3000).hex()})
    project.ok("mediabackup", "-o", "backup.tar", *options)
    backup = project.store / "backup.tar"
    backup.write_bytes(damaged(backup.read_bytes())[kind])
    damage(project)
    before = tree(project.media)
    project.fails(6, "mediarestore", "--noinput", "-r", "-i", "backup.tar")
    assert tree(project.media) == before


@pytest.mark.parametrize("kind", ["cut", "empty", "junk"])
def test_damage_without_a_manifest_is_refused_and_nothing_is_changed(shop: Project, kind: str) -> None:
    (name,) = shop.backups()
    (shop.root / "file.tar").write_bytes(damaged((shop.store / name).read_bytes())[kind])
    damage(shop)
    before = tree(shop.media)
    shop.fails(6, "mediarestore", "--noinput", "-r", "-I", "file.tar")
    assert tree(shop.media) == before


# Which backup


def test_the_newest_of_this_server_is_taken(shop: Project) -> None:
    shop.fill_media({"a.txt": "newer"})
    shop.ok("mediabackup")
    shop.fill_media({"a.txt": "of another server"})
    shop.ok("mediabackup", "-s", "other")
    shop.ok("mediarestore", "--noinput", "-r")
    assert (shop.media / "a.txt").read_text() == "newer"
    shop.ok("mediarestore", "--noinput", "-r", "-s", "other")
    assert (shop.media / "a.txt").read_text() == "of another server"


def test_databases_are_no_candidates(project: Project) -> None:
    fill(project.database, ["a"])
    project.ok("dbbackup")
    err = project.fails(4, "mediarestore", "--noinput")
    assert "cannot find a backup of media" in err
    assert "`listbackups` shows what there is" in err


def test_a_tar_file_of_any_name_is_restored_by_its_path(shop: Project, tmp_path: Path) -> None:
    subprocess.run(["tar", "-czf", tmp_path / "from somewhere", "-C", shop.media, "."], check=True)
    shutil.rmtree(shop.media)
    shop.ok("mediarestore", "--noinput", "-I", str(tmp_path / "from somewhere"))
    assert texts(shop.media) == OLD


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-i", "no-such.tar"], 4),
        (["-I", "no-such.tar"], 4),
        (["-I", "."], 4),
        (["-i", "a", "-I", "b"], 2),
        (["--into", "manage.py"], 2),
        (["--only", ""], 2),
        (["-s", "nobody"], 4),
    ],
)
def test_what_cannot_be_restored_is_an_error_and_nothing_is_changed(
    shop: Project, arguments: list[str], code: int
) -> None:
    damage(shop)
    before = tree(shop.media)
    shop.fails(code, "mediarestore", "--noinput", "-r", *arguments)
    assert tree(shop.media) == before


@pytest.mark.parametrize("with_manifest", [True, False])
@pytest.mark.parametrize("by_path", [False, True])
def test_a_backup_of_the_other_kind_is_refused_with_the_right_command(
    shop: Project, with_manifest: bool, by_path: bool
) -> None:
    now = fill(shop.database, ["a"])
    shop.ok("dbbackup")
    database, media = shop.backups()
    if not with_manifest:
        for path in shop.store.glob("*.metadata"):
            path.unlink()
    before = tree(shop.media)
    option = "-I" if by_path else "-i"
    names = [str(shop.store / name) if by_path else name for name in (database, media)]
    err = shop.fails(9, "mediarestore", "--noinput", option, names[0])
    assert err == (
        f"CommandError: cannot restore `{names[0]}` into a folder: it is of a database\n"
        f"hint: use `manage.py dbrestore {option} {names[0]}`\n"
    )
    err = shop.fails(9, "dbrestore", "--noinput", option, names[1])
    assert err == (
        f"CommandError: cannot restore `{names[1]}` into a database: it is of media files\n"
        f"hint: use `manage.py mediarestore {option} {names[1]}`\n"
    )
    assert (rows(shop.database), tree(shop.media)) == (now, before)


def test_a_backup_in_the_folder_itself_is_refused_with_what_to_do(shop: Project) -> None:
    shutil.copy(shop.store / shop.backups()[0], shop.media / "old.tar")
    err = shop.fails(9, "mediarestore", "--noinput", "-I", "media/old.tar")
    assert "into the folder that it lies in itself" in err
    assert "hint: move it to another folder first" in err


# The question


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "nonsense\n"])
def test_every_answer_but_yes_declines(shop: Project, answer: str) -> None:
    damage(shop)
    before = tree(shop.media)
    err = shop.fails(7, "mediarestore", "-r", stdin=answer)
    assert err == "CommandError: declined: nothing was changed\n"
    assert tree(shop.media) == before


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_goes_on(shop: Project, answer: str) -> None:
    damage(shop)
    shop.ok("mediarestore", "-r", stdin=answer)
    assert texts(shop.media) == OLD | {"new.txt": "new"}


QUESTION = (
    r"Media files will be restored:\n"
    r"  folder: {folder}\n"
    r"  backup: {name} \(3 files, \d+\.\d KiB stored, made \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d, "
    r"\d\.\d s ago, on `host`\)\n"
    r"{more}\n"
    r"Continue\? \[y/N\] "
)


@pytest.mark.parametrize(
    ("options", "folder", "more"),
    [
        (
            [],
            "{root}/media",
            "Files that are there stay as they are; -r/--replace would replace those that differ.",
        ),
        (
            ["-r", "--into", "new", "--only", "a.txt"],
            r"{root}/new \(will be made\)",
            "  only:   a.txt\n"
            "Files that are there and differ will be replaced. Files that the backup lacks stay.",
        ),
    ],
)
def test_the_question_says_what_goes_where(shop: Project, options: list[str], folder: str, more: str) -> None:
    out = shop.manage("mediarestore", *options, stdin="n\n").out
    folder = folder.format(root=shop.root)
    name = re.escape(shop.backups()[0])
    assert re.fullmatch(QUESTION.format(folder=folder, name=name, more=re.escape(more)), out), out


# Signals


LARGE = {f"{index:04}": os.urandom(100_000).hex() for index in range(300)}
"""They get their names together, after the last of them is written."""

MANY = {f"{index:04}": str(index) for index in range(7000)}
"""So many get their names in two goes."""


@pytest.mark.parametrize(
    ("number", "code", "new", "awaited"),
    [
        (signal.SIGINT, 130, LARGE, ".dbbackup-*"),
        (signal.SIGTERM, 143, LARGE, ".dbbackup-*"),
        (signal.SIGTERM, 143, MANY, "0001"),
    ],
    ids=["SIGINT in the first go", "SIGTERM in the first go", "SIGTERM in the second go"],
)
def test_a_signal_leaves_each_file_as_it_was_or_whole(
    project: Project, number: signal.Signals, code: int, new: dict[str, str], awaited: str
) -> None:
    project.fill_media(new)
    project.ok("mediabackup")
    # A thread may take note of the signal just after somebody has looked for it, and what is left takes less
    # than the tenth of a second until the next look. Then it is tried again.
    for _ in range(5):
        shutil.rmtree(project.media)
        old = dict.fromkeys(list(new)[::100], "old")
        project.fill_media(old)
        with project.running("mediarestore", "--noinput", "-r") as command:
            wait_until(lambda: command.poll() is not None or any(project.media.glob(awaited)))
            command.send_signal(signal.SIGSTOP)
            command.send_signal(number)
            time.sleep(0.2)
            command.send_signal(signal.SIGCONT)
            _, err = command.communicate(timeout=20)
        assert (command.returncode, "Traceback" in err) == (code, False), err
        found = texts(project.media)
        assert all(found[name] in (new[name], old.get(name)) for name in found)
        assert found.keys() >= old.keys()
        assert leftovers(project) == []
        if found != new:
            break
    assert found != new, "the signal always came when everything was done"
    project.ok("mediarestore", "--noinput", "-r")
    assert texts(project.media) == new


def test_two_restores_into_one_folder_are_not_mixed(project: Project) -> None:
    project.fill_media({f"{index}": os.urandom(100_000).hex() for index in range(100)})
    project.ok("mediabackup")
    with project.running("mediarestore", "--noinput", "-r") as command:
        wait_until(lambda: command.poll() is not None or any(project.media.glob(".dbbackup-lock-*")))
        command.send_signal(signal.SIGSTOP)
        assert "another restore is running" in project.fails(8, "mediarestore", "--noinput")
        command.send_signal(signal.SIGCONT)
        _, err = command.communicate(timeout=20)
    assert command.returncode == 0, err
