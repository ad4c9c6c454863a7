"""The wheel's ``dbbackup`` and the plain Rust binary are one program."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HELP = [
    [],
    ["--help"],
    ["--version"],
    *([verb, "--help"] for verb in ("backup", "restore", "media", "list", "verify", "prune")),
]

MISTAKES = [
    ["backup", "sqlite:///nothing.sqlite3", "--to", "store"],
    ["backup", "shop", "--to", "store"],
    ["backup", "sqlite:///shop.sqlite3", "--to", "s3://bucket"],
    ["restore", "nothing", "--from", "store", "--into", "sqlite:///shop.sqlite3"],
    ["restore", "--from", "store", "--into", "sqlite:///shop.sqlite3"],
    ["list", "nowhere"],
    ["list", "store", "--json"],
    ["list", "store"],
    ["verify", "store", "--all"],
    ["prune", "store"],
    ["prune", "store", "--keep-last", "1", "--server", "web", "--dry-run", "--json"],
    ["unknown"],
]


@pytest.fixture(scope="module")
def binary() -> str:
    """Return the path of the binary that the Rust tests have built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = target / "debug" / "dbbackup"
    if not found.exists():
        reason = f"there is no {found}: `make test` builds it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(found)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with a database, and a store with one backup of it."""
    with sqlite3.connect(tmp_path / "shop.sqlite3") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    database.close()
    arguments = ["backup", "sqlite:///shop.sqlite3", "--to", "store", "--server", "web", "--quiet"]
    assert run([sys.executable, "-m", "dbbackup"], arguments, tmp_path)[0] == 0
    return tmp_path


def run(program: list[str], arguments: list[str], folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [*program, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "XDG_CONFIG_HOME": str(folder), "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    # How long it took is the one thing in which two runs may differ.
    lines = [line.split(" MiB in ")[0].split(" KiB in ")[0] for line in done.stdout.splitlines()]
    return done.returncode, "\n".join(lines), done.stderr


@pytest.mark.parametrize("arguments", [*HELP, *MISTAKES], ids=" ".join)
def test_both_say_the_same_and_exit_alike(arguments: list[str], binary: str, place: Path) -> None:
    ours = run([sys.executable, "-m", "dbbackup"], arguments, place)
    assert ours == run([binary], arguments, place)
    assert "Traceback" not in ours[2]


def test_each_restores_what_the_other_stored(binary: str, place: Path) -> None:
    programs = [[sys.executable, "-m", "dbbackup"], [binary]]
    for writer, reader in (programs, programs[::-1]):
        shutil.rmtree(place / "store")
        status, out, _ = run(writer, ["backup", "sqlite:///shop.sqlite3", "--to", "store", "--json"], place)
        assert status == 0
        assert json.loads(out)["failed"] == []
        restore = ["restore", "--from", "store", "--into", "sqlite:///copy.sqlite3", "--yes"]
        assert run(reader, restore, place)[0] == 0
        with sqlite3.connect(place / "copy.sqlite3") as database:
            assert database.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        database.close()


def test_the_installed_script_is_the_same_program(place: Path) -> None:
    script = shutil.which("dbbackup", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("the package is not installed, only importable")
    assert run([script], ["list", "store"], place) == run(
        [sys.executable, "-m", "dbbackup"], ["list", "store"], place
    )
