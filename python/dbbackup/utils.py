"""Helpers under the names that django-dbbackup gave them, for code that was written against it.

New code has no need of this module: connectors stream, storages take what they are given, and the engine
makes and reads names.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from django.db import connections
from django.http import HttpRequest
from django.utils import timezone

from dbbackup import notify
from dbbackup._manifest import added_keys, verdict_on
from dbbackup._naming import database_stem, local_now
from dbbackup._spool import (
    compress_file,
    create_spooled_temporary_file,
    encrypt_file,
    uncompress_file,
    unencrypt_file,
)
from dbbackup.conf import get_settings
from dbbackup.exceptions import DecryptionError, EncryptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    FAKE_HTTP_REQUEST: HttpRequest
    """What django-dbbackup showed to whoever formats mails of errors; made when it is asked for."""

__all__ = [
    "BYTES",
    "FAKE_HTTP_REQUEST",
    "PATTERN_MATCHNG",
    "REG_FILENAME_CLEAN",
    "DecryptionError",
    "EncryptionError",
    "bytes_to_str",
    "compress_file",
    "create_spooled_temporary_file",
    "datefmt_to_regex",
    "email_uncaught_exception",
    "encrypt_file",
    "filename_details",
    "filename_generate",
    "filename_to_date",
    "filename_to_datestring",
    "get_user_metadata",
    "handle_size",
    "mail_admins",
    "timestamp",
    "uncompress_file",
    "unencrypt_file",
    "validate_user_metadata",
]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

BYTES = (
    ("PiB", 1024.0**5),
    ("TiB", 1024.0**4),
    ("GiB", 1024.0**3),
    ("MiB", 1024.0**2),
    ("KiB", 1024.0),
    ("B", 1.0),
)
"""Units of `bytes_to_str`, the largest first."""

REG_FILENAME_CLEAN = re.compile(r"-+")
"""Becomes one ``-`` in the name of a backup."""

_NAME_IN_WORDS, _TWO_DIGITS = r"[A-Z][a-z]+", r"\d{2}"

PATTERN_MATCHNG = (
    *((directive, _NAME_IN_WORDS) for directive in ("%a", "%A", "%b", "%B")),
    *((directive, _TWO_DIGITS) for directive in ("%d", "%m", "%y", "%H", "%I", "%M", "%S", "%U", "%W")),
    ("%w", r"\d"),
    ("%Y", r"\d{4}"),
    ("%f", r"\d{6}"),
    ("%j", r"\d{3}"),
    ("%p", r"[AaPp][Mm]"),
    ("%%", "%"),
)
"""Directives of ``strftime`` that can be found in a name again, and how. (The name is django-dbbackup's.)"""


def bytes_to_str(byte_val: float, decimals: int = 1) -> str:
    """Return a number of bytes in the largest unit that fits: ``3.1 MiB``, ``512.0 B``."""
    for unit, size in BYTES:
        if byte_val >= size:
            return f"{round(byte_val / size, decimals) if decimals else round(byte_val / size)} {unit}"
    return f"{byte_val} B"


def handle_size(filehandle: Any) -> str:
    """Return the size of a file object, as `bytes_to_str` writes it. The file stays where it stands."""
    if hasattr(filehandle, "size"):
        return bytes_to_str(filehandle.size)
    here = filehandle.tell()
    filehandle.seek(0, os.SEEK_END)
    size = filehandle.tell()
    filehandle.seek(here)
    return bytes_to_str(size)


def mail_admins(
    subject: str,
    message: str,
    fail_silently: bool = False,
    connection: Any = None,
    html_message: str | None = None,
) -> None:
    """Mail to ``DBBACKUP_ADMINS``, by default ``ADMINS``; nothing happens where there are none."""
    notify.mail_admins(
        subject, message, fail_silently=fail_silently, connection=connection, html_message=html_message
    )


def email_uncaught_exception(func: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Decorate a function: an exception that leaves it is logged and mailed to the admins, and goes on.

    There is one mail: none is sent where the project's own logging sends it, or ``DBBACKUP_SEND_EMAIL`` is
    false. The mail holds the traceback and no values of variables. This thread's connections to the databases
    are closed in the end.
    """

    @wraps(func)
    def wrapper(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        try:
            return func(*args, **kwargs)
        except Exception as error:
            notify.report_failure(func.__name__, error)
            raise
        finally:
            connections.close_all()

    return wrapper


def timestamp(value: datetime) -> str:
    """Return a time as ``DBBACKUP_DATE_FORMAT`` writes it; an aware one as the local time of the project."""
    local = value if timezone.is_naive(value) else timezone.localtime(value)
    return local.strftime(get_settings().date_format)


def filename_details(filepath: str) -> str:  # noqa: ARG001 (as in django-dbbackup)
    """Return an empty text, as it always did."""
    return ""


def datefmt_to_regex(datefmt: str) -> re.Pattern[str]:
    """Return a pattern that finds dates of a ``strftime`` format; its first group is the date."""
    directives = dict(PATTERN_MATCHNG)
    parts = (directives.get(part) or re.escape(part) for part in re.split(r"(%.)", datefmt))
    return re.compile(f"({''.join(parts)})")


def filename_to_datestring(filename: str, datefmt: str | None = None) -> str | None:
    """Return the first part of a name that looks like a date of `datefmt`, or of ``DBBACKUP_DATE_FORMAT``."""
    found = datefmt_to_regex(datefmt or get_settings().date_format).search(filename)
    return found[1] if found else None


def filename_to_date(filename: str, datefmt: str | None = None) -> datetime | None:
    """Return the date in a name, naive as the name has it; ``None`` if there is none, or none that exists."""
    datefmt = datefmt or get_settings().date_format
    date = filename_to_datestring(filename, datefmt)
    if date is None:
        return None
    try:
        return datetime.strptime(date, datefmt)  # noqa: DTZ007 (names have no zone)
    except ValueError:
        return None


def filename_generate(
    extension: str,
    database_name: str = "",
    servername: str | None = None,
    content_type: str = "db",
    wildcard: str | None = None,
) -> str:
    """Return the name that a backup made now gets, before the suffixes of a compression or encryption.

    Args:
        extension: What it ends in, without the dot.
        database_name: The alias; of a path, the file's name up to its first dot.
        servername: Default: ``DBBACKUP_HOSTNAME``.
        content_type: ``db``, or ``media``, which has a template of its own.
        wildcard: A text that takes the date's place.

    """
    settings = get_settings()
    template = settings.media_filename_template if content_type == "media" else settings.filename_template
    parts = {
        "servername": servername or settings.hostname,
        "datetime": wildcard or local_now(settings.time_zone).strftime(settings.date_format),
        "databasename": database_stem(database_name) if content_type == "db" else database_name,
        "extension": extension,
        "content_type": content_type,
    }
    if callable(template):
        return template(**parts)
    return REG_FILENAME_CLEAN.sub("-", template.format(**parts)).removeprefix("-")


def get_user_metadata(metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what ``DBBACKUP_BACKUP_METADATA_SETTER`` makes of a copy of `metadata`; without one, nothing.

    Raises:
        ConfigurationError: It cannot be called, it failed, or it returned something else than an object of JSON.

    """
    return added_keys(metadata or {}, get_settings())


def validate_user_metadata(metadata: dict[str, Any]) -> bool | None:
    """Return what ``DBBACKUP_RESTORE_METADATA_VALIDATOR`` says of a copy of `metadata`; without one, yes.

    Raises:
        ConfigurationError: It cannot be called, or its verdict is neither True, False nor None.
        RefusedError: It raised an exception, which is a no with a reason.

    """
    return verdict_on(metadata, get_settings())


def __getattr__(name: str) -> Any:
    """Return the one name that needs settings."""
    if name == "FAKE_HTTP_REQUEST":
        request = HttpRequest()
        request.META |= {"SERVER_NAME": "", "SERVER_PORT": "", "HTTP_HOST": get_settings().hostname}
        request.path = "/DJANGO-DBBACKUP-EXCEPTION"
        return request
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
