"""What the tests of helpers with temporary files share."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings


@pytest.fixture
def tmp_dir(tmp_path: Path, settings: Settings) -> Path:
    """The folder of temporary files, with nothing kept in memory."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    settings.DBBACKUP_TMP_DIR = str(folder)
    settings.DBBACKUP_TMP_FILE_MAX_SIZE = 1
    return folder


def lies_in(file: Any) -> Path:
    """The folder of an open file, whose name may be gone already."""
    return Path(f"/proc/self/fd/{file.fileno()}").readlink().parent
