"""Any engine that Django speaks to: its rows as JSON, in the format of ``dumpdata`` and ``loaddata``."""

from __future__ import annotations

import collections
import shutil
import tempfile
from typing import Any

from django.apps import apps
from django.db import DatabaseError, InterfaceError, transaction

from dbbackup._file import CHUNK_BYTES
from dbbackup.conf import get_settings
from dbbackup.db._connection import has_transactions, use_on_this_thread, without_query_log
from dbbackup.db._fixture_dump import FixtureDump
from dbbackup.db._fixture_load import FixtureLoad
from dbbackup.db._json_array import JsonArray
from dbbackup.db._models import named_models
from dbbackup.db._refusal import reason
from dbbackup.db.base import RowsConnector, restores_whole_or_not_at_all
from dbbackup.exceptions import RestoreError


class DjangoConnector(RowsConnector):
    """The rows of all models that live in one database, in and out as a stream of JSON.

    A dump is what ``dumpdata --natural-foreign --natural-primary --all --database ALIAS`` writes, of one
    moment; ``loaddata`` and django-dbbackup read it. It has neither tables without a model nor definitions of
    tables: the target has to be migrated to what it was.

    A restore replaces the rows that the backup has; others stay, unless `exact` is set. Tables that the
    backup left out stay as they are.
    """

    extension = "json"

    @property
    def restores_by_itself(self) -> bool:
        """Whether a restore that fails changes nothing: not where there are no transactions."""
        return super().restores_by_itself and has_transactions(self.connection)

    def describe_target(self) -> str:
        """Return the engine, the database's name and how many tables it has."""
        description = super().describe_target()
        try:
            tables = len(self.connection.introspection.table_names())
        except (DatabaseError, InterfaceError):
            return description
        return f"{description}, {tables} table{'' if tables == 1 else 's'}"

    def _create_dump(self) -> Any:
        excluded = named_models(self.exclude, self.connection)
        return self.stream(FixtureDump(self.connection, excluded, self._note_dump))

    def _note_dump(self, rows: dict[str, int], notes: list[str]) -> None:
        self.content = {"tables": rows, "exact": True}
        self.notes += notes

    @restores_whole_or_not_at_all
    def _restore_dump(self, dump: Any) -> None:
        seekable = getattr(dump, "seekable", None)
        if seekable and seekable():
            dump.seek(0)
        if has_transactions(self.connection):
            self._load(dump)
            return
        with tempfile.TemporaryFile(dir=get_settings().tmp_dir) as proven:
            shutil.copyfileobj(dump, proven, CHUNK_BYTES)
            proven.seek(0)
            collections.deque(JsonArray(proven), maxlen=0)
            proven.seek(0)
            try:
                self._load(proven)
            except Exception as error:
                message = f"{error}; this database has no transactions: some of its rows are the backup's now"
                raise RestoreError(message, stage="target", hint=getattr(error, "hint", None)) from error

    def _load(self, dump: Any) -> None:
        load = FixtureLoad(self.connection, exact=self.exact, tmp_dir=get_settings().tmp_dir)
        with use_on_this_thread(self.connection), without_query_log(self.connection):
            _forget_content_types()
            try:
                with transaction.atomic(using=self.connection.alias):
                    notes = load.run(JsonArray(dump))
            except DatabaseError as error:
                message = f"cannot restore `{self.database_name}`: {reason(error)}"
                raise RestoreError(message, stage="target", subject=self.database_name) from error
            finally:
                _forget_content_types()
        self.notes += notes


def _forget_content_types() -> None:
    # Their manager remembers rows by their numbers, which a restore may change, and a rollback back again.
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        ContentType.objects.clear_cache()
