"""What kind of failure an exception of a storage is, without its package being imported."""

import ftplib
import socket
from typing import Any

import pytest

from dbbackup._asked import AskedStorage
from dbbackup.exceptions import AccessDeniedError, StorageError, kind_of

SECRET = "it's-a-\\secret"


class Answer(Exception):  # noqa: N818 (as Google's and Azure's are)
    """An exception that has the status of an answer."""

    def __init__(self, **attributes: object) -> None:
        super().__init__("no")
        self.__dict__.update(attributes)


class ClientAuthenticationError(Exception):
    """As Azure's."""


class FTPStorageException(Exception):  # noqa: N818 (its name)
    """As django-storages'."""


def wrapped(inner: Exception) -> Exception:
    """Return the exception that django-storages raises for `inner`, with the password in its text."""
    try:
        try:
            raise inner
        except Exception:
            message = f"Connection or login error using data { {'user': 'ada', 'passwd': SECRET} }"
            raise FTPStorageException(message)  # noqa: B904 (as it does)
    except FTPStorageException as error:
        return error


def client_error(status: int, code: str) -> Exception:
    exceptions: Any = pytest.importorskip("botocore.exceptions")
    answer = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error: Exception = exceptions.ClientError(answer, "PutObject")
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error(403, "AccessDenied"), "denied"),
        (client_error(401, "Unauthorized"), "denied"),
        (client_error(404, "NoSuchBucket"), "not_found"),
        (client_error(500, "InternalError"), None),
        (pytest.importorskip("botocore.exceptions").NoCredentialsError(), "denied"),
        (pytest.importorskip("paramiko").AuthenticationException("no"), "denied"),
        (pytest.importorskip("paramiko").BadAuthenticationType("no", ["publickey"]), "denied"),
        (pytest.importorskip("paramiko").SSHException("no"), None),
        (ClientAuthenticationError("no"), "denied"),
        (Answer(status_code=403), "denied"),
        (Answer(code=404), "not_found"),
        (Answer(code="403"), None),
        (Answer(response="not a dictionary", status_code=None), None),
        (ftplib.error_perm("530 Login incorrect"), "denied"),
        (ftplib.error_perm("550 No such file"), None),
        (ftplib.error_temp("421 Too many"), None),
        (wrapped(ftplib.error_perm("530 Login incorrect")), "denied"),
        (wrapped(ConnectionRefusedError(111, "refused")), None),
        (FTPStorageException("alone"), None),
        (PermissionError(13, "no"), "denied"),
        (OSError(28, "full"), "no_space"),
        (socket.gaierror(-2, "unknown"), None),
    ],
    ids=repr,
)
def test_the_kind_of_an_exception(error: Exception, kind: str | None) -> None:
    assert kind_of(error) == kind


class Failing:
    """A storage that fails with what it is given, and has settings."""

    def __init__(self, error: Exception, **settings: object) -> None:
        self.error = error
        self.__dict__.update(settings)

    def exists(self, _name: str) -> bool:
        """Fail."""
        raise self.error


def failure(error: Exception, **settings: object) -> Exception:
    with pytest.raises(StorageError if kind_of(error) != "denied" else AccessDeniedError) as caught:
        AskedStorage(Failing(error, **settings)).exists("a.sqlite3")
    return caught.value


def test_a_failure_says_what_where_and_why() -> None:
    error = failure(OSError("too slow"), bucket_name="shop", location="nightly")
    assert str(error) == "cannot look for `a.sqlite3`: Failing (shop/nightly): OSError: too slow"
    assert isinstance(error.__cause__, OSError)


def test_a_failure_that_has_no_text_says_so() -> None:
    assert (
        str(failure(EOFError())) == "cannot look for `a.sqlite3`: Failing: EOFError: the server said no more"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"_config": {"user": "ada", "passwd": SECRET}},
        {"params": {"password": SECRET}},
        {"secret_key": SECRET},
        {"account_key": SECRET},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_failure_gives_no_secret_away(settings: dict[str, object]) -> None:
    error = failure(wrapped(ftplib.error_perm("530 Login incorrect")), **settings)
    assert str(error) == "cannot look for `a.sqlite3`: Failing: error_perm: 530 Login incorrect"
    assert (error.__cause__, error.__suppress_context__) == (None, True)
    error = failure(OSError(f"{SECRET} is wrong"), **settings)
    assert str(error) == "cannot look for `a.sqlite3`: Failing: OSError: ******** is wrong"


def test_a_password_in_the_location_is_not_told() -> None:
    error = failure(OSError("no"), location="ftp://ada:secret@example.com:21/a", _config={"passwd": "secret"})
    assert str(error) == "cannot look for `a.sqlite3`: Failing (ftp://example.com:21/a): OSError: no"
    error = failure(OSError("no"), location="dav://ada:secret@example.com/a")
    assert "secret" not in str(error)


@pytest.mark.parametrize("answer", [FileNotFoundError("a"), NotImplementedError("b")], ids=repr)
def test_answers_are_no_failures(answer: Exception) -> None:
    with pytest.raises(type(answer)) as caught:
        AskedStorage(Failing(answer)).exists("a.sqlite3")
    assert caught.value is answer
