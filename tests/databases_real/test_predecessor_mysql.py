"""MySQL backups of django-dbbackup and of ours, each restored by the other."""

import pytest

from tests.contract.both_ways import backed_up, run_by, succeeded
from tests.databases_real.conftest import NewMysql, NewProject
from tests.databases_real.test_mysql import FILL, MOVE_ON

pytestmark = pytest.mark.timeout(120)  # many processes each

WITHOUT_OBJECTS = "DROP EVENT nightly; DROP PROCEDURE say; DROP FUNCTION five;"
"""What django-dbbackup leaves out of its dumps; the trigger is in them."""


@pytest.mark.parametrize("flag", ["", "-z"], ids=["plain", "gzip"])
def test_each_restores_what_the_other_wrote(
    new_mysql: NewMysql, new_project: NewProject, predecessor: str, flag: str
) -> None:
    database = new_mysql("shop", owner="keeper", password="keepers")
    database.grant("keeper", "ALL ON {seconds}.*")
    database.as_owner(FILL)
    whole = database.dump_text()
    flags = [flag] if flag else []
    ours = new_project(database)
    theirs = run_by(predecessor, ours)

    name = backed_up(ours, *flags)
    database.as_owner(MOVE_ON)
    # Theirs drops no table where a view was.
    database.as_owner("DROP TABLE happy")
    succeeded(theirs.manage("dbrestore", "--noinput", *flags, "-i", name))
    assert database.dump_text() == whole

    database.as_owner(WITHOUT_OBJECTS)
    plain = database.dump_text()
    name = backed_up(theirs, *flags)
    (ours.store / f"{name}.metadata").unlink()
    database.as_owner(FILL_AGAIN)
    out = ours.ok("dbrestore", "--noinput", "-i", name)
    assert f"default: restored {name}" in out
    # What their dump does not speak of, stays.
    asked = "SELECT name FROM mysql.proc WHERE db = 'shop'; SELECT name FROM mysql.event WHERE db = 'shop'"
    assert database.query(asked) == "later\nlater\n"
    database.as_owner("DROP PROCEDURE later; DROP EVENT later")
    assert database.dump_text() == plain


FILL_AGAIN = """
CREATE PROCEDURE later () SELECT 1;
CREATE EVENT later ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DO SELECT 1;
DROP VIEW happy;
DELETE FROM customer;
ALTER TABLE log ADD added int;
"""


def test_a_dump_of_theirs_that_was_cut_is_refused(
    new_mysql: NewMysql, new_project: NewProject, predecessor: str
) -> None:
    database = new_mysql()
    database.as_owner(FILL)
    ours = new_project(database)
    name = backed_up(run_by(predecessor, ours))
    before = database.dump_text()
    (ours.store / f"{name}.metadata").unlink()
    path = ours.store / name
    dump = path.read_bytes()
    for end in (b"-- Dump completed", b"LOCK TABLES `or``der`", b"(500,500,"):
        path.write_bytes(dump[: dump.rindex(end)])
        ours.fails(6, "dbrestore", "--noinput", "-i", name)
        assert database.dump_text() == before
