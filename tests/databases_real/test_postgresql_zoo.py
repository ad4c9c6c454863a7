"""A restore through Django is exact: one of everything, by each connector, however a backup is stored."""

import pytest

from tests.conftest import UseKeyring
from tests.databases_real.conftest import NewDatabase, NewProject, Servers
from tests.gnupg import Keys
from tests.postgres import DATABASES, Database

WAYS = {
    "": ([], ""),
    "gzip": (["-z"], ".gz"),
    "zstd": (["-z"], ".zst"),
    "encrypted": (["-e"], ".gpg"),
    "zstd, encrypted": (["-z", "-e"], ".zst.gpg"),
}
"""How a backup is stored: the options of ``dbbackup``, and the end of its name."""


@pytest.mark.parametrize("connector", ["PgDumpBinaryConnector", "PgDumpConnector", "PgDumpGisConnector"])
def test_what_an_owner_has_is_what_it_was(
    postgres_servers: Servers,
    new_database: NewDatabase,
    new_project: NewProject,
    keys: Keys,
    use_keyring: UseKeyring,
    connector: str,
) -> None:
    is_binary = "Binary" in connector
    database = new_database(
        postgres_servers(18 if is_binary else 15), "the owner's", owner="the owner", password="p@ss'w \\ä"
    )
    roles = {"owner": database.owner, "team": "a team's", "reader": "Reader; größer"}
    for role in ("team", "reader"):
        database.role(roles[role])
    database.load(DATABASES / "owned.sql", roles)
    before = database.dump_text()
    use_keyring(keys.ring)
    project = new_project(database, CONNECTOR=f"dbbackup.db.postgresql.{connector}")
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {keys.ada!r}")
    for way, (options, ending) in WAYS.items():
        project.configure(f"DBBACKUP_COMPRESSION = {'zstd' if 'zstd' in way else 'gzip'!r}")
        project.ok("dbbackup", *options)
        # Names have the second in them.
        (name,) = project.backups()
        assert name.endswith((".psql.bin" if is_binary else ".psql") + ending)
        database.load(DATABASES / "owned-moved-on.sql", roles)
        assert database.dump_text() != before
        out = project.ok("dbrestore", "--noinput")
        assert "without options" in out
        assert database.dump_text() == before, way
        for file in project.files():
            (project.store / file).unlink()


def test_a_zoo_is_what_it_was_for_a_superuser(
    postgres_servers: Servers, new_database: NewDatabase, new_project: NewProject
) -> None:
    database = new_database(postgres_servers(15), "zoo")
    database.fill_with_zoo()
    before = database.dump_text()
    project = new_project(database)
    for connector in ("PgDumpBinaryConnector", "PgDumpConnector"):
        project.configure(
            f"DBBACKUP_CONNECTORS = {{'default': {{'CONNECTOR': 'dbbackup.db.postgresql.{connector}'}}}}"
        )
        project.ok("dbbackup", "-z", "-o", f"zoo.{connector}.gz")
        database.move_on()
        project.ok("dbrestore", "--noinput", "-i", f"zoo.{connector}.gz")
        assert database.dump_text() == before, connector


def test_a_map_is_what_it_was(
    postgres_servers: Servers,
    new_database: NewDatabase,
    new_project: NewProject,
    keys: Keys,
    use_keyring: UseKeyring,
) -> None:
    database = new_database(postgres_servers(15), "map")
    _fill_with_postgis(database)
    before = database.dump_text()
    use_keyring(keys.ring)
    project = new_project(database, engine="django.contrib.gis.db.backends.postgis")
    project.configure(
        "DBBACKUP_CONNECTORS['default']['CONNECTOR'] = 'dbbackup.db.postgresql.PgDumpGisConnector'"
    )
    project.configure(f"DBBACKUP_GPG_RECIPIENT = {keys.ada!r}; DBBACKUP_COMPRESSION = 'zstd'")
    for options in ([], ["-z"], ["-z", "-e"]):
        project.ok("dbbackup", *options, "-o", f"map{len(options)}.psql")
        database.psql("DELETE FROM spatial_ref_sys WHERE srid = 990001; CREATE TABLE later (at geometry)")
        project.ok("dbrestore", "--noinput", "-i", f"map{len(options)}.psql")
        assert database.dump_text() == before, options


def _fill_with_postgis(database: Database) -> None:
    available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'"
    if database.psql(available) == "0\n":
        pytest.skip("there is no PostGIS: apt-get install postgresql-15-postgis-3")
    database.load(DATABASES / "postgis.sql")
