"""Mails about failures, by Django's conventions: to the admins, with the settings' prefix, one for each failure."""

from __future__ import annotations

import logging
import traceback
from datetime import datetime

from dbbackup.conf import get_settings
from dbbackup.exceptions import ConfigurationError, DbbackupError, in_words

logger = logging.getLogger("dbbackup.command")
# Without any handler Python would print on standard error what the command prints there itself.
logging.getLogger("dbbackup").addHandler(logging.NullHandler())


def report_failure(command: str, error: BaseException, *, about: str = "") -> str | None:
    """Log that `command` failed, and mail the admins unless a handler of the project's logging does.

    Neither ever raises: the failure itself is what counts. A mail has no settings, no environment and no arguments
    of the command line in it.

    Args:
        command: The command's name.
        error: What went wrong.
        about: What it was doing that to: a database, the media.

    Returns:
        Why the mail could not be sent; ``None``: it was, or none is wanted.

    """
    what = f"{command} of {about}" if about else command
    is_known = isinstance(error, DbbackupError)
    try:
        logger.error("%s failed: %s", what, error, exc_info=None if is_known else error)
        if _logging_mails():
            return None
        return _mail(what, error)
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"


def _mail(what: str, error: BaseException) -> str | None:
    from django.core.mail import mail_admins as mail_djangos_admins

    from dbbackup.utils import mail_admins

    text = in_words(error)
    first_line = str(error).partition("\n")[0] or type(error).__name__
    details = "".join(traceback.format_exception(error))
    now = datetime.now().astimezone()
    try:
        settings = get_settings()
    except ConfigurationError:
        # It may be the very settings that are wrong.
        mail_djangos_admins(f"{what} failed: {first_line}", f"{text}\n\n{details}")
        return None
    if settings.send_email:
        message = f"{text}\n\nserver: {settings.hostname}\ntime: {now:%Y-%m-%d %H:%M:%S %z}\n\n{details}"
        mail_admins(f"{what} failed on {settings.hostname}: {first_line}", message)
    return None


def _logging_mails() -> bool:
    """Whether the project's logging mails what is logged here: it then mails in our stead."""
    from dbbackup.log import DbbackupAdminEmailHandler

    current: logging.Logger | None = logger
    while current:
        if any(isinstance(handler, DbbackupAdminEmailHandler) for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False
