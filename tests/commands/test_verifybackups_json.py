"""``manage.py verifybackups --json``: one object on standard output, with the keys of the command line's."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.conftest import Call, NewKeyring, UseKeyring
from tests.gnupg import Keys
from tests.project import Project, fill

ERROR_KEYS = ["kind", "stage", "retry", "message", "subject", "hint", "exit_code"]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, settings: Settings) -> Path:
    """The folder of ``DBBACKUP_TMP_DIR``."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    settings.DBBACKUP_TMP_DIR = str(folder)
    return folder


def verified(call: Call, *arguments: str) -> list[dict[str, Any]]:
    """What is said of each backup, where all are whole."""
    out = json.loads(call("verifybackups", "--json", *arguments))
    assert list(out) == ["verified"]
    objects: list[dict[str, Any]] = out["verified"]
    return objects


def failed(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the object of a command that fails."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("verifybackups", "--json", *arguments, stdout=out)
    return caught.value.returncode, json.loads(out.getvalue())


def corrupt(store: Path, name: str, edit: dict[str, Any]) -> None:
    path = store / f"{name}.metadata"
    manifest = json.loads(path.read_text())
    manifest["dbbackup"].update(edit)
    path.write_text(json.dumps(manifest))


def test_what_is_whole_has_its_sizes_and_its_proof(
    call: Call, database: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.txt").write_text("a" * 5000)
    fill(database, ["a"])
    call("dbbackup", "-o", "a.sqlite3")
    call("mediabackup", "-o", "media.tar")
    whole, media = verified(call, "a.sqlite3", "media.tar")
    assert whole.pop("seconds") >= 0
    assert whole == {
        "name": "a.sqlite3",
        "plain_bytes": 8192,
        "stored_bytes": 8192,
        "proof": "size and SHA-256 of its manifest, the pages that its header counts",
        "notes": [],
    }
    assert media["media"] == {"files": 1, "folders": 0, "bytes": 5000, "links": 0}


def test_a_drill_has_its_facts(call: Call, database: Path) -> None:
    fill(database, ["a", "b"])
    call("dbbackup", "-z")
    (found,) = verified(call, "--restore", "-q", "-v3")
    assert found["proof"].endswith("SQLite's quick_check of the restored database")
    assert found["drill"] == {
        "tables": 1,
        "rows": 2,
        "compared": True,
        "differences": [],
        "foreign_keys": {"violations": 0, "names": []},
    }


def test_one_that_holds_something_else_has_its_facts_and_the_error(
    call: Call, database: Path, store: Path
) -> None:
    fill(database, ["a", "b"])
    call("dbbackup", "-o", "a.sqlite3")
    corrupt(store, "a.sqlite3", {"content": {"tables": {"item": 3, "gone": 1}, "exact": True}})
    code, out = failed("--restore", "a.sqlite3")
    (found,) = out["verified"]
    assert code == 6
    assert found["drill"]["differences"] == ["`item` has 2 rows, its manifest says 3", "`gone` is missing"]
    assert list(found["error"]) == ERROR_KEYS
    assert (found["error"]["kind"], found["error"]["exit_code"]) == ("corrupt", 6)


def test_one_that_is_damaged_stands_between_the_others(
    call: Call, database: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(database, ["a"])
    for name in ("a.sqlite3", "b.sqlite3", "c.sqlite3"):
        call("dbbackup", "-o", name)
    (store / "b.sqlite3").write_bytes(b"cut")
    (store / "c.sqlite3.metadata").write_text("{")
    code, out = failed("--all")
    objects = {found["name"]: found.get("error", {}).get("kind") for found in out["verified"]}
    assert (code, objects) == (6, {"a.sqlite3": None, "b.sqlite3": "corrupt", "c.sqlite3": "corrupt"})
    assert "b.sqlite3" in capsys.readouterr().err


def test_what_fails_before_anything_is_verified_is_the_object(
    call: Call, store: Path, settings: Settings
) -> None:
    store.mkdir()
    code, out = failed()
    assert (code, list(out), out["error"]["kind"]) == (4, ["error"], "not_found")
    assert list(out["error"]) == ERROR_KEYS
    code, out = failed("nothing.sqlite3")
    assert (code, out["verified"][0]["name"]) == (4, "nothing.sqlite3")
    code, out = failed("-d", "nobody")
    assert (code, out["error"]["kind"]) == (2, "config")


def test_a_sealed_one_says_why(
    call: Call,
    database: Path,
    gnupg: Keys,
    new_keyring: NewKeyring,
    use_keyring: UseKeyring,
) -> None:
    fill(database, ["a"])
    call("dbbackup", "-e", "-o", "a.sqlite3.gpg")
    use_keyring(new_keyring())
    for options in ([], ["--restore"]):
        code, out = failed("a.sqlite3.gpg", *options)
        (found,) = out["verified"]
        assert (code, list(found)) == (3, ["name", "proof", "sealed"])
        assert "there is no secret key that fits" in found["sealed"]


def test_the_command_line_says_the_same(project: Project) -> None:
    project.configure("DBBACKUP_TMP_DIR = BASE_DIR / 'scratch'")
    (project.root / "scratch").mkdir()
    fill(project.database, ["a"])
    project.ok("dbbackup", "-q", "-o", "a.sqlite3")
    (project.store / "b.sqlite3").write_bytes(b"junk" * 100)
    arguments = ["--restore", "--json", "a.sqlite3", "b.sqlite3"]
    django = project.manage("verifybackups", *arguments)
    line = subprocess.run(
        [sys.executable, "-P", "-m", "dbbackup", "verify", str(project.store), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (django.code, line.returncode) == (6, 6)
    ours, theirs = (json.loads(out)["verified"] for out in (django.out, line.stdout))
    for objects in (ours, theirs):
        assert objects[0].pop("seconds") > 0
    assert ours == theirs
