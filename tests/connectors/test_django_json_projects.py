"""The JSON connector in projects of their own: its memory, and Django's test case."""

from pathlib import Path

import pytest

from tests.zoo_project import ZooProject

MIB = 1024 * 1024

GROWTH_BYTES = 16 * MIB
"""What 300,000 rows may need beyond 3,000: caches that were not yet full."""

FILL = """
from zoo.models import Animal, Feeding, Keeper

MANY = {rows}
FEW = MANY // 30
Keeper.objects.bulk_create(Keeper(name=f"keeper {{number}}") for number in range(FEW))
Animal.objects.bulk_create(Animal(name=f"animal {{number}}") for number in range(FEW))
keepers, animals = (list(model.objects.values_list("pk", flat=True)) for model in (Keeper, Animal))
links = Animal.keepers.through
links.objects.bulk_create(links(animal_id=a, keeper_id=k) for a, k in zip(animals, keepers))
Feeding.objects.bulk_create(
    (
        Feeding(animal_id=animals[n % FEW], keeper_id=keepers[n // 7 % FEW], food="x" * 40)
        for n in range(MANY)
    ),
    batch_size=10_000,
)
"""

PEAK = """
import re
from pathlib import Path

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

from dbbackup.db.django import DjangoConnector
"""

DUMP = (
    PEAK
    + """
with DjangoConnector("default").create_dump() as dump, open("dump.json", "wb") as file:
    while part := dump.read(256 * 1024):
        file.write(part)
print(peak())
"""
)

RESTORE = (
    PEAK
    + """
connector = DjangoConnector("second")
connector.exact = True
with open("dump.json", "rb") as dump:
    connector.restore_dump(dump)
print(peak())
"""
)

TEST_CASE = """
import io

from dbbackup.db.django import DjangoConnector
from dbbackup.exceptions import RestoreError
from django.test import TestCase
from zoo.models import Animal, Place
from zoo.rows import create_tables, fill
from django.db import connection


class Restores(TestCase):
    def test_what_is_restored_is_there_and_gone_after_the_test(self):
        create_tables(connection)
        fill()
        content = DjangoConnector("default").create_dump().read()
        broken = content[:-1] + b', {"model": "a.b", "fields": {}}]'
        Place.objects.update(text="changed")
        Animal.objects.create(name="new")
        with self.assertRaises(RestoreError):
            DjangoConnector("default").restore_dump(io.BytesIO(broken))
        self.assertEqual(Place.objects.filter(text="changed").count(), 3)
        connector = DjangoConnector("default")
        connector.exact = True
        connector.restore_dump(io.BytesIO(content))
        self.assertFalse(Place.objects.filter(text="changed").exists())
        self.assertFalse(Animal.objects.filter(name="new").exists())
        self.assertEqual(DjangoConnector("default").create_dump().read(), content)

    def test_nothing_is_left_of_the_other_test(self):
        self.assertFalse(Place.objects.exists())
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks: dict[int, list[int]] = {}
    for rows in (3_000, 300_000):
        project = ZooProject(tmp_path / str(rows), {"default": "db.sqlite3", "second": "second.sqlite3"})
        project.run(FILL.format(rows=rows))
        peaks[rows] = [int(project.run(DUMP)), int(project.run(RESTORE))]
    assert (tmp_path / "300000" / "dump.json").stat().st_size > 40 * MIB
    for small, large in zip(*peaks.values(), strict=True):
        assert small > MIB, "nothing was measured"
        assert large < small + GROWTH_BYTES, peaks


@pytest.mark.timeout(120)
def test_a_restore_works_in_a_test_case(tmp_path: Path) -> None:
    project = ZooProject(tmp_path / "project")
    (project.root / "zoo" / "tests.py").write_text(TEST_CASE)
    done = project.manage("test", "zoo")
    assert done.code == 0, done
    assert "Ran 2 tests" in done.err
