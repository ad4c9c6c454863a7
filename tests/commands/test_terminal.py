"""What a user at a terminal sees."""

import os
import pty
import subprocess
import threading

import pytest

from tests.project import Project, fill, pad, rows


def on_terminal(project: Project, *arguments: str, typed: str = "") -> tuple[int, str]:
    """Run a command on a terminal; return its exit status and everything that it showed."""
    ours, its = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        # Linux ends the terminal of a process that is gone with EIO.
        try:
            while data := os.read(ours, 65536):
                shown.append(data)
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    process = subprocess.Popen(
        project._argv(arguments), cwd=project.root, stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    os.write(ours, typed.encode())
    code = process.wait(timeout=25)
    reader.join()
    os.close(ours)
    return code, b"".join(shown).decode()


@pytest.mark.parametrize(("verb", "phase"), [("dbbackup", "backup"), ("dbrestore", "restore")])
def test_a_bar_shows_the_progress_and_is_gone_at_the_end(project: Project, verb: str, phase: str) -> None:
    fill(project.database, ["a"])
    pad(project.database, 64)
    project.ok("dbbackup", "-z")
    code, shown = on_terminal(project, verb, "--noinput")
    *drawn, last, line, end = shown.split("\r")
    assert code == 0
    assert [text for text in drawn if text.startswith(f"default: {phase} [#")]
    assert last.strip() == ""
    assert line.startswith("default: ")
    assert end == "\n"


@pytest.mark.parametrize("options", [["-q"], ["-v", "0"]])
def test_quiet_shows_nothing(project: Project, options: list[str]) -> None:
    fill(project.database, ["a"])
    pad(project.database, 16)
    assert on_terminal(project, "dbbackup", *options) == (0, "")


def test_the_question_is_answered_at_the_terminal(project: Project) -> None:
    expected = fill(project.database, ["old"])
    project.ok("dbbackup")
    now = fill(project.database, ["new"])
    assert on_terminal(project, "dbrestore", typed="\r")[0] == 7
    assert on_terminal(project, "dbrestore", typed="\x04")[0] == 7
    assert rows(project.database) == now
    assert on_terminal(project, "dbrestore", typed="y\r")[0] == 0
    assert rows(project.database) == expected
