"""Every setting that is read, declared once, as one frozen value.

The declarations below are what :func:`get_settings` reads, what the system checks know, and what the
reference page of settings is made from.
"""

# ruff: noqa: RUF009 (`declare` returns a dataclass's field)

from __future__ import annotations

import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.db import connections
from django.utils.module_loading import import_string

from dbbackup import _setting as kinds
from dbbackup._setting import DjangoSetting, Setting, declare
from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbbackup._engine import Compression

STORAGE_ALIAS = "dbbackup"
"""The key in ``STORAGES`` under which backups are kept."""

REPLACED = ("DBBACKUP_STORAGE", "DBBACKUP_STORAGE_OPTIONS")
"""Settings that are an error: ``STORAGES["dbbackup"]`` has taken their place."""


def _aliases() -> tuple[str, ...]:
    return tuple(connections)


def _backend() -> object:
    return (_storage_entry(STORAGE_ALIAS) or {}).get("BACKEND")


def _storage_options() -> Mapping[str, Any] | None:
    entry = _storage_entry(STORAGE_ALIAS)
    return None if entry is None else entry.get("OPTIONS", {})


def _public_roots() -> dict[str, str]:
    default_options = (_storage_entry("default") or {}).get("OPTIONS", {})
    roots = {
        "MEDIA_ROOT": django_settings.MEDIA_ROOT,
        "STATIC_ROOT": django_settings.STATIC_ROOT,
        'STORAGES["default"]': default_options.get("location"),
    }
    return {setting: str(root) for setting, root in roots.items() if root}


def _time_zone() -> str | None:
    return django_settings.TIME_ZONE or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The ``DBBACKUP_*`` settings and what belongs to them in Django's own.

    Built by :func:`get_settings` when a command starts, never at import, and handed on from there.
    """

    databases: tuple[str, ...] = declare(
        Setting(
            name="DBBACKUP_DATABASES",
            kind=kinds.ALIASES,
            meaning="The databases that are backed up when `-d` names none.",
            default=_aliases,
            default_text="all of `DATABASES`",
            reason="a database that nobody thought of is in the backup, too",
        )
    )
    connectors: Mapping[str, Mapping[str, Any]] = declare(
        Setting(
            name="DBBACKUP_CONNECTORS",
            kind=kinds.CONNECTOR_OPTIONS,
            meaning=(
                "Options of connectors, for each database by its alias. They go over its entry in "
                "`DATABASES`."
            ),
            default={},
            reason="that entry says all that most projects need",
        )
    )
    connector_mapping: Mapping[str, str] = declare(
        Setting(
            name="DBBACKUP_CONNECTOR_MAPPING",
            kind=kinds.CONNECTOR_PATHS,
            meaning="Connectors of engines that dbbackup does not know, or other ones for those it knows.",
            default={},
            empty_is_default=True,
            reason="every engine has a connector, if only Django's serializers",
        )
    )
    hostname: str = declare(
        Setting(
            name="DBBACKUP_HOSTNAME",
            kind=kinds.TEXT,
            meaning=(
                "The server's name in the names of backups. `--clean` deletes backups of this server only: "
                "set it where the host's name changes, as that of a container does."
            ),
            default=socket.gethostname,
            default_text="the host's name",
            empty_is_default=True,
            reason="servers that share a storage differ in it",
        )
    )
    date_format: str = declare(
        Setting(
            name="DBBACKUP_DATE_FORMAT",
            kind=kinds.TEXT,
            meaning="The `strftime` format of `{datetime}` in the names of backups.",
            default="%Y-%m-%d-%H%M%S",
            reason="names sort by their dates, and work in every file system",
        )
    )
    filename_template: str | Callable[..., str] = declare(
        Setting(
            name="DBBACKUP_FILENAME_TEMPLATE",
            kind=kinds.TEMPLATE,
            meaning=(
                "The names of database backups: text with `{databasename}`, `{servername}`, `{datetime}`, "
                "`{extension}` and `{content_type}`, or a function with these as keywords."
            ),
            default="{databasename}-{servername}-{datetime}.{extension}",
            reason="the name tells which database of which server it is, and when",
        )
    )
    media_filename_template: str | Callable[..., str] = declare(
        Setting(
            name="DBBACKUP_MEDIA_FILENAME_TEMPLATE",
            kind=kinds.TEMPLATE,
            meaning="The names of media backups, made in the same way; `{databasename}` is empty.",
            default="{servername}-{datetime}.{extension}",
            reason="a project has one folder of media",
        )
    )
    cleanup_keep: int = declare(
        Setting(
            name="DBBACKUP_CLEANUP_KEEP",
            kind=kinds.COUNT,
            meaning="How many backups `--clean` keeps of one database and server. The newest always stays.",
            default=10,
            unit="backups",
            reason="as many as django-dbbackup keeps",
        )
    )
    cleanup_keep_media: int = declare(
        Setting(
            name="DBBACKUP_CLEANUP_KEEP_MEDIA",
            kind=kinds.COUNT,
            meaning="How many backups of media `--clean` keeps of one server. The newest always stays.",
            default=10,
            falls_back_to="DBBACKUP_CLEANUP_KEEP",
            unit="backups",
            reason="a database without the media of its day is half a backup",
        )
    )
    cleanup_keep_filter: object = declare(
        Setting(
            name="DBBACKUP_CLEANUP_KEEP_FILTER",
            kind=kinds.CALLABLE,
            meaning=(
                "A function that is given a backup's name and returns whether `--clean` keeps it. "
                "Such backups come on top of those that are counted."
            ),
            empty_is_default=True,
            default_text="none",
            reason="the count decides",
        )
    )
    media_path: str | None = declare(
        Setting(
            name="DBBACKUP_MEDIA_PATH",
            kind=kinds.PATH,
            meaning="The folder of the media.",
            empty_is_default=True,
            default_text='where `STORAGES["default"]` keeps them',
            reason="it is where Django puts what users upload",
        )
    )
    media_exclude: tuple[str, ...] = declare(
        Setting(
            name="DBBACKUP_MEDIA_EXCLUDE",
            kind=kinds.PATTERNS,
            meaning="Media that are left out: patterns as in a `.gitignore`. `--exclude` adds one.",
            default=[],
            reason="what is left out is lost, so somebody has to ask for it",
            since="0.1.0",
        )
    )
    compression: Compression = declare(
        Setting(
            name="DBBACKUP_COMPRESSION",
            kind=kinds.one_of("none", "gzip", "zstd"),
            meaning="What `-z` means.",
            default="gzip",
            reason="every system can read it; zstd is faster and smaller",
            since="0.1.0",
        )
    )
    gpg_recipient: tuple[str, ...] = declare(
        Setting(
            name="DBBACKUP_GPG_RECIPIENT",
            kind=kinds.KEYS,
            meaning="Whom `-e` encrypts for: keys by name, address or fingerprint.",
            default=[],
            default_text="none",
            empty_is_default=True,
            reason="only the project knows who may read its backups",
        )
    )
    gpg_always_trust: bool = declare(
        Setting(
            name="DBBACKUP_GPG_ALWAYS_TRUST",
            kind=kinds.SWITCH,
            meaning="Whether to encrypt for keys that the key ring does not trust.",
            default=False,
            reason="a key that somebody slipped into the key ring could read every backup",
        )
    )
    allow_public_storage: bool = declare(
        Setting(
            name="DBBACKUP_ALLOW_PUBLIC_STORAGE",
            kind=kinds.SWITCH,
            meaning=(
                "Whether backups may be kept among the media or the static files, or in the default storage "
                'when there is no `STORAGES["dbbackup"]`.'
            ),
            default=False,
            reason="web servers publish these folders, and a backup holds every password hash",
            since="0.1.0",
        )
    )
    send_email: bool = declare(
        Setting(
            name="DBBACKUP_SEND_EMAIL",
            kind=kinds.SWITCH,
            meaning="Whether commands that fail send a mail to `DBBACKUP_ADMINS`.",
            default=True,
            reason="nobody watches a backup at night",
        )
    )
    admins: tuple[str, ...] = declare(
        Setting(
            name="DBBACKUP_ADMINS",
            kind=kinds.ADDRESSES,
            meaning="Who gets the mails about commands that failed.",
            default=[],
            falls_back_to="ADMINS",
            older_name="DBBACKUP_ADMIN",
            reason="they get the mails about other errors, too",
        )
    )
    server_email: str = declare(
        Setting(
            name="DBBACKUP_SERVER_EMAIL",
            kind=kinds.TEXT,
            meaning="The sender of the mails about commands that failed.",
            default="root@localhost",
            falls_back_to="SERVER_EMAIL",
            reason="it is the sender of the mails about other errors, too",
        )
    )
    email_subject_prefix: str = declare(
        Setting(
            name="DBBACKUP_EMAIL_SUBJECT_PREFIX",
            kind=kinds.TEXT,
            meaning="What the subjects of the mails about commands that failed begin with.",
            default="[dbbackup] ",
            reason="mail filters can tell them from others by it",
        )
    )
    backup_metadata_setter: object = declare(
        Setting(
            name="DBBACKUP_BACKUP_METADATA_SETTER",
            kind=kinds.CALLABLE,
            meaning=(
                "A function that is given the top level of a backup's manifest, and returns a dictionary of "
                "what is added to it."
            ),
            empty_is_default=True,
            default_text="none",
            reason="a manifest says what dbbackup knows",
        )
    )
    restore_metadata_validator: object = declare(
        Setting(
            name="DBBACKUP_RESTORE_METADATA_VALIDATOR",
            kind=kinds.CALLABLE,
            meaning=(
                "A function that is given the manifest of a backup before it is restored. It refuses the "
                "backup by returning `False` or raising an exception; `True` and `None` let it pass."
            ),
            empty_is_default=True,
            default_text="none",
            reason="every backup that is whole and fits may be restored",
        )
    )
    tmp_dir: str = declare(
        Setting(
            name="DBBACKUP_TMP_DIR",
            kind=kinds.PATH,
            meaning=(
                "The folder of temporary files: snapshots of SQLite databases in rollback-journal mode, "
                "streams whose size a storage or a connector asks for, databases that a drill restores, and what "
                "programs print that connectors run."
            ),
            default=tempfile.gettempdir,
            default_text="the system's",
            empty_is_default=True,
            reason="it is made for that",
        )
    )
    tmp_file_max_size: int = declare(
        Setting(
            name="DBBACKUP_TMP_FILE_MAX_SIZE",
            kind=kinds.AMOUNT,
            meaning=(
                "How much of a temporary file stays in memory when code of one's own makes it with the helpers "
                "of `dbbackup.utils`. Dumps are streamed: the commands have no use for it."
            ),
            default=10 * 1024 * 1024,
            unit="bytes",
            reason="as much as django-dbbackup keeps there",
        )
    )
    tmp_file_read_size: int = declare(
        Setting(
            name="DBBACKUP_TMP_FILE_READ_SIZE",
            kind=kinds.AMOUNT,
            meaning="Has no effect any more: the sizes of reads are the engine's.",
            default=1024 * 1000,
            unit="bytes",
            reason="accepted, so that no project has to change its settings",
        )
    )

    aliases: tuple[str, ...] = declare(
        DjangoSetting(
            name="`DATABASES`",
            read=_aliases,
            meaning="The databases of the project. Each has the connector of its `ENGINE`.",
        )
    )
    storage_backend: object = declare(
        DjangoSetting(
            name='`STORAGES["dbbackup"]["BACKEND"]`',
            read=_backend,
            meaning="The class of the storage that backups are kept in, as a dotted path.",
        )
    )
    storage_options: Mapping[str, Any] | None = declare(
        DjangoSetting(
            name='`STORAGES["dbbackup"]["OPTIONS"]`',
            read=_storage_options,
            meaning=(
                "What the class is given. Files in a folder get the mode `file_permissions_mode`, or else "
                "0600: they are for their owner alone."
            ),
        )
    )
    public_roots: Mapping[str, str] = declare(
        DjangoSetting(
            name='`MEDIA_ROOT`, `STATIC_ROOT`, `STORAGES["default"]`',
            read=_public_roots,
            meaning=(
                "Folders that web servers publish: no place for backups, unless "
                "`DBBACKUP_ALLOW_PUBLIC_STORAGE` says so."
            ),
        )
    )
    time_zone: str | None = declare(
        DjangoSetting(
            name="`TIME_ZONE`",
            read=_time_zone,
            meaning="Dates in names and on screen are local times there; with `None`, in the system's zone.",
        )
    )


_READ: Mapping[str, Setting | DjangoSetting] = {
    field.name: field.metadata["setting"] for field in fields(Settings)
}

SETTINGS: Mapping[str, Setting] = {
    attribute: setting for attribute, setting in _READ.items() if isinstance(setting, Setting)
}
"""The declarations of the ``DBBACKUP_*`` settings, by the attribute of `Settings` that holds the value."""

DJANGO_SETTINGS: tuple[DjangoSetting, ...] = tuple(
    setting for setting in _READ.values() if isinstance(setting, DjangoSetting)
)
"""What is read of Django's own settings."""

KNOWN_NAMES = tuple(name for setting in SETTINGS.values() for name in setting.names)
"""Every ``DBBACKUP_*`` name that is read."""


def get_settings() -> Settings:
    """Return the settings as they are now.

    Nothing is remembered between calls, so ``override_settings`` works without further ado.

    Raises:
        ConfigurationError: A setting has a value that cannot be used, or is one that was replaced.

    """
    for error in _replaced():
        raise error
    return Settings(**{attribute: setting.read() for attribute, setting in _READ.items()})


def wrong_settings() -> Iterator[ConfigurationError]:
    """Give what is wrong with each setting: values that cannot be used, functions that cannot be imported."""
    yield from _replaced()
    for setting in _READ.values():
        try:
            value = setting.read()
            if value and isinstance(setting, Setting) and setting.kind is kinds.CALLABLE:
                load_callable(setting.name.removeprefix("DBBACKUP_"), value)
        except ConfigurationError as error:
            yield error


def unknown_names() -> list[str]:
    """Return the ``DBBACKUP_*`` names in the project's settings that nothing reads."""
    known = {*KNOWN_NAMES, *REPLACED}
    return [name for name in dir(django_settings) if name.startswith("DBBACKUP_") and name not in known]


def load_callable(name: str, value: object) -> Callable[..., Any]:
    """Return the callable that the setting ``DBBACKUP_<name>`` holds, or names by its dotted path.

    Raises:
        ConfigurationError: It cannot be imported, or is no callable.

    """
    subject = f"DBBACKUP_{name}"
    if isinstance(value, str):
        try:
            value = import_string(value)
        except Exception as error:
            message = f"cannot import `{value}` of `{subject}`: {error}"
            raise ConfigurationError(message, subject=subject) from error
    if not callable(value):
        message = f"`{subject}` must be {kinds.CALLABLE.must_be}, not `{value!r}`"
        raise ConfigurationError(message, subject=subject)
    return value


def _replaced() -> Iterator[ConfigurationError]:
    for name in REPLACED:
        if getattr(django_settings, name, None) is not None:
            message = f"the setting `{name}` was replaced by `STORAGES[{STORAGE_ALIAS!r}]`"
            yield ConfigurationError(
                message,
                subject=name,
                hint=(
                    f'move it: STORAGES = {{..., "{STORAGE_ALIAS}": '
                    '{"BACKEND": <DBBACKUP_STORAGE>, "OPTIONS": <DBBACKUP_STORAGE_OPTIONS>}}'
                ),
            )


def _storage_entry(alias: str) -> Mapping[str, Any] | None:
    entry = django_settings.STORAGES.get(alias)
    if entry is None:
        return None
    if not isinstance(entry, Mapping) or not isinstance(entry.get("OPTIONS", {}), Mapping):
        # The value stays out of the message: options hold keys of cloud storages.
        subject = f"STORAGES[{alias!r}]"
        message = f"`{subject}` must be a dictionary with `BACKEND` and a dictionary of `OPTIONS`"
        raise ConfigurationError(message, subject=subject)
    return entry
