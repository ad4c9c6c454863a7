"""Backups of application databases that people trust.

The package imports nothing but the standard library: the engine starts ``python -P -m dbbackup`` as its
SQLite tool, and that child must be ready in milliseconds, in environments without Django too. The Django
app is :mod:`dbbackup.apps`; every public name is fetched when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbbackup._engine import __version__
    from dbbackup.exceptions import DbbackupError

__all__ = ["DbbackupError", "__version__"]

_HOMES = {"DbbackupError": "dbbackup.exceptions", "__version__": "dbbackup._engine"}


def __getattr__(name: str) -> Any:
    """Return the public name `name` from the module that defines it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
