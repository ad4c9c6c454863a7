"""A disk that fills up, the server's or the store's: a clear word, what was there stays, and with room it works."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.databases_real.conftest import NewProject
from tests.postgres import Database, Server, literal

pytestmark = pytest.mark.timeout(120)  # many processes each

FILL = """\
CREATE TABLE padding (id serial PRIMARY KEY, bytes text);
ALTER TABLE padding ALTER bytes SET STORAGE EXTERNAL;
INSERT INTO padding (bytes) SELECT repeat(md5(n::text), 1000) FROM generate_series(1, 200) AS n;
"""
"""About 6 MiB."""


class SmallDisk:
    """A file system of its own, which is soon full."""

    def __init__(self, mebibytes: int) -> None:
        # Somebody else's server has to pass, and pytest's folders are for the user alone.
        self.path = Path(tempfile.mkdtemp(prefix="dbbackup-disk-", dir="/tmp"))
        self._mount("-t", "tmpfs", "-o", f"size={mebibytes}m,mode=711", "dbbackup-test")

    def grow(self, mebibytes: int) -> None:
        """Give it more room."""
        self._mount("-o", f"remount,size={mebibytes}m")

    def leave(self, kibibytes: int) -> None:
        """Fill it up but for some room."""
        room = shutil.disk_usage(self.path).free - kibibytes * 1024
        (self.path / "filler").write_bytes(b"1" * room)

    def close(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", self.path], check=False)
        self.path.rmdir()

    def _mount(self, *arguments: str) -> None:
        done = subprocess.run(["mount", *arguments, self.path], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        self.path.rmdir()
        reason = f"a small disk cannot be mounted here (root can): {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """A disk of 28 MiB."""
    small = SmallDisk(28)
    yield small
    small.close()


@contextmanager
def database_on(disk: SmallDisk, server: Server) -> Iterator[Database]:
    """Make a database whose tables are on the disk. The server's log of changes is not."""
    folder = disk.path / "tablespace"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    server.psql("postgres", f"CREATE TABLESPACE small LOCATION {literal(str(folder))}")
    try:
        with server.database("shop", owner="keeper", password="keepers") as database:
            server.psql("postgres", "ALTER DATABASE shop SET TABLESPACE small")
            database.psql(f"SET ROLE keeper; {FILL}")
            yield database
    finally:
        server.psql("postgres", "DROP TABLESPACE small")


@pytest.mark.parametrize("connector", ["PgDumpBinaryConnector", "PgDumpConnector"])
def test_a_full_disk_of_the_server_is_told_and_changes_nothing(
    postgres_15: Server, new_project: NewProject, disk: SmallDisk, connector: str
) -> None:
    with database_on(disk, postgres_15) as database:
        project = new_project(database, CONNECTOR=f"dbbackup.db.postgresql.{connector}")
        project.ok("dbbackup", "-z")
        backed_up = database.dump_text()
        database.psql(
            "SET ROLE keeper; UPDATE padding SET bytes = 'now' WHERE id = 1; CREATE TABLE later (a int)"
        )
        before = database.dump_text()
        disk.leave(4 * 1024)
        run = project.manage("dbrestore", "--noinput")
        assert run.code == 1, run
        assert "No space left on device" in run.err, run
        assert "hint: make room on the server; nothing was changed" in run.err
        assert "Traceback" not in run.err
        assert database.dump_text() == before
        # Sessions that went on while it failed still work.
        database.psql("INSERT INTO later VALUES (1)")
        disk.grow(64)
        project.ok("dbrestore", "--noinput")
        assert database.dump_text() == backed_up


def test_a_full_disk_of_the_server_has_a_kind_on_the_command_line(
    postgres_15: Server, disk: SmallDisk, tmp_path: Path
) -> None:
    with database_on(disk, postgres_15) as database:
        store = f"--to={tmp_path / 'store'}"
        assert dbbackup("backup", database.url, store).returncode == 0
        before = database.dump_text()
        disk.leave(4 * 1024)
        restore = ("restore", f"--from={tmp_path / 'store'}", "--into", database.url, "--yes", "--json")
        done = dbbackup(*restore)
        assert done.returncode == 1, done
        assert '"kind": "no_space"' in done.stdout
        assert database.dump_text() == before
        disk.grow(64)
        assert dbbackup(*restore).returncode == 0
        assert database.dump_text() == before


@pytest.mark.parametrize("flag", [(), ("-z",)], ids=["plain", "gzip"])
def test_a_full_disk_of_the_store_keeps_what_it_has_and_gets_no_more(
    postgres_15: Server, new_project: NewProject, disk: SmallDisk, flag: tuple[str, ...]
) -> None:
    with postgres_15.database("shop", owner="keeper", password="keepers") as database:
        database.psql(f"SET ROLE keeper; {FILL}")
        project = new_project(database)
        project.store = disk.path / "backups"
        project.configure(f"STORAGES['dbbackup']['OPTIONS']['location'] = {str(project.store)!r}")
        project.ok("dbbackup", *flag)
        before = {name: (project.store / name).read_bytes() for name in project.files()}
        disk.leave(8)
        run = project.manage("dbbackup", *flag)
        assert run.code == 1, run
        assert "No space left on device" in run.err, run
        assert {name: (project.store / name).read_bytes() for name in project.files()} == before
        assert database.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'keeper'") == "0\n"
        (disk.path / "filler").unlink()
        project.ok("dbbackup", *flag)
        assert len(project.backups()) == 2


def dbbackup(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dbbackup", *arguments],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
