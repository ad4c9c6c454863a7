"""What the tests of connectors share: databases that Django may be asked about, and the predecessor."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.contract.conftest import predecessor  # noqa: F401 (a fixture)


@pytest.fixture(autouse=True)
def unblocked(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Databases are files of each test, so that nothing is shared."""
    with django_db_blocker.unblock():
        yield
