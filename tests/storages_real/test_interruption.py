"""What is left when a run, or the server, dies or stops in the middle: no backup, a clear word, and no hanging."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.project import fill, pad, rows, wait_until
from tests.servers import PASSWORD, PROTOCOLS, Server, serving
from tests.storages_real.conftest import RemoteProject, names

MEBIBYTES = 32
"""More than the buffers on the way to a server take that does not answer: 8 MiB a part, or a socket's few."""

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(params=PROTOCOLS)
def own_server(request: pytest.FixtureRequest, tmp_path: Path, server_keys: Path) -> Iterator[Server]:
    """A server of each protocol in turn, for this test alone: it may stop it and kill it."""
    with serving(request.param, tmp_path / "served", server_keys) as server:
        server.folder("backups")
        yield server


@pytest.fixture(scope="session")
def large_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that takes a while to upload, to be copied."""
    path = tmp_path_factory.mktemp("large") / "db.sqlite3"
    fill(path, ["a"], wal=True)
    pad(path, MEBIBYTES)
    return path


@pytest.fixture
def large(tmp_path: Path, own_server: Server, large_database: Path) -> RemoteProject:
    """A project with a copy of it."""
    project = RemoteProject(tmp_path / "project")
    project.keep_backups_in(own_server, "backups")
    shutil.copy(large_database, project.database)
    return project


@pytest.fixture
def small(tmp_path: Path, own_server: Server) -> RemoteProject:
    """A project with a small database."""
    project = RemoteProject(tmp_path / "project")
    project.keep_backups_in(own_server, "backups")
    fill(project.database, ["a"])
    return project


@contextmanager
def uploading(project: RemoteProject, server: Server) -> Iterator[subprocess.Popen[str]]:
    """Start a backup; in the block the server is stopped, and has a part of the payload."""
    with project.running("dbbackup") as command:
        wait_until(lambda: command.poll() is not None or payload_bytes(server))
        server.pause()
        assert command.poll() is None, command.communicate()
        assert payload_bytes(server) < project.database.stat().st_size
        yield command


def payload_bytes(server: Server) -> int:
    """Bytes of the payload that have arrived, under whatever name."""
    sizes = []
    for path in (server.root / "backups").iterdir():
        with suppress(FileNotFoundError):
            sizes += [0] if path.suffix == ".metadata" else [path.stat().st_size]
    return max(sizes, default=0)


def hears(signal_number: int, command: subprocess.Popen[str], seconds: float = 15) -> tuple[int, str]:
    """Send a signal; the command has to end in time. Return its exit status and its standard error."""
    os.kill(command.pid, signal_number)
    _, err = command.communicate(timeout=seconds)
    assert "Traceback" not in err, err
    return command.returncode, err


def test_one_that_is_killed_is_never_listed(large: RemoteProject, own_server: Server) -> None:
    now = rows(large.database)
    with uploading(large, own_server) as command:
        command.kill()
        command.wait()
    own_server.go_on()
    own_server.settle()
    left = names(own_server.root / "backups")
    if own_server.protocol == "s3":
        assert left == []
    else:
        name, manifest = left
        assert manifest == f"{name}.metadata"
        assert '"writing"' in (own_server.root / "backups" / manifest).read_text()
        assert "it is still being written" in large.fails(4, "dbrestore", "--noinput", "-i", name)
    assert large.ok("listbackups", "-q") == ""
    assert rows(large.database) == now


def test_a_server_that_dies_is_a_failure_and_a_mail(large: RemoteProject, own_server: Server) -> None:
    large.configure('ADMINS = [("Ada", "ada@example.com")]')
    large.configure('EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"')
    large.configure('EMAIL_FILE_PATH = BASE_DIR / "mails"')
    with uploading(large, own_server) as command:
        own_server.kill()
        _, err = command.communicate(timeout=60)
    assert command.returncode == 1, err
    assert "Traceback" not in err, err
    assert err.startswith("CommandError: cannot write `default-host-"), err
    (mail,) = (large.root / "mails").iterdir()
    assert "dbbackup failed on host: cannot write" in mail.read_text().replace("\n ", " ")
    assert PASSWORD not in err + mail.read_text()


def test_one_that_is_terminated_leaves_nothing(large: RemoteProject, own_server: Server) -> None:
    with uploading(large, own_server) as command:
        command.send_signal(signal.SIGTERM)
        # In time for the rest of the upload, which takes a moment.
        own_server.go_on()
        _, err = command.communicate(timeout=15)
    own_server.settle()
    assert (command.returncode, err) == (143, "")
    assert names(own_server.root / "backups") == []


def test_control_c_is_heard_while_the_server_does_not_answer(
    large: RemoteProject, own_server: Server
) -> None:
    with uploading(large, own_server) as command:
        time.sleep(0.5)  # until the upload has all that it takes
        assert hears(signal.SIGINT, command) == (130, "interrupted\n")
    own_server.go_on()
    own_server.settle()
    assert large.ok("listbackups", "-q") == ""


def test_control_c_is_heard_while_connecting(small: RemoteProject, own_server: Server) -> None:
    own_server.pause()
    with small.running("listbackups") as process:
        wait_until(lambda: process.poll() is not None or has_connection(process.pid, own_server.port))
        time.sleep(0.2)
        assert hears(signal.SIGINT, process) == (130, "interrupted\n")


def test_control_c_is_heard_while_a_restore_waits_for_the_server(
    large: RemoteProject, own_server: Server
) -> None:
    now = rows(large.database)
    with restoring_slowly(large, own_server) as (command, slow):
        slow.pause()
        time.sleep(0.5)
        assert hears(signal.SIGINT, command) == (130, "interrupted\n")
    assert rows(large.database) == now
    assert not list(large.root.glob(".dbbackup-*"))


def test_a_server_that_dies_in_a_restore_changes_nothing(large: RemoteProject, own_server: Server) -> None:
    now = rows(large.database)
    with restoring_slowly(large, own_server) as (command, slow):
        slow.kill()
        _, err = command.communicate(timeout=60)
    assert command.returncode == 1, err
    # A thread of paramiko's, which asks for more ahead, may print its own complaint before.
    others, _, said = err.rpartition("CommandError: ")
    assert not others or "_prefetch_thread" in others, err
    assert said.startswith("cannot read `default-host-"), err
    assert "Traceback" not in said, err
    assert rows(large.database) == now
    assert not list(large.root.glob(".dbbackup-*"))


@contextmanager
def restoring_slowly(
    project: RemoteProject, server: Server
) -> Iterator[tuple[subprocess.Popen[str], Server]]:
    """Back up and start a restore; in the block, a part of it has been downloaded, and more than that has not."""
    project.ok("dbbackup", "-q")
    server.kill()
    with serving(server.protocol, server.root, server.keys, "--bwlimit", f"{MEBIBYTES // 10}M") as slow:
        project.keep_backups_in(slow, "backups")
        before = read_bytes(slow)
        with project.running("dbrestore", "--noinput") as command:
            wait_until(lambda: command.poll() is not None or read_bytes(slow) > before + 4 * 1024 * 1024)
            assert command.poll() is None, command.communicate()
            yield command, slow


def read_bytes(server: Server) -> int:
    """Bytes that the server has read so far, from its folder above all."""
    lines = Path(f"/proc/{server.process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def has_connection(process: int, port: int) -> bool:
    """Whether a process has a connection to a port of this machine."""
    with suppress(OSError):
        sockets = {str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()}
        for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[2].rpartition(":")[2], 16) == port and f"socket:[{fields[9]}]" in sockets:
                return True
    return False
