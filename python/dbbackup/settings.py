"""The settings under the names that django-dbbackup gave them: ``from dbbackup import settings``.

Each attribute is read from Django's settings whenever it is asked for, so ``override_settings`` works. An
assignment to one changes nothing but this module. New code reads :func:`dbbackup.conf.get_settings`.
"""

from typing import Any

from django.conf import settings as django_settings

from dbbackup._setting import NOT_GIVEN
from dbbackup.conf import SETTINGS, STORAGE_ALIAS, Settings, get_settings, load_callable

STORAGES_DBBACKUP_ALIAS = STORAGE_ALIAS

_SAME = {
    name: name.lower()
    for name in (
        *("HOSTNAME", "DATE_FORMAT", "FILENAME_TEMPLATE", "MEDIA_FILENAME_TEMPLATE"),
        *("CLEANUP_KEEP", "CLEANUP_KEEP_MEDIA", "TMP_DIR", "TMP_FILE_MAX_SIZE", "TMP_FILE_READ_SIZE"),
        *("CONNECTORS", "GPG_ALWAYS_TRUST", "SEND_EMAIL", "SERVER_EMAIL", "EMAIL_SUBJECT_PREFIX"),
        *("BACKUP_METADATA_SETTER", "RESTORE_METADATA_VALIDATOR"),
    )
}
"""django-dbbackup's name → attribute of `Settings` with the same value."""


def _databases(settings: Settings) -> list[str]:
    return list(settings.databases)


def _cleanup_keep_filter(settings: Settings) -> Any:
    value = settings.cleanup_keep_filter
    return load_callable("CLEANUP_KEEP_FILTER", value) if value else lambda _name: False


def _media_path(settings: Settings) -> Any:
    return settings.media_path or django_settings.MEDIA_ROOT


def _storage(settings: Settings) -> Any:
    return settings.storage_backend or "django.core.files.storage.FileSystemStorage"


def _storage_options(settings: Settings) -> Any:
    return settings.storage_options or {}


def _custom_connector_mapping(settings: Settings) -> Any:
    return settings.connector_mapping


def _gpg_recipient(_settings: Settings) -> Any:
    value = SETTINGS["gpg_recipient"].given()
    return None if value is NOT_GIVEN else value


def _admins(_settings: Settings) -> Any:
    value = SETTINGS["admins"].given()
    return django_settings.ADMINS if value is NOT_GIVEN else value


_OTHERS = {
    "DATABASES": _databases,
    "CLEANUP_KEEP_FILTER": _cleanup_keep_filter,
    "MEDIA_PATH": _media_path,
    "STORAGE": _storage,
    "STORAGE_OPTIONS": _storage_options,
    "CUSTOM_CONNECTOR_MAPPING": _custom_connector_mapping,
    "GPG_RECIPIENT": _gpg_recipient,
    "ADMINS": _admins,
}
"""django-dbbackup's name → its value, where that is another than the attribute's."""


def __getattr__(name: str) -> Any:
    """Return the setting `name` as it is now.

    Raises:
        ConfigurationError: A setting has a value that cannot be used.

    """
    if name in _SAME:
        return getattr(get_settings(), _SAME[name])
    if name in _OTHERS:
        return _OTHERS[name](get_settings())
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*globals(), *_SAME, *_OTHERS])
