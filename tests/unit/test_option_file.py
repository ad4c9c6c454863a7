"""Option files of MySQL's programs, as they are read where they name the database."""

from pathlib import Path

from dbbackup.db._option_file import client_options
from dbbackup.db.base import CONNECTOR_MAPPING


def test_a_group_of_the_clients_is_read(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(
        '[mysqld]\nport=1\n# one\n; two\n!includedir /etc/mysql\n[client]\ndatabase = shop\nuser="a \\"b\\" #c"\n'
        "password = 'x\\\\y\\sz'\nhost=db.example.org # there\ndefault_character_set=utf8mb4\n"
        "skip-ssl\ncompress\nempty=\n[mysqldump]\nquick\n[client]\nport=7\n"
    )
    assert client_options(str(file)) == {
        "database": "shop",
        "user": 'a "b" #c',
        "password": "x\\y z",
        "host": "db.example.org",
        "default-character-set": "utf8mb4",
        "ssl": "0",
        "compress": "1",
        "empty": "",
        "port": "7",
    }


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert client_options(str(tmp_path / "absent.cnf")) == {}
    assert client_options(str(tmp_path)) == {}


def test_every_engine_of_mysql_has_the_connector() -> None:
    engines = {engine for engine in CONNECTOR_MAPPING if engine.endswith(".mysql")}
    assert engines == {
        "django.db.backends.mysql",
        "django.contrib.gis.db.backends.mysql",
        "django_prometheus.db.backends.mysql",
    }
    assert {CONNECTOR_MAPPING[engine] for engine in engines} == {"dbbackup.db.mysql.MysqlDumpConnector"}
