"""A Django storage, asked so that its answers are true and a person understands its failures."""

from __future__ import annotations

import re
import traceback
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import SuspiciousOperation

from dbbackup._masking import Mask, secrets_in
from dbbackup.exceptions import AccessDeniedError, DbbackupError, StorageError, kind_of, stands_for

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY_BYTES: Final = 1024 * 1024
"""Bytes of an object that django-storages holds in memory; it puts larger ones into a temporary file."""

FTP_STORAGE: Final = "storages.backends.ftp.FTPStorage"

S3_STORAGE: Final = "storages.backends.s3.S3Storage"

NO_WORD: Final = "the server said no more"
"""Of exceptions that have no text: paramiko's and ftplib's when the connection ends."""

_TO_CHECK: Final = "check the credentials, and what they allow, in the storage's OPTIONS"

_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)[^/\s]*@")


class AskedStorage:
    """Asks a Django storage, and says what its failures are about, without its secrets.

    ``FileNotFoundError``, ``NotImplementedError`` and ``SuspiciousOperation`` are answers, and pass as they are.

    Args:
        storage: The storage. Options of django-storages' classes that change what is read are set right.

    """

    def __init__(self, storage: Any) -> None:
        self.raw = storage
        """The storage itself."""
        self._bases = {f"{base.__module__}.{base.__qualname__}" for base in type(storage).__mro__}
        # Its default, 0, means the whole object, however large.
        if getattr(storage, "max_memory_size", None) == 0:
            storage.max_memory_size = MEMORY_BYTES
        # It would unpack `.gz` files on the way back: they are stored as of the encoding gzip, after their name.
        if S3_STORAGE in self._bases and storage.gzip:
            storage.gzip = False

    def describe(self, folder: str = "") -> str:
        """Return what the storage is called, and where it keeps its files, in `folder` of that."""
        attributes = ("bucket_name", "azure_container", "host", "location", "root_path")
        places = [str(getattr(self.raw, attribute, None) or "") for attribute in attributes]
        where = "/".join(filter(None, [*places, folder.strip("/")])).replace("//", "/").replace(":/", "://")
        name = type(self.raw).__name__
        return f"{name} ({_PASSWORD_IN_URL.sub('', self._mask()(where))})" if where else name

    def connect(self) -> None:
        """Let S3's storage connect once for all threads: each would, for a quarter of a second."""
        with self.told("list the backups"):
            getattr(self.raw, "bucket", None)

    def get_available_name(self, name: str) -> str:
        """Return the name that a new file gets that is to be called `name`."""
        with self.told(f"look for `{name}`"):
            return str(self.raw.get_available_name(name))

    def exists(self, name: str) -> bool:
        """Whether there is a file `name`."""
        with self.told(f"look for `{name}`"), self._refusing_to_overwrite():
            return bool(self.raw.exists(name))

    def listdir(self, path: str) -> list[str]:
        """Return the names of the files in a folder, as the storage writes them."""
        with self.told("list the backups"):
            return [str(name) for name in self.raw.listdir(path)[1]]

    def size(self, name: str) -> int:
        """Return how many bytes the storage says that a file has."""
        with self.told(f"look for `{name}`"):
            return int(self.raw.size(name))

    def open(self, name: str) -> Any:
        """Open a file for reading. What goes wrong with it later is told by `told`."""
        with self.told(f"read `{name}`"):
            return self.raw.open(name, "rb")

    def read(self, name: str, most: int) -> bytes:
        """Return the first `most` bytes of a file."""
        with self.told(f"read `{name}`"), closing(self.raw.open(name, "rb")) as file:
            content = file.read(most)
            return content if isinstance(content, bytes) else str(content).encode()

    def save(self, name: str, content: Any) -> str:
        """Store a file; return the name that it got."""
        try:
            with self.told(f"write `{name}`", kind="write"):
                return str(self.raw.save(name, content))
        except BaseException:
            self._hang_up()
            raise

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self.told(f"delete `{name}`", kind="write"), self._refusing_to_overwrite():
            self.raw.delete(name)

    @contextmanager
    def told(self, doing: str, *, kind: str = "read") -> Iterator[None]:
        """Raise what goes wrong inside the block as an error that says what could not be done, and why.

        Raises:
            AccessDeniedError: Credentials or rights are missing.
            StorageError: Anything else, of the kind that the failure tells, or of `kind`.

        """
        try:
            yield
        except (DbbackupError, FileNotFoundError, NotImplementedError, SuspiciousOperation):
            raise
        except Exception as error:
            mask = self._mask()
            failure = self._failure(error, doing, kind, mask)
            if any(mask(str(link)) != str(link) for link in _chain(error)):
                # The traceback of a chain has all of its texts, and is mailed. The variables in its frames have the
                # settings too, and FTP's half open connection.
                for link in _chain(error):
                    traceback.clear_frames(link.__traceback__)
                raise failure from None
            raise failure from error

    def _failure(self, error: Exception, doing: str, kind: str, mask: Mask) -> DbbackupError:
        texts = [f"{type(link).__name__}: {str(link) or NO_WORD}" for link in _telling(error)]
        # A text with a password in it is a list of settings; what happened stands in the next one.
        clean = [text for text in texts if mask(text) == text] or [mask(text) for text in texts]
        message = f"cannot {doing}: {self.describe()}: {': '.join(clean)}"
        kind = kind_of(error) or kind
        if kind == "denied":
            return AccessDeniedError(message, stage="store", hint=_TO_CHECK)
        return StorageError(message, kind=kind)

    def _mask(self) -> Mask:
        # Asked anew each time: storages fill in what they were not given when they connect.
        values = getattr(self.raw, "__dict__", {})
        keys = {f"secret_{name}": value for name, value in values.items() if name.endswith("_key")}
        return Mask({*secrets_in(values), *secrets_in(keys)})

    @contextmanager
    def _refusing_to_overwrite(self) -> Iterator[None]:
        """Let FTP's storage, which overwrites, tell and delete what is there: it says of every file that it is not."""
        if FTP_STORAGE not in self._bases or not self.raw.allow_overwrite:
            yield
            return
        self.raw.allow_overwrite = False
        try:
            yield
        finally:
            self.raw.allow_overwrite = True

    def _hang_up(self) -> None:
        """Drop FTP's connection: after a transfer that broke off, each answer there would be the one before."""
        if FTP_STORAGE in self._bases:
            connection, self.raw._connection = self.raw._connection, None  # noqa: SLF001 (it has no name for that)
            if connection is not None:
                with suppress(Exception):
                    connection.close()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _telling(error: BaseException) -> Iterator[BaseException]:
    """Give the error, and what it stands for where it does not say that itself."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = stands_for(link)
