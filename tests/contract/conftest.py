"""The predecessor, for tests that run it beside ours."""

import os

import pytest

from tests.predecessor import NotInstalledError, interpreter


@pytest.fixture(scope="session")
def predecessor() -> str:
    """The interpreter of an environment with django-dbbackup.

    Where there is none and none can be made the tests are skipped with the reason, and fail in CI.
    """
    try:
        return interpreter()
    except NotInstalledError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
