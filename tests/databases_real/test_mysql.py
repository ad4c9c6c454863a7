"""MySQL and MariaDB in Django: what a project asks for by settings and options, on a real server."""

from pathlib import Path

import pytest

from tests.conftest import NewKeyring, UseKeyring
from tests.databases_real.conftest import NewMysql, NewProject
from tests.keeper import PASSWORD
from tests.mysql import Database

FILL = r"""
CREATE TABLE customer (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(80) NOT NULL, mood enum('good', 'bad'));
CREATE TABLE `or``der` (id bigint AUTO_INCREMENT PRIMARY KEY, customer bigint NOT NULL, bytes blob,
  CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE);
CREATE TABLE log (customer bigint, said text);
INSERT INTO customer (name, mood) SELECT CONCAT('it''s ', seq, ';\nCOMMIT; -- ü 🐘'), 'good' FROM seq_1_to_1000;
INSERT INTO `or``der` (customer, bytes) SELECT seq, UNHEX('00FF270A5C') FROM seq_1_to_500;
INSERT INTO log VALUES (1, 'before');
CREATE VIEW happy AS SELECT * FROM customer WHERE mood = 'good';
CREATE FUNCTION five () RETURNS int DETERMINISTIC RETURN 5;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DO DELETE FROM log;
DELIMITER $$
CREATE TRIGGER logs AFTER UPDATE ON customer FOR EACH ROW BEGIN INSERT INTO log VALUES (NEW.id, 'changed'); END$$
CREATE PROCEDURE say (IN word text) BEGIN SELECT word; SELECT ';'; END$$
DELIMITER ;
"""

MOVE_ON = """
DELETE FROM customer WHERE id > 10;
ALTER TABLE customer ADD COLUMN added int, ADD KEY (name);
DROP TRIGGER logs;
DROP PROCEDURE say;
DROP VIEW happy;
DROP EVENT IF EXISTS nightly;
CREATE TABLE happy (id int);
INSERT INTO log VALUES (2, 'after');
"""

AWKWARD = "p@ss'w \"ord%41/:#$`\\ä ;=[client]"


@pytest.fixture
def shop(new_mysql: NewMysql) -> Database:
    """A database whose owner may make schemas beside it, and nothing else."""
    database = new_mysql("shop", owner="keeper", password="keepers")
    database.grant("keeper", "ALL ON {seconds}.*")
    database.as_owner(FILL)
    return database


@pytest.mark.parametrize(
    ("name", "flag"),
    [('it\'s a `shop` = "1"', ""), ("100%_shop\\x;#ä", "-z"), ("-- --help $HOME", "-z"), ("x" * 64, "")],
)
def test_what_has_moved_on_is_what_it_was(
    new_mysql: NewMysql, new_project: NewProject, name: str, flag: str
) -> None:
    database = new_mysql(name, owner="an owner's `\\ä", password=AWKWARD)
    database.grant(database.owner, "ALL ON {seconds}.*")
    # With an event, mariadb-dump 10.11 looks for another database where a name has a quote or a backslash.
    database.as_owner(FILL + "DROP EVENT nightly")
    before = database.dump_text()
    project = new_project(database)
    project.ok("dbbackup", *filter(None, [flag]))
    (backup,) = project.backups()
    assert backup.endswith(".dump" + (".gz" if flag else ""))
    database.as_owner(MOVE_ON)
    assert project.ok("dbrestore", "--noinput").startswith(f"default: restored {backup}")
    assert database.dump_text() == before
    assert database.seconds() == []


def test_an_encrypted_backup_is_listed_verified_and_restored(
    shop: Database, new_project: NewProject, new_keyring: NewKeyring, use_keyring: UseKeyring
) -> None:
    keyring = new_keyring()
    keyring.key("Ada <ada@example.org>")
    use_keyring(keyring)
    project = new_project(shop, "DBBACKUP_GPG_RECIPIENT = 'ada@example.org'")
    before = shop.dump_text()
    project.ok("dbbackup", "-z", "-e")
    (name,) = project.backups()
    assert name.endswith(".dump.gz.gpg")
    assert not any(b"customer" in (project.store / file).read_bytes() for file in project.files())
    assert name in project.ok("listbackups", "--encrypted")
    assert "whole" in project.ok("verifybackups", name)
    shop.grant("keeper", r"ALL ON `dbbackup\_scratch\_%`.*")
    assert f"{name}: restored (" in project.ok("verifybackups", "--restore", name)
    shop.as_owner(MOVE_ON)
    project.ok("dbrestore", "--noinput")
    assert shop.dump_text() == before


def test_the_manifest_tells_versions_rows_and_migrations(shop: Database, new_project: NewProject) -> None:
    shop.query(
        "CREATE TABLE django_migrations (id bigint AUTO_INCREMENT PRIMARY KEY, app text, name text);"
        "INSERT INTO django_migrations (app, name) VALUES ('shop', '0001_initial'), ('blog', '0001_initial'),"
        " ('shop', '0002_more')"
    )
    project = new_project(shop)
    project.ok("dbbackup")
    manifest = project.manifest(project.backups()[0])
    assert manifest["engine"] == "django.db.backends.mysql"
    assert manifest["connector"] == "dbbackup.db.mysql.MysqlDumpConnector"
    record = manifest["dbbackup"]
    tables = {"customer": 1000, "django_migrations": 3, "log": 1, "or`der": 500}
    migrations = {"blog": "0001_initial", "shop": "0002_more"}
    assert record["content"] == {"tables": tables, "exact": True, "migrations": migrations}
    version = shop.query("SELECT version()").strip()
    assert record["source"]["server"] == f"MariaDB {version}"
    assert record["source"]["mariadb-dump"].startswith("10.")
    assert record["source"]["encoding"] == "utf8mb4"
    assert (record["database"], record["skipped"]["count"]) == ("shop", 0)


def test_the_question_says_what_is_there(shop: Database, new_project: NewProject) -> None:
    shop.query("ANALYZE TABLE customer, `or``der`, log")
    project = new_project(shop)
    project.ok("dbbackup")
    before = shop.dump_text()
    run = project.manage("dbrestore", stdin="n\n")
    assert run.code == 7, run
    assert "The tables of `default` will be replaced:\n  target: MySQL, `shop` on 127.0.0.1 (" in run.out
    assert ", 3 tables with about 1,501 rows)\n" in run.out
    assert "\n  rows:   1,501 in 3 tables\n" in run.out
    assert "in place" not in run.out
    assert "declined" in run.err
    assert shop.dump_text() == before


def test_what_the_backup_does_not_know_stays_unless_it_is_to_be_exact(
    shop: Database, new_project: NewProject
) -> None:
    project = new_project(shop)
    project.ok("dbbackup")
    before = shop.dump_text()
    shop.as_owner(
        "CREATE TABLE later (id int); CREATE VIEW later_still AS SELECT * FROM later; DELETE FROM log"
    )
    project.ok("dbrestore", "--noinput")
    assert shop.query("SELECT count(*) FROM later_still; SELECT said FROM log") == "0\nbefore\n"
    shop.as_owner("CREATE PROCEDURE late () SELECT 1; CREATE EVENT late ON SCHEDULE EVERY 1 YEAR DO SELECT 1")
    run = project.manage("dbrestore", "--exact", stdin="y\n")
    assert run.code == 0, run
    assert "The database `default` will be replaced, with everything in it:\n" in run.out
    assert shop.dump_text() == before


def test_excluded_tables_keep_their_rows(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop, EXCLUDE=["log"])
    project.ok("dbbackup", "-x", "or`der")
    (name,) = project.backups()
    assert project.manifest(name)["dbbackup"]["excluded"] == ["log", "or`der"]
    shop.as_owner("UPDATE customer SET mood = 'bad'; DELETE FROM `or``der` WHERE id > 10")
    out = project.ok("dbrestore", "--noinput")
    assert "default: it was made without `log`, `or`der`\n" in out
    asked = "SELECT count(*) FROM happy; SELECT count(*) FROM log; SELECT count(*) FROM `or``der`"
    assert shop.query(asked) == "1000\n1001\n10\n"
    said = project.fails(2, "dbbackup", "-x", "nothing")
    assert "cannot leave out `nothing`: there is no such table" in said


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("lite.sqlite3", b"SQLite format 3\0" + bytes(1000), 9),
        ("theirs.psql", b"--\n-- PostgreSQL database dump\n--\n", 9),
        ("theirs.psql.bin", b"PGDMP\x01\x0e\x00\x04\x08\x01", 9),
        ("junk.dump", b"junk", 6),
        ("half.dump", b"-- MariaDB dump 10.19\nDROP TABLE IF EXISTS `log`;\n", 6),
        ("empty.dump", b"", 6),
    ],
)
def test_wrong_files_are_refused_and_change_nothing(
    shop: Database, new_project: NewProject, tmp_path: Path, name: str, content: bytes, code: int
) -> None:
    before = shop.dump_text()
    project = new_project(shop)
    (tmp_path / name).write_bytes(content)
    project.fails(code, "dbrestore", "--noinput", "-I", str(tmp_path / name))
    assert shop.dump_text() == before
    assert shop.seconds() == []


def test_a_database_that_is_not_there_is_told(shop: Database, new_project: NewProject) -> None:
    project = new_project(shop)
    project.ok("dbbackup")
    project.configure(
        f"DATABASES['default'] |= {{'NAME': 'absent', 'USER': 'root', 'PASSWORD': {PASSWORD!r}}}"
    )
    assert "Unknown database 'absent'" in project.fails(2, "dbbackup")
    (name,) = project.backups()
    assert "create" in project.fails(2, "dbrestore", "--noinput", "-i", name)
