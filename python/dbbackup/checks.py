"""System checks: what ``manage.py check`` says about the settings. All are warnings; none opens a connection.

What a check needs of the engine is imported when it runs: web servers load this module, and few of their
processes ever make a backup.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, register
from django.core.checks import Warning as DjangoWarning
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.module_loading import import_string

from dbbackup._setting import NOT_GIVEN
from dbbackup.conf import KNOWN_NAMES, SETTINGS, STORAGE_ALIAS, get_settings, unknown_names, wrong_settings
from dbbackup.exceptions import ConfigurationError, DbbackupError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from dbbackup._engine import Kind
    from dbbackup.conf import Settings

TAG = "dbbackup"
"""For ``manage.py check --tag dbbackup``."""


class Check(DjangoWarning):
    """A warning, and for the reference page why it is one.

    Args:
        number: The number in its id. Numbers are never used again.
        msg: What was found.
        reason: What happens if nothing is done about it.
        hint: What to do.

    """

    def __init__(self, number: int, msg: str, *, reason: str, hint: str) -> None:
        super().__init__(msg, hint=hint, id=f"dbbackup.W{number:03}")
        self.reason = reason

    def about(self, msg: str, hint: str | None = None) -> DjangoWarning:
        """Return the warning for what was found in this project, with its own hint if there is one."""
        return DjangoWarning(msg, hint=hint or self.hint, id=self.id)


W001 = Check(
    1,
    "`DBBACKUP_HOSTNAME` is empty",
    reason="the host's own name is used instead, which may change or be that of another server",
    hint="set it to this server's name, or leave it out",
)
W002 = Check(
    2,
    '`STORAGES["dbbackup"]` names no storage class',
    reason="no command can reach the backups",
    hint='write the dotted path of the class as its "BACKEND"',
)
W003 = Check(
    3,
    "`DBBACKUP_FILENAME_TEMPLATE` has no `{datetime}`",
    reason="the second backup of a database wants the name of the first, and fails",
    hint="put {datetime} into it",
)
W004 = Check(
    4,
    "`DBBACKUP_MEDIA_FILENAME_TEMPLATE` has no `{datetime}`",
    reason="the second backup of the media wants the name of the first, and fails",
    hint="put {datetime} into it",
)
W005 = Check(
    5,
    "`DBBACKUP_DATE_FORMAT` has other characters than letters, digits, `%`, `_` and `-`",
    reason="not every storage takes such names",
    hint="use a format like %Y-%m-%d-%H%M%S",
)
W007 = Check(
    7,
    "`DBBACKUP_FILENAME_TEMPLATE` makes names with a slash",
    reason="every backup is refused: no listing would show what lies in a folder of the storage",
    hint='leave the slash out; the folder of the backups is the "location" in STORAGES["dbbackup"]',
)
W008 = Check(
    8,
    "`DBBACKUP_MEDIA_FILENAME_TEMPLATE` makes names with a slash",
    reason="every backup is refused: no listing would show what lies in a folder of the storage",
    hint='leave the slash out; the folder of the backups is the "location" in STORAGES["dbbackup"]',
)
W011 = Check(
    11,
    "both django-dbbackup and dbbackup-rs are installed, and both are the package `dbbackup`",
    reason="files of one overwrite those of the other, and the order of installation decides what runs",
    hint=(
        "uninstall both, then install dbbackup-rs again: uninstalling django-dbbackup alone takes files of "
        "dbbackup-rs away with it"
    ),
)
W012 = Check(
    12,
    "`DBBACKUP_ALLOW_PUBLIC_STORAGE` is on, and backups lie in a folder that web servers publish",
    reason="who guesses the name of a backup can download the whole database",
    hint=(
        "move the backups out of that folder; if nobody can download from it, silence this check in "
        "SILENCED_SYSTEM_CHECKS"
    ),
)
W013 = Check(
    13,
    "the storage of the backups cannot be used",
    reason="commands refuse to work with it, with the same words",
    hint='write a STORAGES["dbbackup"] that keeps backups in a folder of their own',
)
W014 = Check(
    14,
    "the settings have a `DBBACKUP_*` name that nothing reads",
    reason="a setting with a typing error in its name does nothing",
    hint="remove it, or silence this check if it is a setting of the project's own",
)
W015 = Check(
    15,
    "a setting has a value that cannot be used",
    reason="commands fail with the same words",
    hint="the reference page of settings says what each takes",
)
W016 = Check(
    16,
    "the storage class of the backups cannot list what it holds",
    reason="backups are stored, but not listed, cleaned up or found for a restore",
    hint="use a class that implements `listdir`, or implement it",
)
W017 = Check(
    17,
    "a setting names a database that `DATABASES` does not have",
    reason="in `DBBACKUP_DATABASES` it makes backups fail; in `DBBACKUP_CONNECTORS` it does nothing",
    hint="correct the alias",
)
W018 = Check(
    18,
    "`DBBACKUP_CONNECTORS` has an option that the connector does not have",
    reason="it does nothing",
    hint="correct its name",
)
W019 = Check(
    19,
    "`DBBACKUP_GPG_RECIPIENT` is set, and there is no `gpg` here",
    reason="a backup with `-e` fails",
    hint="install GnuPG (Debian, Ubuntu: the package `gnupg`)",
)

CHECKS = (W001, W002, W003, W004, W005, W007, W008, W011, W012, W013, W014, W015, W016, W017, W018, W019)

_DATABASE_OPTIONS = (
    *("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS", "TEST", "TIME_ZONE"),
    *("CONN_MAX_AGE", "CONN_HEALTH_CHECKS", "AUTOCOMMIT", "ATOMIC_REQUESTS", "DISABLE_SERVER_SIDE_CURSORS"),
    *("ADMIN_USER", "ADMIN_PASSWORD", "AUTH_SOURCE"),
)
"""Options that go over the entry in ``DATABASES``, which has its keys in upper case only."""

_BUILT_IN = "dbbackup.db."


@register(TAG)
def check_settings(_app_configs: object = None, **_: object) -> list[CheckMessage]:
    """Return what is doubtful about the settings, in a fixed order."""
    try:
        settings = get_settings()
    except ConfigurationError:
        settings = None
    found = [*_packages(), *_names(), *_values(), *_texts(), *_templates(settings)]
    if settings:
        found += [*_storage(settings), *_connectors(settings), *_gpg(settings)]
    # Two settings may be wrong by one value: that of a third, which they fall back to.
    return [message for index, message in enumerate(found) if message not in found[:index]]


def _packages() -> Iterator[CheckMessage]:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution("django-dbbackup")
    except PackageNotFoundError:
        return
    yield W011


def _names() -> Iterator[CheckMessage]:
    known = {name.removeprefix("DBBACKUP_"): name for name in KNOWN_NAMES}
    for name in unknown_names():
        nearest = _nearest(name.removeprefix("DBBACKUP_"), known)
        hint = f"did you mean `{known[nearest]}`?" if nearest else None
        yield W014.about(f"nothing reads the setting `{name}`", hint)


def _values() -> Iterator[CheckMessage]:
    for error in wrong_settings():
        yield W015.about(str(error), error.hint)


def _texts() -> Iterator[CheckMessage]:
    hostname = SETTINGS["hostname"].given()
    if hostname is not NOT_GIVEN and not hostname:
        yield W001
    date_format = _value("date_format")
    if date_format and re.search(r"[^A-Za-z0-9%_-]", date_format):
        yield W005


def _templates(settings: Settings | None) -> Iterator[CheckMessage]:
    yield from _template("database", settings, without_date=W003, with_slash=W007)
    yield from _template("media", settings, without_date=W004, with_slash=W008)
    if settings:
        from dbbackup._naming import naming

        try:
            naming(settings)
        except DbbackupError as error:
            yield W015.about(str(error), error.hint)


def _template(
    kind: Kind, settings: Settings | None, *, without_date: Check, with_slash: Check
) -> Iterator[CheckMessage]:
    template = _value("filename_template" if kind == "database" else "media_filename_template")
    if isinstance(template, str):
        if "{datetime}" not in template:
            yield without_date
        if "/" in template:
            yield with_slash
    elif template and settings:
        try:
            if "/" in _example(kind, template, settings):
                yield with_slash
        except ConfigurationError as error:
            yield W015.about(str(error), error.hint)


def _example(kind: Kind, template: Callable[..., Any], settings: Settings) -> str:
    from dbbackup._naming import name_from_callable

    return name_from_callable(
        template,
        settings,
        kind=kind,
        alias=settings.aliases[0],
        servername=settings.hostname,
        extension="dump" if kind == "database" else "tar",
    )


def _storage(settings: Settings) -> Iterator[CheckMessage]:
    storage_class: object = FileSystemStorage
    if settings.storage_options is not None:
        path = settings.storage_backend
        if not path or not isinstance(path, str):
            yield W002
            return
        try:
            storage_class = import_string(path)
        except Exception as error:
            message = f"cannot import the class `{path}` of `STORAGES[{STORAGE_ALIAS!r}]`: {error}"
            yield W013.about(message, "correct the path, or install the package that has the class")
            return
    if not isinstance(storage_class, type):
        return
    if getattr(storage_class, "listdir", Storage.listdir) is Storage.listdir:
        yield W016.about(f"`{settings.storage_backend}` cannot list what it holds: it has no `listdir`")
    # A folder, and what django-storages has, connects to nothing when it is made. Of other classes that is
    # not known, so they are not made here.
    if issubclass(storage_class, FileSystemStorage) or storage_class.__module__.startswith(
        ("django.", "storages.")
    ):
        yield from _refusals(settings)


def _refusals(settings: Settings) -> Iterator[CheckMessage]:
    error = _refusal(settings)
    if error:
        yield W013.about(str(error), error.hint)
    elif settings.allow_public_storage:
        allowed = _refusal(replace(settings, allow_public_storage=False))
        if allowed:
            yield W012.about(
                f"`DBBACKUP_ALLOW_PUBLIC_STORAGE` lets pass what is refused otherwise: {allowed}"
            )


def _refusal(settings: Settings) -> DbbackupError | None:
    from dbbackup._place import backup_storage

    try:
        backup_storage(settings)
    except DbbackupError as error:
        return error
    return None


def _connectors(settings: Settings) -> Iterator[CheckMessage]:
    named: Mapping[str, Collection[str]] = {
        "DBBACKUP_DATABASES": settings.databases,
        "DBBACKUP_CONNECTORS": settings.connectors,
    }
    for setting, aliases in named.items():
        for alias in aliases:
            if alias not in settings.aliases:
                message = f"`{setting}` has the alias `{alias}`, and `DATABASES` has not"
                yield W017.about(message, f"`DATABASES` has: {', '.join(settings.aliases)}")
    for alias, options in settings.connectors.items():
        if alias in settings.aliases:
            yield from _options(alias, options)


def _options(alias: str, options: Mapping[str, Any]) -> Iterator[CheckMessage]:
    from dbbackup.db.base import connector_path_of

    try:
        path = connector_path_of(alias)
        connector_class = import_string(path)
    except (ImportError, ImproperlyConfigured):
        return
    # A class of the project's own may take any option.
    if not path.startswith(_BUILT_IN):
        return
    attributes = _option_attributes(connector_class)
    for option in options:
        if option.upper() in ("CONNECTOR", *attributes) or option in _DATABASE_OPTIONS:
            continue
        nearest = _nearest(option.upper(), [*attributes, *_DATABASE_OPTIONS])
        yield W018.about(
            f"`DBBACKUP_CONNECTORS[{alias!r}]` has the option `{option}`, and `{path}` has not",
            f"did you mean `{nearest}`?" if nearest else f"it has: {', '.join(sorted(attributes))}",
        )


def _gpg(settings: Settings) -> Iterator[CheckMessage]:
    if settings.gpg_recipient and not shutil.which("gpg"):
        yield W019


def _option_attributes(connector_class: type) -> set[str]:
    values = {name: getattr(connector_class, name) for name in dir(connector_class) if name[0] != "_"}
    return {
        name.upper()
        for name, value in values.items()
        if not callable(value) and not isinstance(value, property)
    }


def _value(attribute: str) -> Any:
    try:
        return SETTINGS[attribute].read()
    except ConfigurationError:
        return None


def _nearest(name: str, known: Collection[str]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, known, n=1)), None)
