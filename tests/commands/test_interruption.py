"""Signals and kills while a command runs: afterwards there is the old content or the new, whole."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.project import (
    Project,
    Rows,
    child_ids,
    fill,
    is_alive,
    pad,
    rows,
    stopped_tool,
    wait_until,
)

OLD = ["old"] * 1000
NEW = ["new"] * 1000
KILLS = 12
"""How many moments of one run are tried."""

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def leftovers(project: Project) -> list[str]:
    """Files of ours in the store and beside the database that are neither."""
    in_store = [name for name in project.files() if name.startswith(".")]
    beside = [path.name for path in project.root.iterdir() if path.name.startswith(".")]
    return in_store + beside


def end(command: subprocess.Popen[str], number: signal.Signals, *tools: int) -> str:
    """Send a signal to the command and wait until it and its tools are gone; return its last words."""
    command.send_signal(number)
    _, err = command.communicate(timeout=20)
    wait_until(lambda: not any(is_alive(tool) for tool in tools))
    return err


@pytest.mark.parametrize(
    ("number", "code", "arguments"),
    [(*SIGNALS[0], []), (*SIGNALS[1], ["-z"]), (*SIGNALS[1], ["-O", "out.sqlite3"])],
)
def test_a_signal_ends_a_backup_that_leaves_nothing(
    project: Project, number: signal.Signals, code: int, arguments: list[str]
) -> None:
    fill(project.database, OLD)
    with project.running("dbbackup", *arguments) as command:
        tool = stopped_tool(command, "sqlite-dump")
        err = end(command, number, tool)
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert project.files() == []
    assert leftovers(project) == []
    assert not (project.root / "out.sqlite3").exists()
    assert [name for _, name in rows(project.database)] == OLD


@pytest.mark.parametrize(("number", "code", "wal"), [(*SIGNALS[0], True), (*SIGNALS[1], False)])
def test_a_signal_ends_a_restore_that_changes_nothing(
    project: Project, number: signal.Signals, code: int, wal: bool
) -> None:
    fill(project.database, OLD, wal=wal)
    project.ok("dbbackup")
    before = project.files()
    now = fill(project.database, NEW)
    with project.running("dbrestore", "--noinput") as command:
        tool = stopped_tool(command, "sqlite-load")
        err = end(command, number, tool)
    assert (command.returncode, "Traceback" in err) == (code, False), err
    assert rows(project.database) == now
    assert project.files() == before
    assert leftovers(project) == []


@pytest.mark.parametrize("verb", ["dbbackup", "dbrestore"])
def test_ctrl_c_reaches_the_tool_too_and_the_command_still_ends_as_interrupted(
    project: Project, verb: str
) -> None:
    fill(project.database, OLD)
    pad(project.database, 64)
    project.ok("dbbackup")
    before = project.files()
    command = subprocess.Popen(
        project._argv((verb, "--noinput")),
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: child_ids(command.pid))
    os.killpg(command.pid, signal.SIGINT)
    _, err = command.communicate(timeout=20)
    assert (command.returncode, err) == (130, "interrupted\n")
    assert project.files() == before
    assert leftovers(project) == []
    assert [name for _, name in rows(project.database)] == OLD


def test_ctrl_c_at_the_question_ends_as_interrupted(project: Project) -> None:
    fill(project.database, OLD)
    project.ok("dbbackup")
    now = fill(project.database, NEW)
    command = subprocess.Popen(
        project._argv(("dbrestore",)),
        cwd=project.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    seen = b""
    while not seen.endswith(b"[y/N] "):
        letter = command.stdout.read(1)
        assert letter, seen
        seen += letter
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=20)
    assert (command.returncode, err) == (130, b"interrupted\n")
    assert rows(project.database) == now


@pytest.mark.parametrize("verb", ["dbbackup", "dbrestore"])
def test_a_killed_tool_is_an_error_and_changes_nothing(project: Project, verb: str) -> None:
    fill(project.database, OLD)
    project.ok("dbbackup")
    before = project.files()
    now = fill(project.database, NEW)
    with project.running(verb, "--noinput") as command:
        tool = stopped_tool(command, "sqlite-")
        os.kill(tool, signal.SIGKILL)
        _, err = command.communicate(timeout=20)
    assert (command.returncode, "Traceback" in err) == (1, False), err
    assert "SIGKILL" in err or "signal" in err
    assert project.files() == before
    assert leftovers(project) == []
    assert rows(project.database) == now


def test_a_killed_backup_is_never_listed_and_the_next_run_sweeps_it(project: Project) -> None:
    expected = fill(project.database, OLD)
    with project.running("dbbackup", "-z") as command:
        tool = stopped_tool(command, "sqlite-dump")
        command.kill()
        command.wait()
        os.kill(tool, signal.SIGCONT)
        wait_until(lambda: not is_alive(tool))
    assert project.backups() == []
    assert project.ok("listbackups", "-q") == ""
    assert rows(project.database) == expected
    out = project.ok("dbbackup", "-c")
    assert len(project.files()) == 2, (project.files(), out)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("wal", [False, True])
def test_a_restore_killed_at_any_moment_leaves_the_old_rows_or_the_new(project: Project, wal: bool) -> None:
    backed_up = fill(project.database, OLD, wal=wal)
    pad(project.database, 32)
    project.ok("dbbackup")
    now = fill(project.database, NEW)
    saved = project.root / "saved"
    shutil.copy(project.database, saved)

    def restore(seconds: float | None) -> tuple[float, Rows]:
        """Restore over the new rows, kill everything after some seconds, and read what is there."""
        for path in project.root.glob("db.sqlite3*"):
            path.unlink()
        shutil.copy(saved, project.database)
        with project.running("dbrestore", "--noinput") as command:
            wait_until(lambda: child_ids(command.pid))
            tools = child_ids(command.pid)
            started = time.monotonic()
            if seconds is None:
                command.communicate(timeout=60)
            else:
                time.sleep(seconds)
                command.kill()
                command.wait()
            taken = time.monotonic() - started
            wait_until(lambda: not any(is_alive(tool) for tool in tools))
        return taken, rows(project.database)

    whole, content = restore(None)
    assert content == backed_up
    seen = []
    for step in range(KILLS):
        _, content = restore(whole * (step + random.random()) / KILLS if step else 0)
        assert content in (backed_up, now)
        seen.append(content == backed_up)
    assert not seen[0], "the first kill came when nothing could have been done"
    project.ok("dbrestore", "--noinput")
    assert rows(project.database) == backed_up
    assert leftovers(project) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backup_killed_at_any_moment_is_not_listed_or_is_whole(project: Project) -> None:
    expected = fill(project.database, OLD)
    pad(project.database, 32)
    started = time.monotonic()
    project.ok("dbbackup", "-z")
    whole = time.monotonic() - started
    for step in range(KILLS):
        with project.running("dbbackup", "-z") as command:
            time.sleep(whole * (0.3 + 0.7 * step / KILLS))
            command.kill()
            command.wait()
        listed = project.ok("listbackups", "-q").split()[::3]
        assert listed == [name for name in project.backups() if name in listed]
        fill(project.database, NEW)
        project.ok("dbrestore", "--noinput")
        assert rows(project.database) == expected
    project.ok("dbbackup", "-c")
    assert leftovers(project) == []
    # Between the two names a kill leaves a whole backup without a manifest, never a manifest alone.
    described = {name.removesuffix(".metadata") for name in project.files() if name.endswith(".metadata")}
    assert described <= set(project.backups())


def test_a_full_disk_leaves_the_old_content(project: Project, tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for the full disk: writing beyond it fails in the same place."""
    fill(project.database, OLD)
    pad(project.database, 4)
    project.ok("dbbackup", "-z")
    before = project.files()
    now = fill(project.database, NEW)
    for verb in ("dbbackup", "dbrestore"):
        script = " ".join(["ulimit -f 1024;", "exec", *project._argv((verb, "--noinput"))])
        done = subprocess.run(
            ["sh", "-c", script], cwd=project.root, capture_output=True, text=True, check=False, timeout=20
        )
        assert done.returncode not in (0, 70), done
        assert "Traceback" not in done.stderr, done
        assert project.files() == before
        assert leftovers(project) == []
        assert rows(project.database) == now
