"""System checks: each finds what it is for, nothing else, and none keeps a command from running."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from django.core.checks import WARNING, registry, run_checks
from django.core.files.storage import Storage
from django.db import connections
from django.test import override_settings

from dbbackup import checks
from dbbackup.db.base import BaseDBConnector

if TYPE_CHECKING:
    from pathlib import Path

    from django.core.checks import CheckMessage
    from pytest_django import Settings

    from tests.project import Project

LOCAL = "django.core.files.storage.FileSystemStorage"

pytestmark = pytest.mark.usefixtures("store")


class NotToBeMade(Storage):
    """What making it would do, nobody knows."""

    def __init__(self) -> None:
        raise AssertionError

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        return [], []


class CannotList(Storage):
    """Only writes."""


class OwnConnector(BaseDBConnector):
    """May have any option."""


def found(**settings: Any) -> list[CheckMessage]:
    with override_settings(**settings):
        return checks.check_settings()


def ids(**settings: Any) -> list[str]:
    return [str(message.id).removeprefix("dbbackup.") for message in found(**settings)]


def only(**settings: Any) -> CheckMessage:
    messages = found(**settings)
    assert len(messages) == 1, messages
    return messages[0]


def storages(backend: object = LOCAL, **options: object) -> dict[str, Any]:
    return {"default": {"BACKEND": LOCAL}, "dbbackup": {"BACKEND": backend, "OPTIONS": options}}


def slashed(*, databasename: str, servername: str, datetime: str, extension: str, content_type: str) -> str:
    return f"{content_type}/{databasename}-{servername}-{datetime}.{extension}"


def test_a_project_in_order_is_told_nothing() -> None:
    assert found() == []


def test_every_check_has_an_id_of_its_own_and_says_what_to_do() -> None:
    numbers = [check.id for check in checks.CHECKS]
    assert len(set(numbers)) == len(numbers)
    assert not {"dbbackup.W006", "dbbackup.W009", "dbbackup.W010"} & set(numbers)
    assert all(check.level == WARNING and check.hint and check.reason for check in checks.CHECKS)


def test_they_run_with_all_others_and_under_their_tag() -> None:
    with override_settings(DBBACKUP_HOSTNAME=""):
        assert run_checks(tags=[checks.TAG]) == [checks.W001]
    assert checks.check_settings in registry.registry.get_checks(include_deployment_checks=False)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HOSTNAME", "", checks.W001),
        ("HOSTNAME", None, checks.W001),
        ("FILENAME_TEMPLATE", "{databasename}.{extension}", checks.W003),
        ("MEDIA_FILENAME_TEMPLATE", "{servername}.{extension}", checks.W004),
        ("DATE_FORMAT", "%Y-%m-%d %H:%M:%S", checks.W005),
        ("FILENAME_TEMPLATE", "{databasename}/{datetime}.{extension}", checks.W007),
        ("FILENAME_TEMPLATE", slashed, checks.W007),
        ("MEDIA_FILENAME_TEMPLATE", "{servername}/{datetime}.{extension}", checks.W008),
        ("MEDIA_FILENAME_TEMPLATE", slashed, checks.W008),
    ],
)
def test_warnings_of_django_dbbackup_mean_the_same(name: str, value: object, expected: object) -> None:
    assert found(**{f"DBBACKUP_{name}": value}) == [expected]


def test_a_function_that_makes_names_is_called_as_backups_call_it() -> None:
    seen: list[dict[str, str]] = []

    def template(**keywords: str) -> str:
        seen.append(keywords)
        return "name"

    assert found(DBBACKUP_FILENAME_TEMPLATE=template, DBBACKUP_MEDIA_FILENAME_TEMPLATE=template) == []
    assert [(call["databasename"], call["content_type"]) for call in seen] == [
        ("default", "db"),
        ("", "media"),
    ]
    assert {call["servername"] for call in seen} == {"host"}
    assert all(len(call) == 5 and call["datetime"] and call["extension"] for call in seen)


@pytest.mark.parametrize("backend", ["", None, 7])
def test_a_storage_without_a_class_is_found(backend: object) -> None:
    assert found(STORAGES=storages(backend)) == [checks.W002]


def test_both_packages_at_once_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "django_dbbackup-5.4.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: django-dbbackup\nVersion: 5.4.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert found() == [checks.W011]


def test_a_recipient_without_gpg_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert found(DBBACKUP_GPG_RECIPIENT="ops@example.org") == [checks.W019]
    assert found() == []


@pytest.mark.parametrize("setting", ["MEDIA_ROOT", "STATIC_ROOT"])
def test_a_public_storage_is_found_whether_it_is_allowed_or_not(tmp_path: Path, setting: str) -> None:
    public = {setting: str(tmp_path)}
    refused = only(**public)
    assert refused.id == "dbbackup.W013"
    assert f"it lies in the folder of `{setting}`" in refused.msg
    assert "DBBACKUP_ALLOW_PUBLIC_STORAGE = True" in str(refused.hint)
    allowed = only(**public, DBBACKUP_ALLOW_PUBLIC_STORAGE=True)
    assert allowed.id == "dbbackup.W012"
    assert f"it lies in the folder of `{setting}`" in allowed.msg


def test_a_missing_storage_is_found_whether_it_is_allowed_or_not() -> None:
    missing = {"STORAGES": {"default": {"BACKEND": LOCAL}}}
    refused = only(**missing)
    assert refused.id == "dbbackup.W013"
    assert 'STORAGES = {..., "dbbackup"' in str(refused.hint)
    assert ids(**missing, DBBACKUP_ALLOW_PUBLIC_STORAGE=True) == ["W012"]


def test_backups_in_the_storage_of_the_media_are_found() -> None:
    entry = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    shared = {"STORAGES": {"default": entry, "dbbackup": entry}}
    assert ids(**shared) == ["W013"]
    assert ids(**shared, DBBACKUP_ALLOW_PUBLIC_STORAGE=True) == ["W012"]


def test_a_permission_that_is_not_needed_is_no_warning() -> None:
    assert found(DBBACKUP_ALLOW_PUBLIC_STORAGE=True) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("DBBACKUP_CLEANUP_KEPT", "did you mean `DBBACKUP_CLEANUP_KEEP`?"),
        ("DBBACKUP_ADMINISTRATORS", "did you mean `DBBACKUP_ADMINS`?"),
        ("DBBACKUP_FILE_NAME_TEMPLATE", "did you mean `DBBACKUP_FILENAME_TEMPLATE`?"),
        ("DBBACKUP_XYZ", checks.W014.hint),
    ],
)
def test_a_name_that_nothing_reads_is_found_with_the_nearest_one(name: str, hint: str) -> None:
    message = only(**{name: 1})
    assert message.id == "dbbackup.W014"
    assert f"`{name}`" in message.msg
    assert message.hint == hint


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"DBBACKUP_CLEANUP_KEEP": -1}, "`DBBACKUP_CLEANUP_KEEP` must be a whole number from 0, not `-1`"),
        ({"DBBACKUP_FILENAME_TEMPLATE": 7}, "`DBBACKUP_FILENAME_TEMPLATE` must be text"),
        ({"DBBACKUP_FILENAME_TEMPLATE": "{date}-{datetime}"}, "cannot use the file name template"),
        ({"DBBACKUP_FILENAME_TEMPLATE": lambda **_: None}, "`DBBACKUP_FILENAME_TEMPLATE` must return a name"),
        ({"DBBACKUP_FILENAME_TEMPLATE": lambda kw: kw}, "`DBBACKUP_FILENAME_TEMPLATE` failed: TypeError"),
        ({"DBBACKUP_DATE_FORMAT": "%c"}, "cannot use the date format `%c`"),
        ({"DBBACKUP_CONNECTORS": "x"}, "`DBBACKUP_CONNECTORS` must be a dictionary of dictionaries"),
        ({"DBBACKUP_RESTORE_METADATA_VALIDATOR": "no.such"}, "cannot import `no.such`"),
        ({"DBBACKUP_CLEANUP_KEEP_FILTER": "os.sep"}, "must be a callable"),
        ({"DBBACKUP_STORAGE": "x"}, "was replaced by `STORAGES['dbbackup']`"),
        ({"STORAGES": {"dbbackup": "x"}}, "`STORAGES['dbbackup']` must be a dictionary"),
        ({"ADMINS": ["x", 7]}, "`ADMINS` must be a list of addresses"),
    ],
)
def test_a_value_that_cannot_be_used_is_a_warning_and_no_crash(wrong: dict[str, Any], text: str) -> None:
    message = only(**wrong)
    assert message.id == "dbbackup.W015"
    assert text in message.msg


def test_one_wrong_setting_hides_no_other_warning() -> None:
    assert ids(
        DBBACKUP_CLEANUP_KEEP=-1,
        DBBACKUP_COMPRESSION="lzma",
        DBBACKUP_HOSTNAME="",
        DBBACKUP_FILENAME_TEMPLATE="x",
        DBBACKUP_XYZ=1,
    ) == ["W014", "W015", "W015", "W001", "W003"]


@pytest.mark.parametrize("backend", ["no.such.Storage", f"{__name__}.NoSuchStorage"])
def test_a_storage_class_that_cannot_be_imported_is_found(backend: str) -> None:
    message = only(STORAGES=storages(backend))
    assert message.id == "dbbackup.W013"
    assert f"cannot import the class `{backend}`" in message.msg


def test_wrong_options_of_a_storage_are_found() -> None:
    assert ids(STORAGES=storages(folder="/srv/backups")) == ["W013"]


def test_a_storage_that_cannot_list_is_found() -> None:
    message = only(STORAGES=storages(f"{__name__}.{CannotList.__name__}"))
    assert message.id == "dbbackup.W016"
    assert f"`{__name__}.CannotList` cannot list" in message.msg


def test_nothing_is_connected_to(settings: Settings, database: Path) -> None:
    settings.STORAGES = storages(f"{__name__}.{NotToBeMade.__name__}")
    settings.DBBACKUP_CONNECTORS = {"default": {"EXTENSION": "x"}}
    assert checks.check_settings() == []
    assert not database.exists()
    assert connections["default"].connection is None


def test_databases_that_do_not_exist_are_found() -> None:
    message = only(DBBACKUP_DATABASES=["default", "secnod"])
    assert message.id == "dbbackup.W017"
    assert "`DBBACKUP_DATABASES` has the alias `secnod`" in message.msg
    assert message.hint == "`DATABASES` has: default, second"
    assert ids(DBBACKUP_CONNECTORS={"defualt": {"EXCLUDE": []}}) == ["W017"]


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("EXCLUDED", "did you mean `EXCLUDE`?"),
        ("extention", "did you mean `EXTENSION`?"),
        ("PASWORD", "did you mean `PASSWORD`?"),
        ("user", "did you mean `USER`?"),
    ],
)
def test_an_option_that_no_connector_has_is_found_with_the_nearest_one(option: str, hint: str) -> None:
    message = only(DBBACKUP_CONNECTORS={"default": {option: "canary"}})
    assert message.id == "dbbackup.W018"
    assert f"has the option `{option}`" in message.msg
    assert message.hint == hint
    assert "canary" not in str(message)


def test_an_option_like_no_other_is_found_with_those_that_there_are() -> None:
    assert "EXCLUDE, EXTENSION" in str(only(DBBACKUP_CONNECTORS={"default": {"XYZ": 1}}).hint)


@pytest.mark.parametrize(
    "options",
    [
        {
            "CONNECTOR": "dbbackup.db.sqlite.SqliteBackupConnector",
            "NAME": "x",
            "EXCLUDE": [],
            "extension": "x",
        },
        {"USER": "u", "PASSWORD": "p", "HOST": "h", "PORT": 1, "OPTIONS": {}, "TEST": {}},
        {"CONNECTOR": f"{__name__}.{OwnConnector.__name__}", "ANYTHING": 1},
        {"CONNECTOR": "no.such.Connector", "ANYTHING": 1},
    ],
)
def test_options_that_may_have_a_meaning_are_no_warning(options: dict[str, Any]) -> None:
    assert found(DBBACKUP_CONNECTORS={"default": options}) == []


def test_a_project_starts_without_loading_the_engine(project: Project) -> None:
    code = "import django, sys; django.setup(); print(*(name for name in sys.modules if 'dbbackup' in name))"
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=project.root,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "dbbackup.checks" in loaded
    assert "dbbackup._engine" not in loaded


def test_manage_py_check_runs_them_and_ends_well(project: Project) -> None:
    assert "no issues" in project.ok("check")
    project.configure("DBBACKUP_HOSTNAME = ''\nDBBACKUP_CLEANUP_KEPT = 1\nDBBACKUP_CLEANUP_KEEP = 'x'")
    project.configure("def DBBACKUP_FILENAME_TEMPLATE(**kw): return kw['datetime'] + '/x'")
    run = project.manage("check")
    assert run.code == 0, run
    assert "(dbbackup.W001) `DBBACKUP_HOSTNAME` is empty\n\tHINT: set it to this server's name" in run.err
    assert "(dbbackup.W014)" in run.err
    assert "did you mean `DBBACKUP_CLEANUP_KEEP`?" in run.err
    assert "(dbbackup.W015) `DBBACKUP_CLEANUP_KEEP` must be a whole number from 0, not `'x'`" in run.err
    assert "Traceback" not in run.err


def test_manage_py_check_survives_a_storage_setting_of_old(project: Project) -> None:
    project.configure("DBBACKUP_STORAGE = 'django.core.files.storage.FileSystemStorage'")
    run = project.manage("check")
    assert run.code == 0, run
    assert 'HINT: move it: STORAGES = {..., "dbbackup"' in run.err
