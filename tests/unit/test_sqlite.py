"""Which file a ``NAME`` means, and which interpreter the child process runs."""

import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from dbbackup.db.base import CONNECTOR_MAPPING, get_connector, same_format
from dbbackup.db.sqlite import SqliteBackupConnector, database_path, interpreter, is_in_memory
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


MEMORY = [":memory:", "file::memory:", "file::memory:?cache=shared", "file:x?mode=memory&cache=shared"]


@pytest.mark.parametrize("name", MEMORY)
def test_databases_in_memory_have_no_file(name: str) -> None:
    assert is_in_memory(name)
    with pytest.raises(UnsupportedError, match="the database `second` has no file: it lives in memory"):
        database_path(name, "second")


@pytest.mark.parametrize(
    "name", ["memory", "file:memory.db", "/x/:memory:", "file:x?mode=rwc", Path("m"), None]
)
def test_other_databases_are_not_in_memory(name: object) -> None:
    assert not is_in_memory(name)


def test_a_vfs_is_not_supported_yet() -> None:
    with pytest.raises(UnsupportedError, match=r"database `second`: .* not supported yet"):
        database_path("file:x?vfs=y", "second")


@pytest.mark.parametrize(
    ("name", "stem"),
    [*zip(MEMORY, [":memory:", ":memory:", ":memory:", "x"], strict=True), ("/a/b.c.d", "b")],
)
def test_a_database_has_a_name_of_its_own(database: Path, name: str, stem: str, settings: Settings) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"NAME": name}}
    assert get_connector("default").database == stem


def test_a_target_in_memory_is_called_that(database: Path, settings: Settings) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"NAME": ":memory:"}}
    assert get_connector("default").describe_target().endswith("`:memory:` (in memory)")


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
    assert (connector.extension, connector.database, connector.path) == ("sqlite3", "default", database)


def test_options_of_the_connector_go_over_the_database(database: Path, settings: Settings) -> None:
    options = {"EXTENSION": "db", "NAME": "/srv/shop.v2.db"}
    settings.DBBACKUP_CONNECTORS = {"default": options}
    connector = get_connector("default")
    assert isinstance(connector, SqliteBackupConnector)
    assert (connector.extension, connector.database, connector.path) == (
        "db",
        "shop",
        Path("/srv/shop.v2.db"),
    )


def test_excluded_tables_are_arguments_of_the_tool(database: Path, settings: Settings) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"EXCLUDE": ["a b", "-c"]}}
    connector = get_connector("default")
    assert isinstance(connector, SqliteBackupConnector)
    assert connector.exclude == ["a b", "-c"]
    assert "--exclude=a b" in connector.dump_arguments()
    assert "--exclude=-c" in connector.dump_arguments()


@pytest.mark.parametrize(("name", "extension"), [("SqliteConnector", "dump"), ("SqliteCPConnector", "dump")])
def test_connectors_of_the_predecessor_have_their_paths(
    database: Path, settings: Settings, name: str, extension: str
) -> None:
    path = f"dbbackup.db.sqlite.{name}"
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": path}}
    connector = get_connector("default")
    assert (connector.dotted_path, connector.extension) == (path, extension)


def test_an_unknown_alias_is_an_error_that_lists_the_known(database: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no database `third`") as caught:
        get_connector("third")
    assert "default, second" in caught.value.for_terminal()
