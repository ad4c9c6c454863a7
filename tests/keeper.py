"""Keeps a real database server as long as the process lives that uses it, however that ends.

The scripts are those of the Rust tests: ``keeper.sh`` in ``crates/testkit/src`` and the one of the server's kind.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

import pytest

from tests.servers import ATTEMPTS, free_port

PASSWORD = "secret of the server: 100%/'@\"\\"
"""Of the superusers, and of everybody without another. It must never be printed."""

ROOT = Path(__file__).parent.parent

SCRIPTS = ROOT / "crates/testkit/src"


@contextmanager
def keeping(
    kind: str, programs: Path, password: str, *options: str, home: str = "/tmp"
) -> Iterator[tuple[Path, int]]:
    """Start a server, return its folder and its port, and end it and all that it kept after the block.

    Args:
        kind: Its script: ``postgres`` or ``mysql``.
        programs: The folder of its programs.
        password: The superuser's.
        options: What its script takes.
        home: Where its folder is made.

    """
    folder, port, users = _start(kind, programs, password, options, home)
    try:
        yield folder, port
    finally:
        users.close()
        wait_until_gone(folder)


def require_keeper() -> None:
    """Skip the test with the reason, or fail it in CI, where the scripts cannot run."""
    for tool in ("setsid", "setpriv", "flock"):
        if shutil.which(tool) is None:
            is_missing(f"there is no `{tool}`: apt-get install util-linux")


def is_missing(reason: str) -> NoReturn:
    """Skip the test with the reason, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def wait_until_gone(path: Path) -> None:
    """Wait until there is no such file or folder."""
    deadline = time.monotonic() + 20
    while path.exists():
        assert time.monotonic() < deadline, f"`{path}` is still there"
        time.sleep(0.01)


def _start(
    kind: str, programs: Path, password: str, options: tuple[str, ...], home: str
) -> tuple[Path, int, IO[bytes]]:
    script = "".join((SCRIPTS / name).read_text() for name in (f"{kind}.sh", "keeper.sh"))
    said = ""
    for _ in range(ATTEMPTS):
        # The socket lies in it, whose path may have 107 bytes.
        folder = Path(tempfile.mkdtemp(prefix=f"dbbackup-{kind}-", dir=home))
        # The server's user has to pass.
        folder.chmod(0o711)
        file = folder / "password"
        file.touch(mode=0o600)
        file.write_text(password)
        users = (folder / "users").open("ab")
        fcntl.flock(users, fcntl.LOCK_EX)
        port = free_port()
        said = subprocess.run(
            ["setsid", "--fork", "sh", "-c", script, "keeper", folder, programs, str(port), "0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        if said == "ready\n":
            return folder, port, users
        users.close()
        shutil.rmtree(folder)
    message = f"cannot start {kind}: {said}"
    raise RuntimeError(message)
