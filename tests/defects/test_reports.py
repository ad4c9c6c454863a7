"""What is wrong is said: by system checks, in mails, and to the project's own log."""

import shutil
from pathlib import Path

import pytest

from tests.defects.world import Peer, UnpreparedError, said

WITH_MAILS = """
ADMINS = [("Ada", "ada@example.com")]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = BASE_DIR / "mails"
"""

WITH_A_LOG = """
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"mine": {"class": "logging.FileHandler", "filename": BASE_DIR / "my.log"}},
    "loggers": {"dbbackup": {"handlers": ["mine"], "level": "INFO"}},
}
"""

LOADS_THE_CHECKS = """\
from django.apps import AppConfig

class Config(AppConfig):
    name = "workaround"

    def ready(self):
        import dbbackup.checks
"""


@pytest.mark.defect(12, "`manage.py check` warns of a template that gives no backup a date")
def test_the_system_checks_run(project: Peer) -> None:
    project.configure('DBBACKUP_FILENAME_TEMPLATE = "{databasename}.{extension}"')
    run = project.manage("check")
    assert "dbbackup.W003" in run.err, f"{said(run)}; no warning"


@pytest.mark.defect(12, "The check of a template that is a function calls it as the generator of names does")
def test_a_function_as_the_template_is_called_alike(project: Peer) -> None:
    project.configure(
        "def DBBACKUP_FILENAME_TEMPLATE(*, datetime, extension, **rest): return f'a/{datetime}.{extension}'"
    )
    # Whoever has seen that django-dbbackup's checks do not run loads them like this.
    (project.root / "workaround.py").write_text(LOADS_THE_CHECKS)
    project.configure('INSTALLED_APPS += ["workaround.Config"]')
    run = project.manage("check")
    assert run.code == 0, said(run)
    assert "dbbackup.W007" in run.err, f"{said(run)}; no warning"


def mails(folder: Path) -> int:
    """Return how many mails were sent; they are gone then."""
    count = sum(file.read_text().count("\nSubject: ") for file in folder.glob("*"))
    shutil.rmtree(folder, ignore_errors=True)
    return count


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            "dbrestore", marks=pytest.mark.defect(19, "A `dbrestore` that fails is mailed to the admins")
        ),
        pytest.param(
            "mediarestore",
            marks=pytest.mark.defect(19, "A `mediarestore` that fails is mailed to the admins"),
        ),
    ],
)
def test_restores_that_fail_are_mailed(project: Peer, command: str) -> None:
    project.configure(WITH_MAILS)
    project.manage("dbbackup", "-d", "nowhere")
    if mails(project.root / "mails") != 1:
        message = "the project sends no mails"
        raise UnpreparedError(message)
    run = project.manage(command, "--noinput", "-i", "missing")
    assert run.code != 0, said(run)
    assert mails(project.root / "mails") == 1, f"exit {run.code}; no mail"


@pytest.mark.defect(19, "The project's own log handler of `dbbackup` is kept, and told of failures")
def test_the_projects_log_handler_is_told(project: Peer) -> None:
    project.configure(WITH_A_LOG)
    run = project.manage("dbbackup", "-d", "nowhere")
    assert run.code != 0, said(run)
    assert "nowhere" in (project.root / "my.log").read_text(), f"exit {run.code}; the log is empty"
