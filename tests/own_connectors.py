"""Connectors as projects write them, on both base classes."""

from __future__ import annotations

import gzip
import io
import shutil
from pathlib import Path
from typing import Any

from dbbackup.db.base import BaseCommandDBConnector, BaseDBConnector
from dbbackup.db.sqlite import SqliteBackupConnector

MARK = b"dumped by hand\n"
LIKE_ENCRYPTED = b"\x85\x01\x0c\x03"


class ByHand(BaseDBConnector):
    """Copies the file, after a line of its own."""

    extension = "hand"

    def _create_dump(self) -> Any:
        return io.BytesIO(MARK + Path(self.settings["NAME"]).read_bytes())

    def _restore_dump(self, dump: Any) -> None:
        assert dump.readline() == MARK
        self.connection.close()
        with Path(self.settings["NAME"]).open("wb") as file:
            shutil.copyfileobj(dump, file)


class Packed(BaseDBConnector):
    """Makes dumps that are gzip files themselves."""

    extension = "packed"

    def _create_dump(self) -> Any:
        return io.BytesIO(gzip.compress(Path(self.settings["NAME"]).read_bytes()))

    def _restore_dump(self, dump: Any) -> None:
        content = gzip.decompress(dump.read())
        self.connection.close()
        Path(self.settings["NAME"]).write_bytes(content)


class LikeEncrypted(ByHand):
    """Makes dumps that begin as an OpenPGP message does."""

    extension = "odd"

    def _create_dump(self) -> Any:
        return io.BytesIO(LIKE_ENCRYPTED + Path(self.settings["NAME"]).read_bytes())

    def _restore_dump(self, dump: Any) -> None:
        assert dump.read(len(LIKE_ENCRYPTED)) == LIKE_ENCRYPTED
        content = dump.read()
        self.connection.close()
        Path(self.settings["NAME"]).write_bytes(content)


class Seeking(ByHand):
    """Uses everything that django-dbbackup's spooled file could do."""

    def _restore_dump(self, dump: Any) -> None:
        dump.seek(0)
        assert dump.size == dump.seek(0, io.SEEK_END) == dump.tell()
        dump.seek(0)
        assert dump.mode == "rb"
        assert dump.name
        super()._restore_dump(dump.file)


class ByCommand(BaseCommandDBConnector):
    """Copies the file with the tools of the system."""

    extension = "copy"

    def _create_dump(self) -> Any:
        stdout, _stderr = self.run_command(f"cat '{self.settings['NAME']}'")
        return stdout

    def _restore_dump(self, dump: Any) -> None:
        self.connection.close()
        self.run_command(f"tee '{self.settings['NAME']}'", stdin=dump)


class Failing(ByHand):
    """Overwrites a part of the file and gives up."""

    def _restore_dump(self, dump: Any) -> None:
        self.connection.close()
        with Path(self.settings["NAME"]).open("r+b") as file:
            file.write(b"half a backup")
        message = "the tool crashed"
        raise ValueError(message)


class Text(ByHand):
    """Returns text where bytes belong."""

    def _create_dump(self) -> Any:
        return io.StringIO("text")


class Nothing(BaseDBConnector):
    """Implements nothing."""


class Telling(SqliteBackupConnector):
    """Does what its parent does, and says so."""

    def _create_dump(self) -> Any:
        print("dumping")  # noqa: T201
        return super()._create_dump()

    def _restore_dump(self, dump: Any) -> None:
        print("restoring")  # noqa: T201
        super()._restore_dump(dump)


class AtItsEnd(ByHand):
    """Returns the file that it has just written, at its end."""

    def _create_dump(self) -> Any:
        file = io.BytesIO()
        file.write(super()._create_dump().read())
        return file


class Masking(SqliteBackupConnector):
    """Changes the bytes of its parent's dump on the way."""

    extension = "masked"

    def _create_dump(self) -> Any:
        return _Masked(super()._create_dump())


class _Masked:
    def __init__(self, dump: Any) -> None:
        self._dump = dump

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dump, name)

    def read(self, size: int) -> bytes:
        return bytes(byte ^ 7 for byte in self._dump.read(size))
