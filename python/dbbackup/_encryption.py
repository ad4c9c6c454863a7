"""For whom backups are encrypted, and what opens them again."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dbbackup import _engine
from dbbackup.exceptions import ConfigurationError, WrongKeyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbbackup.conf import Settings

VARIABLE = "DBBACKUP_PASSPHRASE"
"""Variable of the environment with the passphrase, where no option gives one."""

_Content = TypeVar("_Content")

_ATTEMPTS = 3
"""How often a passphrase is asked for."""


def recipients(settings: Settings) -> _engine.Recipients:
    """Return whom ``-e`` encrypts for.

    Raises:
        ConfigurationError: ``DBBACKUP_GPG_RECIPIENT`` names nobody, or one of its names is empty.

    """
    names = settings.gpg_recipient
    meant = [name for name in names if name.strip()]
    if not meant or len(meant) < len(names):
        what = "has an empty name" if meant else "names nobody"
        message = f"cannot encrypt: `DBBACKUP_GPG_RECIPIENT` {what}"
        hint = (
            "set it to the fingerprint of an OpenPGP key, or to a list of them; `gpg --list-keys` shows them"
        )
        raise ConfigurationError(message, subject="DBBACKUP_GPG_RECIPIENT", hint=hint)
    return _engine.Recipients(names, always_trust=settings.gpg_always_trust)


def given_passphrase(passphrase: str | None, file: str | None) -> str | None:
    """Return the `passphrase` of an option, else the one in `file`, else the one in the environment, else nothing.

    Raises:
        ConfigurationError: `file` cannot be read.

    """
    if passphrase:
        return passphrase
    if not file:
        return os.environ.get(VARIABLE) or None
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"cannot read the passphrase in `{file}`: {getattr(error, 'strerror', None) or 'it is no text'}"
        )
        raise ConfigurationError(message, subject=file) from None
    # An editor ends the last line.
    return text.removesuffix("\n").removesuffix("\r") or None


def somebody_is_there() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin is not None and sys.stdin.isatty()


def unlocking(
    name: str, passphrase: str | None, *, may_ask: bool, read: Callable[[str | None], _Content]
) -> tuple[_Content, str | None]:
    """Return what `read` makes of the `passphrase`, and the one that it took: on a terminal it is asked for.

    Args:
        name: What the user knows the backup by.
        passphrase: The one that was given, if any.
        may_ask: Whether somebody may be asked, who gets three attempts.
        read: Reads the backup, or its beginning.

    Raises:
        WrongKeyError: The backup cannot be decrypted.

    """
    passphrase = passphrase or None
    is_asked = may_ask and not passphrase and somebody_is_there()
    attempts = _ATTEMPTS if is_asked else 0
    while True:
        try:
            return read(passphrase), passphrase
        except WrongKeyError as error:
            if error.kind != "passphrase" or not attempts:
                raise
        wrong = "That is not it. " if passphrase else ""
        attempts -= 1
        try:
            passphrase = getpass(f"{wrong}Passphrase for `{name}`: ") or None
        except EOFError:  # Ctrl-D: nobody knows it
            passphrase, attempts = None, 0
