"""A restore brings back what was stored, or leaves the database as it is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.defects.world import Peer, held, said
from tests.project import fill

STORED = ["stored"] * 300
"""Rows on several pages."""


@pytest.fixture
def stored(project: Peer) -> tuple[Peer, str]:
    """A project with a backup, and the backup's name; the database has changed since."""
    fill(project.database, STORED)
    name = project.backed_up()
    fill(project.database, ["now"])
    return project, name


@pytest.mark.defect(4, "A compressed backup is restored by its name without `-z`")
def test_a_compressed_backup_is_restored_without_a_flag(project: Peer) -> None:
    fill(project.database, ["stored"])
    name = project.backed_up("-z")
    fill(project.database, ["now"])
    run = project.manage("dbrestore", "--noinput", "-i", name)
    restored = held(project.database)
    assert restored == "the rows `stored`", f"{said(run)}; the file holds {restored}"


def junk(_backup: bytes) -> bytes:
    return b"This is not a backup.\n" * 500


def cut(backup: bytes) -> bytes:
    return backup[: len(backup) // 2]


def flipped(backup: bytes) -> bytes:
    """Flip one bit: an `s` becomes an `r`."""
    return backup.replace(b"stored", b"rtored", 1)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(junk, marks=pytest.mark.defect(5, "A file that is no backup is not restored")),
        pytest.param(cut, marks=pytest.mark.defect(5, "A backup that was cut short is not restored")),
        pytest.param(flipped, marks=pytest.mark.defect(5, "A backup with a flipped bit is not restored")),
    ],
)
def test_a_damaged_backup_is_refused(stored: tuple[Peer, str], damage: Callable[[bytes], bytes]) -> None:
    project, name = stored
    backup = project.store / name
    backup.write_bytes(damage(backup.read_bytes()))
    run = project.manage("dbrestore", "--noinput", "-i", name)
    now = held(project.database)
    assert now == "the rows `now`", f"{said(run)}; the file holds {now}"
    assert run.code != 0, said(run)


@pytest.mark.defect(6, "In WAL mode everyone sees the restored rows, the running application too")
def test_a_restore_is_seen_by_open_and_new_connections(project: Peer) -> None:
    fill(project.database, ["stored"], wal=True)
    name = project.backed_up()
    with closing(sqlite3.connect(project.database)) as application:
        application.execute("UPDATE item SET name = 'now'")
        application.commit()
        run = project.manage("dbrestore", "--noinput", "-i", name)
        seen = held(project.database)
        assert seen == "the rows `stored`", f"{said(run)}; who opens the database sees {seen}"
        [(name,)] = application.execute("SELECT name FROM item")
        assert name == "stored", f"{said(run)}; the application sees `{name}`"


@pytest.mark.defect(17, "Answering `n` to the question of a restore has an exit status of its own")
def test_a_declined_restore_is_no_success(stored: tuple[Peer, str]) -> None:
    project, name = stored
    run = project.manage("dbrestore", "-i", name, stdin="n\n")
    assert held(project.database) == "the rows `now`", f"{said(run)}; the backup is restored"
    assert run.code not in (0, 1), said(run)


@pytest.mark.defect(17, "Enter alone, at the question of a restore, means no")
def test_an_empty_answer_restores_nothing(stored: tuple[Peer, str]) -> None:
    project, name = stored
    run = project.manage("dbrestore", "-i", name, stdin="\n")
    assert held(project.database) == "the rows `now`", f"{said(run)}; the backup is restored"


RESTORED_IN_A_PROCESS = """
from concurrent.futures import ThreadPoolExecutor
from django.core.management import call_command
from django.db import connections

def read(alias):
    with connections[alias].cursor() as cursor:
        return cursor.execute("SELECT name FROM item").fetchone()[0]

def write(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE item SET name = 'now'")
    return read(alias)

with ThreadPoolExecutor(1) as pool:
    run = lambda call, alias: {where}
    assert run(write, {alias!r}) == "now"
    call_command("dbrestore", interactive=False, verbosity=0, database={alias!r}, input_filename={name!r})
    print(run(read, {alias!r}))
"""


def seen_in_the_process(project: Peer, alias: str, where: str) -> str:
    """Restore in a process that has the database open in WAL mode; return the row that it reads then."""
    for path in project.databases.values():
        fill(path, ["stored"], wal=True)
    name = project.backed_up("-d", alias)
    return project.script(RESTORED_IN_A_PROCESS.format(alias=alias, name=name, where=where)).strip()


@pytest.mark.defect(18, "A process that restores into a second database reads the restored rows there")
def test_connections_of_other_aliases_see_the_restored_rows(two_databases: Peer) -> None:
    seen = seen_in_the_process(two_databases, "second", "call(alias)")
    assert seen == "stored", f"exit 0; its connection reads `{seen}`"


@pytest.mark.defect(18, "Other threads of a process that restores read the restored rows")
def test_connections_of_other_threads_see_the_restored_rows(project: Peer) -> None:
    seen = seen_in_the_process(project, "default", "pool.submit(call, alias).result()")
    assert seen == "stored", f"exit 0; the thread's connection reads `{seen}`"
