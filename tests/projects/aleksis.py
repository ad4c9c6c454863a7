"""AlekSIS's use of django-dbbackup, rebuilt: a worker that backs up to S3, and a health check of the newest backup.

Facts are from github.com/AlekSIS-org/AlekSIS-Core: ``aleksis/core/settings.py`` (24fb8afb2a9b and later) for the
settings, ``aleksis/core/tasks.py`` for how the worker calls the commands, ``aleksis/core/health_checks.py`` for the
functions that it asks. The code is our own.
"""

from pathlib import Path

from tests.contract.both_ways import scripted
from tests.storages_real.conftest import RemoteProject

OLD_SETTINGS = """
DBBACKUP_STORAGE = "django.core.files.storage.FileSystemStorage"
DBBACKUP_STORAGE_OPTIONS = {"location": "/var/backups/aleksis"}
"""
"""As they still stand there, which no django-dbbackup has taken since 5.0.1."""

SETTINGS = """
import os

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.sites",
    "dbbackup",
]
SITE_ID = 1
ADMINS = [("admin", "admin@example.org")]
SERVER_EMAIL = ADMINS[0][1]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
DBBACKUP_CLEANUP_KEEP = 2
DBBACKUP_CLEANUP_KEEP_MEDIA = 2
DBBACKUP_GPG_RECIPIENT = os.environ.get("GPG_RECIPIENT")
DBBACKUP_COMPRESS_DB = True
DBBACKUP_ENCRYPT_DB = DBBACKUP_GPG_RECIPIENT is not None
DBBACKUP_COMPRESS_MEDIA = True
DBBACKUP_ENCRYPT_MEDIA = DBBACKUP_GPG_RECIPIENT is not None
DBBACKUP_CLEANUP_DB = True
DBBACKUP_CLEANUP_MEDIA = True
DBBACKUP_CONNECTOR_MAPPING = {
    "django_prometheus.db.backends.postgresql": "dbbackup.db.postgresql.PgDumpConnector",
}
DBBACKUP_CHECK_SECONDS = MEDIABACKUP_CHECK_SECONDS = 7200
"""

FILL = """
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

group = Group.objects.create(name="Lehrkräfte")
for number in range(50):
    User.objects.create_user(f"user{number}", first_name="Zoë 🦉").groups.add(group)
default_storage.save("photos/zoë.jpg", ContentFile(bytes(range(256)) * 100))
"""

WORK = """
from datetime import datetime

from django.conf import settings
from django.core.management import call_command


def back_up():
    for command, kind in (("dbbackup", "DB"), ("mediabackup", "MEDIA")):
        wanted = {"-z": "COMPRESS", "-e": "ENCRYPT", "-c": "CLEANUP"}
        options = [flag for flag, name in wanted.items() if getattr(settings, f"DBBACKUP_{name}_{kind}")]
        call_command(command, *options)


def health():
    from dbbackup import utils
    from dbbackup.storage import get_storage

    for kind in ("db", "media"):
        backups = get_storage().list_backups(content_type=kind)
        age = datetime.now() - utils.filename_to_date(backups[0])
        print("health:", kind, len(backups), age.seconds < settings.DBBACKUP_CHECK_SECONDS)


for _ in range(3):
    back_up()
health()
"""


class AlekSIS(RemoteProject):
    """An installation with users and media."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, extra=SETTINGS)

    def _argv(self, arguments: tuple[str, ...]) -> list[str]:
        return [self.python, "manage.py", *arguments] if self.python else super()._argv(arguments)

    def install(self) -> None:
        """Make the database, and fill it and the media."""
        run = self.manage("migrate")
        assert run.code == 0, run
        scripted(self, FILL)

    def work(self) -> list[str]:
        """Back up three times, as a worker that lives long; return what the health check says."""
        out = scripted(self, WORK)
        return [line.removeprefix("health: ") for line in out.splitlines() if line.startswith("health: ")]
