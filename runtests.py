#!/usr/bin/env python
"""Run the quick tests of the Django side, or, with arguments, a command of the test project.

::

    python runtests.py                        the tests in `tests`, in seconds; `make test` runs all
    python runtests.py migrate --noinput      `manage.py` of the project in `tests/testproject`
    python runtests.py feed 100               adds rows; `count` counts them, `flush` removes them
    python runtests.py dbbackup --noinput     and all other commands, `help` among them

Environment variables say what the project works on:

    DB_ENGINE, DB_NAME         default: django.db.backends.sqlite3, :memory:
    DB_USER, DB_PASSWORD, DB_HOST, DB_PORT
    STORAGE, STORAGE_OPTIONS   where backups go: a class, and its options as key=value,…; default: in memory
    MEDIA_ROOT                 the folder of the media
    DJANGO_SETTINGS_MODULE     other settings than `tests.testproject.settings`

The default database and storage are gone when the command ends. The package is taken from `python` where the
extension was built there (`make` does that), else from where the interpreter has it.
"""

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
PACKAGES = ROOT / "python"

STARTS_PROCESSES = {"project", "two_databases", "predecessor", "keys", "gnupg", "new_keyring", "use_keyring"}
"""Fixtures of tests that run many processes, which takes its time."""


class QuickTests:
    """Leaves out what takes long: comparisons, whole processes, and what states a time limit of its own."""

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Divide the tests."""
        slow = [item for item in items if self._is_slow(item)]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]

    def _is_slow(self, item: Any) -> bool:
        has_limit = any(item.get_closest_marker(name) for name in ("slow", "timeout"))
        compares = "contract" in item.path.parts
        return has_limit or compares or not STARTS_PROCESSES.isdisjoint(item.fixturenames)


def find_package() -> None:
    """Make `dbbackup` importable, here and in child processes.

    Raises:
        SystemExit: It is nowhere.

    """
    built = any((PACKAGES / "dbbackup" / f"_engine{suffix}").exists() for suffix in EXTENSION_SUFFIXES)
    first = [str(PACKAGES), str(ROOT)] if built else [str(ROOT)]
    sys.path[:0] = first
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.environ["PYTHONPATH"] = os.pathsep.join([*first, *inherited])
    if find_spec("dbbackup") is None:
        sys.exit("dbbackup is neither built here (run `make`) nor installed for this interpreter")


def run_tests() -> int:
    """Run the quick tests; return pytest's exit status."""
    if find_spec("pytest") is None:
        sys.exit("pytest is missing: see the dependency group `dev` in pyproject.toml, or run `make test`")
    import pytest

    os.chdir(ROOT)
    commands = [f"tests/commands/test_{name}.py" for name in ("listbackups", "signals", "prunebackups")]
    return pytest.main(["tests/unit", *commands], plugins=[QuickTests()])


def main(argv: list[str]) -> int:
    """Run the tests, or the command in `argv`."""
    find_package()
    if len(argv) == 1:
        return run_tests()
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.testproject.settings")
    execute_from_command_line(argv)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
