"""The predecessor, really installed: in an environment of its own, since it has the same import name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENT = "django-dbbackup==5.4.0"


@pytest.fixture(scope="session")
def predecessor() -> str:
    """The interpreter of an environment with django-dbbackup.

    ``DBBACKUP_PREDECESSOR_VENV`` names one; otherwise ``.venvs/predecessor`` is made. Where it cannot be made
    the tests are skipped with the reason, and fail in CI.
    """
    given = os.environ.get("DBBACKUP_PREDECESSOR_VENV")
    folder = Path(given) if given else Path(__file__).parents[2] / ".venvs" / "predecessor"
    python = folder / "bin" / "python"
    try:
        if not given and not is_installed(python):
            run(sys.executable, "-m", "venv", "--clear", str(folder))
            run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT)
        run(str(python), "-c", "import dbbackup; assert dbbackup.__version__ == '5.4.0'")
    except (OSError, subprocess.CalledProcessError) as error:
        output = getattr(error, "stderr", "") or ""
        reason = f"cannot install {REQUIREMENT} in {folder}: {error} {output[-500:]}"
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
