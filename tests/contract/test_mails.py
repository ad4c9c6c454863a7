"""Who is mailed about a failure, by whom and under which prefix, is the same here and there.

What follows the prefix is not: there it is the whole traceback, here one sentence.
"""

import shutil
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from tests.contract.both_ways import run_by
from tests.project import Project, fill

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

SETTINGS = """
ADMINS = [("Ada", "ada@example.org"), ("Bob", "bob@example.org")]
SERVER_EMAIL = "server@example.org"
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = str(BASE_DIR / "mails")
"""

FAILING = [["dbbackup", "-d", "nowhere"], ["mediabackup"]]


@pytest.fixture
def ours(project: Project) -> Project:
    """A project without media, whose mails become files."""
    fill(project.database, ["a"])
    project.configure(SETTINGS)
    return project


def mails(project: Project, command: list[str]) -> list[EmailMessage]:
    """The mails about a command that has to fail."""
    folder = project.root / "mails"
    shutil.rmtree(folder, ignore_errors=True)
    assert project.manage(*command).code != 0
    found = []
    for file in sorted(folder.iterdir()) if folder.exists() else []:
        # The backend ends each mail in a line of dashes.
        content, _, _ = file.read_bytes().rpartition(b"\n" + b"-" * 79)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        found.append(message)
    return found


@pytest.mark.parametrize("command", FAILING, ids=" ".join)
@pytest.mark.parametrize(
    "setting",
    [
        "",
        "DBBACKUP_EMAIL_SUBJECT_PREFIX = '[shop] '",
        "DBBACKUP_SERVER_EMAIL = 'backup@example.org'",
        "DBBACKUP_ADMIN = [('Eve', 'eve@example.org')]",
    ],
)
def test_sender_recipients_and_prefix_are_the_same(
    ours: Project, predecessor: str, command: list[str], setting: str
) -> None:
    ours.configure(setting)
    (its,) = mails(run_by(predecessor, ours), command)
    (mail,) = mails(ours, command)
    assert (mail["To"], mail["From"]) == (its["To"], its["From"])
    prefix = "[shop] " if "shop" in setting else "[dbbackup] "
    assert its["Subject"].startswith(f"{prefix}ERROR: ")
    assert mail["Subject"].startswith(f"{prefix}{command[0]} failed on host: ")


@pytest.mark.parametrize("command", FAILING, ids=" ".join)
@pytest.mark.parametrize("setting", ["DBBACKUP_SEND_EMAIL = False", "DBBACKUP_ADMIN = []", "ADMINS = []"])
def test_nobody_is_mailed_where_nobody_is_to_be(
    ours: Project, predecessor: str, command: list[str], setting: str
) -> None:
    ours.configure(setting)
    assert mails(run_by(predecessor, ours), command) == []
    assert mails(ours, command) == []


def test_a_failed_restore_is_mailed_by_us_alone(ours: Project, predecessor: str) -> None:
    command = ["dbrestore", "--noinput", "-i", "none"]
    assert mails(run_by(predecessor, ours), command) == []
    (mail,) = mails(ours, command)
    assert mail["Subject"].startswith("[dbbackup] dbrestore failed on host: cannot find backup `none`")
