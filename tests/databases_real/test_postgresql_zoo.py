"""A restore through Django is exact: one of everything, by each connector, however a backup is stored."""

import pytest

from tests.conftest import UseKeyring
from tests.databases_real.conftest import NewDatabase, NewProject, Servers
from tests.gnupg import Keys
from tests.postgres import DATABASES, Database, Server

WAYS = {
    "plain": ([], ""),
    "gzip": (["-z"], ".gz"),
    "zstd": (["-z"], ".zst"),
    "encrypted": (["-e"], ".gpg"),
    "zstd, encrypted": (["-z", "-e"], ".zst.gpg"),
}
"""How a backup is stored: the options of ``dbbackup``, and the end of its name."""


@pytest.mark.parametrize(
    ("connector", "version", "way"),
    [
        ("PgDumpBinaryConnector", 15, "plain"),
        ("PgDumpBinaryConnector", 18, "gzip"),
        ("PgDumpBinaryConnector", 18, "zstd, encrypted"),
        ("PgDumpConnector", 18, "plain"),
        ("PgDumpConnector", 15, "zstd"),
        ("PgDumpConnector", 15, "encrypted"),
        ("PgDumpGisConnector", 15, "gzip"),
        ("PgDumpGisConnector", 18, "zstd, encrypted"),
    ],
)
def test_what_an_owner_has_is_what_it_was(
    postgres_servers: Servers,
    new_database: NewDatabase,
    new_project: NewProject,
    keys: Keys,
    use_keyring: UseKeyring,
    connector: str,
    version: int,
    way: str,
) -> None:
    options, ending = WAYS[way]
    database = new_database(
        postgres_servers(version), "the owner's", owner="the owner", password="p@ss'w \\ä"
    )
    roles = {"owner": database.owner, "team": "a team's", "reader": "Reader; größer"}
    for role in ("team", "reader"):
        database.role(roles[role])
    database.load(DATABASES / "owned.sql", roles)
    before = database.dump_text()
    use_keyring(keys.ring)
    project = new_project(database, CONNECTOR=f"dbbackup.db.postgresql.{connector}")
    compression = "zstd" if "zstd" in way else "gzip"
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {keys.ada!r}; DBBACKUP_COMPRESSION = {compression!r}")
    project.ok("dbbackup", *options)
    (name,) = project.backups()
    assert name.endswith((".psql.bin" if "Binary" in connector else ".psql") + ending)
    database.load(DATABASES / "owned-moved-on.sql", roles)
    assert database.dump_text() != before
    assert "without options" in project.ok("dbrestore", "--noinput")
    assert database.dump_text() == before


def test_a_zoo_is_what_it_was_for_a_superuser(
    postgres_15: Server, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_15, "zoo")
    database.fill_with_zoo()
    before = database.dump_text()
    project = new_project(database, CONNECTOR="dbbackup.db.postgresql.PgDumpConnector")
    project.ok("dbbackup", "-z")
    database.move_on()
    project.ok("dbrestore", "--noinput")
    assert database.dump_text() == before


def test_a_map_is_what_it_was(
    postgres_15: Server,
    new_database: NewDatabase,
    new_project: NewProject,
    keys: Keys,
    use_keyring: UseKeyring,
) -> None:
    database = new_database(postgres_15, "map")
    _fill_with_postgis(database)
    before = database.dump_text()
    use_keyring(keys.ring)
    project = new_project(database, engine="django.contrib.gis.db.backends.postgis")
    project.configure(
        "DBBACKUP_CONNECTORS['default']['CONNECTOR'] = 'dbbackup.db.postgresql.PgDumpGisConnector'"
    )
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {keys.ada!r}; DBBACKUP_COMPRESSION = 'zstd'")
    for options in ([], ["-z", "-e"]):
        project.ok("dbbackup", *options, "-o", f"map{len(options)}.psql")
        database.psql("DELETE FROM spatial_ref_sys WHERE srid = 990001; CREATE TABLE later (at geometry)")
        project.ok("dbrestore", "--noinput", "-i", f"map{len(options)}.psql")
        assert database.dump_text() == before, options


def _fill_with_postgis(database: Database) -> None:
    available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"
    if database.psql(available) == "0\n":
        pytest.skip("there is no PostGIS: apt-get install postgresql-15-postgis-3")
    database.load(DATABASES / "postgis.sql")
