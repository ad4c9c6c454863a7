"""The project's part of a manifest: keys that it adds, and its say in what is restored."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbbackup.conf import load_callable
from dbbackup.exceptions import ConfigurationError, RefusedError

if TYPE_CHECKING:
    from dbbackup.conf import Settings
    from dbbackup.db.base import BaseDBConnector

ENGINE_KEY = "dbbackup"
"""The one key of a manifest that is the engine's own."""


def top_level(connector: BaseDBConnector, settings: Settings) -> dict[str, Any]:
    """Return the top level of the manifest: the engine, the connector, and the keys of the project's setter.

    Raises:
        ConfigurationError: The setter cannot be used, it failed, or it returned what no manifest can hold.

    """
    metadata: dict[str, Any] = {"engine": connector.engine, "connector": connector.dotted_path}
    return metadata | added_keys(metadata, settings)


def added_keys(metadata: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the keys that the project's setter adds to `metadata`; without one, none.

    Raises:
        ConfigurationError: The setter cannot be used, it failed, or it returned what no manifest can hold.

    """
    if not settings.backup_metadata_setter:
        return {}
    setter = load_callable("BACKUP_METADATA_SETTER", settings.backup_metadata_setter)
    try:
        added = setter(copy.deepcopy(metadata))
    except Exception as error:
        subject = "DBBACKUP_BACKUP_METADATA_SETTER"
        message = f"`{subject}` failed: {type(error).__name__}: {error}"
        raise ConfigurationError(message, subject=subject) from error
    return _json_object(added)


def ask_validator(manifest: dict[str, Any], name: str, settings: Settings) -> None:
    """Let the project's validator judge the `manifest` of the backup `name`; one without is not shown to it.

    Raises:
        ConfigurationError: The validator cannot be used.
        RefusedError: It said no.

    """
    if not manifest:
        return
    subject = "DBBACKUP_RESTORE_METADATA_VALIDATOR"
    try:
        verdict = verdict_on(manifest, settings)
    except RefusedError as error:
        message = f"`{subject}` refused the backup `{name}`: {error}"
        raise RefusedError(message, subject=name) from error
    if verdict is False:
        message = f"`{subject}` refused the backup `{name}`"
        raise RefusedError(message, subject=name)


def verdict_on(manifest: dict[str, Any], settings: Settings) -> bool | None:
    """Return what the project's validator says of the `manifest`; without one, yes.

    Raises:
        ConfigurationError: The validator cannot be used.
        RefusedError: It raised an exception: that is how a validator can say why.

    """
    subject = "DBBACKUP_RESTORE_METADATA_VALIDATOR"
    if not settings.restore_metadata_validator:
        return True
    validator = load_callable("RESTORE_METADATA_VALIDATOR", settings.restore_metadata_validator)
    try:
        verdict = validator(copy.deepcopy(manifest))
    except Exception as error:
        message = str(error) or type(error).__name__
        raise RefusedError(message, subject=subject) from error
    if verdict is None or isinstance(verdict, bool):
        return verdict
    message = f"`{subject}` must return True, False or None, not `{verdict!r}`"
    raise ConfigurationError(message, subject=subject)


def _json_object(value: object) -> dict[str, Any]:
    subject = "DBBACKUP_BACKUP_METADATA_SETTER"
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"`{subject}` must return a dictionary, not `{value!r}`"
        raise ConfigurationError(message, subject=subject)
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        message = f"what `{subject}` returns cannot be written as JSON: {error}"
        raise ConfigurationError(message, subject=subject) from error
    if ENGINE_KEY in plain:
        message = f"`{subject}` must not return the key `{ENGINE_KEY}`: it is taken"
        raise ConfigurationError(message, subject=subject)
    return plain
