"""The Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class DbbackupConfig(AppConfig):
    """``INSTALLED_APPS = [..., "dbbackup"]``."""

    name = "dbbackup"
    label = "dbbackup"
    verbose_name = gettext_lazy("Backup and restore")
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Register the system checks, and keep failures from being printed twice where nobody listens to logs."""
        from dbbackup import checks, log  # noqa: F401 (importing registers)

        log.load()
