"""Every failure, as one tree under :class:`DbbackupError`.

::

    DbbackupError
    ├── ConfigurationError      config         also django's ImproperlyConfigured
    ├── StorageError            read, write, no_space, of the storage
    │   ├── BackupNotFoundError     not_found
    │   └── BackupExistsError       already_exists
    ├── ConnectorError          what connectors raise
    │   ├── DumpError
    │   ├── RestoreError
    │   ├── SourceError             read, write, no_space, of a database or a file
    │   └── CommandConnectorError
    │       └── ToolError               tool
    ├── WrongKeyError           key, passphrase
    │   ├── EncryptionError         of the helpers in `dbbackup.utils`
    │   └── DecryptionError
    ├── CorruptBackupError      corrupt
    ├── UnsupportedError        unsupported
    ├── BusyError               busy
    ├── RefusedError            refused
    ├── AccessDeniedError       denied
    └── InternalError           bug

An interruption is no failure: ``KeyboardInterrupt`` and ``SystemExit`` pass through as they are.
"""

import errno
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or "django" in sys.modules:
    from django.core.exceptions import ImproperlyConfigured
else:

    class ImproperlyConfigured(Exception):  # noqa: N818 (Django's name)
        """Stands in for Django's class of this name in a process that has no Django."""


class DbbackupError(Exception):
    """A failure that the user can understand. Its text is one message with its causes, without the hint.

    Args:
        message: What could not be done, to what, and why. Lower case, no full stop.
        kind: What can be handled, one of the words in the tree above; by default the class's own.
        stage: The stage of the line that failed (``source``, ``compress``, ``encrypt``, ``store``, …).
        subject: The file, backup or database that it is about.
        hint: What to do about it, one sentence.
        retry: Whether the same call may succeed later.

    """

    kind: str = "bug"
    stage: str | None = None
    subject: str | None = None
    hint: str | None = None
    retry: bool = False

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        stage: str | None = None,
        subject: str | None = None,
        hint: str | None = None,
        retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        given = {"kind": kind, "stage": stage, "subject": subject, "hint": hint, "retry": retry}
        self.__dict__.update({name: value for name, value in given.items() if value is not None})

    @property
    def exit_code(self) -> int:
        """The exit status that stands for this kind of failure, on the command line and in Django."""
        from dbbackup import _engine

        return _engine.exit_code(self.kind)

    def for_terminal(self) -> str:
        """Return the message, what it is about unless it says so, and the hint on a line of its own."""
        text = str(self)
        if self.subject and self.subject not in text:
            text = f"{text} (`{self.subject}`)"
        return f"{text}\nhint: {self.hint}" if self.hint else text


class ConfigurationError(DbbackupError, ImproperlyConfigured):
    """A setting, an option or an argument cannot be used."""

    kind = "config"


class StorageError(DbbackupError):
    """The storage of the backups could not be read or written."""

    kind = "write"
    stage = "store"


class BackupNotFoundError(StorageError):
    """No such backup, or none that fits."""

    kind = "not_found"


class BackupExistsError(StorageError):
    """The name is taken."""

    kind = "already_exists"


class ConnectorError(DbbackupError):
    """A database could not be dumped or restored."""

    kind = "tool"


class DumpError(ConnectorError):
    """A database could not be dumped."""


class RestoreError(ConnectorError):
    """A database could not be restored."""


class SourceError(ConnectorError):
    """A database, or a file that is not in the storage, could not be read or written."""

    kind = "read"


class CommandConnectorError(ConnectorError):
    """A command of a connector failed."""


class ToolError(CommandConnectorError):
    """A child process failed. The text has its exit status and its last words, never its environment."""


class WrongKeyError(DbbackupError):
    """A key or a passphrase is missing, or the wrong one, to encrypt or to decrypt."""

    kind = "key"


class EncryptionError(WrongKeyError):
    """A file could not be encrypted."""


class DecryptionError(WrongKeyError):
    """A file could not be decrypted."""


class CorruptBackupError(DbbackupError):
    """The backup is damaged, incomplete or no backup. Nothing was changed."""

    kind = "corrupt"


class UnsupportedError(DbbackupError):
    """Something that is not supported, or not yet."""

    kind = "unsupported"


class BusyError(DbbackupError):
    """A lock is held by someone else. The same call may succeed later."""

    kind = "busy"
    retry = True


class RefusedError(DbbackupError):
    """A check before the work said no. Nothing was changed."""

    kind = "refused"


class AccessDeniedError(DbbackupError):
    """Credentials or rights are missing."""

    kind = "denied"


class InternalError(DbbackupError):
    """A bug in dbbackup."""

    kind = "bug"
    hint = "this is a bug in dbbackup: please report it with the text above"


_BY_KIND: dict[str, type[DbbackupError]] = {
    "config": ConfigurationError,
    "not_found": BackupNotFoundError,
    "already_exists": BackupExistsError,
    "key": WrongKeyError,
    "passphrase": WrongKeyError,
    "corrupt": CorruptBackupError,
    "unsupported": UnsupportedError,
    "tool": ToolError,
    "busy": BusyError,
    "refused": RefusedError,
    "denied": AccessDeniedError,
    "bug": InternalError,
}

_INPUT_OUTPUT_KINDS = ("read", "write", "no_space")


def in_words(error: BaseException) -> str:
    """Return what a failure is, for a terminal or a mail."""
    return error.for_terminal() if isinstance(error, DbbackupError) else f"{type(error).__name__}: {error}"


def kind_of(exception: BaseException) -> str | None:
    """Return what kind of failure an exception is, where it tells. Called by the engine."""
    if isinstance(exception, DbbackupError):
        return exception.kind
    if isinstance(exception, PermissionError):
        return "denied"
    if isinstance(exception, FileNotFoundError):
        return "not_found"
    if isinstance(exception, OSError) and exception.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no_space"
    return _kind_of_foreign(exception)


def stands_for(exception: BaseException) -> BaseException | None:
    """Return the exception that a wrapper of some storage stands for, and does not describe itself."""
    return exception.__context__ if type(exception).__name__ in _WRAPPERS else None


def _kind_of_foreign(exception: BaseException) -> str | None:
    """Tell the exceptions of storages by their names and attributes: their packages need not be installed."""
    inner = stands_for(exception)
    if inner is not None:
        return kind_of(inner)
    names = {base.__name__ for base in type(exception).__mro__}
    if names & _DENIED_CLASSES or ("error_perm" in names and str(exception)[:3] in _DENIED_FTP_REPLIES):
        return "denied"
    return _KIND_BY_HTTP_STATUS.get(_http_status(exception))


def _http_status(exception: BaseException) -> object:
    """Return the status of the answer that an exception is about, as botocore, Azure's or Google's name it."""
    response = getattr(exception, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    status = getattr(exception, "status_code", None) or getattr(exception, "code", None)
    return status if isinstance(status, int) else None


_KIND_BY_HTTP_STATUS: dict[object, str] = {401: "denied", 403: "denied", 404: "not_found", 507: "no_space"}

_DENIED_FTP_REPLIES = ("530", "532")
"""Not logged in, and no account for storing. 550 may be anything, also a file that is not there."""

_DENIED_CLASSES = {
    "AuthenticationException",  # paramiko
    "ClientAuthenticationError",  # Azure
    "CredentialRetrievalError",  # botocore, as the next two
    "NoCredentialsError",
    "PartialCredentialsError",
    "DefaultCredentialsError",  # google.auth, as the next
    "RefreshError",
    "AuthError",  # Dropbox
}

_WRAPPERS = {"FTPStorageException", "S3UploadFailedError"}


def from_engine(
    kind: str, message: str, stage: str | None, subject: str | None, hint: str | None, retry: bool
) -> DbbackupError:
    """Return the exception for an engine's error. Called by the engine, which raises it.

    Failures of input and output become a `StorageError` in the stage ``store`` and a `SourceError` in every
    other; a kind that is unknown here becomes an `InternalError`.
    """
    if kind in _INPUT_OUTPUT_KINDS:
        error_class: type[DbbackupError] = StorageError if stage == "store" else SourceError
    else:
        error_class = _BY_KIND.get(kind, InternalError)
    return error_class(message, kind=kind, stage=stage, subject=subject, hint=hint, retry=retry)
