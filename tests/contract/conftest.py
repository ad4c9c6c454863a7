"""The predecessor, for tests that run it beside ours, and the keys and databases that both are given."""

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.contract.both_ways import FORMS, LOCKED, PASSPHRASE, RECIPIENT, Form
from tests.contract.json_zoo import Zoo
from tests.gnupg import Keyring
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


@pytest.fixture(scope="session")
def json_zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Databases with rows of models, for tests to copy."""
    return Zoo(tmp_path_factory.mktemp("json") / "zoo")


@pytest.fixture(scope="session")
def gpg_home() -> Iterator[str]:
    """A key ring with the keys of ``both_ways.RECIPIENT`` and ``LOCKED``."""
    with closing(Keyring()) as keyring:
        keyring.key(f"Backup <{RECIPIENT}>")
        keyring.key(f"Backup <{LOCKED}>", PASSPHRASE)
        yield str(keyring.home)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Form:
    """Each form of a backup in turn; where it is encrypted, there are keys."""
    found = FORMS[request.param]
    if found.is_encrypted:
        monkeypatch.setenv("GNUPGHOME", request.getfixturevalue("gpg_home"))
    return found
