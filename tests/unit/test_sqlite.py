"""Which file a ``NAME`` means, and which interpreter the child process runs."""

import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from dbbackup.db.base import CONNECTOR_MAPPING, get_connector, same_format
from dbbackup.db.sqlite import SqliteBackupConnector, database_path, interpreter
from dbbackup.exceptions import ConfigurationError, UnsupportedError


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/srv/db.sqlite3", "/srv/db.sqlite3"),
        (Path("/srv/db.sqlite3"), "/srv/db.sqlite3"),
        ("db.sqlite3", f"{Path.cwd()}/db.sqlite3"),
        ("file:/srv/db.sqlite3", "/srv/db.sqlite3"),
        ("file:///srv/db.sqlite3?cache=shared#top", "/srv/db.sqlite3"),
        ("file://localhost/srv/a%20b.sqlite3?mode=rw", "/srv/a b.sqlite3"),
        ("file:db.sqlite3?mode=ro", f"{Path.cwd()}/db.sqlite3"),
        ("file", f"{Path.cwd()}/file"),
    ],
)
def test_a_name_is_a_path_or_a_uri(name: str | Path, path: str) -> None:
    assert database_path(name, "default") == Path(path)


@pytest.mark.parametrize(
    "name", [":memory:", "file::memory:", "file::memory:?cache=shared", "file:x?mode=memory", "file:x?vfs=y"]
)
def test_databases_without_a_file_are_not_supported_yet(name: str) -> None:
    with pytest.raises(UnsupportedError, match=r"database `second`: .* not supported yet"):
        database_path(name, "second")


@pytest.mark.parametrize("name", ["", None, "file:", "file:?mode=rw"])
def test_a_missing_name_is_a_wrong_setting(name: object) -> None:
    with pytest.raises(ConfigurationError, match=r"must be a path or a `file:` URI"):
        database_path(name, "default")


def test_the_interpreter_is_this_environments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Path(interpreter()).parent == Path(sys.prefix, "bin")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(
        ConfigurationError, match=f"cannot find a Python interpreter that may be run in `{tmp_path}/bin`"
    ):
        interpreter()
    versioned = tmp_path / "bin" / f"python3.{sys.version_info.minor}"
    for name in (versioned, tmp_path / "bin" / "python3", tmp_path / "bin" / "python"):
        name.parent.mkdir(exist_ok=True)
        name.touch(0o755)
        assert interpreter() == str(name)


def test_engines_of_one_connector_have_one_format() -> None:
    assert same_format("django.db.backends.sqlite3", "django_prometheus.db.backends.sqlite3")
    assert same_format("some.engine", "some.engine")
    assert not same_format("django.db.backends.sqlite3", "django.db.backends.postgresql")
    assert not same_format("some.engine", "other.engine")


def test_every_engine_of_the_table_has_the_sqlite_connector(database: Path) -> None:
    connector = get_connector("default")
    assert isinstance(connector, SqliteBackupConnector)
    assert connector.dotted_path in CONNECTOR_MAPPING.values()
    assert (connector.extension, connector.database, connector.target) == ("sqlite3", "default", database)


def test_options_of_the_connector_go_over_the_database(database: Path, settings: Settings) -> None:
    options = {"EXTENSION": "db", "NAME": "/srv/shop.v2.db"}
    settings.DBBACKUP_CONNECTORS = {"default": options}
    connector = get_connector("default")
    assert (connector.extension, connector.database, connector.target) == (
        "db",
        "shop",
        Path("/srv/shop.v2.db"),
    )


@pytest.mark.parametrize("options", [{"EXCLUDE": ["x"]}, {"CONNECTOR": "dbbackup.db.sqlite.SqliteConnector"}])
def test_other_connectors_and_options_are_not_supported_yet(
    database: Path, settings: Settings, options: dict[str, object]
) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": options}
    with pytest.raises(UnsupportedError, match="is not supported yet"):
        get_connector("default")


def test_an_unknown_alias_is_an_error_that_lists_the_known(database: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no database `third`") as caught:
        get_connector("third")
    assert "default, second" in caught.value.for_terminal()
