"""One or two rows of every kind, in the default database."""

import datetime as dt
from decimal import Decimal
from typing import Any

import django
from django.apps import apps
from django.db import models, transaction

MOMENT = dt.datetime(2024, 2, 29, 23, 59, 59, 123_456, tzinfo=dt.UTC)


def create_tables(on: Any) -> None:
    """Make what no migration makes, through the connection `on`."""
    with on.cursor() as cursor:
        cursor.execute("CREATE TABLE old_legacy (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL)")
        cursor.execute("CREATE VIEW zoo_overview AS SELECT id, name FROM zoo_animal")


@transaction.atomic
def fill(*, is_loadable: bool = False) -> None:
    """Make the rows; `is_loadable` leaves out what ``loaddata`` or ``dumpdata`` cannot bring back."""
    zoo: Any = apps.get_app_config("zoo").get_model
    everything = {
        "decimal": Decimal("12345678.1234567"),
        "real": 0.1,
        "big": 2**63 - 1,
        "moment": MOMENT.replace(microsecond=123_000) if is_loadable else MOMENT,
        "day": MOMENT.date(),
        "time": dt.time(1, 2, 3) if is_loadable else MOMENT.time(),
        "duration": dt.timedelta(days=-3, microseconds=7),
        "binary": bytes(range(256)),
        "json": {"a": [1.5, None, "\u65e5"]},
        "text": '\u00e4\u00f6\u00fc \U0001f600 \\ " ]}, [{ \n\t\x00',
        "file": "files/a b.txt",
        "address": "2001:db8::1",
    }
    zoo("Everything").objects.create(**everything)
    if not is_loadable:
        null = models.Value(None, models.JSONField())
        zoo("Everything").objects.create(**everything | {"json": null, "real": float("-inf")})
        zoo("Everything").objects.create(**everything | {"json": "\ud800", "maybe_json": {}})
    for row in zoo("Everything").objects.all():
        zoo("Everything").objects.filter(pk=row.pk).update(changed=everything["moment"])

    first = zoo("Keeper").objects.create(pk=5, name="first")
    second = zoo("Keeper").objects.create(pk=9, name="second", boss=first)
    zoo("Keeper").objects.filter(pk=5).update(boss=second)
    first.friends.add(second)

    house = zoo("House").objects.create(pk=3, name="house")
    lion = zoo("Animal").objects.create(pk=4, name="lion", house=house)
    zoo("House").objects.filter(pk=3).update(first=lion)
    lion.keepers.add(first, second)
    lion.neighbours.add(house)
    zoo("Feeding").objects.create(animal=lion, keeper=first, watched_by=second, food="meat")
    if not is_loadable:
        dodo = zoo("Animal").objects.create(pk=8, name="dodo", is_alive=False)
        dodo.keepers.add(first)
        dodo.neighbours.add(house)
        zoo("Feeding").objects.create(animal=dodo, keeper=second, food="fruit")

    kind_word = zoo("Word").objects.create(text="hello")
    bird = zoo("Bird").objects.create(pk=20, name="heron", house=house)
    bird.keepers.add(second)
    parrot = zoo("Parrot").objects.create(pk=21, name="polly", wings=3)
    parrot.words.add(kind_word)
    if not is_loadable:
        rude_word = zoo("Word")(text="damn", is_rude=True)
        rude_word.save()
        zoo("Parrot").words.through.objects.create(parrot_id=parrot.pk, word_id=rude_word.pk)
        twin = zoo("Twin").objects.create(pk=2, name="twin")
        zoo("Twin").objects.create(pk=7, name="twin", other=twin)
        zoo("Link")(pk=3, name="there", next_id=4).save()
        zoo("Link")(pk=4, name="back", next_id=3).save()
        country = zoo("Country").objects.create(code="pe", name="Peru")
        office = zoo("Office").objects.create(pk=2, code="lima")
        owner = zoo("Owner").objects.create(pk=6, name="owner")
        zoo("Passport").objects.create(owner=owner, country=country, issued_by=office)
        guest = zoo("Guest").objects.create(pk=5, name="guest")
        zoo("Card").objects.create(member_id=guest.pk)
        zoo("Hidden").objects.create(pk=3, name="hidden")

    for number in (30, 10, 20):
        zoo("Place").objects.create(number=number)
    zoo("Tag").objects.create(tagged=second, label="friendly")
    zoo("Session").objects.create(key="b" * 40, data="secret")
    zoo("Legacy").objects.create(pk=11, name="old")
    zoo("Instead").objects.create(name="instead")
    if django.VERSION >= (5, 2):
        zoo("Seat").objects.create(row=2, number=1)
        zoo("Seat").objects.create(row=1, number=2)

    auth: Any = apps.get_app_config("auth").get_model
    user = auth("User").objects.create(pk=17, username="user", date_joined=everything["moment"])
    group = auth("Group").objects.create(pk=12, name="group")
    user.groups.add(group)
    group.permissions.add(*auth("Permission").objects.order_by("pk")[:3])
