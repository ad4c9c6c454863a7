"""``runtests.py count``."""

from typing import Any

from django.core.management.base import BaseCommand

from tests.testproject.models import Book


class Command(BaseCommand):
    """Prints how many rows there are."""

    help = "Print how many books the database has."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(str(Book._default_manager.count()))
