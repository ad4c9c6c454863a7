"""Backups of django-dbbackup whose metadata has a key that is called like ours: they are used like any other."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Call
from tests.project import fill

NAME = "default-host-2026-11-22-101500.sqlite3"


@pytest.fixture(params=["5.4.0", {"excluded": 1, "content": "all", "source_id": []}])
def theirs(call: Call, database: Path, store: Path, request: pytest.FixtureRequest) -> Path:
    """The manifest of the only backup."""
    fill(database, ["a"])
    call("dbbackup", "-o", NAME)
    path = store / f"{NAME}.metadata"
    path.write_text(json.dumps({"engine": "django.db.backends.sqlite3", "dbbackup": request.param}))
    return path


def test_it_is_listed_verified_and_drilled(call: Call, theirs: Path) -> None:
    assert NAME in call("listbackups")
    assert f"{NAME}: whole (" in call("verifybackups")
    out = call("verifybackups", "--restore")
    assert f"{NAME}: restored (1 table, 1 row, which no manifest counts; " in out


def test_it_is_restored(call: Call, theirs: Path, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM item")
        connection.commit()
    call("dbrestore", "--noinput", "-d", "default")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (1,)
