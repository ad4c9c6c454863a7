"""Bytes and seconds for people."""

import pytest

from dbbackup._units import human_bytes, human_seconds


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (3 * 1024**2 + 200_000, "3.2 MiB"),
        (1024**4, "1.0 TiB"),
        (2048 * 1024**4, "2.0 PiB"),
    ],
)
def test_bytes_have_the_largest_unit_that_fits(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.24, "0.2 s"),
        (9.97, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.9, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (3 * 86400, "3 days"),
    ],
)
def test_seconds_have_two_units(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text
