"""Settings of the test project; all that differs from run to run comes from environment variables."""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FOLDER_STORAGE = "django.core.files.storage.FileSystemStorage"


def database() -> dict[str, Any]:
    """Return the entry in ``DATABASES``: ``DB_ENGINE``, ``DB_NAME``, ``DB_USER``, ``DB_HOST`` and so on."""
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    for key in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT"):
        value = os.environ.get(f"DB_{key}")
        if value:
            entry[key] = value
    return entry


def storage() -> dict[str, Any]:
    """Return the entry in ``STORAGES``: ``STORAGE``, and ``STORAGE_OPTIONS`` as ``key=value,…``.

    A folder that nobody named is ``backups`` beside the database file.
    """
    pairs = (pair.partition("=") for pair in os.environ.get("STORAGE_OPTIONS", "").split(",") if pair)
    options = {key.strip(): value for key, _, value in pairs}
    backend = os.environ.get("STORAGE") or "django.core.files.storage.InMemoryStorage"
    name = DATABASES["default"]["NAME"]
    if backend == FOLDER_STORAGE and name != ":memory:":
        options.setdefault("location", str(Path(name).absolute().parent / "backups"))
    return {"BACKEND": backend, "OPTIONS": options}


if os.environ.get("DB_ENGINE", "").endswith(".mysql") and find_spec("MySQLdb") is None:
    import_module("pymysql").install_as_MySQLdb()

SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = ["dbbackup", "tests.testproject"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database()}
MEDIA_ROOT = os.environ.get("MEDIA_ROOT", "")
STORAGES = {
    "default": {"BACKEND": FOLDER_STORAGE},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "dbbackup": storage(),
}
