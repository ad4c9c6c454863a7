"""Models of every kind. Restores of other backups than our own are tested with them, too."""

import uuid
from typing import Any

import django
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Everything(models.Model):
    """A column of every type."""

    uuid = models.UUIDField(default=uuid.uuid4)
    boolean = models.BooleanField(null=True)
    decimal = models.DecimalField(max_digits=20, decimal_places=7)
    real = models.FloatField()
    big = models.BigIntegerField()
    moment = models.DateTimeField()
    day = models.DateField()
    time = models.TimeField()
    duration = models.DurationField()
    binary = models.BinaryField()
    json = models.JSONField()
    maybe_json = models.JSONField(null=True)
    text = models.TextField(blank=True)
    file = models.FileField(upload_to="files")
    address = models.GenericIPAddressField()
    changed = models.DateTimeField(auto_now=True)


class KeeperManager(models.Manager["Keeper"]):
    def get_by_natural_key(self, name: str) -> "Keeper":
        return self.get(name=name)


class Keeper(models.Model):
    """Has a natural key, and refers to others of its kind by it, in circles."""

    name = models.CharField(max_length=50, unique=True)
    boss = models.ForeignKey("self", models.CASCADE, null=True)
    friends = models.ManyToManyField("self")

    objects = KeeperManager()

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class House(models.Model):
    """Refers to one that refers to it."""

    name = models.CharField(max_length=50)
    first = models.ForeignKey("Animal", models.CASCADE, null=True, related_name="+")


class LivingManager(models.Manager["Animal"]):
    """Hides rows, as soft deletion does."""

    def get_queryset(self) -> models.QuerySet["Animal"]:
        return super().get_queryset().filter(is_alive=True)


class Animal(models.Model):
    """Rows that the default manager hides, many-to-many of both kinds, a parent of tables."""

    name = models.CharField(max_length=50)
    is_alive = models.BooleanField(default=True)
    house = models.ForeignKey(House, models.CASCADE, null=True)
    keepers = models.ManyToManyField(Keeper)
    neighbours: Any = models.ManyToManyField(House, related_name="visited_by")
    fed_by: Any = models.ManyToManyField(
        Keeper, through="Feeding", through_fields=("animal", "keeper"), related_name="feeds"
    )

    objects = LivingManager()


class Bird(Animal):
    """A table that begins where another one ends."""

    wings = models.IntegerField(default=2)


class Parrot(Bird):
    words: Any = models.ManyToManyField("Word")


class Tame(Animal):
    """Has no table of its own."""

    class Meta:
        proxy = True


class Feeding(models.Model):
    animal = models.ForeignKey(Animal, models.CASCADE)
    keeper = models.ForeignKey(Keeper, models.CASCADE)
    watched_by = models.ForeignKey(Keeper, models.CASCADE, null=True, related_name="+")
    food = models.CharField(max_length=50)


class WordManager(models.Manager["Word"]):
    """Hides rows of a model that has a natural key."""

    def get_queryset(self) -> models.QuerySet["Word"]:
        return super().get_queryset().filter(is_rude=False)

    def get_by_natural_key(self, text: str) -> "Word":
        return self.get(text=text)


class Word(models.Model):
    text = models.CharField(max_length=50, unique=True)
    is_rude = models.BooleanField(default=False)

    objects = WordManager()

    def natural_key(self) -> tuple[str]:
        return (self.text,)


class TwinManager(models.Manager["Twin"]):
    def get_by_natural_key(self, name: str) -> "Twin":
        return self.get(name=name)


class Twin(models.Model):
    """A natural key that two rows may have."""

    name = models.CharField(max_length=50)
    other = models.ForeignKey("self", models.CASCADE, null=True)

    objects = TwinManager()

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class CountryManager(models.Manager["Country"]):
    def get_by_natural_key(self, code: str) -> "Country":
        return self.get(code=code)


class Country(models.Model):
    """A natural key that is the primary key: without it the row would have no code."""

    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=50)

    objects = CountryManager()

    def natural_key(self) -> tuple[str]:
        return (self.code,)


class Passport(models.Model):
    """A primary key that is a relation; one that goes by another column."""

    owner = models.OneToOneField("Owner", models.CASCADE, primary_key=True)
    country = models.ForeignKey(Country, models.CASCADE)
    issued_by = models.ForeignKey("Office", models.CASCADE, to_field="code", null=True)


class OwnerManager(models.Manager["Owner"]):
    def get_by_natural_key(self, name: str) -> "Owner":
        return self.get(name=name)


class Owner(models.Model):
    """Has a natural key, and its number is another one's primary key."""

    name = models.CharField(max_length=50, unique=True)

    objects = OwnerManager()

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class GuestManager(models.Manager["Guest"]):
    def get_by_natural_key(self, name: str) -> "Guest":
        return self.get(name=name)


class Guest(models.Model):
    """Has a natural key, and a proxy that hides rows."""

    name = models.CharField(max_length=50, unique=True)

    objects = GuestManager()

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class MemberManager(GuestManager):
    def get_queryset(self) -> models.QuerySet[Guest]:
        return super().get_queryset().filter(name="member")


class Member(Guest):
    objects = MemberManager()

    class Meta:
        proxy = True


class Card(models.Model):
    member = models.ForeignKey(Member, models.CASCADE)


class Office(models.Model):
    code = models.CharField(max_length=10, unique=True)


class LinkManager(models.Manager["Link"]):
    def get_by_natural_key(self, name: str) -> "Link":
        return self.get(name=name)


class Link(models.Model):
    """A ring in a chain: may not be without the next one, which has a natural key."""

    name = models.CharField(max_length=50, unique=True)
    next = models.ForeignKey("self", models.CASCADE)

    objects = LinkManager()

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class Place(models.Model):
    """Unique values that rows exchange."""

    number = models.IntegerField(unique=True)
    text = models.CharField(max_length=50, default="")


class Tag(models.Model):
    """Refers to a row of any table by its number."""

    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    tagged = GenericForeignKey()
    label = models.CharField(max_length=50)


class Session(models.Model):
    """A primary key that is a text."""

    key = models.CharField(max_length=40, primary_key=True)
    data = models.TextField()


class Legacy(models.Model):
    """A table that no migration made."""

    name = models.CharField(max_length=50)

    class Meta:
        managed = False
        db_table = "old_legacy"


class Overview(models.Model):
    """A view."""

    name = models.CharField(max_length=50)

    class Meta:
        managed = False
        db_table = "zoo_overview"


class Swapped(models.Model):
    class Meta:
        swappable = "ZOO_SWAPPED_MODEL"


class Instead(models.Model):
    name = models.CharField(max_length=50)


class VisibleManager(models.Manager["Hidden"]):
    def get_queryset(self) -> models.QuerySet["Hidden"]:
        return super().get_queryset().exclude(name="hidden")


class Hidden(models.Model):
    """Even the base manager hides rows."""

    name = models.CharField(max_length=50)

    objects = models.Manager()
    visible = VisibleManager()

    class Meta:
        base_manager_name = "visible"


if django.VERSION >= (5, 2):

    class Seat(models.Model):
        """A primary key of two columns, and a column that the database computes."""

        pk = models.CompositePrimaryKey("row", "number")
        row = models.IntegerField()
        number = models.IntegerField()
        double = models.GeneratedField(
            expression=models.F("number") * 2, output_field=models.IntegerField(), db_persist=True
        )
