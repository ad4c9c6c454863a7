"""The tree of exceptions, and what the engine's errors become."""

import pickle
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

import dbbackup.db.exceptions
import dbbackup.storage
from dbbackup import exceptions
from dbbackup.exceptions import DbbackupError, InternalError, SourceError, StorageError, from_engine

KINDS = [
    ("config", 2, "ConfigurationError"),
    ("not_found", 4, "BackupNotFoundError"),
    ("already_exists", 4, "BackupExistsError"),
    ("key", 5, "WrongKeyError"),
    ("corrupt", 6, "CorruptBackupError"),
    ("unsupported", 1, "UnsupportedError"),
    ("tool", 1, "ToolError"),
    ("read", 1, "SourceError"),
    ("write", 1, "SourceError"),
    ("no_space", 1, "SourceError"),
    ("busy", 8, "BusyError"),
    ("refused", 9, "RefusedError"),
    ("denied", 10, "AccessDeniedError"),
    ("bug", 70, "InternalError"),
]


@pytest.mark.parametrize(("kind", "exit_code", "class_name"), KINDS)
def test_each_kind_has_its_class_and_exit_status(kind: str, exit_code: int, class_name: str) -> None:
    error = from_engine(kind, "cannot do it", "target", "thing", None, False)
    assert type(error) is getattr(exceptions, class_name)
    assert isinstance(error, DbbackupError)
    assert (error.kind, error.exit_code, error.stage, error.subject) == (kind, exit_code, "target", "thing")


@pytest.mark.parametrize("kind", ["read", "write", "no_space"])
def test_the_stage_tells_storage_from_source(kind: str) -> None:
    assert type(from_engine(kind, "x", "store", None, None, False)) is StorageError
    assert type(from_engine(kind, "x", None, None, None, False)) is SourceError


def test_every_class_has_an_exit_status_of_its_own_kind() -> None:
    classes = [value for value in vars(exceptions).values() if isinstance(value, type)]
    ours = [value for value in classes if issubclass(value, DbbackupError) and value is not DbbackupError]
    assert len(ours) == 19
    assert {value("x").exit_code for value in ours} == {1, 2, 4, 5, 6, 8, 9, 10, 70}


def test_the_hint_stands_on_its_own_line() -> None:
    error = from_engine("busy", "cannot lock `db`", "target", "db", "try again", True)
    assert (str(error), error.retry) == ("cannot lock `db`", True)
    assert error.for_terminal() == "cannot lock `db`\nhint: try again"
    assert (
        from_engine("busy", "cannot lock `db`", None, None, None, True).for_terminal() == "cannot lock `db`"
    )


def test_an_unknown_kind_is_a_bug_and_asks_for_a_report() -> None:
    error = from_engine("bug", "it broke", None, None, None, False)
    assert isinstance(error, InternalError)
    assert "report" in error.for_terminal()
    assert type(from_engine("from the future", "x", None, None, None, False)) is InternalError


def test_exceptions_survive_pickling() -> None:
    error = from_engine("no_space", "the disk is full", "store", "/backups", "make room", False)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (StorageError, "the disk is full", vars(error))


def test_names_of_django_dbbackup_are_in_the_tree() -> None:
    for name in ("ConnectorError", "DumpError", "RestoreError", "CommandConnectorError"):
        assert issubclass(getattr(dbbackup.db.exceptions, name), DbbackupError)
    assert dbbackup.storage.StorageError is StorageError
    assert issubclass(exceptions.BackupNotFoundError, StorageError)
    assert issubclass(exceptions.BackupExistsError, StorageError)
    assert issubclass(exceptions.ConfigurationError, ImproperlyConfigured)


def test_the_engines_child_imports_no_django() -> None:
    code = (
        "import sys, dbbackup.__main__, dbbackup.exceptions as e; "
        "assert not [m for m in sys.modules if m.startswith('django')]; "
        "assert isinstance(e.from_engine('config', 'x', None, None, None, False), e.ConfigurationError)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
