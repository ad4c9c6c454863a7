"""What the tests of encrypted backups share: the storages that they lie in, and what is in there."""

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import CommandError
from django.db import connection
from pytest_django import Settings

from dbbackup.db.base import DEFAULT_CONNECTOR
from tests import storages as habits
from tests.conftest import Call

CANARY = "canary in the rows"

STORAGES = {"folder": FileSystemStorage, "memory": habits.Memory, "bridge": habits.Plain}
"""The engine's own way into a folder; a storage that stores all or nothing; and one that is marked as unfinished
while a backup is written into it."""

RESTORE = ("dbrestore", "--noinput", "-d", "default")


def keep_backups_in(settings: Settings, folder: Path, kind: str) -> None:
    """Make one of `STORAGES` that of the backups; those that need a folder get `folder`."""
    storage = STORAGES[kind]
    backend = f"{storage.__module__}.{storage.__qualname__}"
    options = {} if kind == "memory" else {"location": str(folder)}
    settings.STORAGES = settings.STORAGES | {"dbbackup": {"BACKEND": backend, "OPTIONS": options}}


def stored() -> dict[str, bytes]:
    """Every file in the storage of the backups, by its name."""
    storage: Any = storages["dbbackup"]
    try:
        names = storage.listdir("")[1]
    except FileNotFoundError:
        return {}
    files = {}
    for name in names:
        with storage.open(name) as file:
            files[name] = file.read()
    return files


def replace_stored(name: str, content: bytes, *, manifest: bool = True) -> None:
    """Write other bytes into a stored file; without its `manifest`, nothing says what they should be."""
    storage: Any = storages["dbbackup"]
    storage.delete(name)
    storage.save(name, ContentFile(content))
    if not manifest:
        storage.delete(f"{name}.metadata")


def backups() -> list[str]:
    """Names of the payloads."""
    return sorted(name for name in stored() if not name.endswith(".metadata"))


def shelves(settings: Settings) -> Any:
    """Make the tables of the test project in the database, for a connector that writes JSON; return its shelves."""
    settings.INSTALLED_APPS = ["dbbackup", "tests.testproject"]
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": DEFAULT_CONNECTOR}}
    shelf: Any = apps.get_model("testproject", "Shelf")
    with connection.schema_editor() as editor:
        editor.create_model(shelf)
        editor.create_model(apps.get_model("testproject", "Book"))
    return shelf.objects


def refused(call: Call, *arguments: str) -> tuple[int, str]:
    """Call a command that has to fail; return its exit status and what it says."""
    with pytest.raises(CommandError) as caught:
        call(*arguments)
    return caught.value.returncode, str(caught.value)
