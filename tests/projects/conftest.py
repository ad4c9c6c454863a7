"""Fixtures of other tests: the predecessor, keys, and a server of S3."""

from tests.contract.conftest import gpg_home, predecessor  # noqa: F401 (fixtures)
from tests.storages_real.conftest import s3, server_keys, servers  # noqa: F401 (fixtures)
