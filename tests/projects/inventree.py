"""InvenTree's use of django-dbbackup, rebuilt: its settings, its hooks, and the commands that its tasks call.

Facts are from github.com/inventree/InvenTree: ``src/backend/InvenTree/InvenTree/backup.py`` (0d6f648b8115) for the
settings' values and the hooks, ``…/settings.py`` for which settings there are, ``tasks.py`` (0000ff0873af) for the
options and their order, ``…/tasks.py`` (00ec2897c25c) for what the worker calls each day. The code is our own.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.contract.both_ways import scripted
from tests.contract.contents import content
from tests.project import Project, Run

SETTINGS = """
import os

del DBBACKUP_HOSTNAME
INSTALLED_APPS = [
    "company",
    "part",
    "stock",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "dbbackup",
]
DBBACKUP_DATE_FORMAT = "%Y-%m-%d-%H%M%S"
DBBACKUP_FILENAME_TEMPLATE = "InvenTree-db-{datetime}.{extension}"
DBBACKUP_MEDIA_FILENAME_TEMPLATE = "InvenTree-media-{datetime}.{extension}"
DBBACKUP_GPG_RECIPIENT = os.environ.get("INVENTREE_BACKUP_GPG_RECIPIENT", "")
DBBACKUP_SEND_EMAIL = False
DBBACKUP_EMAIL_SUBJECT_PREFIX = "[InvenTree Backup]"
DBBACKUP_CONNECTORS = {"default": {"EXCLUDE": ["django_session"]}}
DBBACKUP_BACKUP_METADATA_SETTER = "hooks.describe"
DBBACKUP_RESTORE_METADATA_VALIDATOR = "hooks.allows"
DBBACKUP_STORAGE_CONFIG = STORAGES["dbbackup"]
BACKUP_RESTORE_ALLOW_NEWER_VERSION = "INVENTREE_BACKUP_RESTORE_ALLOW_NEWER_VERSION" in os.environ
"""

HOOKS = """
import logging
import os
from datetime import datetime, timedelta

from django.conf import settings

logger = logging.getLogger("inventree")


def environment():
    return {
        "ivt_1_debug": settings.DEBUG,
        "ivt_1_version": os.environ.get("VERSION", "1.2.0"),
        "ivt_1_version_api": int(os.environ.get("API_VERSION", "400")),
        "ivt_1_plugins_enabled": False,
        "ivt_1_plugins_file_hash": None,
        "ivt_1_installer": "PKG",
        "ivt_1_backup_time": datetime.now().isoformat(),
    }


def describe(metadata):
    print("describing", metadata["connector"])
    return environment()


def allows(metadata):
    here = environment()
    if metadata.get("ivt_1_version") is None:
        logger.warning("no version is known")
        return True
    if metadata["ivt_1_version"] != here["ivt_1_version"]:
        logger.warning("another version")
        if metadata["ivt_1_version_api"] > here["ivt_1_version_api"]:
            logger.error("a newer version")
            if not settings.BACKUP_RESTORE_ALLOW_NEWER_VERSION:
                return False
    if datetime.now() - datetime.fromisoformat(metadata["ivt_1_backup_time"]) > timedelta(days=120):
        logger.warning("an old backup")
    return True
"""

COMPANY = """
from django.db import models


class Company(models.Model):
    name = models.CharField(max_length=100, unique=True)
    notes = models.TextField(blank=True)
    logo = models.FileField(upload_to="company_images", blank=True)
"""

PART = """
from django.db import models


class PartCategory(models.Model):
    name = models.CharField(max_length=100)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")


class Part(models.Model):
    name = models.CharField(max_length=100)
    category = models.ForeignKey(PartCategory, models.SET_NULL, null=True)
    suppliers = models.ManyToManyField("company.Company", through="SupplierPart")
    image = models.FileField(upload_to="part_images", blank=True)
    metadata = models.JSONField(null=True)
    is_active = models.BooleanField(default=True)


class SupplierPart(models.Model):
    part = models.ForeignKey(Part, models.CASCADE)
    company = models.ForeignKey("company.Company", models.CASCADE)
    price = models.DecimalField(max_digits=19, decimal_places=6)


class BomItem(models.Model):
    part = models.ForeignKey(Part, models.CASCADE, related_name="bom_items")
    sub_part = models.ForeignKey(Part, models.CASCADE, related_name="used_in")
    quantity = models.DecimalField(max_digits=15, decimal_places=5)
"""

STOCK = """
import uuid

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models


class StockItem(models.Model):
    uid = models.UUIDField(default=uuid.uuid4, unique=True)
    part = models.ForeignKey("part.Part", models.CASCADE)
    quantity = models.DecimalField(max_digits=15, decimal_places=5)
    updated = models.DateTimeField()
    checksum = models.BinaryField(null=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)


class Attachment(models.Model):
    model_type = models.ForeignKey(ContentType, models.CASCADE)
    model_id = models.PositiveIntegerField()
    target = GenericForeignKey("model_type", "model_id")
    attachment = models.FileField(upload_to="attachments")
"""

FILL = """
from datetime import UTC, datetime
from decimal import Decimal

from company.models import Company
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from part.models import BomItem, Part, PartCategory, SupplierPart
from stock.models import Attachment, StockItem

user = User.objects.create_user("ada", password="secret")
root = PartCategory.objects.create(name="Électronique")
category = PartCategory.objects.create(name="Résistances", parent=root)
company = Company.objects.create(name="It's; \\"Acme\\" & Co.", notes="two\\nlines")
company.logo.save("logo.png", ContentFile(bytes(range(256))))
parts = [Part(name=f"R {number} Ω", category=category, metadata={"n": [number, None]}) for number in range(200)]
Part.objects.bulk_create(parts)
parts[0].image.save("r 0.jpg", ContentFile(b"\\xff\\xd8" * 5_000))
for number, part in enumerate(parts):
    SupplierPart.objects.create(part=part, company=company, price=Decimal(number) / 7)
BomItem.objects.create(part=parts[0], sub_part=parts[1], quantity=Decimal("2.5"))
moment = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
item = StockItem.objects.create(part=parts[0], quantity=7, updated=moment, checksum=b"\\0\\xff", owner=user)
Attachment.objects.create(target=item).attachment.save("dätenblatt 写真.pdf", ContentFile(b"%PDF"))
session = SessionStore()
session["user"] = user.pk
session.save()
"""

WORKER = """
from django.core.management import call_command

options = dict.fromkeys(["noinput", "clean", "compress"], True)
for command in ("dbbackup", "mediabackup"):
    call_command(command, interactive=False, **options)
"""


class InvenTree(Project):
    """An installation with parts, stock, users and media."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, {"default": "database.sqlite3"}, extra=SETTINGS)
        (root / "hooks.py").write_text(HOOKS)
        for app, models in {"company": COMPANY, "part": PART, "stock": STOCK}.items():
            (root / app).mkdir(exist_ok=True)
            (root / app / "__init__.py").touch()
            (root / app / "models.py").write_text(models)

    def install(self) -> None:
        """Make the database, and fill it and the media."""
        run = self.manage("migrate", "--run-syncdb")
        assert run.code == 0, run
        scripted(self, FILL)

    def backup(
        self, *, encrypt: bool = False, clean: bool = False, env: Mapping[str, str] | None = None
    ) -> None:
        """Do as ``invoke backup``."""
        options = ["--noinput", "-v", "2", "--compress"]
        options += ["--encrypt"] * encrypt + ["--clean"] * clean
        for command in ("dbbackup", "mediabackup"):
            run = self.task(command, *options, env=env)
            assert run.code == 0, run

    def restore(
        self,
        db_file: str | None = None,
        media_file: str | None = None,
        *,
        decrypt: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> list[Run]:
        """Do as ``invoke restore``; as there, the media are left alone if the database's restore fails."""
        options = ["--noinput", "-v", "2", "--uncompress", *["--decrypt"] * decrypt]
        runs = []
        for command, name in {"dbrestore": db_file, "mediarestore": media_file}.items():
            runs.append(self.task(command, *options, *(["-i", name] if name else []), env=env))
            if runs[-1].code:
                break
        return runs

    def listing(self) -> list[str]:
        """The names that ``invoke listbackups`` shows."""
        run = self.task("listbackups")
        assert (run.code, run.err) == (0, ""), run
        return [line.split()[0] for line in run.out.splitlines()[1:]]

    def task(self, *arguments: str, env: Mapping[str, str] | None = None) -> Run:
        """Call ``manage.py`` as tasks do: quiet after all, whatever was said before."""
        return self.manage(*arguments, "-v", "0", env=env)

    def content(self) -> dict[str, Any]:
        """All rows but those of sessions, which are in no backup."""
        found = content(self.database)
        del found["django_session"]
        return found

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with closing(sqlite3.connect(self.database)) as connection:
            found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            return found

    def change(self) -> None:
        """Lose rows and change others."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.executescript(
                "UPDATE part_part SET name = 'wrong'; DELETE FROM part_supplierpart; DROP TABLE stock_attachment"
            )
