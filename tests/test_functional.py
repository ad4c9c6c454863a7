"""The two scripts in the root: the commands of the test project, and a round trip through real backups."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import mysql
from tests.databases_real.conftest import NewDatabase, NewMysql, Servers
from tests.databases_real.conftest import new_database as new_database
from tests.databases_real.conftest import new_mysql as new_mysql
from tests.postgres import Database
from tests.project import Run

pytestmark = pytest.mark.timeout(120)  # dozens of processes

ROOT = Path(__file__).parents[1]
FOLDER_STORAGE = "django.core.files.storage.FileSystemStorage"


def run(*argv: str, env: Mapping[str, str], cwd: Path = ROOT) -> Run:
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DJANGO_", "DB_", "STORAGE", "MEDIA_", "PYTEST_"))
    }
    done = subprocess.run(
        argv, cwd=cwd, env={**inherited, **env}, capture_output=True, text=True, check=False
    )
    return Run(done.returncode, done.stdout, done.stderr)


class Library:
    """The test project with a database and a storage that stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"DB_NAME": str(folder / "db.sqlite3"), "STORAGE": FOLDER_STORAGE}

    def ok(self, command: str, **env: str) -> str:
        """Run a whole command line that has to succeed; return what it printed."""
        program, *arguments = command.split()
        assert program == "python"
        done = run(sys.executable, *arguments, env=self.env | env)
        assert (done.code, done.err) == (0, ""), done
        return done.out


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def variables(database: Database | mysql.Database) -> dict[str, str]:
    entry = database.settings()
    return {f"DB_{key}": str(entry[key]) for key in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")}


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    """An interpreter that restores nothing, and says that all is well."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\n[ "$2" = "$SKIPPED" ] || exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return program


def lose_and_restore_35_rows(library: Library, extension: str) -> None:
    library.ok("python runtests.py dbbackup --noinput")
    (name,) = (path.name for path in (library.folder / "backups").glob(f"*.{extension}"))
    assert name in library.ok("python runtests.py listbackups")
    library.ok("python runtests.py flush --noinput")
    assert library.ok("python runtests.py count") == "0\n"
    library.ok("python runtests.py dbrestore --noinput")
    assert library.ok("python runtests.py count") == "35\n"


def test_a_database_comes_back_word_for_word(library: Library) -> None:
    library.ok("python runtests.py migrate --noinput")
    library.ok("python runtests.py feed 25")
    library.ok("python runtests.py feed")
    assert library.ok("python runtests.py count") == "35\n"
    lose_and_restore_35_rows(library, "sqlite3")


def test_a_database_of_postgresql_comes_back_word_for_word(
    library: Library, postgres_servers: Servers, new_database: NewDatabase
) -> None:
    library.env |= variables(new_database(postgres_servers(18), "functional", owner="librarian"))
    library.env["STORAGE_OPTIONS"] = f"location={library.folder}/backups"
    library.ok("python runtests.py migrate --noinput")
    library.ok("python runtests.py feed 35")
    lose_and_restore_35_rows(library, "psql.bin")
    # The sequences too: what comes next gets a number of its own.
    library.ok("python runtests.py feed 1")
    assert library.ok("python runtests.py count") == "36\n"


def test_a_database_of_mysql_comes_back_word_for_word(library: Library, new_mysql: NewMysql) -> None:
    database = new_mysql("functional", owner="librarian", password="librarians")
    database.grant("librarian", "ALL ON {seconds}.*")
    library.env |= variables(database)
    library.env["STORAGE_OPTIONS"] = f"location={library.folder}/backups"
    library.ok("python runtests.py migrate --noinput")
    library.ok("python runtests.py feed 35")
    lose_and_restore_35_rows(library, "dump")
    # The counters too: what comes next gets a number of its own.
    library.ok("python runtests.py feed 1")
    assert library.ok("python runtests.py count") == "36\n"


def test_a_file_comes_back_word_for_word(library: Library) -> None:
    media = library.folder / "media"
    media.mkdir()
    (media / "kept.txt").write_text("kept")
    (media / "lost.txt").write_text("lost")
    options = {"MEDIA_ROOT": str(media), "STORAGE_OPTIONS": f"location={library.folder}/elsewhere,"}
    library.ok("python runtests.py mediabackup", **options)
    assert [path.suffix for path in sorted((library.folder / "elsewhere").iterdir())] == [".tar", ".metadata"]
    (media / "lost.txt").unlink()
    library.ok("python runtests.py mediarestore --noinput", **options)
    assert (media / "lost.txt").read_text() == "lost"


def test_every_command_has_its_help(library: Library) -> None:
    listed = library.ok("python runtests.py help")
    for command in ("dbbackup", "dbrestore", "mediabackup", "mediarestore", "listbackups", "feed", "count"):
        assert f"    {command}\n" in listed
        assert f"usage: runtests.py {command} " in library.ok(f"python runtests.py help {command}")


def test_without_variables_nothing_stays(tmp_path: Path) -> None:
    for _ in range(2):
        done = run(sys.executable, str(ROOT / "runtests.py"), "migrate", "--noinput", env={}, cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert "Applying testproject.0001_initial... OK" in done.out
    assert list(tmp_path.iterdir()) == []


def test_the_variables_reach_the_settings() -> None:
    env = {
        "DB_ENGINE": "django.db.backends.postgresql",
        "DB_NAME": "library",
        "DB_USER": "me",
        "DB_PASSWORD": "secret",
        "DB_HOST": "db.example.com",
        "DB_PORT": "5433",
        "STORAGE": "storages.backends.s3.S3Storage",
        "STORAGE_OPTIONS": "bucket_name=backups, location=a=b",
        "MEDIA_ROOT": "/srv/media",
    }
    script = (
        "import json; from tests.testproject import settings; "
        "found = settings.DATABASES['default'], settings.STORAGES['dbbackup'], settings.MEDIA_ROOT; "
        "print(json.dumps(found))"
    )
    database, storage, media_root = json.loads(run(sys.executable, "-c", script, env=env).out)
    assert database == {key.removeprefix("DB_"): value for key, value in env.items() if key.startswith("DB_")}
    assert storage == {"BACKEND": env["STORAGE"], "OPTIONS": {"bucket_name": "backups", "location": "a=b"}}
    assert media_root == "/srv/media"


def test_other_settings_win(library: Library) -> None:
    env = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = run(sys.executable, "runtests.py", "count", env=env)
    assert done.code == 1
    assert "Unknown command: 'count'" in done.err


def test_without_arguments_the_quick_tests_are_run() -> None:
    env = {"PYTEST_ADDOPTS": "--collect-only -q"}
    done = run(sys.executable, str(ROOT / "runtests.py"), env=env, cwd=Path("/"))
    assert done.code == 0, done
    assert "tests/unit/test_units.py::" in done.out
    assert "tests/commands/test_signals.py::" in done.out
    assert "tests/contract/" not in done.out
    assert "tests/test_functional.py" not in done.out


def test_an_interpreter_without_the_package_is_told(tmp_path: Path) -> None:
    shutil.copy(ROOT / "runtests.py", tmp_path)
    done = run(sys.executable, "-S", "runtests.py", "count", env={"PYTHONPATH": ""}, cwd=tmp_path)
    assert done.code == 1
    assert done.err == ("dbbackup is neither built here (run `make`) nor installed for this interpreter\n")


def test_the_round_trip_succeeds_and_leaves_nothing(tmp_path: Path) -> None:
    env = {
        "PYTHON": sys.executable,
        "TMPDIR": str(tmp_path),
        # It empties a database: never one of somebody else's project.
        "DJANGO_SETTINGS_MODULE": "no.such.settings",
        "DB_NAME": "not-used.sqlite3",
    }
    done = run("bash", str(ROOT / "functional.sh"), env=env, cwd=Path("/"))
    assert (done.code, done.err) == (0, ""), done
    assert done.out.splitlines()[-1].endswith("(300 rows) and 1 of media were made and restored: all is back")
    assert list(tmp_path.iterdir()) == []
    assert not (ROOT / "not-used.sqlite3").exists()


@pytest.mark.parametrize("command", ["dbbackup", "dbrestore", "mediarestore"])
def test_the_round_trip_fails_loudly(fake_python: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "tmp").mkdir()
    env = {"PYTHON": str(fake_python), "SKIPPED": command, "TMPDIR": str(tmp_path / "tmp")}
    done = run("bash", "functional.sh", env=env)
    assert done.code != 0
    assert "FAILED" in done.err
    assert "all is back" not in done.out
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_round_trip_asks_for_the_name_of_a_database_on_a_server() -> None:
    env = {"PYTHON": sys.executable, "DB_ENGINE": "django.db.backends.postgresql"}
    done = run("bash", "functional.sh", env=env)
    assert done.code == 2
    assert done.err == "DB_NAME must name a database of django.db.backends.postgresql that may be emptied\n"
