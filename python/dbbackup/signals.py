"""Signals: a project's own work before and after backups and restores. The sender is the command's class.

A receiver of a ``pre_…`` signal that raises keeps the backup or the restore from happening. What is raised by a
receiver of a ``post_…`` signal fails the command, and changes nothing about what was done.
"""

from django.dispatch import Signal

pre_backup = Signal()
"""Before a database is read: ``database`` (its settings), ``connector``, ``servername`` (of ``-s``)."""

post_backup = Signal()
"""After its backup is whole: ``database``, ``connector``, ``servername``, ``filename``, ``storage``."""

pre_restore = Signal()
"""Before a database is replaced, after the question: ``database``, ``database_name`` (the alias), ``filename``,
``servername``, ``storage``."""

post_restore = Signal()
"""After it was replaced: ``database``, ``database_name``, ``filename``, ``servername``, ``connector``, ``storage``."""

pre_media_backup = Signal()
"""Before the media are read: ``servername``, ``storage``."""

post_media_backup = Signal()
"""After their backup is whole: ``filename``, ``servername``, ``storage``."""

pre_media_restore = Signal()
"""Before the first file changes, after the question: ``filename``, ``servername``, ``storage``."""

post_media_restore = Signal()
"""After the last one: ``filename``, ``servername``, ``storage``."""
