"""Django's own JSON, in and out: every row as it was, all or nothing, in the database that was asked for."""

import io
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models.signals import post_save, pre_save
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from dbbackup.db.django import DjangoConnector
from dbbackup.exceptions import ConfigurationError, CorruptBackupError, DumpError, RestoreError, SourceError
from tests.zoo.rows import MOMENT, create_tables, fill

Rows = dict[str, list[tuple[Any, ...]]]

ZOO = {
    "INSTALLED_APPS": ["django.contrib.contenttypes", "django.contrib.auth", "dbbackup", "tests.zoo"],
    "ZOO_SWAPPED_MODEL": "zoo.Instead",
}


@pytest.fixture(scope="session")
def zoo_files(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """A folder with migrated SQLite files, to be copied: without rows, and with rows of every kind."""
    folder = tmp_path_factory.mktemp("zoo")
    connection = connections["default"]
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = str(folder / "empty.sqlite3")
    try:
        with override_settings(**ZOO), django_db_blocker.unblock():
            call_command("migrate", run_syncdb=True, verbosity=0)
            create_tables(connection)
            connection.close()
            shutil.copyfile(folder / "empty.sqlite3", folder / "full.sqlite3")
            connection.settings_dict["NAME"] = str(folder / "full.sqlite3")
            fill()
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
    return folder


@pytest.fixture
def zoo(database: Path, zoo_files: Path, django_db_blocker: Any) -> Iterator[Callable[[str], Any]]:
    """The app with its tables in both databases, without rows; gives its models by their names."""
    for alias in ("default", "second"):
        shutil.copyfile(zoo_files / "empty.sqlite3", database.parent / f"{alias}.sqlite3")
    with override_settings(**ZOO), django_db_blocker.unblock():
        forget_content_types()
        yield apps.get_app_config("zoo").get_model
        for connection in connections.all():
            connection.close()
        forget_content_types()


@pytest.fixture
def full(zoo: Callable[[str], Any], database: Path, zoo_files: Path) -> Callable[[str], Any]:
    """The same, with rows of every kind in ``default``."""
    shutil.copyfile(zoo_files / "full.sqlite3", database)
    return zoo


def forget_content_types() -> None:
    apps.get_model("contenttypes.ContentType").objects.clear_cache()


def rows(alias: str = "default") -> Rows:
    """All that a database has, by table; the numbers of many-to-many rows say nothing."""
    connection = connections[alias]
    links = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.auto_created
    }
    found = {}
    # Past Django, which would convert the values.
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as file:
        for (table,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not table.startswith(("sqlite_", "django_migrations")):
                listed = file.execute(f"SELECT * FROM {table}").fetchall()
                found[table] = sorted((row[1:] if table in links else row for row in listed), key=repr)
    return found


def dump(alias: str = "default", **options: Any) -> bytes:
    with DjangoConnector(alias, **options).create_dump() as file:
        content = file.read()
    assert isinstance(content, bytes)
    return content


def objects(content: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(content)
    return found


def dumped(model: str, content: bytes | None = None) -> list[dict[str, Any]]:
    return [one for one in objects(content or dump()) if one["model"] == model]


def restore(content: bytes | list[Any], alias: str = "default", *, exact: bool = False) -> list[str]:
    """Restore objects or their text, and return the notes."""
    if isinstance(content, list):
        content = json.dumps(content).encode()
    connector = DjangoConnector(alias)
    connector.exact = exact
    connector.restore_dump(io.BytesIO(content))
    return connector.notes


def restore_into(connector: DjangoConnector, content: bytes) -> None:
    connector.restore_dump(io.BytesIO(content))


@contextmanager
def nothing_changes(*aliases: str) -> Iterator[None]:
    """Fail when a database is another one after the block."""
    before = {alias: rows(alias) for alias in aliases or ("default", "second")}
    yield
    assert {alias: rows(alias) for alias in before} == before


# What is in a dump.


def test_every_row_of_every_kind_comes_back_as_it_was(full: Callable[[str], Any]) -> None:
    restore(dump(), "second")
    assert rows("second") == rows("default")
    assert dump("second") == dump()


def test_a_second_restore_changes_nothing(full: Callable[[str], Any]) -> None:
    content = dump()
    with nothing_changes():
        assert restore(content) == []
        assert restore(content, exact=True) == []


def test_a_dump_tells_the_rows_of_its_tables(full: Callable[[str], Any]) -> None:
    connector = DjangoConnector("default")
    with connector.create_dump() as file:
        assert connector.content is None
        content = file.read()
    assert content.startswith(b"[")
    assert content.endswith(b"]")
    assert connector.content == {
        "tables": {table: len(found) for table, found in rows().items()},
        "exact": True,
    }
    assert connector.notes == [
        "`zoo.Overview` was left out: `zoo_overview` is a view, and its rows are those of other tables"
    ]


def test_a_dump_is_what_dumpdata_writes(zoo: Callable[[str], Any], tmp_path: Path) -> None:
    fill(is_loadable=True)
    call_command(
        "dumpdata",
        use_natural_foreign_keys=True,
        use_natural_primary_keys=True,
        use_base_manager=True,
        exclude=["zoo.Overview"],
        output=str(tmp_path / "theirs.json"),
        verbosity=0,
    )
    theirs = (tmp_path / "theirs.json").read_bytes()
    assert comparable(dump()) == comparable(theirs)
    assert [one["model"] for one in objects(dump())] == [one["model"] for one in objects(theirs)]


def test_rows_that_managers_hide_are_dumped(full: Callable[[str], Any]) -> None:
    content = dump()
    assert [one["fields"]["name"] for one in dumped("zoo.hidden", content)] == ["hidden"]
    [dodo] = [one for one in dumped("zoo.animal", content) if one["fields"]["name"] == "dodo"]
    assert (dodo["pk"], dodo["fields"]["keepers"], dodo["fields"]["neighbours"]) == (8, [["first"]], [3])
    [parrot] = dumped("zoo.parrot", content)
    assert sorted(parrot["fields"]["words"]) == [1, 2]


def test_models_whose_natural_keys_do_not_name_every_row_keep_their_numbers(
    full: Callable[[str], Any],
) -> None:
    content = dump()
    for model, numbers in {
        "zoo.word": [1, 2],  # the manager hides one
        "zoo.twin": [2, 7],  # both have the same
        "zoo.link": [3, 4],  # each needs the other
        "zoo.country": ["pe"],  # it is the number
        "zoo.owner": [6],  # a passport has it for its own
        "zoo.guest": [5],  # the manager of the proxy that a card refers to hides it
    }.items():
        assert [one["pk"] for one in dumped(model, content)] == numbers
    for model, number in {"zoo.keeper": 5, "auth.user": 17, "contenttypes.contenttype": 1}.items():
        first = dumped(model, content)[0]
        assert "pk" not in first
        assert first["dbbackup"]["pk"] == number


def test_natural_keys_are_all_written_however_few_are_remembered(
    full: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = dump()
    monkeypatch.setattr("dbbackup.db._natural_keys.CACHED_KEYS", 0)
    assert dump() == expected
    [meat, *_] = dumped("zoo.feeding", expected)
    assert (meat["fields"]["keeper"], meat["fields"]["watched_by"]) == (["first"], ["second"])
    restore(expected, "second")
    assert rows("second") == rows("default")


def test_microseconds_are_kept(full: Callable[[str], Any]) -> None:
    fields = dumped("zoo.everything")[0]["fields"]
    assert (fields["moment"], fields["time"]) == ("2024-02-29T23:59:59.123456Z", "23:59:59.123456")


def test_a_dump_asks_once_for_many_rows(zoo: Callable[[str], Any]) -> None:
    zoo("Keeper").objects.bulk_create(zoo("Keeper")(name=str(number)) for number in range(1000))
    zoo("Animal").objects.bulk_create(zoo("Animal")(name=str(number)) for number in range(1000))
    pairs = zip(zoo("Animal").objects.all(), zoo("Keeper").objects.all(), strict=True)
    for animal, keeper in list(pairs)[:50]:
        animal.keepers.add(keeper)
    zoo("Feeding").objects.bulk_create(
        zoo("Feeding")(animal_id=number, keeper_id=number, food="x") for number in range(1, 1001)
    )
    statements: list[str] = []

    def note(execute: Any, statement: str, *others: Any) -> Any:
        statements.append(statement)
        return execute(statement, *others)

    with connections["default"].execute_wrapper(note):
        assert len(dumped("zoo.feeding", dump())) == 1000
    assert len(statements) < 150


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_a_dump_is_the_same_whatever_is_read_at_once(full: Callable[[str], Any], size: int) -> None:
    with DjangoConnector("default").create_dump() as file:
        assert b"".join(iter(lambda: file.read(size), b"")) == dump()


def test_databases_that_give_all_rows_at_once_are_asked_for_some(
    full: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BATCH_ROWS", "WIDE_BATCH_ROWS"):
        monkeypatch.setattr(f"dbbackup.db._fixture_dump.{name}", 2)
    expected = dump()
    monkeypatch.setitem(connections["default"].settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    connections["default"].execute_wrappers.append(at_most_two_rows)
    try:
        assert dump() == expected
    finally:
        connections["default"].execute_wrappers.pop()


def at_most_two_rows(execute: Any, statement: str, *others: Any) -> Any:
    if statement.startswith("SELECT") and "FROM" in statement and "ORDER BY" in statement:
        assert "LIMIT 2" in statement or "_id" in statement, statement
    return execute(statement, *others)


def test_a_table_without_unique_keys_is_not_read_in_parts(full: Callable[[str], Any]) -> None:
    # Where rows are asked for from key to key, those with the same key would be lost.
    connection = connections["default"]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE old_legacy")
        cursor.execute("CREATE TABLE old_legacy (id INTEGER, name TEXT)")
        cursor.execute("INSERT INTO old_legacy VALUES " + ", ".join(["(1, 'a')"] * 50))
    assert len(dumped("zoo.legacy")) == 50
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
    try:
        zoo = full("Legacy")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dbbackup.db._fixture_dump.BATCH_ROWS", 20)
            with pytest.raises(SourceError, match=r"not in order, or not unique"):
                dump()
        assert zoo.objects.count() == 50
    finally:
        del connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]


def test_a_missing_table_is_an_error_that_names_the_model(full: Callable[[str], Any]) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP TABLE old_legacy")
    with pytest.raises(DumpError, match=r"cannot dump `zoo\.Legacy`: no such table") as caught:
        dump()
    assert "migrate" in (caught.value.hint or "")
    assert not connections["default"].in_atomic_block
    assert dump(exclude=["old_legacy"])


# What is left out.


@pytest.mark.parametrize(
    "name", ["zoo_place", "zoo.Place", "ZOO.place", "Zoo_Place", "zoo.Word", "auth", "zoo", "contenttypes"]
)
def test_tables_models_and_apps_are_left_out(full: Callable[[str], Any], name: str) -> None:
    everything = {one["model"] for one in objects(dump())}
    gone = everything - {one["model"] for one in objects(dump(exclude=[name]))}
    app, _, model = name.lower().replace("zoo_", "zoo.").partition(".")
    assert gone == {
        one for one in everything if one == f"{app}.{model}" or (not model and one.startswith(app))
    }


def test_links_are_left_out_by_the_name_of_their_table(full: Callable[[str], Any]) -> None:
    content = dump(exclude=["auth_user_groups"])
    [user] = dumped("auth.user", content)
    assert "groups" not in user["fields"]
    connector = DjangoConnector("default", exclude=["auth_user_groups"])
    connector.create_dump().read()
    assert connector.content
    assert "auth_user_groups" not in connector.content["tables"]
    with nothing_changes():
        restore(content, exact=True)


@pytest.mark.parametrize("name", ["django_migrations", "zoo_overview", "zoo.Swapped", "zoo.Tame"])
def test_what_no_dump_has_may_be_left_out_too(full: Callable[[str], Any], name: str) -> None:
    assert objects(dump(exclude=[name]))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("zoo_plase", "did you mean `zoo_place`?"),
        ("auth.Usr", "did you mean `auth.user`?"),
        ("oo", "did you mean `zoo`?"),
        ("qqqqqqqq", "name a table, `app.Model` or an app"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_known(
    full: Callable[[str], Any], name: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot leave out `{name}`") as caught:
        DjangoConnector("default", exclude=["zoo_place", name]).create_dump()
    assert caught.value.hint == hint


# One moment, one transaction, any thread.


def test_a_dump_is_of_the_moment_in_which_it_was_opened(full: Callable[[str], Any]) -> None:
    path = connections["default"].settings_dict["NAME"]
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = wal")
        full("Session").objects.bulk_create(
            full("Session")(key=str(number), data="x" * 10_000) for number in range(200)
        )
        before = dump()
        with DjangoConnector("default").create_dump() as file:
            other.execute("DELETE FROM zoo_session")
            other.execute("INSERT INTO zoo_instead (name) VALUES ('late')")
            other.commit()
            assert file.read() == before
    assert dump() != before


def test_closing_early_ends_the_transaction(full: Callable[[str], Any]) -> None:
    full("Session").objects.bulk_create(
        full("Session")(key=str(number), data="x" * 10_000) for number in range(200)
    )
    connector = DjangoConnector("default")
    file = connector.create_dump()
    assert file.read(1) == b"["
    assert connections["default"].in_atomic_block
    source = file._raw.source
    file.close()
    assert not connections["default"].in_atomic_block
    assert connector.content is None
    with pytest.raises(DumpError, match="closed or broken off"):
        source.read(1)
    source.close()


def test_a_dump_that_was_broken_off_never_ends(
    full: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    full("Session").objects.bulk_create(
        full("Session")(key=str(number), data="x" * 10_000) for number in range(200)
    )
    file = DjangoConnector("default").create_dump()
    source = file.native

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    connections["default"].execute_wrappers.append(interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(iter(lambda: source.read(100_000), b""))
    finally:
        connections["default"].execute_wrappers.pop()
    for _ in range(2):
        with pytest.raises(DumpError, match="closed or broken off"):
            source.read(1)
    assert not connections["default"].in_atomic_block


def on_another_thread(work: Callable[[], Any]) -> Any:
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(work()))
    thread.start()
    thread.join()
    [found] = result
    return found


def test_another_thread_may_read_and_restore(full: Callable[[str], Any]) -> None:
    full("Session").objects.bulk_create(
        full("Session")(key=str(number), data="x" * 10_000) for number in range(200)
    )
    content = dump()
    with DjangoConnector("default").create_dump() as file:
        assert file.read(10) + on_another_thread(file.read) == content
    assert not connections["default"].in_atomic_block
    with DjangoConnector("default").create_dump() as file:
        on_another_thread(lambda: file.read(10))
        on_another_thread(file.close)
    assert not connections["default"].in_atomic_block
    connector = DjangoConnector("second")
    on_another_thread(lambda: restore_into(connector, content))
    assert rows("second") == rows("default")


def test_a_dump_in_a_transaction_has_its_rows(full: Callable[[str], Any]) -> None:
    with transaction.atomic():
        full("Instead").objects.create(name="not yet committed")
        assert "not yet committed" in [one["fields"]["name"] for one in dumped("zoo.instead")]
        transaction.set_rollback(True)
    assert len(dumped("zoo.instead")) == 1


def test_each_alias_is_its_own_database(full: Callable[[str], Any]) -> None:
    full("Instead").objects.using("second").create(name="of the second")
    assert [one["fields"]["name"] for one in dumped("zoo.instead", dump("second"))] == ["of the second"]
    with nothing_changes("default"):
        restore(dump(), "second")
        restore(dump("second"), "second", exact=True)


class ToDefault:
    """A router that reads and writes everything in the default database."""

    def db_for_read(self, *_: Any, **__: Any) -> str:
        return "default"

    db_for_write = db_for_read


def test_a_router_does_not_lead_into_another_database(full: Callable[[str], Any]) -> None:
    content = dump()
    with override_settings(DATABASE_ROUTERS=[ToDefault()]), nothing_changes("default"):
        restore(content, "second")
        assert dump("second") == content
    assert rows("second") == rows("default")


class NoPlaces:
    """A router that keeps one model out of the second database."""

    def allow_migrate(self, db: str, _app: str, model_name: str | None = None, **_: Any) -> bool:
        return db == "default" or model_name != "place"


def test_what_the_router_keeps_out_is_left_out_and_counted(full: Callable[[str], Any]) -> None:
    content = dump()
    with override_settings(DATABASE_ROUTERS=[NoPlaces()]):
        assert restore(content, "second") == [
            "3 of `zoo.Place` were left out: DATABASE_ROUTERS keep them out of `second`"
        ]
        assert not dumped("zoo.place", dump("second"))
    assert rows("second") == rows("default") | {"zoo_place": []}


def test_objects_of_a_view_are_left_out_and_counted(full: Callable[[str], Any]) -> None:
    view = {"model": "zoo.overview", "pk": 4, "fields": {"name": "lion"}}
    with nothing_changes():
        [note, *_] = restore([view])
    assert note == "1 of `zoo.Overview` were left out: `zoo_overview` is a view here"


# What a restore does to what is there.


def test_rows_of_the_backup_are_replaced_and_others_stay(full: Callable[[str], Any]) -> None:
    content, before = dump(), rows()
    full("Animal").objects.filter(name="lion").update(name="tiger", house=None)
    full("Instead").objects.all().delete()
    full("Instead").objects.create(pk=100, name="new")
    full("Office").objects.create(pk=100, code="new")
    full("Office").objects.create(pk=101, code="newer")
    notes = restore(content)
    assert notes == ["rows that are not in the backup stayed: 2 of `zoo.Office`, 1 of `zoo.Instead`"]
    found = rows()
    assert found["zoo_animal"] == before["zoo_animal"]
    assert found["zoo_instead"] == [(1, "instead"), (100, "new")]
    notes = restore(content, exact=True)
    assert notes == ["rows that are not in the backup were removed: 2 of `zoo.Office`, 1 of `zoo.Instead`"]
    assert rows() == before


def test_an_exact_restore_empties_tables_that_had_no_rows(zoo: Callable[[str], Any]) -> None:
    content, before = dump(), rows()
    fill()
    assert "stayed" in restore(content)[0]
    restore(content, exact=True)
    assert rows() == before


def test_an_exact_restore_leaves_excluded_tables_alone(full: Callable[[str], Any]) -> None:
    content = dump(exclude=["zoo.Session", "auth_user_groups"])
    full("Session").objects.create(key="new", data="stays")
    full("Instead").objects.create(pk=100, name="new")
    assert restore(content, exact=True) == [
        "rows that are not in the backup were removed: 1 of `zoo.Instead`"
    ]
    assert full("Session").objects.count() == 2


def test_an_exact_restore_is_refused_if_excluded_rows_refer_to_what_goes(full: Callable[[str], Any]) -> None:
    content = dump(exclude=["zoo.Feeding"])
    animal = full("Animal").objects.create(name="new")
    full("Feeding").objects.create(animal=animal, keeper_id=5, food="x")
    with nothing_changes(), pytest.raises(RestoreError, match="rows refer to missing ones") as caught:
        restore(content, exact=True)
    assert caught.value.hint == "rows that stay refer to rows that the backup does not have"


def test_an_exact_restore_of_another_tools_dump_says_what_it_leaves(full: Callable[[str], Any]) -> None:
    plain = [one for one in objects(dump()) if one["model"] in ("zoo.animal", "zoo.instead")]
    for one in plain:
        one.pop("dbbackup", None)
    full("Bird").objects.create(pk=50, name="robin")
    full("Instead").objects.create(pk=50, name="new")
    others = [one for one in plain if one["model"] == "zoo.instead"]
    [removed, silent] = restore(others, exact=True)
    assert removed == "rows that are not in the backup were removed: 1 of `zoo.Instead`"
    assert "`zoo.Animal`, " in silent
    assert "`zoo.Instead`" not in silent
    # Children of rows that go would be left without their parents.
    for model in ("Feeding", "House", "Parrot"):
        full(model).objects.all().delete()
    gone = [one for one in plain if one["model"] == "zoo.animal" and one["pk"] in (4, 8)]
    for one in gone:
        one["fields"] |= {"house": None, "neighbours": []}
    restore(gone, exact=True)
    assert not full("Bird").objects.exists()
    assert full("Animal")._base_manager.count() == 2


def test_links_become_those_of_the_backup(full: Callable[[str], Any]) -> None:
    content, before = dump(), rows()
    zoo = full
    third = zoo("Keeper").objects.create(pk=30, name="third")
    first = zoo("Keeper").objects.get(name="first")
    first.friends.set([third])
    zoo("Animal").keepers.through.objects.all().delete()
    for animal in zoo("Animal")._base_manager.all():
        zoo("Animal").keepers.through.objects.create(animal=animal, keeper=third)
    [note] = restore(content)
    assert note == "rows that are not in the backup stayed: 1 of `zoo.Keeper`"
    found = rows()
    for table in ("zoo_keeper_friends", "zoo_animal_keepers"):
        assert found[table] == before[table]


def test_rows_that_exchanged_unique_values_are_replaced(full: Callable[[str], Any]) -> None:
    content, before = dump(), rows()
    for number in (10, 20, 30):
        full("Place").objects.filter(number=number).update(number=-number)
    for old, new in ((10, 20), (20, 30), (30, 10)):
        full("Place").objects.filter(number=-old).update(number=new)
    assert rows() != before
    assert restore(content) == []
    assert rows() == before


def test_many_rows_that_moved_by_one_are_replaced(full: Callable[[str], Any]) -> None:
    places, count = full("Place").objects, 300
    places.all().delete()
    places.bulk_create(full("Place")(pk=number, number=number) for number in range(1, count))
    content, before = dump(), rows()
    with transaction.atomic():
        for number in range(1, count):
            places.filter(pk=number).update(number=number - 1)
    assert restore(content) == []
    assert rows() == before


def test_many_rows_are_removed(full: Callable[[str], Any]) -> None:
    zoo = full
    zoo("Keeper").objects.bulk_create(
        zoo("Keeper")(pk=number, name=str(number)) for number in range(100, 3000, 2)
    )
    content, before = dump(), rows()
    new = zoo("Keeper").objects.bulk_create(
        zoo("Keeper")(pk=number, name=str(number)) for number in range(101, 3001, 2)
    )
    new[700].friends.add(*new[:10])
    assert restore(content, exact=True) == [
        "rows that are not in the backup were removed: 1450 of `zoo.Keeper`"
    ]
    assert rows() == before


def test_a_unique_value_that_moved_to_a_new_row_needs_an_exact_restore(full: Callable[[str], Any]) -> None:
    content, before = dump(), rows()
    full("Place").objects.filter(number=10).update(number=11)
    full("Place").objects.create(pk=100, number=10)
    with nothing_changes(), pytest.raises(RestoreError, match=r"UNIQUE constraint failed") as caught:
        restore(content)
    assert "an exact restore removes" in (caught.value.hint or "")
    assert re_numbered(caught.value) == ("zoo.place", 2)
    assert restore(content, exact=True) == ["rows that are not in the backup were removed: 1 of `zoo.Place`"]
    assert rows() == before


def re_numbered(error: RestoreError) -> tuple[str | None, int]:
    """The model and the primary key that the message names."""
    assert f"`{error.subject}` with the primary key `" in str(error)
    return error.subject, int(str(error).split("primary key `")[1].split("`")[0])


def test_new_rows_get_the_numbers_that_they_had(full: Callable[[str], Any]) -> None:
    """Sessions and generic relations name users by number; ``loaddata`` would count from 1."""
    content = dump()
    assert restore(content, "second") == []
    tag = full("Tag").objects.using("second").get()
    assert tag.tagged.name == "second"
    user = apps.get_model("auth.User").objects.using("second").get()
    assert (user.pk, user.username) == (17, "user")


def test_rows_that_are_here_under_another_number_keep_it_and_are_counted(full: Callable[[str], Any]) -> None:
    content = dump()
    zoo = full
    second = zoo("Keeper").objects.using("second")
    second.create(pk=100, name="first")
    second.create(pk=9, name="somebody else")
    notes = restore(content, "second")
    assert "rows that are not in the backup stayed: 1 of `zoo.Keeper`" in notes
    assert any(note.endswith("had their numbers: 2 of `zoo.Keeper`") for note in notes), notes
    found = {keeper.name: keeper for keeper in second.all()}
    assert found["first"].pk == 100
    assert found["first"].boss == found["second"]
    assert list(found["first"].friends.all()) == [found["second"]]
    lion = zoo("Animal").objects.using("second").get(name="lion")
    assert set(lion.keepers.all()) == {found["first"], found["second"]}


def test_content_types_of_other_numbers_are_found_by_their_names(full: Callable[[str], Any]) -> None:
    content = dump()
    model = apps.get_model("contenttypes.ContentType")
    model.objects.clear_cache()
    with connections["second"].cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = off")
        cursor.execute("UPDATE django_content_type SET id = id + 1000")
        cursor.execute("UPDATE auth_permission SET content_type_id = content_type_id + 1000")
        cursor.execute("PRAGMA foreign_keys = on")
    model.objects.db_manager("second").get_by_natural_key("zoo", "keeper")
    restore(content, "second")
    tag = full("Tag").objects.using("second").get()
    assert tag.content_type.pk > 1000
    assert tag.tagged.name == "second"


def test_the_database_counts_on_after_the_restored_rows(full: Callable[[str], Any]) -> None:
    restore(dump(), "second")
    assert full("Keeper").objects.using("second").create(name="next").pk > 9


# Signals and values.


def test_signals_say_that_the_rows_are_raw(full: Callable[[str], Any]) -> None:
    content = dump()
    heard: list[tuple[str, int, bool, str, bool | None]] = []

    def note(sender: Any, instance: Any, **found: Any) -> None:
        heard.append((sender.__name__, instance.pk, found["raw"], found["using"], found.get("created")))

    for signal in (pre_save, post_save):
        signal.connect(note)
    try:
        restore(content, "second")
        first = [entry for entry in heard if entry[0] == "Place"]
        heard.clear()
        restore(content, "second")
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(note)
    places = [
        (number, created) for _, number, raw, using, created in first if (raw, using) == (True, "second")
    ]
    assert places == [(1, None), (2, None), (3, None), (1, True), (2, True), (3, True)]
    again = [entry for entry in heard if entry[0] == "Place"]
    assert [entry[4] for entry in again] == [None, False] * 3


def test_values_are_written_as_they_were_and_not_as_of_now(full: Callable[[str], Any]) -> None:
    restore(dump(), "second")
    row = full("Everything").objects.using("second").first()
    assert row.changed == MOMENT
    assert row.moment == MOMENT


def test_json_null_is_not_sql_null(full: Callable[[str], Any]) -> None:
    restore(dump(), "second")
    with connections["second"].cursor() as cursor:
        cursor.execute("SELECT json, maybe_json FROM zoo_everything WHERE json = 'null'")
        assert cursor.fetchall() == [("null", None)]


# References to what comes later.


def natural(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "fields": fields}


def test_references_may_come_before_what_they_refer_to(zoo: Callable[[str], Any]) -> None:
    restore(
        [
            natural("zoo.keeper", name="a", boss=["c"], friends=[["b"], ["c"]]),
            natural("zoo.keeper", name="b", boss=["a"], friends=[["a"]]),
            natural("zoo.keeper", name="c", boss=None, friends=[["a"]]),
        ]
    )
    a, b, c = zoo("Keeper").objects.order_by("name")
    assert (a.boss, b.boss, c.boss) == (c, a, None)
    assert set(a.friends.all()) == {b, c}


def test_rows_that_may_not_be_without_others_wait_for_them(zoo: Callable[[str], Any]) -> None:
    end = zoo("Link")(pk=1, name="end", next_id=1)
    end.save()
    links = [natural("zoo.link", name=str(number), next=[str(number + 1)]) for number in range(9)]
    [note] = restore([*links, natural("zoo.link", name="9", next=["end"])])
    assert note == "rows that are not in the backup stayed: 1 of `zoo.Link`"
    assert zoo("Link").objects.get(name="0").next.name == "1"
    assert zoo("Link").objects.count() == 11


def test_what_waits_goes_into_a_file(zoo: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbbackup.db._shelf.HELD_BYTES", 100)
    keepers = [
        natural("zoo.keeper", name=str(number), boss=[str(number + 1)], friends=[]) for number in range(300)
    ]
    restore([*keepers, natural("zoo.keeper", name="300", boss=None, friends=[])])
    assert zoo("Keeper").objects.get(name="7").boss.name == "8"
    assert zoo("Keeper").objects.filter(boss=None).count() == 1


def test_objects_that_become_one_row_are_counted(zoo: Callable[[str], Any]) -> None:
    notes = restore([natural("zoo.twin", name="a", other=None), natural("zoo.twin", name="a", other=None)])
    assert notes == ["objects of the backup became one row with another object of it: 1 of `zoo.Twin`"]


# All or nothing.


@pytest.mark.parametrize(
    ("broken", "what", "hint"),
    [
        (natural("zoo.giraffe", name="x"), "`zoo.giraffe`: there is no such model", "INSTALLED_APPS"),
        (natural("gone.model", name="x"), "`gone.model`: there is no such model", "INSTALLED_APPS"),
        (natural("nonsense"), "`nonsense`: there is no such model", "INSTALLED_APPS"),
        (natural("zoo.instead", nickname="x"), "no field named 'nickname'", "migrations of that day"),
        (natural("zoo.instead", pk=1, name="x") | {"pk": "x"}, "must be an integer", ""),
        (natural("zoo.place", number="x"), "must be an integer", ""),
        (natural("zoo.place", number=2**70), "Python int too large", ""),
        (natural("zoo.instead", name=None), "NOT NULL constraint failed", "in its way"),
        (natural("zoo.feeding", animal=4, keeper=["nobody"], food="x"), "`keeper` refers to", "in its way"),
        (
            natural("zoo.keeper", name="x", boss=["nobody"]),
            "does not exist",
            "neither in the backup nor here",
        ),
        (natural("zoo.keeper", name="x", friends=[["nobody"]]), "does not exist", "neither in the backup"),
        (natural("zoo.feeding", animal=999, keeper=["first"], food="x"), "rows refer to missing ones", ""),
        (natural("zoo.animal", name="x", neighbours=[999]), "rows refer to missing ones", ""),
        ({"model": "zoo.instead"}, "no `model` or no `fields`", ""),
        ({"fields": {}}, "no `model` or no `fields`", ""),
        ({"model": 7, "fields": {}}, "no `model` or no `fields`", ""),
        ({"model": "zoo.instead", "fields": []}, "no `model` or no `fields`", ""),
        (7, "something else stands in the place of", ""),
    ],
)
def test_a_restore_that_fails_changes_nothing(
    full: Callable[[str], Any], broken: Any, what: str, hint: str
) -> None:
    content = objects(dump())
    full("Instead").objects.update(name="changed")
    full("Place").objects.filter(number=10).delete()
    middle = [one["model"] for one in content].index("zoo.session")
    for exact in (False, True):
        with nothing_changes(), pytest.raises((RestoreError, CorruptBackupError)) as caught:
            restore([*content[:middle], broken, *content[middle:]], exact=exact)
        assert what in str(caught.value)
        if isinstance(caught.value, RestoreError) and "missing ones" not in what:
            assert f"object {middle + 1}, " in str(caught.value)
        if not exact:
            assert hint in (caught.value.hint or "")
        assert not connections["default"].in_atomic_block
    restore(content)


def test_a_missing_table_is_an_error_with_advice(full: Callable[[str], Any]) -> None:
    content = dump()
    with connections["second"].cursor() as cursor:
        cursor.execute("DROP TABLE zoo_place")
    with nothing_changes(), pytest.raises(RestoreError, match="no such table: zoo_place") as caught:
        restore(content, "second")
    assert "run `migrate` first" in (caught.value.hint or "")


def test_every_cut_leaves_everything_as_it_was(full: Callable[[str], Any]) -> None:
    content = dump()
    full("Instead").objects.update(name="changed")
    with nothing_changes():
        for end in range(0, len(content), max(len(content) // 25, 1)):
            with pytest.raises(CorruptBackupError):
                restore(content[:end])
        for last in (content[:-1], content + b"x", content + content):
            with pytest.raises(CorruptBackupError):
                restore(last)


def test_nothing_is_committed_before_the_file_came_to_its_end(full: Callable[[str], Any]) -> None:
    content = dump()
    full("Instead").objects.update(name="changed")

    class EndsInAnError(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            part = super().read(size)
            if not part:
                message = "the digest is another one"
                raise CorruptBackupError(message)
            return part

    with nothing_changes(), pytest.raises(CorruptBackupError, match="the digest is another one"):
        DjangoConnector("default").restore_dump(EndsInAnError(content))


def test_a_handler_that_fails_changes_nothing(full: Callable[[str], Any]) -> None:
    content = dump()

    def fail(instance: Any, **_: Any) -> None:
        if instance.pk == 2:
            message = "the handler's own"
            raise LookupError(message)

    post_save.connect(fail, sender=full("Place"))
    try:
        with (
            nothing_changes(),
            pytest.raises(RestoreError, match=r"`zoo\.place` with the primary key `2`: the handler's own"),
        ):
            restore(content, "second")
    finally:
        post_save.disconnect(fail, sender=full("Place"))


def test_rows_that_vanish_meanwhile_are_missed(full: Callable[[str], Any]) -> None:
    content = dump()
    with connections["second"].cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER eat AFTER INSERT ON zoo_tag BEGIN DELETE FROM zoo_place WHERE number = 10; END"
        )
    with (
        nothing_changes(),
        pytest.raises(RestoreError, match=r"cannot restore `zoo\.Place`: its table has 2"),
    ):
        restore(content, "second")


def test_an_interrupted_restore_changes_nothing(full: Callable[[str], Any]) -> None:
    content = dump()

    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise KeyboardInterrupt
            return super().read(20_000)

    with nothing_changes(), pytest.raises(KeyboardInterrupt):
        DjangoConnector("second").restore_dump(Interrupted(content))
    assert not connections["second"].in_atomic_block


def test_a_restore_works_inside_a_transaction(full: Callable[[str], Any]) -> None:
    content = dump()
    with nothing_changes(), transaction.atomic():
        full("Instead").objects.update(name="changed")
        with pytest.raises(RestoreError):
            restore([*objects(content), natural("zoo.giraffe")])
        assert full("Instead").objects.get().name == "changed"
        restore(content, exact=True)
        assert full("Instead").objects.get().name == "instead"
        transaction.set_rollback(True)


def test_an_empty_dump_changes_nothing(full: Callable[[str], Any]) -> None:
    with nothing_changes():
        assert restore(b"[]") == []


def test_a_file_that_was_read_is_read_again(full: Callable[[str], Any]) -> None:
    file = io.BytesIO(dump())
    file.read()
    DjangoConnector("second").restore_dump(file)
    assert rows("second") == rows("default")


def test_statements_are_not_kept_where_debug_is_on(full: Callable[[str], Any]) -> None:
    with override_settings(DEBUG=True):
        connections["second"].queries_log.clear()
        restore(dump(), "second")
        assert not connections["second"].queries
    with CaptureQueriesContext(connections["second"]) as captured:
        full("Place").objects.using("second").count()
    assert len(captured) == 1


def test_the_target_is_described(full: Callable[[str], Any]) -> None:
    name = connections["default"].settings_dict["NAME"]
    tables = 35 if django.VERSION >= (5, 2) else 34
    found = DjangoConnector("default").describe_target()
    assert found == f"django.db.backends.sqlite3, `{name}`, {tables} tables"


def test_a_database_without_transactions_is_written_only_after_a_proof(
    full: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = dump()
    features = type(connections["second"].features)
    monkeypatch.setattr(features, "supports_transactions", False, raising=False)
    with nothing_changes():
        for damaged in (content[:-1], content + b"x", b""):
            with pytest.raises(CorruptBackupError):
                restore(damaged, "second")
        with pytest.raises(RestoreError, match=r"no such model; this database has no transactions"):
            restore([*objects(content), natural("zoo.giraffe")], "second")
    restore(content, "second")
    assert rows("second") == rows("default")


# Other tools.


def comparable(content: bytes) -> list[Any]:
    """The objects without what only our own restore brings back: the numbers of rows with natural keys."""
    found = []
    for one in objects(content):
        one.pop("dbbackup", None)
        for name, value in one["fields"].items():
            if name in ("keepers", "friends", "permissions"):
                one["fields"][name] = sorted(value)
        if one["model"] == "zoo.tag":
            one["fields"].pop("object_id")
        found.append(one)
    return found


def test_loaddata_reads_our_dump(zoo: Callable[[str], Any], tmp_path: Path) -> None:
    fill(is_loadable=True)
    content = dump()
    (tmp_path / "ours.json").write_bytes(content)
    call_command("loaddata", str(tmp_path / "ours.json"), database="second", verbosity=0)
    assert comparable(dump("second")) == comparable(content)


@pytest.mark.parametrize("is_natural", [False, True])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_dumpdata_wrote_is_restored(
    zoo: Callable[[str], Any], tmp_path: Path, is_natural: bool, indent: int | None
) -> None:
    fill(is_loadable=True)
    path = tmp_path / "theirs.json"
    call_command(
        "dumpdata",
        use_natural_foreign_keys=is_natural,
        use_natural_primary_keys=is_natural,
        use_base_manager=True,
        indent=indent,
        output=str(path),
        verbosity=0,
    )
    [note] = restore(path.read_bytes(), "second")
    assert "`zoo_overview` is a view here" in note
    assert comparable(dump("second")) == comparable(dump())
    if not is_natural:
        assert rows("second") == rows()
