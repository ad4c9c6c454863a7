"""A library: shelves, and the books on them."""

from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    shelf = models.ForeignKey(Shelf, on_delete=models.PROTECT)
    title = models.CharField(max_length=200, db_index=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    cover = models.BinaryField()
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.title
