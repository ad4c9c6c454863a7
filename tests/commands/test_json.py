"""The commands with ``DjangoConnector``: JSON of the connector's own alias, there and back."""

import gzip
import json
from pathlib import Path

import pytest

from tests.project import Project

APPS = 'INSTALLED_APPS += ["django.contrib.contenttypes", "django.contrib.auth"]'
CONNECTOR = "dbbackup.db.django.DjangoConnector"
CONNECTORS = f'DBBACKUP_CONNECTORS = {{alias: {{"CONNECTOR": "{CONNECTOR}"}} for alias in DATABASES}}'


@pytest.fixture
def users(tmp_path: Path) -> Project:
    """A project with two databases, each with a user of its own name."""
    project = Project(tmp_path / "project", {"default": "db.sqlite3", "second": "second.sqlite3"})
    project.configure(APPS)
    project.configure(CONNECTORS)
    for alias in project.databases:
        project.ok("migrate", "-v0", "--database", alias)
        project.ok("shell", "-v0", "-c", added(alias, alias))
    return project


def added(alias: str, name: str) -> str:
    return f"from django.contrib.auth.models import User; User.objects.using({alias!r}).create(username={name!r})"


def names(project: Project, alias: str) -> list[str]:
    users = f"User.objects.using({alias!r}).order_by('pk').values_list('username', flat=True)"
    code = f"from django.contrib.auth.models import User; print(*{users})"
    return project.ok("shell", "-v0", "-c", code).split()


def test_each_alias_goes_its_own_way(users: Project) -> None:
    users.ok("dbbackup", "-z")
    default, second = sorted(users.backups())
    for name, user in ((default, "default"), (second, "second")):
        objects = json.loads(gzip.decompress((users.store / name).read_bytes()))
        found = [each["fields"]["username"] for each in objects if each["model"] == "auth.user"]
        assert (name.partition("-")[0], found) == (user, [user])
    users.ok("shell", "-v0", "-c", added("second", "later"))
    out = users.ok("dbrestore", "--noinput", "-d", "second")
    assert "stayed" in out
    assert names(users, "second") == ["second", "later"]
    users.ok("dbrestore", "--noinput", "-d", "second", "--exact")
    assert (names(users, "default"), names(users, "second")) == (["default"], ["second"])


def test_json_goes_into_a_database_of_another_connector_by_its_content(users: Project) -> None:
    users.ok("dbbackup", "-d", "default")
    (name,) = users.backups()
    (users.store / f"{name}.metadata").unlink()
    users.configure("DBBACKUP_CONNECTORS = {}")
    users.ok("shell", "-v0", "-c", "from django.contrib.auth.models import User; User.objects.all().delete()")
    users.ok("dbrestore", "--noinput", "-d", "default", "-i", name)
    assert names(users, "default") == ["default"]


def test_the_question_says_that_django_dbbackup_wrote_the_default_database_into_all_of_them(
    users: Project,
) -> None:
    users.ok("dbbackup", "-d", "second")
    (name,) = users.backups()
    (users.store / f"{name}.metadata").unlink()
    out = users.manage("dbrestore", "-d", "second", stdin="n\n").out
    assert "django-dbbackup wrote the rows of `default` into every JSON backup, whatever its name" in out


def test_a_model_that_is_gone_changes_nothing(users: Project) -> None:
    users.ok("dbbackup", "-d", "default")
    (name,) = users.backups()
    (users.store / f"{name}.metadata").unlink()
    text = (users.store / name).read_text()
    (users.store / name).write_text(text.replace('"auth.user"', '"auth.gone"'))
    users.ok("shell", "-v0", "-c", added("default", "later"))
    err = users.fails(1, "dbrestore", "--noinput", "-d", "default")
    assert "auth.gone" in err
    assert names(users, "default") == ["default", "later"]


def test_a_model_that_does_not_exist_cannot_be_excluded(users: Project) -> None:
    err = users.fails(2, "dbbackup", "-d", "default", "-x", "auth_usr")
    assert "auth_usr" in err
    assert "auth_user" in err
    users.ok("dbbackup", "-d", "default", "-x", "auth_user")
    (name,) = users.backups()
    assert '"auth.user"' not in (users.store / name).read_text().partition('"fields"')[2]
