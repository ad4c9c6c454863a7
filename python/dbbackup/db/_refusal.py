"""Why an object of a backup could not be written, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.core.serializers.base import DeserializationError, M2MDeserializationError
from django.db import OperationalError, ProgrammingError

from dbbackup.exceptions import RestoreError

if TYPE_CHECKING:
    from dbbackup.db._shelf import Item


def refused(item: Item, why: str, hint: str | None) -> RestoreError:
    """Return the error that names the object: its number in the backup, its model and its primary key."""
    label = item.row["model"]
    key = item.row.get("pk", item.member.get("pk"))
    which = f"`{label}`" if key is None else f"`{label}` with the primary key `{key}`"
    message = f"cannot restore object {item.number}, {which}: {why}"
    return RestoreError(message, stage="target", subject=label, hint=hint)


def reason(error: Exception) -> str:
    """Return the text of `error` on one line."""
    return "; ".join(str(error).split("\n")).rstrip("; .") or type(error).__name__


def hint_for(error: Exception) -> str | None:
    """Return what to do about `error`, where it tells."""
    if isinstance(error, FieldDoesNotExist):
        return (
            "the model has other fields than on the day the backup was made: restore with the code and the "
            "migrations of that day, and migrate then"
        )
    if is_missing_row(error):
        return "a row that it refers to is neither in the backup nor here"
    # SQLite's and MySQL's word for a missing column is one of connections and locks, too.
    if isinstance(error, ProgrammingError) or (
        isinstance(error, OperationalError) and "no such" in str(error)
    ):
        return "run `migrate` first: the tables have to be there"
    return None


def is_missing_row(error: BaseException | None) -> bool:
    """Whether Django could not read an object because a row that it refers to is not there."""
    while error is not None and not isinstance(error, ObjectDoesNotExist):
        is_wrapped = isinstance(error, (DeserializationError, M2MDeserializationError))
        error = error.__cause__ or error.__context__ if is_wrapped else None
    return error is not None
