"""How often a storage is asked for a backup that is restored: once, if its file lets itself be rewound."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from pytest_django import Settings

from tests.conftest import Call
from tests.project import fill, pad, rows
from tests.storages import Overwriting, Plain


class Counting(Plain):
    """Counts what is opened."""

    opened: ClassVar[list[str]] = []

    def open(self, name: str, mode: str = "rb") -> Any:
        """Open a file."""
        self.opened.append(name)
        return super().open(name, mode)


class OnlyForwards(Counting):
    """Gives files that cannot be rewound."""

    def open(self, name: str, mode: str = "rb") -> Any:
        """Open a file."""
        return Forwards(super().open(name, mode))


class Forwards:
    """A file with nothing but what has to be."""

    def __init__(self, file: Any) -> None:
        self.read, self.close = file.read, file.close


@pytest.fixture
def use(store: Path, settings: Settings) -> Any:
    """Make a class the storage of the backups."""

    def configure(storage: type) -> None:
        backend = f"{storage.__module__}.{storage.__qualname__}"
        entry = {"BACKEND": backend, "OPTIONS": {"location": str(store)}}
        settings.STORAGES = settings.STORAGES | {"dbbackup": entry}

    return configure


@pytest.mark.parametrize(
    ("storage", "most"), [(Counting, 1), (OnlyForwards, 3)], ids=["seekable", "not seekable"]
)
def test_a_backup_is_opened_once_for_a_restore(
    call: Call, database: Path, use: Any, storage: type[Counting], most: int
) -> None:
    use(storage)
    before = fill(database, ["a"])
    pad(database, 5)
    call("dbbackup", "-o", "mine.sqlite3")
    storage.opened.clear()
    fill(database, ["b"])
    call("dbrestore", "--noinput", "-d", "default")
    assert rows(database) == before
    assert 1 <= storage.opened.count("mine.sqlite3") <= most


def test_a_new_backup_of_the_same_name_is_what_is_read(call: Call, database: Path, use: Any) -> None:
    use(Overwriting)
    for name in ("a", "b"):
        before = fill(database, [name])
        call("dbbackup", "-o", "mine.sqlite3")
        call("verifybackups", "mine.sqlite3")
        fill(database, ["c"])
        call("dbrestore", "--noinput", "-d", "default", "-i", "mine.sqlite3")
        assert rows(database) == before
