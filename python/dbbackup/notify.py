"""Mails about failures, by Django's conventions: to the admins, with the settings' prefix, one for each failure."""

from __future__ import annotations

import logging
import traceback
from datetime import datetime
from typing import Any

from django.core.mail import EmailMultiAlternatives

from dbbackup.conf import SETTINGS
from dbbackup.exceptions import ConfigurationError, DbbackupError, in_words
from dbbackup.log import is_mailed

logger = logging.getLogger("dbbackup.command")

SUBJECT_CHARACTERS = 200
"""Of the message in a mail's subject; the whole text stands in the mail."""


def report_failure(what: str, error: BaseException) -> str | None:
    """Log that `what` failed, and mail the admins unless a handler of the project's logging does.

    Neither ever raises: the failure itself is what counts. A mail has no settings, no environment and no arguments
    of the command line in it.

    Returns:
        Why the mail could not be sent; ``None``: it was, or none is wanted.

    """
    try:
        is_known = isinstance(error, DbbackupError)
        logger.error("%s failed: %s", what, error, exc_info=None if is_known else error)
        if not is_mailed(logger):
            _mail(what, error)
    except Exception as failure:
        return in_words(failure)
    return None


def mail_admins(
    subject: str,
    message: str,
    *,
    fail_silently: bool = False,
    connection: Any = None,
    html_message: str | None = None,
) -> None:
    """Mail to ``DBBACKUP_ADMINS``, by default ``ADMINS``; nothing happens where there are none."""
    admins = _read("admins", ())
    if not admins:
        return
    prefix, sender = _read("email_subject_prefix", "[dbbackup] "), _read("server_email", None)
    mail = EmailMultiAlternatives(f"{prefix}{subject}", message, sender, list(admins), connection=connection)
    if html_message:
        mail.attach_alternative(html_message, "text/html")
    mail.send(fail_silently=fail_silently)


def _mail(what: str, error: BaseException) -> None:
    lines = str(error).splitlines() or [type(error).__name__]
    first_line = lines[0][:SUBJECT_CHARACTERS]
    details = "".join(traceback.format_exception(error))
    if _read("send_email", True):
        hostname, now = _read("hostname", "this host"), datetime.now().astimezone()
        facts = f"server: {hostname}\ntime: {now:%Y-%m-%d %H:%M:%S %z}\n\n"
        mail_admins(f"{what} failed on {hostname}: {first_line}", f"{in_words(error)}\n\n{facts}{details}")


def _read(attribute: str, otherwise: Any) -> Any:
    """Return one setting by itself: it may be another one that is wrong, and that has to be mailed."""
    try:
        return SETTINGS[attribute].read()
    except ConfigurationError:
        return otherwise
