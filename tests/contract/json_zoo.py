"""Databases of the app in tests/zoo: one for each kind of rows, and one with all that both bring back."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.contract.both_ways import Loss
from tests.contract.contents import content
from tests.project import Project
from tests.zoo_project import SETTINGS, ZooProject

CONTENTS = Path(__file__).with_name("json_contents.py")

CASES = re.findall(r"^@case\ndef (\w+)\(", CONTENTS.read_text(), re.MULTILINE)

ROUNDED = "Django's JSON has three digits of a second"
RENUMBERED = "rows with natural keys get other numbers, which a generic relation may still name"
UNNAMED = "another row is named by a natural key that does not find it"

LOSES = {
    "microseconds_of_a_moment": Loss(ROUNDED, is_in_backup=False, is_restorable=True),
    "microseconds_of_a_time": Loss(ROUNDED, is_in_backup=False, is_restorable=True),
    "json_null": Loss("its restore takes null for no value", is_in_backup=True, is_restorable=False),
    "half_a_character_in_json": Loss("its backup fails", is_in_backup=False, is_restorable=True),
    "rows_of_a_view": Loss(
        "its backup holds them, and its restore inserts them", is_in_backup=True, is_restorable=True
    ),
    "numbers_of_rows_with_natural_keys": Loss(RENUMBERED, is_in_backup=False, is_restorable=False),
    "users": Loss(RENUMBERED, is_in_backup=False, is_restorable=False),
    "rows_that_a_manager_hides": Loss(
        "it dumps what the default manager finds", is_in_backup=False, is_restorable=True
    ),
    "equal_natural_keys": Loss("all become one row", is_in_backup=False, is_restorable=True),
    "natural_keys_that_are_primary_keys": Loss(
        "it leaves the primary key out, and with it the value", is_in_backup=False, is_restorable=True
    ),
    "keys_by_another_column": Loss(UNNAMED, is_in_backup=False, is_restorable=True),
    "rows_that_need_each_other": Loss(UNNAMED, is_in_backup=False, is_restorable=True),
    "proxies_that_hide_rows": Loss(UNNAMED, is_in_backup=False, is_restorable=True),
}
"""What `DjangoConnector` of django-dbbackup does not bring back from its own backup."""

KEPT = [case for case in CASES if case not in LOSES]

EMPTY_VIEW = """
DROP VIEW zoo_overview;
CREATE VIEW zoo_overview AS SELECT id, name FROM zoo_animal WHERE id < 0;
"""
"""What `LOSES` says of rows of a view must not befall every case with an animal."""


class Zoo:
    """A project with migrated databases, which the tests copy."""

    def __init__(self, root: Path) -> None:
        self._root = root
        project = ZooProject(root)
        shutil.copy(CONTENTS, root)
        with closing(sqlite3.connect(project.database)) as connection:
            connection.executescript(EMPTY_VIEW)
        project.database.rename(self.empty)
        contents = {case: [case] for case in CASES} | {"kept": KEPT}
        for name in contents:
            shutil.copy(self.empty, self.database(name))
        project.run(
            "from json_contents import fill\n"
            f"for name, cases in {contents!r}.items():\n"
            "    fill(cases, f'{name}.sqlite3')\n"
        )

    @property
    def empty(self) -> Path:
        """A migrated database without rows of the zoo."""
        return self._root / "empty.sqlite3"

    @property
    def kept(self) -> Path:
        """A database with the rows of all cases that django-dbbackup brings back."""
        return self.database("kept")

    def database(self, case: str) -> Path:
        """The database with the rows of a case."""
        return self._root / f"{case}.sqlite3"

    def project(self, root: Path) -> Project:
        """Make a project with the zoo in it, whose database is empty, and whose rows are backed up as JSON."""
        project = Project(root, extra=SETTINGS)
        shutil.copytree(self._root / "zoo", root / "zoo")
        shutil.copy(self.empty, project.database)
        return project


def content_of_rows(path: Path) -> dict[str, Any]:
    """All rows. Those that only link two others are without their number, which nothing names."""
    found = content(path)
    del found["schema"], found["sqlite_sequence"]
    for table in set(found) - {"application_id", "user_version"}:
        columns, rows = found[table]
        names = [column[1] for column in columns]
        is_link = len(names) == 3 and names[0] == b"id" and all(name.endswith(b"_id") for name in names[1:])
        found[table] = names, sorted((row[2:] for row in rows), key=repr) if is_link else rows
    return found
