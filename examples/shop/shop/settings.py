"""Settings of the shop. The parts for dbbackup are the app and the storage named `dbbackup`."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent

SECRET_KEY = "a demonstration has no secrets"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = FOLDER / "media"

INSTALLED_APPS = ["dbbackup", "shop"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "shop.sqlite3",
        # Readers and one writer side by side, as a web application needs it.
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL"},
    }
}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "dbbackup": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FOLDER / "backups"},
    },
}
