"""The predecessor, really installed: in an environment of its own, since it has the same import name."""

import os
import subprocess
import sys
from pathlib import Path

import django
import pytest

DJANGO = ".".join(django.__version__.split(".")[:2])

REQUIREMENTS = ("django-dbbackup==5.4.0", f"django=={DJANGO}.*")
"""The predecessor, and the Django that it is compared under."""


@pytest.fixture(scope="session")
def predecessor() -> str:
    """The interpreter of an environment with django-dbbackup.

    ``DBBACKUP_PREDECESSOR_VENV`` names one; otherwise one is made in ``.venvs``. Where it cannot be made
    the tests are skipped with the reason, and fail in CI.
    """
    given = os.environ.get("DBBACKUP_PREDECESSOR_VENV")
    folder = Path(given) if given else Path(__file__).parents[2] / ".venvs" / f"predecessor-django{DJANGO}"
    python = folder / "bin" / "python"
    try:
        if not given and not is_installed(python):
            run(sys.executable, "-m", "venv", "--clear", str(folder))
            run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS)
        run(str(python), "-c", "import dbbackup; assert dbbackup.__version__ == '5.4.0'")
    except (OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stderr", "") or ""
        reason = f"cannot install {REQUIREMENTS[0]} in {folder}: {error} {output[-500:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return str(python)


def is_installed(python: Path) -> bool:
    try:
        run(str(python), "-c", "import dbbackup")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def run(*argv: str) -> None:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJANGO"))
    }
    subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
