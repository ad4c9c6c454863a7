"""Logging: what a project's ``LOGGING`` can name to be told of failures by mail.

Nothing here is set up by itself. The commands report their failures on their own; these classes are for what
other code logs::

    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"mail_enabled": {"()": "dbbackup.log.MailEnabledFilter"}},
        "handlers": {
            "mail": {
                "class": "dbbackup.log.DbbackupAdminEmailHandler",
                "level": "ERROR",
                "filters": ["mail_enabled"],
            }
        },
        "loggers": {"dbbackup": {"handlers": ["mail"]}},
    }
"""

import logging
from typing import Any

from django.utils.log import AdminEmailHandler

from dbbackup.conf import get_settings
from dbbackup.exceptions import ConfigurationError

LOGGER = "dbbackup"
"""The logger of everything here; those of the modules are below it."""


class DbbackupAdminEmailHandler(AdminEmailHandler):
    """Mails records to ``DBBACKUP_ADMIN``, else ``ADMINS``, as Django's own handler does."""

    def emit(self, record: logging.LogRecord) -> None:
        """Mail `record`; where that fails, logging says so in its way, and who logged goes on."""
        try:
            super().emit(record)
        except Exception:
            self.handleError(record)

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        """Send one mail."""
        from dbbackup.notify import mail_admins

        kwargs.setdefault("connection", self.connection())
        mail_admins(subject, message, *args, **kwargs)


class MailEnabledFilter(logging.Filter):
    """Lets records through unless ``DBBACKUP_SEND_EMAIL`` is false."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 (all records alike)
        """Whether mail is to be sent; where the settings are broken, it is: that has to be told."""
        try:
            return get_settings().send_email
        except ConfigurationError:
            return True


def load() -> None:
    """Keep records that nobody listens to from being printed. Handlers of the project stay as they are."""
    logger = logging.getLogger(LOGGER)
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())


def is_mailed(logger: logging.Logger) -> bool:
    """Whether a handler that mails errors to the admins listens to `logger`, or to one above it."""
    if not logger.isEnabledFor(logging.ERROR):
        return False
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            if isinstance(handler, AdminEmailHandler) and handler.level <= logging.ERROR:
                return True
        current = current.parent if current.propagate else None
    return False
