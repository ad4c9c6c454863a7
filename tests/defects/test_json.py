"""A backup as JSON is of the database that was asked for, and goes back into the one that is asked for."""

import json

import pytest

from tests.defects.world import Peer, held
from tests.project import fill

JSON = [{"model": "shop.item", "pk": 1, "fields": {"name": "restored"}}]


@pytest.fixture
def shop(two_databases: Peer) -> Peer:
    """A project whose two databases are backed up as JSON."""
    two_databases.use_json()
    for alias, path in two_databases.databases.items():
        fill(path, [alias])
    return two_databases


@pytest.mark.defect(22, "`dbbackup -d second` as JSON holds the rows of `second`")
def test_a_dump_is_of_its_own_database(shop: Peer) -> None:
    name = shop.backed_up("-d", "second")
    found = [one["fields"]["name"] for one in json.loads((shop.store / name).read_text())]
    assert found == ["second"], f"exit 0; it holds the rows `{', '.join(found)}`"


@pytest.mark.defect(22, "`dbrestore -d second` of JSON writes into `second`, and nowhere else")
def test_a_restore_is_into_its_own_database(shop: Peer) -> None:
    (shop.root / "rows.json").write_text(json.dumps(JSON))
    shop.done("dbrestore", "--noinput", "-d", "second", "-I", str(shop.root / "rows.json"))
    first, second = (held(shop.databases[alias]) for alias in ("default", "second"))
    assert first == "the rows `default`", f"exit 0; `default` has {first}, `second` {second}"
    assert second == "the rows `restored`", f"exit 0; `second` has {second}"
