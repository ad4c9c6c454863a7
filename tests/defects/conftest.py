"""Which package is under test: ours, or with ``DBBACKUP_COMPARED_WITH=predecessor`` the predecessor."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests import predecessor
from tests.databases_real.conftest import new_database as new_database
from tests.databases_real.conftest import new_mysql as new_mysql
from tests.databases_real.conftest import postgres_15 as postgres_15
from tests.defects.world import Peer

MakePeer = Callable[..., Peer]


@pytest.fixture(scope="session")
def python() -> str | None:
    """The interpreter that has the package; ``None`` is the one that runs the tests."""
    package = os.environ.get("DBBACKUP_COMPARED_WITH", "")
    assert package in ("", "predecessor"), f"cannot compare with `{package}`"
    return predecessor.interpreter() if package else None


@pytest.fixture
def make(tmp_path: Path, python: str | None) -> MakePeer:
    """Make a project in a folder of the given name."""

    def peer(name: str, databases: Mapping[str, str] | None = None, *, extra: str = "") -> Peer:
        return Peer(tmp_path / name, databases, extra=extra, python=python)

    return peer


@pytest.fixture
def project(make: MakePeer) -> Peer:
    """A project with one database, in which nothing is yet."""
    return make("project")


@pytest.fixture
def two_databases(make: MakePeer) -> Peer:
    """A project with the databases ``default`` and ``second``."""
    return make("project", {"default": "db.sqlite3", "second": "second.sqlite3"})


@pytest.fixture(autouse=True)
def behaviour(request: pytest.FixtureRequest) -> None:
    """Leave the number and the behaviour of ``@pytest.mark.defect`` in the results that compare.py reads."""
    marker = request.node.get_closest_marker("defect")
    assert marker, "the test says of no defect what has to happen instead"
    number, text = marker.args
    request.node.user_properties += [("number", number), ("behaviour", text)]
