"""Names of backups, as far as Python makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from dbbackup._naming import database_stem, endings, local_now, local_time, name_from_callable
from dbbackup.conf import get_settings
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbbackup._engine import Compression


def named(template: Callable[..., Any], endings: str = "") -> str:
    return name_from_callable(
        template,
        get_settings(),
        kind="database",
        alias="folder/shop.eu",
        servername="host",
        extension="sqlite3",
        endings=endings,
    )


@pytest.mark.parametrize(
    ("name", "stem"),
    [("/srv/shop.sqlite3", "shop"), ("shop", "shop"), ("a/shop.v2.db", "shop"), (".hidden", ""), ("", "")],
)
def test_a_stem_ends_at_the_first_dot(name: str, stem: str) -> None:
    assert database_stem(name) == stem


def test_a_callable_gets_the_five_keywords_of_django_dbbackup() -> None:
    seen: dict[str, Any] = {}

    def template(**keywords: Any) -> str:
        seen.update(keywords)
        return "name"

    assert named(template) == "name"
    assert datetime.strptime(seen.pop("datetime"), "%Y-%m-%d-%H%M%S")
    assert seen == {
        "databasename": "shop",
        "servername": "host",
        "extension": "sqlite3",
        "content_type": "db",
    }


@pytest.mark.parametrize(("compression", "name"), [("none", "x"), ("gzip", "x.gz"), ("zstd", "x.zst")])
def test_compression_and_encryption_are_appended_in_that_order(compression: Compression, name: str) -> None:
    assert named(lambda **_: "x", endings(compression, encrypted=False)) == name
    assert named(lambda **_: "x", endings(compression, encrypted=True)) == f"{name}.gpg"


@pytest.mark.parametrize("result", [None, "", 7])
def test_a_callable_that_returns_no_name_is_a_wrong_setting(result: object) -> None:
    with pytest.raises(ConfigurationError, match="must return a name"):
        named(lambda **_: result)


def test_a_callable_that_fails_is_a_wrong_setting() -> None:
    def template(**_: object) -> str:
        raise KeyError("oh")

    with pytest.raises(ConfigurationError, match="`DBBACKUP_FILENAME_TEMPLATE` failed: KeyError: 'oh'"):
        named(template)


def test_dates_are_local_in_the_projects_time_zone() -> None:
    def template(*, datetime: str, **_: object) -> str:
        return datetime

    with override_settings(TIME_ZONE="Pacific/Kiritimati", DBBACKUP_DATE_FORMAT="%Y-%m-%dT%H"):
        there = datetime.now(UTC) + timedelta(hours=14)
        assert named(template) in (f"{there:%Y-%m-%dT%H}", f"{there + timedelta(minutes=1):%Y-%m-%dT%H}")


def test_times_keep_their_moment_in_every_zone() -> None:
    moment = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
    assert f"{local_time(moment, 'Asia/Tokyo'):%H:%M}" == "19:15"
    for zone in ("Asia/Tokyo", None):
        assert local_time(moment, zone) == moment
        assert abs(local_now(zone) - datetime.now(UTC)) < timedelta(minutes=1)
