"""Projects that are run with the package under test, and what can be said of them in a few words."""

import re
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.project import Project, Run

MODELS = """\
from django.db import models

class Item(models.Model):
    name = models.TextField()

    class Meta:
        db_table = "item"
"""

AS_JSON = """
INSTALLED_APPS += ["shop"]
DBBACKUP_CONNECTORS = {alias: {"CONNECTOR": "dbbackup.db.django.DjangoConnector"} for alias in DATABASES}
"""


class UnpreparedError(Exception):
    """What a test has to have before it can judge was not made: it says nothing of the behaviour."""


class Peer(Project):
    """A project like any other. What it runs may be either package, so that what is expected is said of both."""

    def done(self, *arguments: str) -> Run:
        """Run a command that is not judged: both packages can do it."""
        run = self.manage(*arguments)
        if run.code != 0:
            message = f"{' '.join(arguments)}: {run}"
            raise UnpreparedError(message)
        return run

    def backed_up(self, *arguments: str, command: str = "dbbackup") -> str:
        """Back up in a second of its own, since names have no fractions; return the new backup's name."""
        before = set(self.backups())
        if before:
            time.sleep(1 - time.time() % 1)
        self.done(command, *arguments)
        made = set(self.backups()) - before
        if len(made) != 1:
            message = f"{' '.join(arguments)}: {made}"
            raise UnpreparedError(message)
        return made.pop()

    def place(self, *names: str) -> list[str]:
        """Put backups of the database into the store, of names that both packages give; return the names."""
        self.store.mkdir(exist_ok=True)
        for name in names:
            shutil.copy(self.database, self.store / name)
        return list(names)

    def gone(self, names: list[str]) -> list[str]:
        """Return which of `names` are not in the store any more."""
        return sorted(set(names) - set(self.files()))

    def use_json(self) -> None:
        """Make the table `item` a model's, and back it up as JSON, in all databases."""
        (self.root / "shop").mkdir()
        (self.root / "shop" / "__init__.py").touch()
        (self.root / "shop" / "models.py").write_text(MODELS)
        self.configure(AS_JSON)

    def script(self, code: str) -> str:
        """Run Python in the project; return what it printed."""
        return self.done("shell", "--verbosity", "0", "--command", code).out


def said(run: Run) -> str:
    """Say how a command ended: its status, and of a failure its last line without paths."""
    lines = run.err.strip().splitlines()
    if run.code == 0 or not lines:
        return f"exit {run.code}"
    return f"exit {run.code}, `{re.sub(r'/[^ ,:]*/', '…/', lines[-1])}`"


def held(path: Path) -> str:
    """Say what a database's file holds, by the names in its rows."""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        return "gzip bytes"
    if not content.startswith(b"SQLite format 3\0"):
        return "junk"
    try:
        with closing(sqlite3.connect(path)) as connection:
            if connection.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
                return "a damaged database"
            found = connection.execute("SELECT DISTINCT name FROM item ORDER BY name").fetchall()
    except sqlite3.DatabaseError:
        return "a damaged database"
    return f"the rows `{', '.join(name for (name,) in found)}`"
