"""SQLite: the engine's own tool, run as a child process.

Two SQLite libraries in one process break each other's file locks (sqlite.org/howtocorrupt.html, 2.2.1), and
Django has loaded Python's already. So the project's database is never opened by the engine in this process:
a child reads and writes it, as ``pg_dump`` would.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from dbbackup import _engine
from dbbackup._engine import Tool
from dbbackup._units import human_bytes, human_seconds
from dbbackup.conf import get_settings
from dbbackup.db.base import BaseDBConnector, restores_whole_or_not_at_all
from dbbackup.exceptions import ConfigurationError, UnsupportedError

LOCK_TIMEOUT_SECONDS = 30
"""How long a restore waits for other connections' locks before it gives up with nothing changed."""


class SqliteBackupConnector(BaseDBConnector):
    """A SQLite file, page by page: consistent while the application writes, and byte-exact."""

    extension = "sqlite3"

    @property
    def database(self) -> str:
        """The file's name without its folder and what follows its first dot."""
        return self.path.name.split(".")[0]

    @property
    def path(self) -> Path:
        """The database file; absolute, links not followed."""
        return database_path(self.settings["NAME"], self.database_name)

    def describe_target(self) -> str:
        """Return the file's path, size and age."""
        try:
            found = self.path.stat()
        except OSError:
            return f"{self.path} (there is no such file yet)"
        age = human_seconds(time.time() - found.st_mtime)
        return f"{self.path} ({human_bytes(found.st_size)}, last changed {age} ago)"

    def restore_target(self) -> _engine.Target:
        """Return the tool, which the engine feeds itself; a class that overrides how is given the dump."""
        if self.restores_by_itself and type(self)._restore_dump is SqliteBackupConnector._restore_dump:  # noqa: SLF001 (its own)
            return self.load_tool()
        return super().restore_target()

    def _create_dump(self) -> Any:
        return self.stream(_engine.open_dump(self.dump_tool()))

    @restores_whole_or_not_at_all
    def _restore_dump(self, dump: Any) -> None:
        self.notes += _engine.load(self.load_tool(), dump)

    def dump_tool(self) -> Tool:
        """Return ``dbbackup sqlite-dump FILE``, with ``DBBACKUP_TMP_DIR`` for a snapshot if it needs one."""
        return _tool("sqlite-dump", str(self.path), "--tmp-dir", get_settings().tmp_dir)

    def load_tool(self) -> Tool:
        """Return ``dbbackup sqlite-load FILE``, which changes nothing before the end mark has arrived."""
        return _tool("sqlite-load", str(self.path), "--lock-timeout", str(LOCK_TIMEOUT_SECONDS))


def database_path(name: object, alias: str) -> Path:
    """Return the file behind a ``NAME``: a path, relative to the working directory, or a ``file:`` URI.

    Raises:
        ConfigurationError: There is no name, or the URI has none.
        UnsupportedError: The database lives in memory, or behind a VFS of the application's own.

    """
    text = os.fsdecode(name) if isinstance(name, (str, os.PathLike)) else ""
    path, parameters = _split_uri(text) if text.startswith("file:") else (text, {})
    if path == ":memory:" or "memory" in parameters.get("mode", []):
        message = (
            f"cannot back up or restore database `{alias}`: it lives in memory, which is not supported yet"
        )
        raise UnsupportedError(
            message,
            subject=alias,
        )
    if "vfs" in parameters:
        message = f"cannot back up or restore database `{alias}`: a `vfs` in its name is not supported yet"
        raise UnsupportedError(
            message,
            subject=alias,
        )
    if not path:
        message = f"the `NAME` of database `{alias}` must be a path or a `file:` URI, not `{name!r}`"
        raise ConfigurationError(message, subject=alias)
    return Path(path).absolute()


def interpreter() -> str:
    """Return the Python interpreter of this environment.

    ``sys.executable`` is not it in an embedding process such as uWSGI, and ``PATH`` may lead elsewhere.

    Raises:
        ConfigurationError: There is none where it should be.

    """
    if os.name == "nt":
        candidates = [Path(sys.prefix, "Scripts", "python.exe"), Path(sys.prefix, "python.exe")]
    else:
        names = ("python", "python3", f"python3.{sys.version_info.minor}")
        candidates = [Path(sys.prefix, "bin", name) for name in names]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return str(candidate)
    message = f"cannot find a Python interpreter that may be run in `{candidates[0].parent}`"
    raise ConfigurationError(
        message,
        subject=str(candidates[0]),
        hint="put a link to the interpreter there: a child process has to be started with it",
    )


def _tool(*arguments: str) -> Tool:
    import dbbackup

    package_home = Path(dbbackup.__path__[0]).absolute().parent
    argv = [interpreter(), "-P", "-m", "dbbackup", *arguments]
    return Tool(argv, env={"PYTHONPATH": str(package_home)})


def _split_uri(uri: str) -> tuple[str, dict[str, list[str]]]:
    # sqlite.org/uri.html: file:PATH?PARAMETERS#FRAGMENT, where PATH may start with //AUTHORITY.
    path, _, parameters = uri.removeprefix("file:").partition("#")[0].partition("?")
    if path.startswith("//"):
        _authority, slash, rest = path[2:].partition("/")
        path = slash + rest
    return unquote(path), parse_qs(parameters)
