"""A set of keys holds those that a database holds to be the same to be one key."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from dbbackup.db._key_set import KeySet

MOMENT = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (7, 7),
        (Decimal("1.50"), Decimal("1.5")),
        (Decimal(100), Decimal("1e2")),
        (MOMENT, MOMENT.astimezone(dt.timezone(dt.timedelta(hours=5)))),
        (b"key", memoryview(b"key")),
        ((1, "a"), [1, "a"]),
        ("\ud800", "\ud800"),
    ],
)
def test_the_same_key_is_there_once(one: object, other: object) -> None:
    with KeySet() as keys:
        assert keys.add("a", one)
        assert not keys.add("a", other)
        assert keys.missing("a", [other]) == []
        assert keys.count("a") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ("a", "A"),
        ((1, 23), (12, 3)),
        (("1", "2"), ("1:2",)),
        (("a",), ("a", "")),
        (uuid.UUID(int=1), uuid.UUID(int=2)),
        (MOMENT, MOMENT + dt.timedelta(microseconds=1)),
    ],
)
def test_other_keys_are_others(one: object, other: object) -> None:
    with KeySet() as keys:
        assert keys.add("a", one)
        assert keys.missing("a", [one, other]) == [other]
        assert keys.add("a", other)


def test_groups_are_apart() -> None:
    with KeySet() as keys:
        keys.add("a", 1)
        assert keys.missing("b", [1]) == [1]
        assert (keys.count("a"), keys.count("b")) == (1, 0)
        assert keys.missing("a", []) == []
