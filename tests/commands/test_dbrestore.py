"""``manage.py dbrestore``."""

import gzip
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connections, transaction
from pytest_django import DjangoDbBlocker, Settings

from tests.conftest import Call
from tests.project import Project, fill, pad, rows

OLD = ["old", "older"]
NEW = ["new"] * 500


def stored(project: Project, *arguments: str, alias: str = "default") -> str:
    """Back up; return the new backup's name."""
    before = set(project.backups())
    project.ok("dbbackup", "-d", alias, *arguments)
    (name,) = set(project.backups()) - before
    return name


# The way there and back


@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize("options", [[], ["-z"]])
def test_the_newest_backup_comes_back_without_any_flag(
    project: Project, options: list[str], wal: bool
) -> None:
    expected = fill(project.database, OLD, wal=wal)
    name = stored(project, *options)
    fill(project.database, NEW)
    out = project.ok("dbrestore", "--noinput")
    assert re.match(rf"default: restored {re.escape(name)} \(\d+\.\d KiB in \d+\.\d s\)\n", out)
    assert rows(project.database) == expected
    assert sorted(path.name for path in project.root.iterdir() if "sqlite3" in path.name) == ["db.sqlite3"]


@pytest.mark.parametrize("flags", [["-z"], ["-c"], ["-z", "-c"], ["--uncompress", "--decrypt"]])
def test_flags_of_django_dbbackup_are_accepted_and_not_needed(project: Project, flags: list[str]) -> None:
    expected = fill(project.database, OLD)
    stored(project)
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput", *flags)
    assert rows(project.database) == expected


def test_a_compressed_backup_restored_by_name_without_z_is_unpacked(project: Project) -> None:
    expected = fill(project.database, OLD)
    name = stored(project, "-z")
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput", "-i", name)
    assert rows(project.database) == expected


@pytest.mark.parametrize("tool", ["gzip", "zstd"])
def test_a_file_of_a_standard_tool_is_restored_whatever_its_name(
    project: Project, tmp_path: Path, tool: str
) -> None:
    expected = fill(project.database, OLD)
    with (tmp_path / "file").open("wb") as file:
        subprocess.run([tool, "-c", project.database], stdout=file, check=True)
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput", "-I", str(tmp_path / "file"))
    assert rows(project.database) == expected


def test_a_plain_copy_is_restored_by_path(project: Project, tmp_path: Path) -> None:
    expected = fill(project.database, OLD)
    shutil.copy(project.database, tmp_path / "copy.sqlite3")
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput", "--input-path", str(tmp_path / "copy.sqlite3"))
    assert rows(project.database) == expected


def test_quiet_prints_nothing_and_verbose_names_the_proof(project: Project) -> None:
    fill(project.database, OLD)
    stored(project)
    assert project.ok("dbrestore", "--noinput", "-q") == ""
    assert project.ok("dbrestore", "--noinput", "-v", "0") == ""
    assert re.search(r"\n  proof: \S+", project.ok("dbrestore", "--noinput", "-v", "2"))


def test_a_database_that_is_not_there_is_made(project: Project) -> None:
    expected = fill(project.database, OLD)
    stored(project)
    project.database.unlink()
    project.ok("dbrestore", "--noinput")
    assert rows(project.database) == expected


@pytest.mark.parametrize("damage", [b"", b"junk" * 5000, gzip.compress(b"x" * 9999)])
def test_a_database_that_cannot_be_opened_is_replaced(project: Project, damage: bytes) -> None:
    expected = fill(project.database, OLD)
    stored(project)
    project.database.write_bytes(damage)
    project.ok("dbrestore", "--noinput")
    assert rows(project.database) == expected
    kept = [path.read_bytes() for path in project.root.iterdir() if ".damaged-" in path.name]
    assert kept == ([damage] if damage else [])


# What open connections see


@pytest.mark.parametrize("wal", [False, True])
def test_open_connections_see_the_restored_rows(project: Project, wal: bool) -> None:
    expected = fill(project.database, OLD, wal=wal)
    stored(project)
    with closing(sqlite3.connect(project.database)) as application:
        application.executemany("INSERT INTO item (name) VALUES (?)", [(name,) for name in NEW])
        application.commit()
        assert application.execute("SELECT count(*) FROM item").fetchone() == (len(OLD) + len(NEW),)
        project.ok("dbrestore", "--noinput")
        assert application.execute("SELECT id, name FROM item ORDER BY id").fetchall() == expected
        application.execute("INSERT INTO item (name) VALUES ('after')")
        application.commit()
    assert [name for _, name in rows(project.database)] == [*OLD, "after"]


def test_a_reader_in_wal_mode_keeps_its_snapshot_to_the_end_of_its_transaction(project: Project) -> None:
    expected = fill(project.database, OLD, wal=True)
    stored(project)
    now = fill(project.database, NEW)
    with closing(sqlite3.connect(project.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT id, name FROM item ORDER BY id").fetchall() == now
        project.ok("dbrestore", "--noinput")
        assert reader.execute("SELECT id, name FROM item ORDER BY id").fetchall() == now
        reader.execute("COMMIT")
        assert reader.execute("SELECT id, name FROM item ORDER BY id").fetchall() == expected


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_writer_that_does_not_end_makes_the_restore_give_up_with_nothing_changed(project: Project) -> None:
    fill(project.database, OLD)
    stored(project)
    now = fill(project.database, NEW)
    with closing(sqlite3.connect(project.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        err = project.fails(8, "dbrestore", "--noinput")
        writer.execute("ROLLBACK")
    assert str(project.database) in err
    assert rows(project.database) == now


def test_every_connection_of_the_alias_is_closed_before_a_restore(
    call: Call, database: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    second = database.with_name("second.sqlite3")
    expected = fill(second, OLD)
    fill(database, ["untouched"])
    call("dbbackup", "-d", "second")
    fill(second, NEW)
    with django_db_blocker.unblock():
        for alias in ("default", "second"):
            connections[alias].ensure_connection()
        call("dbrestore", "-d", "second", "--noinput")
        assert connections["second"].connection is None
        assert connections["default"].connection is not None
        with connections["second"].cursor() as cursor:
            assert cursor.execute("SELECT id, name FROM item ORDER BY id").fetchall() == expected
    assert [name for _, name in rows(database)] == ["untouched"]


def test_connections_of_other_threads_see_the_restored_rows(
    call: Call, database: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    expected = fill(database, OLD, wal=True)
    call("dbbackup")
    fill(database, NEW)
    opened, restored = threading.Event(), threading.Event()
    seen: list[object] = []

    def application() -> None:
        with connections["default"].cursor() as cursor:
            seen.append(cursor.execute("SELECT count(*) FROM item").fetchone())
            opened.set()
            restored.wait(20)
            seen.append(cursor.execute("SELECT id, name FROM item ORDER BY id").fetchall())
        connections["default"].close()

    with django_db_blocker.unblock():
        connections["default"].close()
        thread = threading.Thread(target=application)
        # A new thread makes its own connection, from the settings that it finds in DATABASES.
        names = connections.settings["default"]
        previous, names["NAME"] = names["NAME"], str(database)
        thread.start()
        assert opened.wait(20)
        names["NAME"] = previous
        call("dbrestore", "-d", "default", "--noinput")
        restored.set()
        thread.join()
    assert seen == [(len(NEW),), expected]


def test_commands_run_in_any_thread(call: Call, database: Path) -> None:
    expected = fill(database, OLD)

    def run() -> None:
        call("dbbackup", "-z")
        fill(database, NEW)
        call("dbrestore", "-d", "default", "--noinput")

    connections["default"].settings_dict["NAME"] = "another thread has settings of its own"
    names = connections.settings["default"]
    previous, names["NAME"] = names["NAME"], str(database)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    names["NAME"] = previous
    assert rows(database) == expected


def test_a_restore_inside_a_transaction_of_its_own_is_refused(
    call: Call, database: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    fill(database, OLD)
    call("dbbackup")
    now = fill(database, NEW)
    with django_db_blocker.unblock(), transaction.atomic("default"), pytest.raises(CommandError) as caught:
        call("dbrestore", "-d", "default", "--noinput")
    assert (caught.value.returncode, "inside a transaction" in str(caught.value)) == (9, True)
    assert rows(database) == now


# Damage


def damaged(sound: bytes) -> dict[str, bytes]:
    """A SQLite file in every way of being wrong that shows without a manifest."""
    packed = gzip.compress(sound)
    return {
        "junk": b"junk" * 4096,
        "empty": b"",
        "cut at a page": sound[:-4096],
        "cut in a page": sound[:-100],
        "cut in the header": sound[:50],
        "bytes after the end": sound + b"x",
        "text": b"Dear database,\n",
        "page of zeros": sound[:4096] + bytes(4096) + sound[8192:],
        "packed and cut": packed[:-20],
        "packed and flipped": flip(packed, len(packed) // 2),
        "packed with bytes after the end": packed + b"junk",
        "flipped header": flip(sound, 17),
        "flipped middle": flip(sound, len(sound) // 2),
    }


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def refused(call: Call, *arguments: str) -> int:
    with pytest.raises(CommandError) as caught:
        call("dbrestore", "-d", "default", "--noinput", *arguments)
    return caught.value.returncode


@pytest.mark.parametrize("damage", [name for name in damaged(bytes(20000)) if name != "flipped middle"])
@pytest.mark.parametrize("wal", [False, True])
def test_damage_without_a_manifest_is_refused_and_the_database_stays(
    call: Call, database: Path, tmp_path: Path, damage: str, wal: bool
) -> None:
    fill(database, ["x" * 300] * 200)
    (tmp_path / "file.sqlite3").write_bytes(damaged(database.read_bytes())[damage])
    now = fill(database, NEW, wal=wal)
    content = database.read_bytes()
    assert refused(call, "-I", str(tmp_path / "file.sqlite3")) == 6
    assert rows(database) == now
    assert database.read_bytes() == content
    assert [path.name for path in database.parent.iterdir()] == [database.name]


@pytest.mark.parametrize("damage", damaged(bytes(20000)))
@pytest.mark.parametrize("options", [[], ["-z"]])
def test_damage_in_the_store_is_refused_and_the_database_stays(
    call: Call, database: Path, store: Path, damage: str, options: list[str]
) -> None:
    fill(database, ["x" * 300] * 200)
    call("dbbackup", "-o", "backup", *options)
    (store / "backup").write_bytes(damaged(database.read_bytes())[damage])
    now = fill(database, NEW)
    assert refused(call, "-i", "backup") == 6
    assert rows(database) == now


def test_a_payload_of_another_backup_is_refused(call: Call, database: Path, store: Path) -> None:
    for names in (OLD, ["other", "rows"]):
        fill(database, names)
        call("dbbackup", "-o", names[0])
    shutil.copy(store / "old", store / "other")
    now = fill(database, NEW)
    assert refused(call, "-i", "other") == 6
    assert rows(database) == now


# Which backup


def test_the_newest_of_exactly_this_database_is_taken(tmp_path: Path) -> None:
    databases = {"default": "db.sqlite3", "app": "app.sqlite3", "app2": "app2.sqlite3"}
    project = Project(tmp_path / "project", databases)
    expected = fill(project.databases["app"], ["app"])
    stored(project, alias="app")
    fill(project.databases["app2"], ["app2"])
    stored(project, alias="app2")
    fill(project.databases["app"], NEW)
    project.ok("dbrestore", "--noinput", "-d", "app")
    assert rows(project.databases["app"]) == expected


def test_another_projects_newest_backup_is_not_taken_from_a_shared_storage(
    project: Project, tmp_path: Path
) -> None:
    expected = fill(project.database, OLD)
    name = stored(project)
    other = Project(tmp_path / "other", {"default": "production.sqlite3"})
    other.configure(f"STORAGES['dbbackup']['OPTIONS']['location'] = {str(project.store)!r}")
    fill(other.database, ["production"])
    other.ok("dbbackup")
    fill(project.database, NEW)
    assert name in project.ok("dbrestore", "--noinput")
    assert rows(project.database) == expected


def test_only_another_databases_backups_are_an_error_that_lists_them(
    project: Project, tmp_path: Path
) -> None:
    other = Project(tmp_path / "other", {"default": "production.sqlite3"})
    other.configure(f"STORAGES['dbbackup']['OPTIONS']['location'] = {str(project.store)!r}")
    expected = fill(other.database, ["production"])
    other.ok("dbbackup")
    (name,) = project.backups()
    now = fill(project.database, NEW)
    err = project.fails(4, "dbrestore", "--noinput")
    assert name in err
    assert err.endswith("hint: `listbackups` shows what there is; name one with -i, or its server with -s\n")
    assert rows(project.database) == now
    out = project.ok("dbrestore", "--noinput", "-i", name)
    assert "a database named `production`" in out
    assert rows(project.database) == expected


def test_the_server_narrows_the_choice(project: Project) -> None:
    expected = fill(project.database, OLD)
    stored(project, "-s", "web-1")
    fill(project.database, ["web-2"])
    stored(project, "-s", "web-2")
    fill(project.database, NEW)
    err = project.fails(4, "dbrestore", "--noinput")
    assert "web-1" in err
    assert "web-2" in err
    project.ok("dbrestore", "--noinput", "-s", "web-1")
    assert rows(project.database) == expected


def test_several_databases_and_none_named_is_an_error_that_lists_them(two_databases: Project) -> None:
    err = two_databases.fails(2, "dbrestore", "--noinput")
    assert "this project has 2 databases: default, second" in err
    assert "-d/--database" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-i", "no-such.sqlite3"], 4),
        (["-I", "no-such.sqlite3"], 4),
        (["-I", "."], 4),
        ([], 4),
        (["-d", "third"], 2),
        (["-i", "a", "-I", "b"], 2),
        (["-I", "db.sqlite3"], 9),
        (["-I", "loop"], 4),
    ],
)
def test_what_cannot_be_restored_is_an_error_and_the_database_stays(
    project: Project, arguments: list[str], code: int
) -> None:
    now = fill(project.database, NEW)
    project.store.mkdir()
    (project.root / "loop").symlink_to("loop")
    project.fails(code, "dbrestore", "--noinput", *arguments)
    assert rows(project.database) == now


# Checks before


def rewrite_manifest(project: Project, name: str, **changes: object) -> None:
    (project.store / f"{name}.metadata").write_text(json.dumps(project.manifest(name) | changes))


def test_a_backup_of_another_engine_is_refused(project: Project) -> None:
    fill(project.database, OLD)
    name = stored(project)
    rewrite_manifest(project, name, engine="django.db.backends.postgresql")
    now = fill(project.database, NEW)
    err = project.fails(9, "dbrestore", "--noinput")
    assert "was made with the engine `django.db.backends.postgresql`" in err
    assert rows(project.database) == now


def test_another_engine_for_the_same_files_is_no_other_engine(project: Project) -> None:
    expected = fill(project.database, OLD)
    name = stored(project)
    rewrite_manifest(project, name, engine="django_prometheus.db.backends.sqlite3")
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput")
    assert rows(project.database) == expected


@pytest.mark.parametrize(
    "connector", ["dbbackup.db.sqlite.SqliteConnector", "dbbackup.db.django.DjangoConnector"]
)
def test_the_content_decides_whatever_connector_of_ours_the_manifest_names(
    project: Project, connector: str
) -> None:
    before = fill(project.database, OLD)
    name = stored(project)
    rewrite_manifest(project, name, connector=connector)
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput")
    assert rows(project.database) == before


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("True", 0), ("None", 0), ("False", 9), ("1", 2), ("{}['release']", 9)],
)
def test_the_projects_validator_has_its_say(
    call: Call, database: Path, settings: Settings, verdict: str, code: int
) -> None:
    expected = fill(database, OLD)
    call("dbbackup")
    now = fill(database, NEW)
    seen: list[dict[str, object]] = []

    def validator(manifest: dict[str, object]) -> object:
        seen.append(manifest)
        return eval(verdict)

    settings.DBBACKUP_RESTORE_METADATA_VALIDATOR = validator
    if code:
        with pytest.raises(CommandError, match="DBBACKUP_RESTORE_METADATA_VALIDATOR") as caught:
            call("dbrestore", "-d", "default", "--noinput")
        assert caught.value.returncode == code
    else:
        call("dbrestore", "-d", "default", "--noinput")
    assert seen[0]["engine"] == "django.db.backends.sqlite3"
    assert rows(database) == (now if code else expected)


def test_a_backup_without_a_manifest_is_not_shown_to_the_validator(project: Project) -> None:
    project.configure("def DBBACKUP_RESTORE_METADATA_VALIDATOR(manifest): return False")
    expected = fill(project.database, OLD)
    name = stored(project)
    (project.store / f"{name}.metadata").unlink()
    fill(project.database, NEW)
    project.ok("dbrestore", "--noinput")
    assert rows(project.database) == expected


# The question


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "nonsense\n", "Yep\n"])
def test_every_answer_but_yes_declines(project: Project, answer: str) -> None:
    fill(project.database, OLD)
    stored(project)
    now = fill(project.database, NEW)
    err = project.fails(7, "dbrestore", stdin=answer)
    assert err == "CommandError: declined: nothing was changed\n"
    assert rows(project.database) == now


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "yes\n", " y \n"])
def test_yes_goes_on(project: Project, answer: str) -> None:
    expected = fill(project.database, OLD)
    stored(project)
    fill(project.database, NEW)
    project.ok("dbrestore", stdin=answer)
    assert rows(project.database) == expected


def test_no_standard_input_at_all_declines(project: Project) -> None:
    fill(project.database, OLD)
    stored(project)
    now = fill(project.database, NEW)
    command = [*project._argv(("dbrestore",))]
    script = f"{shlex.join(command)} <&-"
    done = subprocess.run(["sh", "-c", script], cwd=project.root, capture_output=True, text=True, check=False)
    assert (done.returncode, "declined" in done.stderr) == (7, True), done
    assert rows(project.database) == now


def test_the_question_says_what_is_replaced_by_what(project: Project) -> None:
    fill(project.database, OLD)
    name = stored(project)
    pad(project.database, 1)
    out = project.manage("dbrestore", stdin="n\n").out
    assert re.fullmatch(
        rf"The database `default` will be replaced, with everything in it:\n"
        rf"  target: {project.database} \(1\.0 MiB, last changed \d\.\d s ago\)\n"
        rf"  backup: {re.escape(name)} \(8\.0 KiB stored, made \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d, "
        rf"\d\.\d s ago, on `host`\)\n"
        rf"  rows:   2 in 1 table\n"
        rf"Continue\? \[y/N\] ",
        out,
    )


def test_the_question_names_another_database(two_databases: Project) -> None:
    fill(two_databases.databases["second"], OLD)
    name = stored(two_databases, alias="second")
    now = fill(two_databases.database, NEW)
    run = two_databases.manage("dbrestore", "-d", "default", "-i", name, stdin="n\n")
    assert "Attention: the backup is of a database named `second`, the target's name is `db`.\n" in run.out
    assert "Attention: the backup is of `second`, and goes into `default`.\n" in run.out
    assert rows(two_databases.database) == now


def test_the_question_knows_a_target_that_is_not_there_and_a_backup_without_a_manifest(
    project: Project, tmp_path: Path
) -> None:
    fill(project.database, OLD)
    project.database.rename(tmp_path / "copy")
    run = project.manage("dbrestore", "-I", str(tmp_path / "copy"), stdin="n\n")
    assert f"  target: {project.database} (there is no such file yet)\n" in run.out
    assert f"  backup: {tmp_path}/copy (8.0 KiB stored, on an unknown server)\n" in run.out
    assert run.code == 7
