"""Texts of other programs, without the secrets that they repeat."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MASK = "********"
"""What stands in a secret's place; of one length, whatever the secret's."""

_SECRET_NAME = re.compile(r"passw|passphrase|secret|token|_pwd$", re.IGNORECASE)
"""Names of settings, attributes and variables whose values are secrets. Not ``PWD``, which is a folder."""

_TELLING_CHARACTERS = 4
"""A shorter value that may be no secret is hidden where it stands alone: not all Cs for ``LC_ALL=C``."""


class Mask:
    """Hides values in a text, however they are quoted there.

    Args:
        secrets: Hidden wherever they stand.
        others: Values that may be secret: the short ones are hidden where no letter or digit touches them.

    """

    def __init__(self, secrets: Iterable[str], others: Iterable[str] = ()) -> None:
        patterns = {re.escape(text) for secret in secrets for text in _spellings(secret)}
        for other in others:
            for text in _spellings(other):
                alone = len(text) < _TELLING_CHARACTERS
                patterns.add(rf"(?<!\w){re.escape(text)}(?!\w)" if alone else re.escape(text))
        # The longest first: a secret may begin like another one.
        self._pattern = re.compile("|".join(sorted(patterns, key=len, reverse=True))) if patterns else None

    def __repr__(self) -> str:
        return "Mask()"

    def __call__(self, text: str) -> str:
        """Return `text` without what is hidden."""
        return self._pattern.sub(MASK, text) if self._pattern else text


def secrets_in(names: Mapping[str, Any]) -> Iterator[str]:
    """Give the values whose names say that they are secrets, those of dictionaries within too."""
    for name, value in names.items():
        if isinstance(value, dict):
            yield from secrets_in(value)
        elif isinstance(value, str) and value and _SECRET_NAME.search(str(name)):
            yield value


def _spellings(value: str) -> set[str]:
    """Return `value` as it stands in shells, URLs, option files and the output of programs."""
    spellings = {
        value,
        shlex.quote(value),
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    }
    return spellings - {"", "''"}
