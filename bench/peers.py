"""Who is measured: our command line, our Django app, django-dbbackup, and the standard tools."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.data import DATA
from bench.measure import ROOT, Case, FailedError

PREDECESSOR = "django-dbbackup==5.4.0"
SAME_DJANGO = "Django>=5.2,<6"
TOOLS = (
    "cc",
    "cp",
    "gpg",
    "mariadb-dump",
    "openssl",
    "pg_dump",
    "pg_restore",
    "pigz",
    "sqlite3",
    "sync",
    "tar",
    "zstd",
)


class Peers:
    """Where everybody is, as the first word of a command."""

    def __init__(self) -> None:
        self.ours = os.path.relpath(sys.executable, ROOT)
        """The Python of the environment that the extension was built into."""
        self.wheel = str(Path(self.ours).with_name("dbbackup"))
        self.cli = _release_binary()
        self.theirs = str(_environment(DATA / "django-dbbackup"))
        self.missing = [tool for tool in TOOLS if not shutil.which(tool)]

    def readable(self, case: Case) -> str:
        """Return a case's command as one would type it in the project's root."""
        if case.argv[:2] == ("sh", "-c"):
            return case.argv[2]
        env = [f"{name}={value}" for name, value in case.env.items()]
        return " ".join([*env, *("dbbackup" if word == self.cli else word for word in case.argv)])

    def versions(self) -> str:
        """Return who is compared, with versions."""
        commands = {
            "dbbackup": (self.cli, "--version"),
            "django-dbbackup": (
                self.theirs,
                "-c",
                "import importlib.metadata as m; print(m.version('django-dbbackup'))",
            ),
            "zstd": ("zstd", "--version"),
            "pigz": ("pigz", "--version"),
            "gpg": ("gpg", "--version"),
            "openssl": ("openssl", "version"),
            "pg_dump": ("pg_dump", "--version"),
            "mariadb-dump": ("mariadb-dump", "--version"),
            "tar": ("tar", "--version"),
            "sqlite3": ("sqlite3", "--version"),
        }
        lines = {name: _first_line(argv) for name, argv in commands.items() if name not in self.missing}
        return "\n".join(f"  {name:16} {line}" for name, line in lines.items())


def _release_binary() -> str:
    argv = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    metadata = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True).stdout
    binary = Path(json.loads(metadata)["target_directory"]) / "release" / "dbbackup"
    if not binary.exists():
        problem = f"`{binary}` is missing: cargo build --release -p dbbackup-cli --bin dbbackup"
        raise FailedError(problem)
    return str(binary)


def _environment(folder: Path) -> Path:
    """Make an environment with the predecessor in it, once, and return its Python."""
    python = folder / "bin" / "python"
    done = folder / "done-with-drivers"
    if not done.exists():
        print(f"installing {PREDECESSOR}, once", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        argv = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PREDECESSOR,
            SAME_DJANGO,
            "psycopg[binary]>=3.3",
            "PyMySQL",
        ]
        subprocess.run(argv, cwd=ROOT, check=True)
        done.touch()
    return python


def _first_line(argv: tuple[str, ...]) -> str:
    output = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True)
    return (output.stdout or output.stderr).splitlines()[0].strip("* ")
