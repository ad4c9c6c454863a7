"""The `fill` command: the same customers, orders and files every time."""

import random
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from shop.models import Customer, Order

FIRST_ORDER = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = ("new", "paid", "sent", "done")
WORDS = (
    "at",
    "blue",
    "box",
    "call",
    "door",
    "fragile",
    "gift",
    "leave",
    "neighbour",
    "please",
    "ring",
    "wrapped",
)
BATCH_ROWS = 2_000
PHOTO_BYTES = 40_000


class Command(BaseCommand):
    """Fills the shop with made-up customers, orders and files."""

    help = "Fill the shop with made-up customers, orders and files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the sizes."""
        parser.add_argument("--customers", type=int, default=4_000)
        parser.add_argument("--orders", type=int, default=60_000)
        parser.add_argument("--files", type=int, default=60)

    def handle(self, *, customers: int, orders: int, files: int, **_: object) -> None:
        """Insert all rows in one transaction, in batches, and show how far it is; then write the files."""
        chance = random.Random(7)  # the same rows every time
        with transaction.atomic():
            for last in self._batches(customers, "customers"):
                Customer.objects.bulk_create(_customer(number) for number in last)
            for last in self._batches(orders, "orders"):
                Order.objects.bulk_create(_order(number, customers, chance) for number in last)
        for last in self._batches(files, "files"):
            for number in last:
                _write_files(Path(settings.MEDIA_ROOT), number, chance)

    def _batches(self, rows: int, what: str) -> Iterator[range]:
        """Yield ranges of row numbers, and count them: in place on a terminal, once elsewhere."""
        live = self.stdout.isatty()
        for start in range(1, rows + 1, BATCH_ROWS):
            batch = range(start, min(start + BATCH_ROWS, rows + 1))
            yield batch
            if live:
                self.stdout.write(f"\r{what:10} {batch.stop - 1:>7,} of {rows:,}", ending="")
                self.stdout.flush()
        self.stdout.write("" if live else f"{what:10} {rows:>7,} of {rows:,}")


def _customer(number: int) -> Customer:
    return Customer(pk=number, name=f"Customer {number}", email=f"customer.{number}@example.com")


def _order(number: int, customers: int, chance: random.Random) -> Order:
    return Order(
        pk=number,
        customer_id=chance.randint(1, customers),
        status=chance.choice(STATUSES),
        total=Decimal(chance.randint(100, 90_000)) / 100,
        note=" ".join(chance.choices(WORDS, k=8)),
        created_at=FIRST_ORDER + timedelta(seconds=chance.randrange(28_000_000)),
    )


def _write_files(folder: Path, number: int, chance: random.Random) -> None:
    """Write a photo, or for every third number an invoice."""
    if number % 3:
        path, content = folder / "photos" / f"photo {number}.jpg", chance.randbytes(PHOTO_BYTES)
    else:
        text = f"Invoice {number}\n" + "".join(f"  1 {word}\n" for word in chance.choices(WORDS, k=40))
        path, content = folder / "invoices" / "2026" / f"invoice {number}.txt", text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
