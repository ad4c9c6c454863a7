"""What a project's LOGGING can name, and that nobody's handlers are touched."""

import logging
import logging.config
from collections.abc import Iterator

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from dbbackup import log

LOGGER = "dbbackup.tests"

CONFIGURATION = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mail_enabled": {"()": "dbbackup.log.MailEnabledFilter"}},
    "handlers": {
        "mail": {
            "class": "dbbackup.log.DbbackupAdminEmailHandler",
            "level": "ERROR",
            "filters": ["mail_enabled"],
            "include_html": True,
        }
    },
    "loggers": {LOGGER: {"handlers": ["mail"]}},
}


class Refusing(BaseEmailBackend):
    """A mail server that is down, and says so whatever it is told."""

    def send_messages(self, _messages: object) -> int:
        message = "no route to host"
        raise ConnectionError(message)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger as a project configures it."""
    logging.config.dictConfig(CONFIGURATION)
    configured = logging.getLogger(LOGGER)
    yield configured
    configured.handlers.clear()


@pytest.fixture
def package_logger() -> Iterator[logging.Logger]:
    """The logger of the package, as it is when nobody configured it."""
    package = logging.getLogger("dbbackup")
    handlers, level = list(package.handlers), package.level
    package.handlers.clear()
    yield package
    package.handlers[:] = handlers
    package.setLevel(level)


def test_errors_are_mailed_to_the_admins(
    logger: logging.Logger, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.DBBACKUP_ADMIN = [("One", "one@example.com")]
    logger.info("fine")
    logger.error("cannot do %s", "it")
    (mail,) = mailoutbox
    assert (mail.subject, mail.to) == ("[dbbackup] ERROR: cannot do it", ["one@example.com"])
    assert mail.alternatives  # type: ignore[attr-defined]


def test_nothing_is_mailed_without_admins(logger: logging.Logger, mailoutbox: list[EmailMessage]) -> None:
    logger.error("cannot do it")
    assert mailoutbox == []


@pytest.mark.parametrize("switched_on", [True, False])
def test_the_setting_of_now_decides(
    logger: logging.Logger, settings: Settings, mailoutbox: list[EmailMessage], switched_on: bool
) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    settings.DBBACKUP_SEND_EMAIL = switched_on
    logger.error("cannot do it")
    assert len(mailoutbox) == switched_on


def test_settings_that_cannot_be_used_keep_nobody_from_being_mailed(
    logger: logging.Logger, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    settings.DBBACKUP_CLEANUP_KEEP = -1
    logger.error("cannot do it")
    assert len(mailoutbox) == 1


def test_a_mail_server_that_is_down_does_not_hurt_who_logs(
    logger: logging.Logger, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ADMINS = [("One", "one@example.com")]
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    logger.error("cannot do it")
    assert "no route to host" in capsys.readouterr().err


def test_loading_leaves_the_projects_handlers_and_level(package_logger: logging.Logger) -> None:
    own = logging.StreamHandler()
    package_logger.addHandler(own)
    package_logger.setLevel(logging.CRITICAL)
    log.load()
    log.load()
    assert package_logger.handlers[0] is own
    assert [type(handler) for handler in package_logger.handlers[1:]] == [logging.NullHandler]
    assert package_logger.level == logging.CRITICAL


def test_only_a_handler_that_mails_errors_counts_as_one(package_logger: logging.Logger) -> None:
    assert not log.is_mailed(package_logger)
    handler = log.DbbackupAdminEmailHandler()
    package_logger.addHandler(handler)
    assert log.is_mailed(package_logger)
    assert log.is_mailed(logging.getLogger("dbbackup.command"))
    handler.setLevel(logging.CRITICAL)
    assert not log.is_mailed(package_logger)
