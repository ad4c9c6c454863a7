"""Passwords of MySQL: whatever stands in them arrives, from wherever, and is seen nowhere."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.databases_real.conftest import NewMysql, NewProject
from tests.mysql import Database, Server
from tests.project import Project

pytestmark = pytest.mark.timeout(120)  # many processes each

PASSWORDS = [
    "p@ss'w \"ord%41/:#$`",
    r"back\slash\\'' \n\s\"",
    "Größe 数据 🐘",
    " [client] ;user=root #\\",
    "two\nlines\tand\ttabs",
    "long " * 40,
]

CANARY = "canary'\"\\%41 in the mine"

COMMAND_LINE = "import sys\nfrom dbbackup.__main__ import main\nsys.exit(main())\n"

RESTORE = """
from django.conf import settings
from django.core.management import call_command

for alias in settings.DATABASES:
    call_command("dbrestore", interactive=False, verbosity=0, database=alias, no_safety_backup=True)
"""


@pytest.fixture
def shop(new_mysql: NewMysql) -> Database:
    database = new_mysql("shop", owner="miner", password=CANARY)
    # No view and no routine: those are their definer's.
    database.as_owner("CREATE TABLE log (customer bigint, said text); INSERT INTO log VALUES (1, 'before')")
    return database


def users(database: Database) -> dict[str, str]:
    """Make a user for each password, who may do everything in the database; return the passwords by name."""
    found = {f"{number}: {password}"[:20]: password for number, password in enumerate(PASSWORDS)}
    for name, password in found.items():
        database.user(name, "ALL ON {database}.*", password=password)
    return found


def aliases(entries: list[dict[str, object]]) -> str:
    return f"DATABASES = {dict(zip(['default', *'abcde'], entries, strict=True))!r}"


def all_work(project: Project) -> bool:
    """Whether each alias is backed up and restored."""
    project.ok("dbbackup")
    (project.root / "script.py").write_text(RESTORE)
    project.ok("shell", "--verbosity", "0", "--command", "import runpy; runpy.run_path('script.py')")
    return len(project.backups()) == len(PASSWORDS)


def test_awkward_passwords_and_users_arrive_from_settings(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop)
    before = shop.dump_text()
    entries = [shop.settings(USER=name, PASSWORD=password) for name, password in users(shop).items()]
    project.configure(aliases(entries))
    assert all_work(project)
    assert shop.dump_text() == before


def test_awkward_passwords_and_users_arrive_from_option_files(
    shop: Database, new_project: NewProject
) -> None:
    project = new_project(shop)
    before = shop.dump_text()
    entries = []
    for number, (name, password) in enumerate(users(shop).items()):
        path = project.root / f"{number}.cnf"
        path.touch(mode=0o600)
        lines = [
            f"{key}={in_option_file(value)}\n" for key, value in (("user", name), ("password", password))
        ]
        path.write_text("[client]\n" + "".join(lines))
        entries.append(shop.settings(USER="", PASSWORD="", OPTIONS={"read_default_file": str(path)}))
    project.configure(aliases(entries))
    assert all_work(project)
    assert shop.dump_text() == before


def in_option_file(value: str) -> str:
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        value = value.replace(character, escape)
    return f'"{value}"'


def test_awkward_passwords_and_users_arrive_from_urls(
    mariadb: Server, shop: Database, new_project: NewProject
) -> None:
    project = new_project(shop)
    (project.root / "manage.py").write_text(COMMAND_LINE)
    before = shop.dump_text()
    entries = {}
    for number, (name, password) in enumerate(users(shop).items()):
        entries[f"shop{number}"] = mariadb.url(shop.name, name, password)
    lines = [f"[databases.{key}]\nurl = {json.dumps(url)}\n" for key, url in entries.items()]
    (project.root / "dbbackup.toml").write_text("".join(lines))
    project.ok("backup", *entries, "--to", "backups", "--quiet")
    for key in entries:
        project.ok(
            *("restore", "--from", "backups", "--name", key, "--into", key, "--yes", "--quiet"),
            "--no-safety-backup",
        )
    assert shop.dump_text() == before


def test_a_password_is_seen_nowhere(
    shop: Database, new_project: NewProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.as_owner("INSERT INTO log SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000")
    for variable in ("TMPDIR", "HOME"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))
    project = new_project(shop, LOGGING)
    (project.root / "dbbackup.toml").write_text(f"[databases.shop]\nurl = {json.dumps(shop.url)}\n")
    told = {"config.py", "dbbackup.toml"}
    seen: set[bytes] = set()
    for command in (
        "manage.py dbbackup -v 3",
        "manage.py dbrestore --noinput -v 3",
        "manage.py verifybackups -v 3",
        "-m dbbackup backup shop --to store",
        "-m dbbackup restore --from store --into shop --yes",
    ):
        seen |= seen_while(project, command)
    assert any(b"mariadb-dump" in line for line in seen)
    assert any(b"--binary-mode" in line for line in seen)
    assert not [line for line in seen if b"canary" in line]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in told]
    assert project.root / "everything.log" in files
    assert not [path for path in files if b"canary" in path.read_bytes()]


LOGGING = """
LOGGING = {
    "version": 1,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": "everything.log", "level": "DEBUG"}},
    "root": {"handlers": ["file"], "level": "DEBUG"},
}
"""


def seen_while(project: Project, command: str) -> set[bytes]:
    """Run Python to its end; return what it prints, and every command line and environment meanwhile."""
    seen = set()
    with subprocess.Popen(
        [sys.executable, *command.split()], cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        while running.poll() is None:
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        seen.add((process / name).read_bytes())
        assert running.stdout
        said = running.stdout.read()
    assert running.returncode == 0, said
    return seen | {said}


def test_no_error_has_a_password(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop)
    project.ok("dbbackup")
    (project.root / "junk.dump").write_text("-- MariaDB dump\nSELEKT 'canary';\n-- Dump completed\n")
    wrong: list[tuple[str, dict[str, object], int]] = [
        ("Access denied", {"PASSWORD": "wrong canary"}, 10),
        ("Access denied", {"USER": "nobody of that name"}, 10),
        ("Can't connect", {"PORT": 1}, 1),
        ("cannot connect", {"OPTIONS": {"ssl_mode": "REQUIRED"}}, 2),
    ]
    for words, entry, code in wrong:
        project.configure(f"DATABASES['default'] = {shop.settings(**entry)!r}")
        for command in (["dbbackup"], ["dbrestore", "--noinput", "-I", "junk.dump"]):
            said = project.fails(code, *command)
            assert "canary" not in said, said
            assert words in said, said


@pytest.mark.parametrize("prefix", ["env", "sh -c 'exec \"$@\"' sh"])
def test_behind_a_prefix_a_password_arrives(shop: Database, new_project: NewProject, prefix: str) -> None:
    project = new_project(shop, DUMP_PREFIX=prefix, RESTORE_PREFIX=prefix)
    before = shop.dump_text()
    project.ok("dbbackup")
    shop.as_owner("DELETE FROM log")
    project.ok("dbrestore", "--noinput", "--no-safety-backup")
    assert shop.dump_text() == before


def test_behind_a_prefix_that_hands_no_descriptor_on_it_comes_from_the_option_file_there(
    shop: Database, new_project: NewProject, tmp_path: Path
) -> None:
    prefix = "sh -c 'exec 3<&-; exec \"$@\"' sh"
    project = new_project(shop, DUMP_PREFIX=prefix, RESTORE_PREFIX=prefix, ENV={"HOME": str(tmp_path)})
    before = shop.dump_text()
    project.ok("dbbackup")
    shop.as_owner("DELETE FROM log")
    said = project.fails(2, "dbrestore", "--noinput", "--no-safety-backup")
    assert "put it into ~/.my.cnf there" in said
    project.configure("DATABASES['default']['PASSWORD'] = ''")
    assert "Access denied" in project.fails(10, "dbrestore", "--noinput", "--no-safety-backup")
    (tmp_path / ".my.cnf").touch(mode=0o600)
    (tmp_path / ".my.cnf").write_text(f"[client]\npassword={in_option_file(CANARY)}\n")
    project.ok("dbrestore", "--noinput", "--no-safety-backup")
    assert shop.dump_text() == before
    project.ok("dbbackup", "-o", "another")
