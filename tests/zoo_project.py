"""A project in a folder of its own, with the app of tests/zoo and a migrated database."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.project import Project

SETTINGS = """
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "dbbackup", "zoo"]
ZOO_SWAPPED_MODEL = "zoo.Instead"
DBBACKUP_CONNECTORS = {alias: {"CONNECTOR": "dbbackup.db.django.DjangoConnector"} for alias in DATABASES}
"""

CREATE_TABLES = """
from django.db import connections
from zoo.rows import create_tables
for alias in connections:
    create_tables(connections[alias])
"""


class ZooProject(Project):
    """The project. Its databases are backed up by ``DjangoConnector``."""

    def __init__(
        self, root: Path, databases: Mapping[str, str] | None = None, *, python: str | None = None
    ) -> None:
        super().__init__(root, databases, extra=SETTINGS, python=python)
        shutil.copytree(Path(__file__).with_name("zoo"), root / "zoo")
        for alias in self.databases:
            self.ok("migrate", "--run-syncdb", "--database", alias)
        self.run(CREATE_TABLES)

    def run(self, code: str) -> str:
        """Run Python in the project; return what it printed. Nothing may be printed to standard error."""
        (self.root / "script.py").write_text(code)
        command = "import runpy; runpy.run_path('script.py')"
        done = subprocess.run(
            self._argv(("shell", "--verbosity", "0", "--command", command)),
            cwd=self.root,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def dump(self, alias: str = "default") -> bytes:
        """Return a dump of ours, which is left in ``ours.json``."""
        self.run(
            "from pathlib import Path\n"
            "from dbbackup.db.django import DjangoConnector\n"
            f"with DjangoConnector({alias!r}).create_dump() as dump:\n"
            "    Path('ours.json').write_bytes(dump.read())\n"
        )
        return (self.root / "ours.json").read_bytes()

    def restore(self, path: Path, alias: str = "default") -> None:
        """Restore a file by our connector."""
        self.run(
            "from dbbackup.db.django import DjangoConnector\n"
            f"with open({str(path)!r}, 'rb') as dump:\n"
            f"    DjangoConnector({alias!r}).restore_dump(dump)\n"
        )
