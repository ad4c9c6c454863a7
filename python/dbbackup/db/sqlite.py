"""SQLite: pages by the engine's own tool, run as a child process, or SQL text by Python's library.

Two SQLite libraries in one process break each other's file locks (sqlite.org/howtocorrupt.html, 2.2.1), and
Django has loaded Python's already. So the project's database is never opened by the engine in this process:
a child reads and writes it, as ``pg_dump`` would. What lives in memory is reached from this process only, and
SQL text is made and run by the library that Django has.
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
from dbbackup.db._sqlite_connection import LOCK_TIMEOUT_SECONDS
from dbbackup.db._sqlite_load import load
from dbbackup.db._sqlite_memory import MemoryDump, restore
from dbbackup.db._sqlite_text import TextDump, text_file
from dbbackup.db.base import BaseDBConnector, RowsConnector, restores_whole_or_not_at_all
from dbbackup.exceptions import ConfigurationError, SourceError, UnsupportedError


class _SqliteConnector(BaseDBConnector):
    """What the connectors of SQLite have in common: where the database is."""

    @property
    def database(self) -> str:
        """The file's name without its folder and what follows its first dot; in memory what the URI says."""
        if self.path is None:
            path, _ = _parts(self.settings["NAME"])
            return path.rpartition("/")[2]
        return self.path.name.split(".")[0]

    @property
    def path(self) -> Path | None:
        """The database file; absolute, links not followed. ``None``: it is in memory, and ends with the process."""
        name = self.settings["NAME"]
        return None if is_in_memory(name) else database_path(name, self.database_name)

    def describe_target(self) -> str:
        """Return the file's path, size and age."""
        if self.path is None:
            return f"{self.engine}, `{self.settings['NAME']}` (in memory)"
        try:
            found = self.path.stat()
        except OSError:
            return f"{self.path} (there is no such file yet)"
        age = human_seconds(time.time() - found.st_mtime)
        return f"{self.path} ({human_bytes(found.st_size)}, last changed {age} ago)"


class SqliteBackupConnector(_SqliteConnector):
    """A SQLite database, page by page: consistent while the application writes, and byte-exact."""

    extension = "sqlite3"

    def restore_target(self) -> _engine.Target:
        """Return the tool, which the engine feeds itself; a class that overrides how is given the dump."""
        is_own = type(self)._restore_dump is SqliteBackupConnector._restore_dump  # noqa: SLF001 (its own)
        if self.path is not None and self.restores_by_itself and is_own:
            return self.load_tool()
        return super().restore_target()

    def _create_dump(self) -> Any:
        if self.path is None:
            return self.stream(MemoryDump(self))
        return self.stream(_engine.open_dump(self.dump_tool()))

    @restores_whole_or_not_at_all
    def _restore_dump(self, dump: Any) -> None:
        if self.path is None:
            self.notes += restore(self, dump, self.load_tool)
        else:
            self.notes += _engine.load(self.load_tool(), dump)

    def dump_tool(self) -> Tool:
        """Return ``dbbackup sqlite-dump FILE``, with ``DBBACKUP_TMP_DIR`` for a snapshot if it needs one."""
        return _tool(*self.dump_arguments())

    def dump_arguments(self) -> list[str]:
        """Return the arguments of that tool."""
        path = database_path(self.settings["NAME"], self.database_name)
        excluded = [f"--exclude={table}" for table in self.exclude]
        return ["sqlite-dump", str(path), "--tmp-dir", get_settings().tmp_dir, *excluded]

    def load_tool(self, path: Path | None = None) -> Tool:
        """Return ``dbbackup sqlite-load FILE``, which changes nothing before the end mark has arrived.

        Args:
            path: The file. Default: the database's.

        """
        return load_tool(path or database_path(self.settings["NAME"], self.database_name))


class SqliteCPConnector(SqliteBackupConnector):
    """The same with the extension ``dump``; django-dbbackup's copies the file even while it is written."""

    extension = "dump"


class SqliteConnector(_SqliteConnector, RowsConnector):
    """A SQLite database as SQL text, which ``sqlite3`` and django-dbbackup can run too.

    Its restores replace the rows that the backup has (see :func:`dbbackup.db._sqlite_load.load`).
    """

    extension = "dump"

    def _create_dump(self) -> Any:
        is_this = self.settings["NAME"] == self.connection.settings_dict["NAME"]
        if self.path is None or (is_this and self.connection.in_atomic_block):
            return self.stream(text_file(self))
        if not self.path.exists():
            message = f"cannot dump `{self.database_name}`: there is no file `{self.path}`"
            raise SourceError(message, subject=str(self.path))
        return self.stream(TextDump(self))

    @restores_whole_or_not_at_all
    def _restore_dump(self, dump: Any) -> None:
        self.notes += load(self, dump, self.path)


def load_tool(path: Path) -> Tool:
    """Return the tool that restores into any file, of the project or not (see `SqliteBackupConnector.load_tool`)."""
    return _tool("sqlite-load", str(path), "--lock-timeout", str(LOCK_TIMEOUT_SECONDS))


def database_path(name: object, alias: str) -> Path:
    """Return the file behind a ``NAME``: a path, relative to the working directory, or a ``file:`` URI.

    Raises:
        ConfigurationError: There is no name, or the URI has none.
        UnsupportedError: The database lives in memory, where there is no file, or behind a VFS.

    """
    path, parameters = _parts(name)
    if is_in_memory(name):
        message = f"the database `{alias}` has no file: it lives in memory"
        raise UnsupportedError(message, subject=alias)
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


def is_in_memory(name: object) -> bool:
    """Whether a ``NAME`` means memory: ``:memory:``, or a URI with that path or ``mode=memory``."""
    path, parameters = _parts(name)
    return path == ":memory:" or "memory" in parameters.get("mode", [])


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


def _parts(name: object) -> tuple[str, dict[str, list[str]]]:
    text = os.fsdecode(name) if isinstance(name, (str, os.PathLike)) else ""
    return _split_uri(text) if text.startswith("file:") else (text, {})


def _split_uri(uri: str) -> tuple[str, dict[str, list[str]]]:
    # sqlite.org/uri.html: file:PATH?PARAMETERS#FRAGMENT, where PATH may start with //AUTHORITY.
    path, _, parameters = uri.removeprefix("file:").partition("#")[0].partition("?")
    if path.startswith("//"):
        _authority, slash, rest = path[2:].partition("/")
        path = slash + rest
    return unquote(path), parse_qs(parameters)
