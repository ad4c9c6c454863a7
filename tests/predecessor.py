"""The predecessor, really installed: in an environment of its own, since it has the same import name."""

import os
import subprocess
import sys
from pathlib import Path

import django

VERSION = "5.4.0"
REQUIREMENT = f"django-dbbackup=={VERSION}"

DJANGO = ".".join(django.__version__.split(".")[:2])
"""Both are compared under the same Django."""


class NotInstalledError(Exception):
    """The environment with the predecessor cannot be made, or is not what it should be."""


def interpreter() -> str:
    """Return the interpreter of an environment with django-dbbackup.

    ``DBBACKUP_PREDECESSOR_VENV`` names one; otherwise one is made in ``.venvs``, once.

    Raises:
        NotInstalledError: There is none, and none can be made.

    """
    given = os.environ.get("DBBACKUP_PREDECESSOR_VENV")
    folder = Path(given) if given else Path(__file__).parents[1] / ".venvs" / f"predecessor-django{DJANGO}"
    python = folder / "bin" / "python"
    try:
        if not given and not is_installed(python):
            run(sys.executable, "-m", "venv", "--clear", str(folder))
            pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            run(*pip, REQUIREMENT, f"django=={DJANGO}.*", "python-gnupg", "psycopg[binary]", "PyMySQL")
        run(str(python), "-c", f"import dbbackup, gnupg; assert dbbackup.__version__ == {VERSION!r}")
    except (OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stderr", "") or ""
        message = f"cannot install {REQUIREMENT} in {folder}: {error} {output[-500:]}"
        raise NotInstalledError(message) from error
    return str(python)


def is_installed(python: Path) -> bool:
    """Whether an interpreter can import the package."""
    try:
        run(str(python), "-c", "import dbbackup, gnupg, psycopg, pymysql")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def run(*argv: str) -> None:
    """Run a program to its end, without what the environment says to Python and Django."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJANGO"))
    }
    subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
