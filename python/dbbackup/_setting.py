"""What a setting is: declared once, with its reasons, and read from Django's settings whenever it is used."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings as django_settings

from dbbackup.exceptions import ConfigurationError

NOT_GIVEN = object()
"""Stands for a setting that the project does not have."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting takes."""

    must_be: str
    """In words; the type on the reference page, and what an error says."""

    parse: Callable[[Any], Any]
    """Value → what is used. A ``ValueError`` is a no; its text, if any, stands in the error for the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The declaration of a ``DBBACKUP_*`` setting: its reader, and all that the reference page says of it."""

    name: str
    kind: Kind
    meaning: str
    """One or two sentences."""
    default: object = None
    """A value, or a function without arguments that returns it; a ``None`` is used as it is."""
    default_text: str = ""
    """The default in words, where the value does not say it."""
    reason: str
    """Why this default."""
    falls_back_to: str = ""
    """A setting whose value is taken before the default."""
    older_name: str = ""
    """Another name that is read first."""
    empty_is_default: bool = False
    """Whether ``None`` and empty values mean that nothing was set."""
    unit: str = ""
    since: str = ""
    """The version that brought it; empty: it is django-dbbackup's."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which a project can set it; the first that is set counts."""
        return (self.older_name, self.name) if self.older_name else (self.name,)

    def given(self) -> Any:
        """Return what the project has written, whatever it is; `NOT_GIVEN` if nothing."""
        values = (getattr(django_settings, name, NOT_GIVEN) for name in self.names)
        return next((value for value in values if value is not NOT_GIVEN), NOT_GIVEN)

    def read(self) -> Any:
        """Return the value as it is now, or the default.

        Raises:
            ConfigurationError: The value cannot be used.

        """
        names = (*self.names, self.falls_back_to) if self.falls_back_to else self.names
        for name in names:
            value = getattr(django_settings, name, NOT_GIVEN)
            if value is not NOT_GIVEN and not (self.empty_is_default and not value):
                return self._parse(name, value)
        default = self.default() if callable(self.default) else self.default
        return None if default is None else self._parse(self.name, default)

    def _parse(self, name: str, value: Any) -> Any:
        try:
            return self.kind.parse(value)
        except ValueError as error:
            message = f"`{name}` must be {self.kind.must_be}, not {str(error) or f'`{value!r}`'}"
            raise ConfigurationError(message, subject=name) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoSetting:
    """What is read of a setting that is Django's own."""

    name: str
    read: Callable[[], Any]
    meaning: str


def declare(setting: Setting | DjangoSetting) -> Any:
    """Return the field of a dataclass that holds the value of `setting`."""
    return field(metadata={"setting": setting})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _path(value: Any) -> str:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    return _text(path)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def _amount(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError
    return int(value)


def _switch(value: Any) -> bool:
    # Not `bool(value)`: the text "False", as environment variables have it, would switch on.
    if value is not None and not (isinstance(value, int) and value in (0, 1)):
        raise ValueError
    return bool(value)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Collection):
        raise ValueError
    return tuple(map(_text, value))


def _ordered_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return _texts(value)


def _text_or_texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else _texts(value)


def _addresses(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return tuple(_address(entry) for entry in value)


def _address(entry: Any) -> str:
    if isinstance(entry, (list, tuple)):
        if len(entry) != 2:
            raise ValueError
        entry = entry[1]
    return _text(entry)


def _text_or_callable(value: Any) -> Any:
    return value if callable(value) else _text(value)


def _mapping_of_mappings(value: Any) -> dict[str, dict[str, Any]]:
    # The errors name no values: there may be passwords among them.
    if not isinstance(value, Mapping):
        raise ValueError(_class_of(value))
    for key, inner in value.items():
        if not isinstance(inner, Mapping):
            message = f"{_class_of(inner)} for `{key}`"
            raise ValueError(message)
        if not all(isinstance(name, str) for name in (key, *inner)):
            message = f"one with other keys than text, as for `{key}`"
            raise ValueError(message)
    return {key: dict(inner) for key, inner in value.items()}


def _mapping_of_texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError
    return {_text(key): _text(inner) for key, inner in value.items()}


def _class_of(value: object) -> str:
    return f"a value of the class `{type(value).__name__}`"


def one_of(*values: str) -> Kind:
    """Return the kind of a setting that takes one of these `values`."""

    def parse(value: Any) -> str:
        if value not in values:
            raise ValueError
        return _text(value)

    return Kind(f"one of {', '.join(values)}", parse)


TEXT = Kind("text", _text)
PATH = Kind("a path", _path)
COUNT = Kind("a whole number from 0", _count)
AMOUNT = Kind("a number from 0", _amount)
SWITCH = Kind("True or False", _switch)
ALIASES = Kind("a list of aliases", _texts)
PATTERNS = Kind("a list of patterns", _ordered_texts)
KEYS = Kind("the name of a key or a list of names", _text_or_texts)
ADDRESSES = Kind("a list of addresses or of (name, address) pairs", _addresses)
TEMPLATE = Kind("text or a callable that returns it", _text_or_callable)
CALLABLE = Kind("a callable or the dotted path of one", _text_or_callable)
CONNECTOR_OPTIONS = Kind("a dictionary of dictionaries, alias → options", _mapping_of_mappings)
CONNECTOR_PATHS = Kind("a dictionary, engine → dotted path of a connector", _mapping_of_texts)
