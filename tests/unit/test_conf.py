"""Settings: read when used, with their defaults, and refused when they cannot be used."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from dbbackup.conf import (
    DJANGO_SETTINGS,
    KNOWN_NAMES,
    SETTINGS,
    get_settings,
    load_callable,
    unknown_names,
    wrong_settings,
)
from dbbackup.exceptions import ConfigurationError


def test_defaults_are_those_of_django_dbbackup() -> None:
    settings = get_settings()
    assert settings.databases == settings.aliases == ("default", "second")
    assert settings.hostname == socket.gethostname()
    assert settings.tmp_dir == tempfile.gettempdir()
    assert settings.cleanup_keep == settings.cleanup_keep_media == 10
    assert settings.media_filename_template == "{servername}-{datetime}.{extension}"
    assert (settings.media_path, settings.media_exclude) == (None, ())
    assert settings.date_format == "%Y-%m-%d-%H%M%S"
    assert settings.filename_template == "{databasename}-{servername}-{datetime}.{extension}"
    assert settings.compression == "gzip"
    assert not settings.allow_public_storage
    assert (settings.tmp_file_max_size, settings.tmp_file_read_size) == (10 * 1024 * 1024, 1024 * 1000)
    assert (settings.gpg_recipient, settings.gpg_always_trust) == ((), False)
    assert (settings.send_email, settings.admins, settings.server_email) == (True, (), "root@localhost")
    assert settings.email_subject_prefix == "[dbbackup] "
    assert (settings.connectors, settings.connector_mapping) == ({}, {})
    assert settings.cleanup_keep_filter is None
    assert settings.backup_metadata_setter is None
    assert settings.restore_metadata_validator is None


def test_every_setting_is_declared_with_its_meaning_and_the_reason_for_its_default() -> None:
    for attribute, setting in SETTINGS.items():
        assert setting.name == f"DBBACKUP_{attribute.upper()}"
        assert setting.meaning.endswith("."), setting
        assert setting.reason, setting
        assert not setting.reason.endswith("."), setting
    assert len(set(KNOWN_NAMES)) == len(SETTINGS) + 1  # DBBACKUP_ADMIN
    assert all(setting.meaning.endswith(".") for setting in DJANGO_SETTINGS)


def test_nothing_is_read_at_import() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    subprocess.run([sys.executable, "-W", "error", "-c", "import dbbackup.conf"], env=environment, check=True)


def test_overridden_settings_are_seen_at_once() -> None:
    with override_settings(DBBACKUP_HOSTNAME="web-1", DBBACKUP_DATABASES=["second"], TIME_ZONE="Asia/Tokyo"):
        settings = get_settings()
        assert (settings.hostname, settings.databases, settings.time_zone) == (
            "web-1",
            ("second",),
            "Asia/Tokyo",
        )
    assert get_settings().databases == ("default", "second")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLEANUP_KEEP", -1),
        ("CLEANUP_KEEP", "10"),
        ("CLEANUP_KEEP", True),
        ("CLEANUP_KEEP_MEDIA", -1),
        ("MEDIA_EXCLUDE", "*.tmp"),
        ("MEDIA_EXCLUDE", [7]),
        ("COMPRESSION", "lzma"),
        ("COMPRESSION", None),
        ("DATABASES", "default"),
        ("DATABASES", [7]),
        ("DATABASES", 7),
        ("HOSTNAME", 7),
        ("TMP_DIR", 7),
        ("TMP_DIR", b"/tmp"),
        ("TMP_FILE_MAX_SIZE", "10 MiB"),
        ("TMP_FILE_MAX_SIZE", -1),
        ("TMP_FILE_READ_SIZE", None),
        ("TMP_FILE_READ_SIZE", float("inf")),
        ("MEDIA_PATH", ["media"]),
        ("DATE_FORMAT", None),
        ("DATE_FORMAT", 7),
        ("FILENAME_TEMPLATE", None),
        ("FILENAME_TEMPLATE", ["{datetime}"]),
        ("MEDIA_FILENAME_TEMPLATE", 7),
        ("CLEANUP_KEEP_FILTER", 7),
        ("BACKUP_METADATA_SETTER", {"release": 7}),
        ("RESTORE_METADATA_VALIDATOR", True),
        ("CONNECTOR_MAPPING", ["django.db.backends.sqlite3"]),
        ("CONNECTOR_MAPPING", {"django.db.backends.sqlite3": None}),
        ("ALLOW_PUBLIC_STORAGE", "False"),
        ("GPG_ALWAYS_TRUST", "False"),
        ("GPG_ALWAYS_TRUST", 2),
        ("GPG_RECIPIENT", 7),
        ("GPG_RECIPIENT", [b"key"]),
        ("SEND_EMAIL", "no"),
        ("SERVER_EMAIL", None),
        ("ADMIN", "admin@example.org"),
        ("ADMINS", [7]),
        ("ADMINS", [("Ada", "ada@example.org", "admin")]),
        ("ADMINS", [("Ada", None)]),
        ("EMAIL_SUBJECT_PREFIX", None),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: Any) -> None:
    with (
        override_settings(**{f"DBBACKUP_{name}": value}),
        pytest.raises(ConfigurationError, match=f"`DBBACKUP_{name}` must be .*{re.escape(repr(value))}"),
    ):
        get_settings()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("canary", "not a value of the class `str`"),
        ([{"PASSWORD": "canary"}], "not a value of the class `list`"),
        ({"default": "canary"}, "not a value of the class `str` for `default`"),
        ({"default": {7: "canary"}}, "other keys than text, as for `default`"),
        ({7: {"PASSWORD": "canary"}}, "other keys than text, as for `7`"),
    ],
)
def test_passwords_are_not_in_the_error_about_options_of_connectors(value: Any, error: str) -> None:
    with (
        override_settings(DBBACKUP_CONNECTORS=value),
        pytest.raises(ConfigurationError, match=f"`DBBACKUP_CONNECTORS` must be .*{error}") as caught,
    ):
        get_settings()
    assert "canary" not in caught.value.for_terminal()


@pytest.mark.parametrize("entry", ["canary", {"BACKEND": "x", "OPTIONS": ["canary"]}])
def test_a_storage_that_is_no_dictionary_is_named_without_its_value(entry: Any) -> None:
    with (
        override_settings(STORAGES={"dbbackup": entry}),
        pytest.raises(ConfigurationError, match=r"`STORAGES\['dbbackup'\]` must be a dictionary") as caught,
    ):
        get_settings()
    assert "canary" not in caught.value.for_terminal()


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("DATABASES", {"second": None}, ("second",)),
        ("DATABASES", {"second": None}.keys(), ("second",)),
        ("HOSTNAME", "", socket.gethostname()),
        ("TMP_DIR", Path("/srv/tmp"), "/srv/tmp"),
        ("TMP_DIR", None, tempfile.gettempdir()),
        ("MEDIA_PATH", Path("/srv/media"), "/srv/media"),
        ("MEDIA_PATH", "", None),
        ("MEDIA_EXCLUDE", ("*.tmp",), ("*.tmp",)),
        ("TMP_FILE_MAX_SIZE", 10e6, 10_000_000),
        ("CONNECTORS", {"default": {"HOST": "h"}}, {"default": {"HOST": "h"}}),
        ("CONNECTOR_MAPPING", None, {}),
        ("GPG_RECIPIENT", "key", ("key",)),
        ("GPG_RECIPIENT", ["key", "other"], ("key", "other")),
        ("GPG_RECIPIENT", None, ()),
        ("GPG_ALWAYS_TRUST", 1, True),
        ("SEND_EMAIL", None, False),
        ("ADMINS", None, ()),
        ("ADMINS", [("Ada", "ada@example.org"), "bob@example.org"], ("ada@example.org", "bob@example.org")),
        ("BACKUP_METADATA_SETTER", "shop.release", "shop.release"),
    ],
)
def test_what_django_dbbackup_takes_is_taken(name: str, value: Any, used: Any) -> None:
    with override_settings(**{f"DBBACKUP_{name}": value}):
        assert getattr(get_settings(), name.lower()) == used


def test_mails_come_from_and_go_to_those_of_django_unless_said_otherwise() -> None:
    with override_settings(ADMINS=[("Ada", "ada@example.org")], SERVER_EMAIL="server@example.org"):
        settings = get_settings()
        assert (settings.admins, settings.server_email) == (("ada@example.org",), "server@example.org")
        with override_settings(DBBACKUP_ADMINS=[], DBBACKUP_SERVER_EMAIL="backups@example.org"):
            settings = get_settings()
            assert (settings.admins, settings.server_email) == ((), "backups@example.org")


def test_the_name_that_django_dbbackup_reads_counts_before_the_one_that_it_documents() -> None:
    with override_settings(DBBACKUP_ADMINS=["new@example.org"]):
        assert get_settings().admins == ("new@example.org",)
        with override_settings(DBBACKUP_ADMIN=["old@example.org"]):
            assert get_settings().admins == ("old@example.org",)


def test_an_error_names_the_setting_that_has_the_value() -> None:
    with (
        override_settings(ADMINS="ada@example.org"),
        pytest.raises(ConfigurationError, match=r"^`ADMINS` must be"),
    ):
        get_settings()


def test_everything_that_is_wrong_is_found_at_once() -> None:
    with override_settings(
        DBBACKUP_STORAGE="x", DBBACKUP_COMPRESSION="lzma", DBBACKUP_CLEANUP_KEEP_FILTER="no.such"
    ):
        assert [error.subject for error in wrong_settings()] == [
            "DBBACKUP_STORAGE",
            "DBBACKUP_CLEANUP_KEEP_FILTER",
            "DBBACKUP_COMPRESSION",
        ]


def test_names_that_nothing_reads_are_known() -> None:
    assert unknown_names() == []
    with override_settings(DBBACKUP_CLEANUP_KEPT=1, DBBACKUP_STORAGE="x", DBBACKUP_ADMIN=[], DBBACKUPS=1):
        assert unknown_names() == ["DBBACKUP_CLEANUP_KEPT"]


def test_media_are_kept_as_long_as_databases_unless_said_otherwise() -> None:
    with override_settings(DBBACKUP_CLEANUP_KEEP=3):
        assert get_settings().cleanup_keep_media == 3
        with override_settings(DBBACKUP_CLEANUP_KEEP_MEDIA=0):
            assert get_settings().cleanup_keep_media == 0


@pytest.mark.parametrize("name", ["DBBACKUP_STORAGE", "DBBACKUP_STORAGE_OPTIONS"])
def test_the_old_storage_settings_tell_how_to_migrate(name: str) -> None:
    with override_settings(**{name: "x"}), pytest.raises(ConfigurationError, match=name) as caught:
        get_settings()
    assert 'STORAGES = {..., "dbbackup": {"BACKEND"' in caught.value.for_terminal()


def test_callables_may_be_named_by_their_path() -> None:
    assert load_callable("CLEANUP_KEEP_FILTER", "os.path.basename")("a/b") == "b"
    assert load_callable("CLEANUP_KEEP_FILTER", len) is len
    with pytest.raises(
        ConfigurationError, match=r"cannot import `no\.such` of `DBBACKUP_CLEANUP_KEEP_FILTER`"
    ):
        load_callable("CLEANUP_KEEP_FILTER", "no.such")
    with pytest.raises(ConfigurationError, match="must be a callable"):
        load_callable("CLEANUP_KEEP_FILTER", 7)
