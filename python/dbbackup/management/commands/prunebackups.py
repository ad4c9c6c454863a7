"""``manage.py prunebackups``."""

from typing import Any

from django.core.management.base import CommandParser

from dbbackup import _engine
from dbbackup._naming import naming
from dbbackup._prune import PruneRequest, prune
from dbbackup._scope import Scope
from dbbackup._select import scopes
from dbbackup.conf import Settings, get_settings
from dbbackup.exceptions import ConfigurationError
from dbbackup.management.commands._base import KINDS, DbbackupCommand


class Command(DbbackupCommand):
    """Delete old backups, or say which would go."""

    help = (
        "Delete old backups of this server: of each database beyond DBBACKUP_CLEANUP_KEEP, of the media beyond "
        "DBBACKUP_CLEANUP_KEEP_MEDIA. Never the newest one, never those of other servers, databases or projects."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="Say of each backup whether it stays, and delete nothing."
        )
        parser.add_argument(
            "--keep", type=int, metavar="N", help="Backups that stay, instead of the settings."
        )
        parser.add_argument("-d", "--database", help="Only of these databases: aliases, separated by commas.")
        parser.add_argument("-s", "--servername", help="Backups of this server, instead of this host's.")
        parser.add_argument(
            "-c", "--content-type", choices=list(KINDS), help="Only databases, or only media."
        )

    def handle(
        self,
        *_args: Any,
        dry_run: bool,
        keep: int | None,
        database: str | None,
        servername: str | None,
        content_type: str | None,
        quiet: bool,
        verbosity: int,
        **_options: Any,
    ) -> None:
        """Clean up each database's backups, then the media's."""
        with self.failures_as_command_errors():
            verbosity = 0 if quiet else verbosity
            if keep is not None and keep < 1:
                message = f"--keep must be at least 1, not {keep}: the newest backup is never deleted"
                raise ConfigurationError(message)
            settings = get_settings()
            for scope in scopes(settings, databases=database, content_type=content_type):
                pruned = prune(_request(scope, settings, keep, servername), settings, dry_run=dry_run)
                if dry_run:
                    self._tell_plan(scope.alias, pruned, verbosity)
                else:
                    self.tell_pruned(scope.alias, pruned, verbosity)

    def _tell_plan(self, label: str, pruned: _engine.Pruned, verbosity: int) -> None:
        if verbosity < 1:
            return
        for decision in pruned.decisions:
            verb = "would delete" if decision.delete else "keeps"
            self.say(f"{label}: {verb} {decision.name} ({decision.reason})")
        if pruned.others:
            self.say(f"{label}: leaves alone {pruned.others} of other servers or projects")


def _request(scope: Scope, settings: Settings, keep: int | None, servername: str | None) -> PruneRequest:
    usual = settings.cleanup_keep_media if scope.kind == "media" else settings.cleanup_keep
    return PruneRequest(
        naming=naming(settings),
        scope=scope,
        servername=servername or settings.hostname,
        keep=usual if keep is None else keep,
    )
