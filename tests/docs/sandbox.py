"""The shop of `examples/shop` in a folder of its own, where the commands of a page are run one after another.

The folders that pages write of, such as ``/srv/shop``, are folders below it. ``python`` and ``dbbackup`` are found on
``PATH``, and who is asked says yes, unless the page shows another answer. A backup that is named with a date is the
newest of that name: the page cannot know the date of today.
"""

import os
import pty
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, Command, File
from tests.gnupg import Keyring

PROJECT = "/srv/shop"
HOST = "web1"
"""The server of the pages."""

_FOLDERS = r"/(?:srv|var|tmp|etc|mnt)\b"
_PATH = re.compile(rf"(?<=sqlite:///){_FOLDERS}|(?<![\w./]){_FOLDERS}")
_DATE = r"(?:\d{4}-\d\d-\d\d-\d{6}|\d{8}T\d{6})"
_NAME = re.compile(rf"([\w.-]*){_DATE}([\w.]+)")

SETTINGS = """
STORAGES["dbbackup"]["OPTIONS"]["location"] = "/srv/backups/shop"
DBBACKUP_HOSTNAME = "web1"
"""

_SAME = (
    (rf"(?<![\w.]){re.escape(socket.gethostname())}(?![\w.])", HOST),
    (_DATE, "DATE"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?", "DATE"),
    (r"\d\d/\d\d/\d\d +\d\d:\d\d:\d\d", "DATE"),
    (r"\d[\d.,]* (B|[KMGT]iB)\b", "SIZE"),
    (r"\d[\d.,]* (s|min|h|days?)\b( \d+ (s|min)\b)?", "TIME"),
    (r"\b[0-9a-f]{64}\b", "SHA-256"),
    (r"\b\d{4,}\b", "BYTES"),
    (r" +", " "),
)
"""What two runs may differ in."""


class Sandbox:
    """A machine with the shop on it, as far as a page needs one.

    Args:
        folder: Where everything is; empty.
        shop: The project with its rows and files, which is copied.

    """

    def __init__(self, folder: Path, shop: Path) -> None:
        self.folder = folder
        self.project = folder / PROJECT[1:]
        self._status = 0
        shutil.copytree(shop, self.project)
        for name in ("bin", "home", "tmp", "etc", "srv/backups", "var/backups", "mnt"):
            (folder / name).mkdir(parents=True)
        self._program(folder / "bin" / "python")
        self._program(folder / "bin" / "dbbackup", "-m dbbackup ")
        self._program(self.project / "venv" / "bin" / "python")
        self._program(self.project / "venv" / "bin" / "dbbackup", "-m dbbackup ")
        self._keyring: Keyring | None = None
        self.write(File(line=0, path="settings.py", text=SETTINGS))

    def close(self) -> None:
        """End what runs for it."""
        if self._keyring:
            self._keyring.close()

    def write(self, file: File) -> None:
        """Write a file of a page; ``# ...`` in its settings stands for what is there."""
        text = self._here(file.text)
        if file.path == "settings.py":
            text = re.sub(r"^(\w+) = \[\n +# \.\.\.\n", r"\1 = [\n    *\1,\n", text, flags=re.MULTILINE)
            text = re.sub(r"^(\w+) = \{\n +# \.\.\.\n", r"\1 = {\n    **\1,\n", text, flags=re.MULTILINE)
            with (self.project / "shop" / "settings.py").open("a") as settings:
                settings.write(f"\n{text}INSTALLED_APPS = [*dict.fromkeys(INSTALLED_APPS)]\n")
            return
        path = self.project / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, command: Command) -> tuple[int, str]:
        """Run a command in the project's folder; return its status and what it printed, both streams together."""
        if "gpg" in command.text and self._keyring is None:
            self._keyring = Keyring()
        answer = "n" if any(re.search(r"\[y/N\] n", line) for line in command.expected) else "y"
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        ours, its = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        try:
            done = subprocess.run(
                ["bash", "-c", f"(exit {self._status})\n{self._named(self._here(command.text))}"],
                cwd=self.folder if command.is_from_cron else self.project,
                env={
                    "GNUPGHOME": str(self._keyring.home) if self._keyring else "/nowhere",
                    "HOME": str(self.folder / "home"),
                    "LANG": "C.UTF-8",
                    "PATH": "/usr/bin:/bin" if command.is_from_cron else path,
                    # A module that a page changes twice within a second would be the old one.
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "PYTHONPATH": str(ROOT / "python"),
                    "PYTHONUNBUFFERED": "1",
                    "PYTHONWARNINGS": "error",
                    "TMPDIR": str(self.folder / "tmp"),
                    "TZ": "UTC",
                    "VIRTUAL_ENV": sys.prefix,
                },
                stdin=its,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(its)
        self._status = done.returncode
        return done.returncode, done.stdout.replace(str(self.folder), "")

    def _program(self, path: Path, arguments: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        path.chmod(0o755)

    def _here(self, text: str) -> str:
        return _PATH.sub(lambda found: f"{self.folder}{found[0]}", text)

    def _named(self, text: str) -> str:
        return _NAME.sub(lambda found: self._newest(found[1], found[2]) or found[0], text)

    def _newest(self, before: str, after: str) -> str | None:
        servers = f"(?:{HOST}|{re.escape(socket.gethostname())})"
        pattern = re.compile(re.escape(before).replace(HOST, servers) + _DATE + re.escape(after))
        names = [path.name for path in self.folder.rglob("*") if pattern.fullmatch(path.name)]
        return max(names, default=None)


def lines_of(text: str) -> list[str]:
    """Return the lines of an output without what two runs may differ in."""
    text = re.sub(r"(\[y/N\]) [yn]\n", r"\1 ", text)
    for pattern, name in _SAME:
        text = re.sub(pattern, name, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def says_the_same(expected: list[str], printed: list[str]) -> bool:
    """Whether an output is the one of the page, where a line ``…`` stands for any lines."""
    if not expected:
        return not printed
    if expected[0] == "…":
        return any(says_the_same(expected[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and printed[0] == expected[0] and says_the_same(expected[1:], printed[1:])


def copy_of_the_example(folder: Path) -> Path:
    """Make the shop with its rows and files; return its folder."""
    shop = folder / "shop"
    shutil.copytree(ROOT / "examples" / "shop", shop, ignore=shutil.ignore_patterns("tour.py", "__pycache__"))
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "DJANGO_SETTINGS_MODULE": "shop.settings"}
    fill = ("fill", "--customers", "400", "--orders", "2000", "--files", "60")
    for arguments in (("migrate", "-v0"), fill):
        subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=shop, env=env, check=True, capture_output=True
        )
    return shop
