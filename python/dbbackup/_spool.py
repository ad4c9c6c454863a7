"""Temporary files, for what has to be seekable; and what django-dbbackup's helpers did with them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import Any

from dbbackup import _engine
from dbbackup._encryption import recipients, unlocking
from dbbackup._file import CHUNK_BYTES
from dbbackup.conf import get_settings
from dbbackup.exceptions import (
    ConfigurationError,
    CorruptBackupError,
    DecryptionError,
    EncryptionError,
    WrongKeyError,
)

GZIP_LEVEL = 6
"""gzip's own default. Python's 9 takes twice the time for one per cent."""


class TemporaryFile(SpooledTemporaryFile[bytes]):
    """A temporary file that may be forgotten: connectors leave open what they were given and do not need."""

    def __del__(self) -> None:
        # The inherited method warns.
        self.close()


def spooled_file() -> TemporaryFile:
    """Return a new file: up to ``DBBACKUP_TMP_FILE_MAX_SIZE`` in memory, then in ``DBBACKUP_TMP_DIR``.

    Raises:
        ConfigurationError: A maximum of 0 sends it there at once, and no file can be made there.

    """
    # Python's class takes a maximum of 0 for none.
    return _new_file() if get_settings().tmp_file_max_size else disk_file()


def disk_file() -> TemporaryFile:
    """Return a new file in ``DBBACKUP_TMP_DIR``, which a program can write to.

    Raises:
        ConfigurationError: No file can be made there.

    """
    file = _new_file()
    try:
        file.rollover()
    except OSError as error:
        file.close()
        folder = get_settings().tmp_dir
        message = f"cannot make a temporary file in `{folder}`: {error.strerror}"
        hint = "name a folder that can be written in `DBBACKUP_TMP_DIR`"
        raise ConfigurationError(message, subject=folder, hint=hint) from error
    return file


def create_spooled_temporary_file(filepath: str | Path | None = None, fileobj: Any = None) -> TemporaryFile:
    """Return a temporary file with the content of a file, if one is given. It stands behind that content.

    Args:
        filepath: The path of a file.
        fileobj: A binary file; all of it is copied, wherever it stands.

    """
    copy = spooled_file()
    try:
        if filepath:
            with Path(filepath).open("rb") as file:
                copyfileobj(file, copy, CHUNK_BYTES)
        elif fileobj is not None:
            fileobj.seek(0)
            copyfileobj(fileobj, copy, CHUNK_BYTES)
    except BaseException:
        copy.close()
        raise
    return copy


def compress_file(inputfile: Any, filename: str) -> tuple[TemporaryFile, str]:
    """Compress with gzip. Return a temporary file, at its beginning, and the name with ``.gz``."""
    packed = spooled_file()
    try:
        inputfile.seek(0)
        with gzip.GzipFile(filename=filename, fileobj=packed, mode="wb", compresslevel=GZIP_LEVEL) as gzipped:
            copyfileobj(inputfile, gzipped, CHUNK_BYTES)
        packed.seek(0)
    except BaseException:
        packed.close()
        raise
    return packed, f"{filename}.gz"


def uncompress_file(inputfile: Any, filename: str) -> tuple[TemporaryFile, str]:
    """Uncompress a gzip file. Return a temporary file, at its beginning, and the file name without ``.gz``.

    Raises:
        CorruptBackupError: It is damaged, cut short, or no gzip file.

    """
    plain = spooled_file()
    try:
        inputfile.seek(0)
        with gzip.GzipFile(fileobj=inputfile, mode="rb") as gzipped:
            copyfileobj(gzipped, plain, CHUNK_BYTES)
        if not inputfile.tell():  # no file at all is no error to Python's gzip
            raise EOFError("it is empty")
        plain.seek(0)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        plain.close()
        message = f"cannot uncompress `{filename}`: {error}"
        raise CorruptBackupError(message, subject=filename) from error
    except BaseException:
        plain.close()
        raise
    return plain, Path(filename).name.removesuffix(".gz")


def encrypt_file(inputfile: Any, filename: str) -> tuple[TemporaryFile, str]:
    """Encrypt a binary file for ``DBBACKUP_GPG_RECIPIENT``. Return a temporary file, and the name with ``.gpg``.

    Raises:
        ConfigurationError: The setting names nobody, or there is no ``gpg``.
        EncryptionError: A key is missing or cannot be used.

    """
    inputfile.seek(0)
    try:
        sealed = _engine.encrypt_stream(inputfile, recipients=recipients(get_settings()))
        return _spooled(sealed), f"{Path(filename).name}.gpg"
    except WrongKeyError as error:
        raise EncryptionError(str(error), subject=filename, hint=error.hint) from error


def unencrypt_file(inputfile: Any, filename: str, passphrase: str | None = None) -> tuple[TemporaryFile, str]:
    """Decrypt a file. Return a temporary file, at its beginning, and the file name without ``.gpg``.

    On a terminal a passphrase that is needed and missing is asked for.

    Raises:
        ConfigurationError: There is no ``gpg``.
        CorruptBackupError: It is damaged, cut short, or not encrypted.
        DecryptionError: The secret key or the passphrase is missing, or the wrong one.

    """

    def read(passphrase: str | None) -> TemporaryFile:
        inputfile.seek(0)
        return _spooled(_engine.decrypt_stream(inputfile, passphrase=passphrase))

    try:
        plain, _ = unlocking(filename, passphrase, may_ask=True, read=read)
    except WrongKeyError as error:
        raise DecryptionError(str(error), kind=error.kind, subject=filename, hint=error.hint) from error
    return plain, Path(filename).name.removesuffix(".gpg")


def _spooled(stream: _engine.Stream) -> TemporaryFile:
    copy = spooled_file()
    try:
        while part := stream.read(CHUNK_BYTES):
            copy.write(part)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    finally:
        stream.close()
    return copy


def _new_file() -> TemporaryFile:
    settings = get_settings()
    return TemporaryFile(max_size=settings.tmp_file_max_size, dir=settings.tmp_dir)
