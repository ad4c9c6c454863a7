"""``dbbackup.settings``: the names that projects know from django-dbbackup."""

import os
import socket
import subprocess
import sys
import tempfile
from typing import Any

import pytest
from django.test import override_settings

from dbbackup import settings
from dbbackup.exceptions import ConfigurationError

LOCAL = "django.core.files.storage.FileSystemStorage"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADMINS", []),
        ("BACKUP_METADATA_SETTER", None),
        ("CLEANUP_KEEP", 10),
        ("CLEANUP_KEEP_MEDIA", 10),
        ("CONNECTORS", {}),
        ("CUSTOM_CONNECTOR_MAPPING", {}),
        ("DATABASES", ["default", "second"]),
        ("DATE_FORMAT", "%Y-%m-%d-%H%M%S"),
        ("EMAIL_SUBJECT_PREFIX", "[dbbackup] "),
        ("FILENAME_TEMPLATE", "{databasename}-{servername}-{datetime}.{extension}"),
        ("GPG_ALWAYS_TRUST", False),
        ("GPG_RECIPIENT", None),
        ("HOSTNAME", socket.gethostname()),
        ("MEDIA_FILENAME_TEMPLATE", "{servername}-{datetime}.{extension}"),
        ("MEDIA_PATH", ""),
        ("RESTORE_METADATA_VALIDATOR", None),
        ("SEND_EMAIL", True),
        ("SERVER_EMAIL", "root@localhost"),
        ("STORAGE", LOCAL),
        ("STORAGES_DBBACKUP_ALIAS", "dbbackup"),
        ("STORAGE_OPTIONS", {}),
        ("TMP_DIR", tempfile.gettempdir()),
        ("TMP_FILE_MAX_SIZE", 10 * 1024 * 1024),
        ("TMP_FILE_READ_SIZE", 1024 * 1000),
    ],
)
def test_defaults_are_those_of_django_dbbackup(name: str, value: Any) -> None:
    assert getattr(settings, name) == value
    assert name in dir(settings)


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("ADMINS", "DBBACKUP_ADMIN", [("Ada", "ada@example.org")]),
        ("ADMINS", "DBBACKUP_ADMINS", [("Ada", "ada@example.org")]),
        ("ADMINS", "ADMINS", [("Ada", "ada@example.org")]),
        ("CUSTOM_CONNECTOR_MAPPING", "DBBACKUP_CONNECTOR_MAPPING", {"engine": "shop.Connector"}),
        ("DATABASES", "DBBACKUP_DATABASES", ["second"]),
        ("GPG_RECIPIENT", "DBBACKUP_GPG_RECIPIENT", "ada@example.org"),
        ("GPG_RECIPIENT", "DBBACKUP_GPG_RECIPIENT", ["ada@example.org"]),
        ("HOSTNAME", "DBBACKUP_HOSTNAME", "web-1"),
        ("MEDIA_PATH", "DBBACKUP_MEDIA_PATH", "/srv/uploads"),
        ("MEDIA_PATH", "MEDIA_ROOT", "/srv/media"),
    ],
)
def test_values_are_read_when_they_are_asked_for(name: str, setting: str, value: Any) -> None:
    before = getattr(settings, name)
    with override_settings(**{setting: value}):
        assert getattr(settings, name) == value
    assert getattr(settings, name) == before


def test_the_storage_is_that_of_the_backups() -> None:
    with override_settings(STORAGES={"dbbackup": {"BACKEND": "shop.Storage", "OPTIONS": {"bucket": "b"}}}):
        assert (settings.STORAGE, settings.STORAGE_OPTIONS) == ("shop.Storage", {"bucket": "b"})


def test_the_filter_can_always_be_called() -> None:
    assert settings.CLEANUP_KEEP_FILTER("name") is False
    with override_settings(DBBACKUP_CLEANUP_KEEP_FILTER="os.path.isabs"):
        assert settings.CLEANUP_KEEP_FILTER("/name") is True


def test_nothing_is_read_at_import() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    code = "import dbbackup.settings"
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)


def test_single_names_can_be_imported() -> None:
    with override_settings(DBBACKUP_SEND_EMAIL=False):
        from dbbackup.settings import SEND_EMAIL

        assert SEND_EMAIL is False


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(settings, "CLEANUP_KEPT")


def test_a_wrong_setting_is_an_error_where_it_is_used() -> None:
    with override_settings(DBBACKUP_STORAGE="x"), pytest.raises(ConfigurationError, match="was replaced"):
        _ = settings.HOSTNAME
