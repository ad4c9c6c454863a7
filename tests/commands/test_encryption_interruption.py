"""Signals and kills while GnuPG works: nothing is left of a backup, nothing changed by a restore, and it is gone."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commands.test_memory import GROWTH_BYTES, MIB, peaks
from tests.conftest import UseKeyring
from tests.gnupg import Keyring, Keys
from tests.project import (
    Project,
    Rows,
    child_ids,
    fill,
    is_alive,
    pad,
    rows,
    stopped_tool,
    tree,
    wait_until,
)

SIZE_MIB = 48
"""Enough that GnuPG is met while it works."""

IN_PLACE = """\
import sys
sys.path.insert(0, {root!r})
STORAGES["dbbackup"]["BACKEND"] = "tests.storages.Plain"
"""

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(project: Project, keys: Keys, use_keyring: UseKeyring) -> Project:
    """A project whose backups are encrypted, with a large database and a large file of the media."""
    use_keyring(keys.ring)
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {keys.ada!r}")
    fill(project.database, ["old"], wal=True)
    return project


def enlarge(project: Project, verb: str) -> None:
    """Give the `verb` something to do for a while."""
    if verb.startswith("db"):
        pad(project.database, SIZE_MIB)
    else:
        project.media.mkdir()
        (project.media / "large").write_bytes(os.urandom(SIZE_MIB * MIB))


def prepared(project: Project, arguments: tuple[str, ...]) -> tuple[list[str], Rows]:
    """Make what a command works on; return the files of the storage, and the rows that are there now."""
    enlarge(project, "dbbackup")
    if "dbrestore" in arguments:
        project.ok("dbbackup", "-e")
    return project.files(), fill(project.database, ["new"])


def at_work(keyring: Keyring) -> list[int]:
    """Process ids of each ``gpg`` that works with a key ring."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            program = (process / "cmdline").read_bytes().partition(b"\0")[0]
            is_gpg = program.rpartition(b"/")[2] == b"gpg"
            if (
                is_gpg
                and bytes(keyring.home) in (process / "environ").read_bytes()
                and is_alive(int(process.name))
            ):
                found.append(int(process.name))
    return found


def leftovers(project: Project) -> list[str]:
    """Files of ours in the project that are neither backups nor of the user."""
    return [str(path) for path in project.root.rglob(".dbbackup-*")]


def interrupt(command: subprocess.Popen[str], number: signal.Signals, tool: int) -> str:
    """Send a signal to the command, and let the tool go on that was stopped; return the command's last words."""
    command.send_signal(number)
    time.sleep(0.3)
    # On a slow machine the command has ended it by now.
    with suppress(ProcessLookupError):
        os.kill(tool, signal.SIGCONT)
    _, err = command.communicate(timeout=20)
    return err


@pytest.mark.parametrize(
    ("verb", "number", "code", "settings"),
    [
        ("dbbackup", signal.SIGINT, 130, ""),
        ("dbbackup", signal.SIGTERM, 143, IN_PLACE),
        ("mediabackup", signal.SIGTERM, 143, ""),
    ],
    ids=["SIGINT", "SIGTERM, in place", "SIGTERM, media"],
)
def test_a_signal_while_it_encrypts_leaves_nothing(
    shop: Project, keys: Keys, verb: str, number: signal.Signals, code: int, settings: str
) -> None:
    enlarge(shop, verb)
    shop.configure(settings.format(root=str(ROOT)))
    with shop.running(verb, "-e") as command:
        gpg = stopped_tool(command, "--encrypt")
        err = interrupt(command, number, gpg)
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert (shop.files(), leftovers(shop), at_work(keys.ring)) == ([], [], [])


@pytest.mark.parametrize(
    ("tool", "number", "code"),
    [("--decrypt", signal.SIGINT, 130), ("sqlite-load", signal.SIGTERM, 143)],
    ids=["SIGINT at the beginning", "SIGTERM while it is written"],
)
def test_a_signal_while_it_decrypts_changes_nothing(
    shop: Project, keys: Keys, tool: str, number: signal.Signals, code: int
) -> None:
    enlarge(shop, "dbbackup")
    shop.ok("dbbackup", "-e")
    before = shop.files()
    now = fill(shop.database, ["new"])
    with shop.running("dbrestore", "--noinput") as command:
        err = interrupt(command, number, stopped_tool(command, tool))
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert rows(shop.database) == now
    assert (shop.files(), leftovers(shop), at_work(keys.ring)) == (before, [], [])


def test_a_signal_while_it_decrypts_media_leaves_each_file_as_it_was(shop: Project, keys: Keys) -> None:
    enlarge(shop, "mediabackup")
    shop.ok("mediabackup", "-e")
    (shop.media / "large").write_bytes(b"new")
    now = tree(shop.media)
    with shop.running("mediarestore", "--noinput", "-r") as command:
        err = interrupt(command, signal.SIGTERM, stopped_tool(command, "--decrypt"))
    assert (command.returncode, "Traceback" in err) == (143, False), err
    assert (tree(shop.media), leftovers(shop), at_work(keys.ring)) == (now, [], [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("dbbackup", "-e"),
        ("dbrestore", "--noinput"),
    ],
    ids=["backup", "restore"],
)
def test_ctrl_c_reaches_gnupg_too_and_the_command_still_ends_as_interrupted(
    shop: Project, keys: Keys, arguments: tuple[str, ...]
) -> None:
    before, now = prepared(shop, arguments)
    command = subprocess.Popen(
        shop._argv(arguments),
        cwd=shop.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stopped_tool(command, "--encrypt" if "-e" in arguments else "--decrypt")
    os.killpg(command.pid, signal.SIGINT)
    os.killpg(command.pid, signal.SIGCONT)
    _, err = command.communicate(timeout=20)
    assert (command.returncode, err) == (130, "interrupted\n")
    assert rows(shop.database) == now
    assert (shop.files(), leftovers(shop), at_work(keys.ring)) == (before, [], [])


@pytest.mark.parametrize("settings", ["", IN_PLACE], ids=["folder", "in place"])
def test_a_killed_backup_is_never_listed_and_gnupg_ends_with_it(
    shop: Project, keys: Keys, settings: str
) -> None:
    enlarge(shop, "dbbackup")
    shop.configure(settings.format(root=str(ROOT)))
    with shop.running("dbbackup", "-e") as command:
        # The storage has some of it.
        wait_until(lambda: shop.files() and any(path.stat().st_size > MIB for path in shop.store.iterdir()))
        children = child_ids(command.pid)
        command.kill()
        command.wait()
        wait_until(lambda: not any(map(is_alive, children)))
    assert at_work(keys.ring) == []
    assert shop.ok("listbackups", "-q") == ""
    expected = rows(shop.database)
    shop.ok("dbbackup", "-e")
    fill(shop.database, ["new"])
    shop.ok("dbrestore", "--noinput")
    assert rows(shop.database) == expected


def test_a_killed_restore_changes_nothing_and_gnupg_ends_with_it(shop: Project, keys: Keys) -> None:
    enlarge(shop, "dbbackup")
    shop.ok("dbbackup", "-e")
    now = fill(shop.database, ["new"])
    with shop.running("dbrestore", "--noinput") as command:
        tool = stopped_tool(command, "sqlite-load")
        children = child_ids(command.pid)
        command.kill()
        command.wait()
        os.kill(tool, signal.SIGCONT)
        wait_until(lambda: not any(map(is_alive, children)))
    assert at_work(keys.ring) == []
    assert rows(shop.database) == now


@pytest.mark.parametrize(
    "arguments", [("dbbackup", "-e"), ("dbrestore", "--noinput")], ids=["backup", "restore"]
)
def test_a_killed_gnupg_is_an_error_and_changes_nothing(
    shop: Project, keys: Keys, arguments: tuple[str, ...]
) -> None:
    before, now = prepared(shop, arguments)
    with shop.running(*arguments) as command:
        gpg = stopped_tool(command, "--encrypt" if "-e" in arguments else "--decrypt")
        os.kill(gpg, signal.SIGKILL)
        _, err = command.communicate(timeout=20)
    assert (command.returncode, "Traceback" in err) == (1, False), err
    assert "signal: 9" in err
    assert rows(shop.database) == now
    assert (shop.files(), leftovers(shop), at_work(keys.ring)) == (before, [], [])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_large_database_needs_no_more_memory(tmp_path: Path, keys: Keys, use_keyring: UseKeyring) -> None:
    use_keyring(keys.ring)
    small, large = Project(tmp_path / "small"), Project(tmp_path / "large")
    for project in (small, large):
        project.configure(f"DBBACKUP_GPG_RECIPIENT = {keys.ada!r}")
        fill(project.database, ["a"], wal=True)
    pad(large.database, 192)
    for arguments in (("dbbackup", "-e"), ("dbrestore", "--noinput")):
        for usual, seen in zip(peaks(small, *arguments), peaks(large, *arguments), strict=True):
            assert seen < usual + GROWTH_BYTES, (arguments, usual // MIB, seen // MIB)
    assert [name for _, name in rows(large.database)] == ["a"]
