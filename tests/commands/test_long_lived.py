"""Inside processes that live long: threads, forks, workers. Nothing of the host is replaced, and nothing grows."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.project import Project, fill, rows

ROOT = Path(__file__).parents[2]


def run(project: Project, script: str, timeout: int = 120) -> str:
    """Run a script inside the project's process; it must end well. Return what it printed."""
    prelude = (
        "import os, sys\n"
        f"sys.path[:0] = [{str(project.root)!r}, {str(ROOT)!r}]\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'config'\n"
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", prelude + script],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def four(tmp_path: Path) -> Project:
    """A project with four databases."""
    aliases = ["default", "b", "c", "d"]
    project = Project(tmp_path / "project", {alias: f"{alias}.sqlite3" for alias in aliases})
    for alias in aliases:
        fill(project.databases[alias], [alias])
    return project


def test_threads_back_up_and_restore_at_once(four: Project) -> None:
    run(
        four,
        """
from concurrent.futures import ThreadPoolExecutor
import signal
before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

def work(alias):
    for _ in range(3):
        call_command("dbbackup", "-q", "-z", "-d", alias)
        call_command("dbrestore", "-q", "--noinput", "-d", alias)

with ThreadPoolExecutor(4) as pool:
    for done in [pool.submit(work, alias) for alias in ("default", "b", "c", "d")]:
        done.result()
assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
""",
    )
    for alias, path in four.databases.items():
        assert rows(path) == [(1, alias)]
    assert len(four.backups()) == 12


def test_forked_workers_go_on_where_their_parent_was(four: Project) -> None:
    run(
        four,
        """
call_command("dbbackup", "-q", "-d", "default")
children = []
for alias in ("default", "b", "c", "d"):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            call_command("dbbackup", "-q", "-z", "-d", alias)
            call_command("dbrestore", "-q", "--noinput", "-d", alias)
            status = 0
        finally:
            os._exit(status)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
call_command("dbrestore", "-q", "--noinput", "-d", "default")
""",
    )
    assert len(four.backups()) == 5


def test_the_hosts_signal_handlers_work_during_a_call(project: Project) -> None:
    fill(project.database, ["a"])
    with closing(sqlite3.connect(project.database)) as connection, connection:
        connection.execute("CREATE TABLE padding AS SELECT zeroblob(30000000) AS bytes")
    out = run(
        project,
        """
import signal, threading
heard = []
mine = lambda number, frame: heard.append(number)
signal.signal(signal.SIGUSR1, mine)
timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGUSR1))
timer.start()
call_command("dbbackup", "-q", "-z")
timer.join()
assert heard == [signal.SIGUSR1] and signal.getsignal(signal.SIGUSR1) is mine
print("heard")
""",
    )
    assert out == "heard\n"


GROWTH = """
import gc, resource
from pathlib import Path

def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def work(count):
    for _ in range(count):
        call_command("dbbackup", "-q", "-o", "one", database="default")
        call_command("dbrestore", "-q", "--noinput", "-d", "default", "-i", "one")

work({warm})
before = resident()
work({count})
grown = resident() - before
assert grown < 2_000_000, grown
print("did not grow")
"""

OVERWRITING = (
    'STORAGES["dbbackup"] = {"BACKEND": "tests.storages.Overwriting", '
    '"OPTIONS": {"location": BASE_DIR / "backups"}}'
)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_thousand_calls_leave_no_memory_behind(project: Project) -> None:
    """Of a connector and a storage in Python: the way with the most objects that could stay."""
    fill(project.database, ["a"])
    project.configure(OVERWRITING)
    project.configure('DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": "tests.own_connectors.ByHand"}}')
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    script = GROWTH.format(warm=20, count=500).replace('"-i", "one")', '"-i", "one", "--no-safety-backup")')
    assert run(project, script, timeout=270) == "did not grow\n"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_calls_that_run_the_sqlite_tool_leave_no_memory_and_no_children_behind(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure(OVERWRITING)
    script = GROWTH.format(warm=5, count=50) + 'print(len(os.listdir("/proc/self/fd")))'
    script = 'print(len(os.listdir("/proc/self/fd")))\n' + script
    before, told, after = run(project, script).splitlines()
    assert (told, int(after) - int(before) <= 1) == ("did not grow", True)
