"""Connectors of a project's own: they get and give files, and nothing of theirs can fool a restore."""

from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connections
from pytest_django import Settings

from dbbackup.db.base import get_connector
from tests.conftest import Call
from tests.own_connectors import MARK
from tests.project import fill, rows


@pytest.fixture(autouse=True)
def mapping(settings: Settings) -> None:
    """No connector but the test's own."""
    settings.DBBACKUP_CONNECTORS = {}


def use(settings: Settings, connector: str) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": f"tests.own_connectors.{connector}"}}


def restore(call: Call, *arguments: str) -> str:
    return call("dbrestore", "--noinput", "-d", "default", *arguments)


@pytest.mark.parametrize(
    "connector", ["ByHand", "Packed", "LikeEncrypted", "Seeking", "ByCommand", "Telling", "AtItsEnd"]
)
@pytest.mark.parametrize("flag", ["-v1", "-z"])
def test_its_dump_comes_back(
    call: Call, database: Path, store: Path, settings: Settings, connector: str, flag: str
) -> None:
    use(settings, connector)
    before = fill(database, ["a", "b"])
    call("dbbackup", flag)
    fill(database, ["c"])
    restore(call)
    assert rows(database) == before
    asked = [line for line in call("listbackups", "-q").splitlines() if line]
    assert len(asked) == 1


def test_its_bytes_are_stored_as_they_came(
    call: Call, database: Path, store: Path, settings: Settings
) -> None:
    use(settings, "ByHand")
    fill(database, ["a"])
    call("dbbackup")
    (backup,) = (path for path in store.iterdir() if not path.name.endswith(".metadata"))
    assert backup.suffix == ".hand"
    assert backup.read_bytes() == MARK + database.read_bytes()


def test_the_connector_of_the_manifest_restores_whatever_the_settings_say(
    call: Call, database: Path, settings: Settings
) -> None:
    use(settings, "ByHand")
    before = fill(database, ["a"])
    call("dbbackup")
    settings.DBBACKUP_CONNECTORS = {}
    fill(database, ["b"])
    restore(call)
    assert rows(database) == before


def test_the_mapping_of_engines_names_connectors(call: Call, database: Path, settings: Settings) -> None:
    settings.DBBACKUP_CONNECTOR_MAPPING = {"django.db.backends.sqlite3": "tests.own_connectors.ByHand"}
    assert get_connector("default").dotted_path == "tests.own_connectors.ByHand"


def test_a_restore_saves_the_database_first_and_says_how_to_get_it_back(
    call: Call, database: Path, settings: Settings
) -> None:
    use(settings, "ByHand")
    fill(database, ["a"])
    call("dbbackup")
    settings.DBBACKUP_CONNECTORS = {}
    now = fill(database, ["b"])
    use(settings, "Failing")
    call("dbbackup")
    settings.DBBACKUP_CONNECTORS = {}
    with pytest.raises(CommandError, match="the tool crashed") as caught:
        restore(call)
    text = str(caught.value)
    assert "the database may hold a part of the backup" in text
    (way_back,) = (line for line in text.split("; ") if line.startswith("what was there comes back with: "))
    _, *arguments = way_back.removeprefix("what was there comes back with: ").split()
    assert rows_or_none(database) != now
    call("dbrestore", "--noinput", *arguments)
    assert rows(database) == now
    assert len(call("listbackups", "-q").splitlines()) == 2
    assert len(call("listbackups", "-q", "--all").splitlines()) == 3


def rows_or_none(database: Path) -> object:
    try:
        return rows(database)
    except Exception:
        return None


@pytest.mark.parametrize("damage", ["cut", "flipped", "appended"])
def test_a_damaged_backup_never_reaches_it(
    call: Call, database: Path, store: Path, settings: Settings, damage: str
) -> None:
    use(settings, "ByHand")
    fill(database, ["a"])
    call("dbbackup", "-z")
    now = fill(database, ["b"])
    (backup,) = (path for path in store.iterdir() if not path.name.endswith(".metadata"))
    whole = backup.read_bytes()
    backup.write_bytes(
        {"cut": whole[:-9], "flipped": whole[:99] + b"x" + whole[100:], "appended": whole + b"x"}[damage]
    )
    with pytest.raises(CommandError) as caught:
        restore(call, "-i", backup.name)
    assert caught.value.returncode == 6
    assert rows(database) == now


@pytest.mark.parametrize(
    ("connector", "message"),
    [("Text", "the file must be opened in binary mode"), ("Nothing", "does not implement `_create_dump`")],
)
def test_what_it_does_wrong_is_named(
    call: Call, database: Path, store: Path, settings: Settings, connector: str, message: str
) -> None:
    use(settings, connector)
    fill(database, ["a"])
    with pytest.raises(CommandError, match=message) as caught:
        call("dbbackup")
    assert caught.value.returncode == 1
    assert not any(store.iterdir())


def test_one_that_is_gone_is_replaced_by_the_settings_after_a_word(
    call: Call, database: Path, store: Path, settings: Settings
) -> None:
    fill(database, ["a"])
    call("dbbackup")
    (manifest,) = store.glob("*.metadata")
    manifest.write_text(
        manifest.read_text().replace("dbbackup.db.sqlite.SqliteBackupConnector", "gone.Connector")
    )
    out = restore(call)
    assert "it was made by the connector `gone.Connector`, which is not there any more" in out


def test_create_dump_streams_and_closing_it_ends_the_tool(database: Path) -> None:
    fill(database, ["x" * 500] * 2000)
    with get_connector("default").create_dump() as dump:
        assert dump.read(16) == b"SQLite format 3\0"
    with get_connector("default").create_dump() as dump:
        whole = dump.read()
    # The header counts changes.
    assert whole[100:] == database.read_bytes()[100:]
    with get_connector("default").create_dump() as dump:
        assert dump.size == len(whole)
        assert dump.read() == whole


def test_restore_dump_takes_any_binary_file(database: Path, tmp_path: Path) -> None:
    before = fill(database, ["a"])
    (tmp_path / "copy").write_bytes(database.read_bytes())
    fill(database, ["b"])
    with (tmp_path / "copy").open("rb") as file:
        get_connector("default").restore_dump(file)
    assert rows(database) == before


def test_bytes_that_it_changes_are_stored_changed(
    call: Call, database: Path, store: Path, settings: Settings
) -> None:
    use(settings, "Masking")
    fill(database, ["a"])
    call("dbbackup")
    (backup,) = (path for path in store.iterdir() if not path.name.endswith(".metadata"))
    assert bytes(byte ^ 7 for byte in backup.read_bytes()[:16]) == b"SQLite format 3\0"


def test_an_engine_of_the_projects_own_restores_its_own_backups(
    call: Call, database: Path, settings: Settings
) -> None:
    settings.DBBACKUP_CONNECTOR_MAPPING = {"my.engine": "dbbackup.db.sqlite.SqliteBackupConnector"}
    entry = connections["default"].settings_dict
    before = fill(database, ["a"])
    entry["ENGINE"] = "my.engine"
    try:
        call("dbbackup")
        fill(database, ["b"])
        restore(call)
    finally:
        entry["ENGINE"] = "django.db.backends.sqlite3"
    assert rows(database) == before


def test_what_is_no_connector_is_named(call: Call, database: Path, settings: Settings) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": "json.dumps"}}
    with pytest.raises(CommandError, match=r"`json\.dumps` is no connector") as caught:
        call("dbbackup")
    assert caught.value.returncode == 2


def test_backups_with_its_extension_belong_to_its_database(
    call: Call, database: Path, store: Path, settings: Settings
) -> None:
    use(settings, "ByHand")
    fill(database, ["a"])
    call("dbbackup")
    (manifest,) = store.glob("*.metadata")
    manifest.unlink()
    assert call("listbackups", "-q", "-d", "default").split()[0].endswith(".hand")
