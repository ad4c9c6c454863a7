"""A passphrase that is missing is asked for on a terminal, and nowhere else."""

import subprocess

import pytest

from tests.conftest import UseKeyring
from tests.gnupg import Keys
from tests.project import Project, Rows, fill, rows, texts
from tests.terminal import on_terminal

ENTER, CTRL_C, CTRL_D = "\r", "\x03", "\x04"


@pytest.fixture
def locked(project: Project, keys: Keys, use_keyring: UseKeyring) -> Rows:
    """A backup for a key that has a passphrase, of the rows that are returned; there are others by now."""
    use_keyring(keys.ring)
    project.configure("DBBACKUP_GPG_RECIPIENT = 'locked@example.org'")
    before = fill(project.database, ["old"])
    project.ok("dbbackup", "-e")
    fill(project.database, ["new"])
    return before


def prompt(project: Project) -> str:
    return f"Passphrase for `{project.backups()[0]}`: "


def test_it_is_asked_for_before_the_question_and_not_shown(
    project: Project, keys: Keys, locked: Rows
) -> None:
    with on_terminal(project, "dbrestore") as terminal:
        terminal.answer(prompt(project), keys.passphrase + ENTER)
        terminal.answer("Continue? [y/N] ", "y" + ENTER)
        assert terminal.end() == 0
        assert terminal.echoes
        assert keys.passphrase not in terminal.shown
        assert terminal.shown.count("Passphrase") == 1
    assert rows(project.database) == locked


def test_there_are_three_attempts(project: Project, keys: Keys, locked: Rows) -> None:
    now = rows(project.database)
    for attempts in (["canary", "", keys.passphrase], ["canary", "", "canary"]):
        with on_terminal(project, "dbrestore") as terminal:
            for attempt in attempts:
                terminal.answer(prompt(project), attempt + ENTER)
            if attempts[-1] == keys.passphrase:
                terminal.answer("Continue? [y/N] ", "n" + ENTER)
            code = terminal.end()
            assert terminal.shown.count("That is not it. ") == 1
            assert "canary" not in terminal.shown
        if attempts[-1] == keys.passphrase:
            assert code == 7
        else:
            assert code == 5
            assert "the passphrase is wrong" in terminal.shown
            assert "Continue?" not in terminal.shown
    assert rows(project.database) == now


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 5)], ids=["Ctrl-C", "Ctrl-D"])
def test_whoever_gives_up_changes_nothing(project: Project, locked: Rows, key: str, code: int) -> None:
    now = rows(project.database)
    with on_terminal(project, "dbrestore") as terminal:
        terminal.answer(prompt(project), key)
        assert terminal.end() == code, terminal.shown
        assert terminal.echoes
        assert "Traceback" not in terminal.shown
    assert rows(project.database) == now


def test_nobody_is_asked_who_said_so_or_gave_one_or_need_not(
    project: Project, keys: Keys, locked: Rows
) -> None:
    now = rows(project.database)
    for arguments in (["--noinput"], ["-p", "wrong"]):
        with on_terminal(project, "dbrestore", *arguments) as terminal:
            assert terminal.end() == 5, terminal.shown
            assert "Passphrase" not in terminal.shown
    assert rows(project.database) == now
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {keys.ada!r}")
    project.ok("dbbackup", "-e")
    with on_terminal(project, "dbrestore") as terminal:
        terminal.answer("Continue? [y/N] ", "y" + ENTER)
        assert terminal.end() == 0
        assert "Passphrase" not in terminal.shown


def test_media_and_verifications_ask_too(project: Project, keys: Keys, locked: Rows) -> None:
    project.fill_media({"a.txt": "a"})
    project.ok("mediabackup", "-e")
    (project.media / "a.txt").unlink()
    with on_terminal(project, "mediarestore") as terminal:
        terminal.answer("Passphrase for `", keys.passphrase + ENTER)
        terminal.answer("Continue? [y/N] ", "y" + ENTER)
        assert terminal.end() == 0
    assert texts(project.media) == {"a.txt": "a"}
    with on_terminal(project, "verifybackups") as terminal:
        # One answer is tried on all of them.
        terminal.answer("Passphrase for `", keys.passphrase + ENTER)
        assert terminal.end() == 0, terminal.shown
        assert terminal.shown.count("whole (") == 2
    with on_terminal(project, "verifybackups", "--noinput") as terminal:
        assert terminal.end() == 3
        assert "Passphrase" not in terminal.shown


def test_a_process_without_standard_input_is_not_asked(project: Project, locked: Rows) -> None:
    script = " ".join(["exec", *project._argv(("dbrestore",)), "<&-"])
    done = subprocess.run(
        ["sh", "-c", script], cwd=project.root, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 5, done
    assert "it needs a passphrase" in done.stderr


def test_a_file_in_hand_is_asked_for_as_well(project: Project, keys: Keys, locked: Rows) -> None:
    """`utils.unencrypt_file` is what scripts of django-dbbackup's users call."""
    code = (
        "from dbbackup.utils import unencrypt_file; from pathlib import Path; "
        f"file, name = unencrypt_file(Path('backups/{project.backups()[0]}').open('rb'), 'in/hand.gpg'); "
        "print(name, file.read(15))"
    )
    with on_terminal(project, "shell", "-v0", "-c", code) as terminal:
        terminal.answer("Passphrase for `in/hand.gpg`: ", keys.passphrase + ENTER)
        assert terminal.end() == 0, terminal.shown
        assert "hand b'SQLite format 3'" in terminal.shown
