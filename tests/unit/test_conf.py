"""Settings: read when used, with their defaults, and refused when they cannot be used."""

import re
import socket
import tempfile
from typing import Any

import pytest
from django.test import override_settings

from dbbackup.conf import get_settings, load_callable
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
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: Any) -> None:
    with (
        override_settings(**{f"DBBACKUP_{name}": value}),
        pytest.raises(ConfigurationError, match=f"`DBBACKUP_{name}` must be .*{re.escape(repr(value))}"),
    ):
        get_settings()


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
