"""Encrypted backups of PostgreSQL, from end to end: in Django and on the command line, by GnuPG."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import NewKeyring, UseKeyring
from tests.databases_real.conftest import NewDatabase, NewProject
from tests.databases_real.test_postgresql import CONNECTORS, FILL, MOVE_ON
from tests.gnupg import Keyring
from tests.postgres import Database, Server

pytestmark = pytest.mark.timeout(120)  # many processes each

ADA = "ada@example.org"


@pytest.fixture(scope="module")
def adas() -> Iterator[Keyring]:
    """A key ring with Ada's pair of keys."""
    with closing(Keyring()) as keyring:
        keyring.key(f"Ada <{ADA}>")
        yield keyring


@pytest.fixture
def shop(postgres_15: Server, new_database: NewDatabase) -> Database:
    """A database with rows."""
    database = new_database(postgres_15, "shop", owner="keeper", password="keepers")
    database.psql(f"SET ROLE keeper; {FILL} INSERT INTO log VALUES (3, 'canary');")
    return database


def holds(path: Path, text: str) -> bool:
    return text.encode() in path.read_bytes()


@pytest.mark.parametrize("connector", CONNECTORS[:2])
def test_an_encrypted_backup_is_made_listed_verified_and_restored(
    shop: Database, new_project: NewProject, adas: Keyring, use_keyring: UseKeyring, connector: str
) -> None:
    use_keyring(adas)
    project = new_project(
        shop, f"DBBACKUP_GPG_RECIPIENT = {ADA!r}", CONNECTOR=f"dbbackup.db.postgresql.{connector}"
    )
    before = shop.dump_text()
    project.ok("dbbackup", "-z", "-e")
    (name,) = project.backups()
    assert name.endswith(("psql.bin.gz.gpg", "psql.gz.gpg"))
    # Names and counts of tables would tell, too.
    assert not any(holds(project.store / file, "canary") for file in project.files())
    assert not any(holds(project.store / file, "customer") for file in project.files())
    assert name in project.ok("listbackups", "--encrypted")
    assert "whole" in project.ok("verifybackups", name)
    shop.psql(f"SET ROLE keeper; {MOVE_ON}")
    project.ok("dbrestore", "--noinput")
    assert shop.dump_text() == before


def test_who_has_another_key_changes_nothing(
    shop: Database,
    new_project: NewProject,
    adas: Keyring,
    new_keyring: NewKeyring,
    use_keyring: UseKeyring,
) -> None:
    use_keyring(adas)
    project = new_project(shop, f"DBBACKUP_GPG_RECIPIENT = {ADA!r}")
    project.ok("dbbackup", "-e")
    (name,) = project.backups()
    shop.psql(f"SET ROLE keeper; {MOVE_ON}")
    before = shop.dump_text()
    eves = new_keyring()
    eves.key("Eve <eve@example.org>")
    use_keyring(eves)
    assert "there is no secret key that fits" in project.fails(5, "dbrestore", "--noinput")
    assert shop.dump_text() == before
    assert shop.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'keeper'") == "0\n"
    use_keyring(adas)
    backup = project.store / name
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(content)
    (project.store / f"{name}.metadata").unlink()
    project.fails(6, "dbrestore", "--noinput", "-i", name)
    assert shop.dump_text() == before


def test_the_command_line_does_the_same(
    shop: Database, tmp_path: Path, adas: Keyring, new_keyring: NewKeyring, use_keyring: UseKeyring
) -> None:
    def dbbackup(*arguments: str, code: int = 0) -> str:
        argv = [sys.executable, "-m", "dbbackup", *arguments]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=25, check=False)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    use_keyring(adas)
    before = shop.dump_text()
    dbbackup("backup", shop.url, "--to", "store", "--encrypt", f"openpgp:{ADA}")
    (name,) = (path.name for path in (tmp_path / "store").glob("*.gpg"))
    assert name.endswith(".psql.bin.zst.gpg")
    assert not any(holds(path, "customer") for path in (tmp_path / "store").iterdir())
    assert name in dbbackup("list", "store")
    assert "the blocks that its table of contents names" in dbbackup("verify", "store")
    shop.psql(f"SET ROLE keeper; {MOVE_ON}")
    moved_on = shop.dump_text()
    restore = ("restore", "--from", "store", "--into", shop.url, "--yes")
    eves = new_keyring()
    use_keyring(eves)
    dbbackup(*restore, code=5)
    assert shop.dump_text() == moved_on
    use_keyring(adas)
    dbbackup(*restore)
    assert shop.dump_text() == before
