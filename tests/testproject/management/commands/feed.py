"""``runtests.py feed [ROWS]``."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from tests.testproject.models import Book, Shelf

SHELVES = 4
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Command(BaseCommand):
    """Adds rows, the same ones every time."""

    help = "Add books to the database, on as many shelves as they need."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rows", nargs="?", type=int, default=10, help="How many books. Default: 10.")

    def handle(self, *_args: Any, rows: int, **_options: Any) -> None:
        with transaction.atomic():
            first = Book._default_manager.count()
            shelves = [
                Shelf._default_manager.get_or_create(name=f"shelf {number}")[0] for number in range(SHELVES)
            ]
            Book._default_manager.bulk_create(_book(number, shelves) for number in range(first, first + rows))


def _book(number: int, shelves: list[Shelf]) -> Book:
    return Book(
        shelf=shelves[number % len(shelves)],
        title=f"book {number}: 'quoted'; ünïcode 写真",
        price=Decimal(number) / 100 if number % 3 else None,
        cover=hashlib.sha256(str(number).encode()).digest(),
        added_at=FIRST_DAY + timedelta(hours=number),
    )
