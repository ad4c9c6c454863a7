"""A restore in a process that has the database open already, which must not wait for itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.defects.world import Peer
from tests.project import Run

RESTORED_IN_A_PROCESS = """
from django.core.management import call_command
from django.db import connections

connection = connections["second"]
connection.set_autocommit(False)

def read():
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT name FROM {table}")
        return cursor.fetchone()[0]

assert read() == "now"
try:
    call_command("dbrestore", interactive=False, verbosity=0, database="second", input_filename={name!r})
finally:
    print(read())
"""


def restored_in_a_process(project: Peer, name: str, table: str) -> Run:
    """Restore into the alias ``second``, whose connection is open, and print what that reads afterwards."""
    (project.root / "script.py").write_text(RESTORED_IN_A_PROCESS.format(name=name, table=table))
    return project.manage(
        "shell", "--verbosity", "0", "--command", "import runpy; runpy.run_path('script.py')"
    )


@contextmanager
def impatient(end_waiting: Callable[[], list[str]]) -> Iterator[list[str]]:
    """End sessions that wait for another, again and again, as they would without an end; note which."""
    found: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            found.extend(end_waiting())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()
