"""A small Django project in a folder of its own, run as a user runs it: ``python manage.py …``."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANAGE = """\
import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "config"

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""

SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["dbbackup"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {databases!r}
MEDIA_ROOT = BASE_DIR / "media"
STORAGES = {{
    "default": {{"BACKEND": "django.core.files.storage.FileSystemStorage"}},
    "staticfiles": {{"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}},
    "dbbackup": {{
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {{"location": BASE_DIR / "backups"}},
    }},
}}
DBBACKUP_HOSTNAME = "host"
"""

Rows = list[tuple[int, str]]


@dataclass(frozen=True)
class Run:
    """A command that ended."""

    code: int
    out: str
    err: str


class Project:
    """A project with SQLite databases, backed up into ``backups``."""

    def __init__(
        self,
        root: Path,
        databases: Mapping[str, str] | None = None,
        *,
        extra: str = "",
        python: str | None = None,
    ) -> None:
        self.root = root
        self.store = root / "backups"
        self.python = python
        root.mkdir(exist_ok=True)
        files = databases or {"default": "db.sqlite3"}
        entries = {
            alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": str(root / name)}
            for alias, name in files.items()
        }
        self.databases = {alias: root / name for alias, name in files.items()}
        (root / "manage.py").write_text(MANAGE)
        (root / "config.py").write_text(SETTINGS.format(databases=entries) + extra)

    @property
    def media(self) -> Path:
        """The folder of ``MEDIA_ROOT``, which does not exist at first."""
        return self.root / "media"

    def fill_media(self, files: Mapping[str, str]) -> None:
        """Write files of the media, over those that are there; a name that ends in ``/`` is a folder."""
        for name, text in files.items():
            path = self.media / name
            is_folder = name.endswith("/")
            (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
            if not is_folder:
                path.write_text(text)

    @property
    def database(self) -> Path:
        """The file of the default database."""
        return self.databases["default"]

    def configure(self, extra: str) -> None:
        """Append lines to the settings."""
        with (self.root / "config.py").open("a") as config:
            config.write(extra + "\n")

    def manage(self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Run:
        """Run ``manage.py`` to its end."""
        done = subprocess.run(
            self._argv(arguments),
            cwd=self.root,
            env=self._environment() | dict(env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that has to succeed without a word on standard error; return what it printed."""
        run = self.manage(*arguments, stdin=stdin)
        assert (run.code, run.err) == (0, ""), run
        return run.out

    def fails(self, code: int, *arguments: str, stdin: str = "") -> str:
        """Run a command that has to end with `code`; return its standard error, which has no traceback."""
        run = self.manage(*arguments, stdin=stdin)
        assert run.code == code, run
        assert "Traceback" not in run.err, run
        return run.err

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command; it is killed at the end of the block if it still runs."""
        process = subprocess.Popen(
            self._argv(arguments),
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            children = child_ids(process.pid)
            if process.poll() is None:
                process.kill()
            process.communicate()
            wait_until(lambda: not any(is_alive(child) for child in children))

    def backups(self) -> list[str]:
        """Names of the files in the store that are neither manifests nor of the engine's own."""
        return [
            name
            for name in self.files()
            if not name.endswith(".metadata") and not name.startswith(".dbbackup-")
        ]

    def files(self) -> list[str]:
        """Names of all files in the store."""
        return sorted(path.name for path in self.store.iterdir()) if self.store.exists() else []

    def manifest(self, name: str) -> dict[str, Any]:
        """The content of a backup's manifest."""
        content: dict[str, Any] = json.loads((self.store / f"{name}.metadata").read_text())
        return content

    def edit_manifest(self, edit: Mapping[str, Any]) -> None:
        """Change what the manifest of the only backup says, in the part that is ours."""
        (name,) = self.backups()
        manifest = self.manifest(name)
        manifest["dbbackup"] |= edit
        (self.store / f"{name}.metadata").write_text(json.dumps(manifest))

    def _argv(self, arguments: tuple[str, ...]) -> list[str]:
        if self.python:
            return [self.python, "manage.py", *arguments]
        return [sys.executable, "-W", "error", "manage.py", *arguments]

    def _environment(self) -> dict[str, str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")}
        if self.python:
            environment.pop("PYTHONPATH", None)
        return environment


def fill(path: Path, names: list[str], *, wal: bool = False) -> Rows:
    """Make a database with one row for each name, in place of what it had; return its rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        if wal:
            connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        connection.execute("DELETE FROM item")
        connection.executemany("INSERT INTO item (name) VALUES (?)", [(name,) for name in names])
    return rows(path)


def pad(path: Path, mebibytes: int) -> None:
    """Make the database larger by random bytes, which do not compress."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS padding (bytes BLOB NOT NULL)")
        for _ in range(mebibytes):
            connection.execute("INSERT INTO padding VALUES (randomblob(1048576 - 4096))")


def rows(path: Path) -> Rows:
    """What the database holds; an error if it is not sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        found: Rows = connection.execute("SELECT id, name FROM item ORDER BY id").fetchall()
        return found


def tree(folder: Path) -> dict[str, tuple[int, int, bytes | None]]:
    """What is below a folder, by path: mode, time of change, and the bytes of a file."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def texts(folder: Path) -> dict[str, str]:
    """The files below a folder and what stands in them."""
    return {name: found[2].decode() for name, found in tree(folder).items() if found[2] is not None}


def child_ids(parent: int) -> list[int]:
    """Process ids of the children of `parent`, whichever of its threads started them."""
    found: list[int] = []
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, children.read_text().split())
    return found


def is_alive(process: int) -> bool:
    """Whether a process runs: neither gone nor a zombie."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def peak_bytes(process: int) -> int:
    """The largest resident memory that a living process has had so far (VmHWM); 0 if it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines.get("VmHWM", "0 kB").split()[0]) * 1024


def watched_peaks(command: subprocess.Popen[str]) -> dict[int, int]:
    """Wait until a command has ended; return the most memory that it and each of its children had, by process id."""
    most: dict[int, int] = {}
    while command.poll() is None:
        for process in (command.pid, *child_ids(command.pid)):
            # The last is the largest, except that a child that has not begun yet still shows its parent's.
            most[process] = peak_bytes(process) or most.get(process, 0)
        time.sleep(0.005)
    return most


def wait_until(is_true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is true; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def stopped_tool(command: subprocess.Popen[str], verb: str) -> int:
    """Wait for the command's SQLite tool, stop it where it is (SIGSTOP) and return its process id."""
    found: list[int] = []

    def is_there() -> bool:
        assert command.poll() is None, command.communicate()
        for child in child_ids(command.pid):
            with suppress(OSError):
                if verb.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
        return bool(found)

    wait_until(is_there)
    os.kill(found[0], signal.SIGSTOP)
    return found[0]
