"""Rows of the app in tests/zoo, one kind after the other. Copied into projects, where each fills a database."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction

MOMENT = dt.datetime(2024, 2, 29, 23, 59, 59, tzinfo=dt.UTC)

USUAL: dict[str, Any] = {
    "uuid": UUID(int=2**127 + 7),
    "decimal": Decimal("12345678.1234567"),
    "real": 0.1,
    "big": 2**63 - 1,
    "moment": MOMENT,
    "day": MOMENT.date(),
    "time": dt.time(1, 2, 3),
    "duration": dt.timedelta(days=-3, microseconds=7),
    "binary": bytes(range(256)),
    "json": {"a": [1.5, None, "日"]},
    "text": "",
    "file": "files/a b.txt",
    "address": "2001:db8::1",
}

Case = Callable[[], object]

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def fill(names: list[str], path: str) -> None:
    """Add the rows of some cases to a database."""
    connection.close()
    connection.settings_dict["NAME"] = path
    with transaction.atomic():
        for name in names:
            CASES[name]()
    connection.close()


def model(name: str) -> Any:
    app, _, name = name.rpartition(".")
    return apps.get_app_config(app or "zoo").get_model(name)


def everything(**over: Any) -> None:
    row = model("Everything").objects.create(**USUAL | over)
    model("Everything").objects.filter(pk=row.pk).update(changed=MOMENT)


@case
def values_of_every_type() -> None:
    everything(boolean=True, maybe_json={})
    everything(boolean=None, maybe_json=None)


@case
def awkward_texts() -> None:
    for text in ("äöü 😀 \\ \" ' ]}, [{ \n\r\n\t\x00 \u2028", "x" * 300_000, "null"):
        everything(text=text)


@case
def numbers() -> None:
    for real in (1e300, -0.0, 5e-324, 0.1 + 0.2, 3.0, float("inf"), float("-inf")):
        everything(real=real)
    everything(big=-(2**63), decimal=Decimal("-0.0000001"))


@case
def moments() -> None:
    everything(moment=MOMENT.replace(microsecond=123_000), day=dt.date(9999, 12, 31))
    everything(moment=dt.datetime(1, 1, 1, tzinfo=dt.UTC), duration=dt.timedelta(microseconds=-1))


@case
def microseconds_of_a_moment() -> None:
    everything(moment=MOMENT.replace(microsecond=123_456))


@case
def microseconds_of_a_time() -> None:
    everything(time=dt.time(1, 2, 3, 123_456))


@case
def json_of_every_type() -> None:
    values: list[Any] = [[], "text", 0.1, False, {'"': "\\"}]
    for value in values:
        everything(json=value, binary=b"")


@case
def json_null() -> None:
    everything(json=models.Value(None, models.JSONField()))


@case
def half_a_character_in_json() -> None:
    everything(json="\ud800")


@case
def foreign_keys_in_a_circle() -> None:
    house = model("House").objects.create(pk=3, name="house")
    animal = model("Animal").objects.create(pk=4, name="lion", house=house)
    model("House").objects.filter(pk=3).update(first=animal)


@case
def many_to_many() -> None:
    house = model("House").objects.create(pk=5, name="house")
    model("Animal").objects.create(pk=6, name="lion").neighbours.add(house)


@case
def children_of_models() -> None:
    model("Bird").objects.create(pk=20, name="heron")
    model("Parrot").objects.create(pk=21, name="polly", wings=3)


@case
def natural_keys_in_a_circle() -> None:
    first = model("Keeper").objects.create(name="first")
    second = model("Keeper").objects.create(name="second", boss=first)
    model("Keeper").objects.filter(name="first").update(boss=second)
    first.friends.add(second)


@case
def keys_that_are_texts() -> None:
    model("Session").objects.create(key="b" * 40, data="secret")


@case
def keys_of_two_columns() -> None:
    model("Seat").objects.create(row=2, number=1)


@case
def tables_that_no_migration_made() -> None:
    model("Legacy").objects.create(pk=11, name="old")


@case
def rows_of_a_view() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP VIEW zoo_overview")
        cursor.execute("CREATE VIEW zoo_overview AS SELECT id, name FROM zoo_animal")
    model("Animal").objects.create(pk=7, name="tiger")


@case
def numbers_of_rows_with_natural_keys() -> None:
    keeper = model("Keeper").objects.create(pk=50, name="keeper")
    model("Tag").objects.create(tagged=keeper, label="kind")


@case
def users() -> None:
    user = model("auth.User").objects.create(pk=17, username="user", date_joined=MOMENT)
    group = model("auth.Group").objects.create(pk=12, name="group")
    user.groups.add(group)
    group.permissions.add(*model("auth.Permission").objects.order_by("pk")[:3])


@case
def rows_that_a_manager_hides() -> None:
    dodo = model("Animal").objects.create(pk=8, name="dodo", is_alive=False)
    dodo.neighbours.add(model("House").objects.create(name="museum"))
    model("Word")(text="damn", is_rude=True).save()


@case
def equal_natural_keys() -> None:
    twin = model("Twin").objects.create(pk=2, name="twin")
    model("Twin").objects.create(pk=7, name="twin", other=twin)


@case
def natural_keys_that_are_primary_keys() -> None:
    model("Country").objects.create(code="pe", name="Peru")


@case
def keys_by_another_column() -> None:
    office = model("Office").objects.create(pk=2, code="lima")
    country = model("Country").objects.create(code="pe", name="Peru")
    owner = model("Owner").objects.create(name="owner")
    model("Passport").objects.create(owner=owner, country=country, issued_by=office)


@case
def rows_that_need_each_other() -> None:
    model("Link")(pk=3, name="there", next_id=4).save()
    model("Link")(pk=4, name="back", next_id=3).save()


@case
def proxies_that_hide_rows() -> None:
    guest = model("Guest").objects.create(pk=5, name="guest")
    model("Card").objects.create(member_id=guest.pk)
