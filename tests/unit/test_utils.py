"""Helpers under django-dbbackup's names, beyond what they have in common with its own (contract tests)."""

import gzip
import io
import logging
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.test import override_settings
from pytest_django import Settings

from dbbackup import utils
from dbbackup._file import StreamedFile
from dbbackup.exceptions import (
    ConfigurationError,
    CorruptBackupError,
    DbbackupError,
    RefusedError,
)
from dbbackup.log import DbbackupAdminEmailHandler
from tests.unit.conftest import lies_in

MIB = 1024 * 1024


class Refusing(BaseEmailBackend):
    """A mail server that is down."""

    def send_messages(self, _messages: Any) -> int:
        message = "no route to host"
        raise ConnectionError(message)


@utils.email_uncaught_exception
def adds(first: int, second: int) -> int:
    """Add."""
    return first + second


@utils.email_uncaught_exception
def fails(error: Exception) -> None:
    password = "canary"
    assert password
    raise error


def test_everything_that_is_exported_is_there() -> None:
    assert {name for name in utils.__all__ if not hasattr(utils, name)} == set()
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        utils.other  # noqa: B018


@pytest.mark.parametrize(
    ("count", "decimals", "text"),
    [(0, 1, "0 B"), (1, 0, "1 B"), (2560, 1, "2.5 KiB"), (2560, 0, "2 KiB"), (3 * 2**50, 2, "3.0 PiB")],
)
def test_bytes_are_shown_in_the_largest_unit_that_fits(count: int, decimals: int, text: str) -> None:
    assert utils.bytes_to_str(count, decimals) == text


def test_asking_for_the_size_leaves_a_file_where_it_stands() -> None:
    file = io.BytesIO(b"x" * 2048)
    file.seek(7)
    assert utils.handle_size(file) == "2.0 KiB"
    assert file.tell() == 7


@pytest.mark.parametrize("error_class", [utils.EncryptionError, utils.DecryptionError])
def test_errors_belong_to_the_tree(error_class: type[DbbackupError]) -> None:
    assert issubclass(error_class, DbbackupError)
    assert error_class("x").exit_code == 5


@pytest.mark.parametrize("size", [0, 1, 3 * MIB])
def test_compressing_and_uncompressing_is_the_identity(tmp_dir: Path, size: int) -> None:
    content = b"0123456789abcdef" * (size // 16) + b"x" * (size % 16)
    packed, name = utils.compress_file(io.BytesIO(content), "shop.dump")
    assert name == "shop.dump.gz"
    assert lies_in(packed) == tmp_dir
    opened, name = utils.uncompress_file(packed, f"folder/{name}")
    assert (name, opened.read()) == ("shop.dump", content)
    assert lies_in(opened) == tmp_dir
    assert list(tmp_dir.iterdir()) == []


def test_a_stream_is_compressed_from_its_beginning(tmp_dir: Path) -> None:
    packed, _ = utils.compress_file(StreamedFile(io.BytesIO(b"content")), "shop.dump")
    assert gzip.decompress(packed.read()) == b"content"


@pytest.mark.parametrize(
    "damaged",
    [b"junk", b"", gzip.compress(b"x" * 99)[:-1], gzip.compress(b"x" * 99)[:-8] + bytes(8)],
    ids=["junk", "empty", "cut", "wrong sum"],
)
def test_damage_is_refused(tmp_dir: Path, damaged: bytes) -> None:
    with pytest.raises(CorruptBackupError, match=r"cannot uncompress `x\.gz`: "):
        utils.uncompress_file(io.BytesIO(damaged), "x.gz")


def test_only_the_last_suffix_is_taken_off(tmp_dir: Path) -> None:
    packed = io.BytesIO(gzip.compress(b""))
    assert utils.uncompress_file(packed, "shop.gz.dump.gz")[1] == "shop.gz.dump"


def test_a_copy_of_a_file_needs_no_right_to_write_to_it(tmp_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "file").chmod(0o400)
    copy = utils.create_spooled_temporary_file(filepath=tmp_path / "file")
    assert copy.tell() == 7
    copy.seek(0)
    assert copy.read() == b"content"


def test_a_maximum_of_zero_keeps_nothing_in_memory(tmp_dir: Path, settings: Settings) -> None:
    settings.DBBACKUP_TMP_FILE_MAX_SIZE = 0
    assert lies_in(utils.create_spooled_temporary_file()) == tmp_dir
    settings.DBBACKUP_TMP_DIR = str(tmp_dir / "missing")
    with pytest.raises(
        ConfigurationError, match=r"cannot make a temporary file in `.*missing`: No such file"
    ):
        utils.create_spooled_temporary_file()


@pytest.mark.parametrize("filename", ["shop-2026-13-01-000000.dump", "shop-2026-02-30-000000.dump"])
def test_a_date_that_does_not_exist_is_none(filename: str) -> None:
    assert utils.filename_to_datestring(filename) is not None
    assert utils.filename_to_date(filename) is None


def test_what_is_no_directive_is_found_as_it_is() -> None:
    assert utils.filename_to_datestring("shop-2026_11.dump", "%Y.%m") is None
    assert utils.filename_to_datestring("shop-2026.11%.dump", "%Y.%m%%") == "2026.11%"
    assert utils.filename_to_date("at-11PM", "%I%p") == datetime(1900, 1, 1, 23)


def test_every_directive_of_the_table_finds_what_strftime_writes() -> None:
    moment = datetime(2026, 11, 22, 23, 59, 1, 7)
    for directive, _ in utils.PATTERN_MATCHNG:
        written = moment.strftime(directive)
        assert utils.filename_to_datestring(written, directive) == written, directive


def test_names_are_made_with_the_settings_of_now() -> None:
    with override_settings(
        DBBACKUP_HOSTNAME="web-1",
        DBBACKUP_DATE_FORMAT="%Y%m%d",
        DBBACKUP_FILENAME_TEMPLATE=lambda **parts: "/".join(sorted(f"{k}={v}" for k, v in parts.items())),
    ):
        made = utils.filename_generate("dump", "/srv/shop.sqlite3", wildcard="DATE")
        assert made == "content_type=db/databasename=shop/datetime=DATE/extension=dump/servername=web-1"
        assert utils.filename_generate("tar", content_type="media").startswith("web-1-20")


def test_mail_goes_to_the_admins(settings: Settings, mailoutbox: list[EmailMessage]) -> None:
    utils.mail_admins("subject", "message")
    assert mailoutbox == []
    settings.ADMINS = [("One", "one@example.com")]
    settings.DBBACKUP_SERVER_EMAIL = "server@example.com"
    utils.mail_admins("subject", "message", html_message="<p>message</p>")
    settings.DBBACKUP_ADMIN = [("Two", "two@example.com"), ("Three", "three@example.com")]
    settings.DBBACKUP_EMAIL_SUBJECT_PREFIX = "[shop] "
    utils.mail_admins("subject", "message")
    assert [(mail.subject, mail.from_email, mail.to) for mail in mailoutbox] == [
        ("[dbbackup] subject", "server@example.com", ["one@example.com"]),
        ("[shop] subject", "server@example.com", ["two@example.com", "three@example.com"]),
    ]
    assert mailoutbox[0].alternatives[0][0] == "<p>message</p>"  # type: ignore[attr-defined]


def test_a_mail_that_cannot_be_sent_is_an_error(settings: Settings) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    with pytest.raises(ConnectionError):
        utils.mail_admins("subject", "message", connection=Refusing())


def test_a_decorated_function_returns_what_it_returned() -> None:
    assert adds(1, second=2) == 3
    assert (adds.__name__, adds.__doc__) == ("adds", "Add.")


def test_an_exception_is_mailed_once_without_values_and_goes_on(
    settings: Settings, mailoutbox: list[EmailMessage], caplog: pytest.LogCaptureFixture
) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    with pytest.raises(ZeroDivisionError):
        fails(ZeroDivisionError("by\r\nzero"))
    (mail,) = mailoutbox
    assert re.fullmatch(r"\[dbbackup\] fails failed on .+: by", str(mail.subject))
    assert "Traceback" in mail.body
    assert "in fails" in mail.body
    assert "canary" not in mail.body
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_no_mail_is_sent_where_it_is_switched_off(settings: Settings, mailoutbox: list[EmailMessage]) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    settings.DBBACKUP_SEND_EMAIL = False
    with pytest.raises(ZeroDivisionError):
        fails(ZeroDivisionError())
    assert mailoutbox == []


def test_a_handler_of_the_project_sends_the_one_mail(
    settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    handler = DbbackupAdminEmailHandler()
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("dbbackup")
    logger.addHandler(handler)
    try:
        with pytest.raises(ZeroDivisionError):
            fails(ZeroDivisionError("by zero"))
    finally:
        logger.removeHandler(handler)
    assert [mail.subject for mail in mailoutbox] == ["[dbbackup] ERROR: fails failed: by zero"]


def test_a_mail_that_cannot_be_sent_does_not_hide_what_happened(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    with pytest.raises(ZeroDivisionError):
        fails(ZeroDivisionError())
    assert [record.getMessage() for record in caplog.records] == ["fails failed: "]


def test_the_setter_gets_a_copy_and_its_failure_is_named(settings: Settings) -> None:
    def changes(metadata: dict[str, Any]) -> dict[str, Any]:
        metadata["engine"] = "changed"
        return {"release": 7}

    metadata = {"engine": "x"}
    assert utils.get_user_metadata() == {}
    settings.DBBACKUP_BACKUP_METADATA_SETTER = changes
    assert utils.get_user_metadata(metadata) == {"release": 7}
    assert metadata == {"engine": "x"}
    settings.DBBACKUP_BACKUP_METADATA_SETTER = lambda _: 1 / 0
    with pytest.raises(ConfigurationError, match="failed: ZeroDivisionError"):
        utils.get_user_metadata(metadata)
    settings.DBBACKUP_BACKUP_METADATA_SETTER = lambda _: "text"
    with pytest.raises(ConfigurationError, match="must return a dictionary"):
        utils.get_user_metadata(metadata)


def test_the_validator_says_yes_no_or_why_not(settings: Settings) -> None:
    assert utils.validate_user_metadata({}) is True
    for verdict in (True, False, None):
        settings.DBBACKUP_RESTORE_METADATA_VALIDATOR = lambda _, verdict=verdict: verdict
        assert utils.validate_user_metadata({}) is verdict
    settings.DBBACKUP_RESTORE_METADATA_VALIDATOR = lambda metadata: metadata["release"]
    with pytest.raises(RefusedError, match="release"):
        utils.validate_user_metadata({})
    with pytest.raises(ConfigurationError, match="must return True, False or None, not `7`"):
        utils.validate_user_metadata({"release": 7})


def test_temporary_files_may_be_forgotten() -> None:
    # A warning would be an error here.
    utils.create_spooled_temporary_file(fileobj=io.BytesIO(b"x"))
