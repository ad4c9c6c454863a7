"""``manage.py dbbackup``."""

import gzip
import hashlib
import re
import sqlite3
import stat
import subprocess
import threading
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError
from django.test import override_settings
from pytest_django import Settings

from tests.conftest import Call
from tests.project import Project, Rows, fill, rows

NAME = r"default-host-\d{4}-\d\d-\d\d-\d{6}\.sqlite3"
STORED = rf"default: stored {NAME} \(8\.0 KiB in \d+\.\d s\)\n"


def failure(call: Call, *arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        call("dbbackup", *arguments)
    return caught.value.returncode, str(caught.value)


def only(store: Path) -> Path:
    (backup,) = [path for path in store.iterdir() if path.suffix != ".metadata"]
    return backup


def test_one_line_says_what_was_stored(call: Call, database: Path) -> None:
    fill(database, ["a"])
    assert re.fullmatch(STORED, call("dbbackup"))


def test_the_backup_is_a_database_that_sqlite_opens(call: Call, database: Path, store: Path) -> None:
    expected = fill(database, ["a", "b"])
    call("dbbackup")
    assert re.fullmatch(NAME, only(store).name)
    assert rows(only(store)) == expected


@pytest.mark.parametrize("wal", [False, True])
def test_rows_of_an_open_connection_are_in_the_backup(
    call: Call, database: Path, store: Path, wal: bool
) -> None:
    fill(database, ["a"], wal=wal)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO item (name) VALUES ('committed')")
        connection.commit()
        call("dbbackup")
    assert [name for _, name in rows(only(store))] == ["a", "committed"]


@pytest.mark.parametrize("wal", [False, True])
def test_a_backup_while_the_application_writes_is_of_one_moment(
    call: Call, database: Path, store: Path, wal: bool
) -> None:
    fill(database, ["0"] * 2000, wal=wal)
    stop = threading.Event()
    written = [0]

    def application() -> None:
        with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as connection:
            while not stop.wait(0.005):
                written[0] += 1
                connection.execute("UPDATE item SET name = ?", (str(written[0]),))

    thread = threading.Thread(target=application)
    thread.start()
    try:
        for number in range(5):
            call("dbbackup", "-o", f"{number}.sqlite3")
    finally:
        stop.set()
        thread.join()
    moments = [{name for _, name in rows(store / f"{number}.sqlite3")} for number in range(5)]
    assert all(len(moment) == 1 for moment in moments)
    assert len(set().union(*moments)) > 1, "nothing was written between the backups"


def test_files_are_for_their_owner_alone(call: Call, database: Path, store: Path, settings: Settings) -> None:
    fill(database, ["a"])
    settings.FILE_UPLOAD_PERMISSIONS = 0o644
    call("dbbackup")
    assert [stat.S_IMODE(path.stat().st_mode) for path in store.iterdir()] == [0o600, 0o600]


def test_files_get_the_mode_that_the_storage_asks_for(
    call: Call, database: Path, store: Path, settings: Settings
) -> None:
    fill(database, ["a"])
    storages = dict(settings.STORAGES)
    modes = {"file_permissions_mode": 0o640, "directory_permissions_mode": 0o750}
    options = {**storages["dbbackup"]["OPTIONS"], **modes}
    settings.STORAGES = storages | {"dbbackup": {**storages["dbbackup"], "OPTIONS": options}}
    call("dbbackup")
    assert [stat.S_IMODE(path.stat().st_mode) for path in store.iterdir()] == [0o640, 0o640]
    assert stat.S_IMODE(store.stat().st_mode) == 0o750


def test_compressed_backups_are_what_gunzip_reads(call: Call, database: Path, store: Path) -> None:
    expected = fill(database, ["a" * 1000] * 100)
    out = call("dbbackup", "-z")
    pattern = rf"default: stored {NAME}\.gz \(\d+\.\d KiB → \d+(\.\d KiB| B) in \d+\.\d s\)\n"
    assert re.fullmatch(pattern, out)
    database.write_bytes(gzip.decompress(only(store).read_bytes()))
    assert rows(database) == expected


def test_the_setting_decides_what_compressed_means(
    call: Call, database: Path, store: Path, settings: Settings
) -> None:
    expected = fill(database, ["a"])
    settings.DBBACKUP_COMPRESSION = "zstd"
    call("dbbackup", "--compress")
    assert only(store).name.endswith(".sqlite3.zst")
    database.write_bytes(subprocess.run(["zstd", "-dc", only(store)], capture_output=True, check=True).stdout)
    assert rows(database) == expected


def test_quiet_prints_nothing(call: Call, database: Path) -> None:
    fill(database, ["a"])
    assert call("dbbackup", "-q", "--clean") == ""
    assert call("dbbackup", "--verbosity", "0", "--clean") == ""


def test_verbose_adds_the_digest_that_sha256sum_prints(call: Call, database: Path, store: Path) -> None:
    fill(database, ["a"])
    out = call("dbbackup", "-v", "2")
    digest = hashlib.sha256(only(store).read_bytes()).hexdigest()
    assert re.match(STORED + rf"  sha256: {digest}\n", out)


def test_the_server_stands_in_name_and_manifest(project: Project) -> None:
    fill(project.database, ["a"])
    project.ok("dbbackup", "-s", "web-1")
    (name,) = project.backups()
    assert name.startswith("default-web-1-20")
    assert project.manifest(name)["dbbackup"]["servername"] == "web-1"


def test_the_manifest_has_the_keys_of_django_dbbackup_and_ours(project: Project) -> None:
    fill(project.database, ["a"])
    project.ok("dbbackup", "-z")
    (name,) = project.backups()
    manifest = project.manifest(name)
    ours = manifest.pop("dbbackup")
    assert manifest == {
        "engine": "django.db.backends.sqlite3",
        "connector": "dbbackup.db.sqlite.SqliteBackupConnector",
    }
    assert (ours["state"], ours["alias"], ours["database"], ours["compression"]) == (
        "whole",
        "default",
        "db",
        "gzip",
    )


# The project's own keys in the manifest


def test_the_setters_keys_are_added(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("def DBBACKUP_BACKUP_METADATA_SETTER(metadata):")
    project.configure("    return {'release': (1, 2), 'seen': sorted(metadata), 'connector': 'mine'}")
    project.ok("dbbackup")
    manifest = project.manifest(project.backups()[0])
    assert manifest["release"] == [1, 2]
    assert manifest["seen"] == ["connector", "engine"]
    assert manifest["connector"] == "mine"


def test_a_setter_that_fails_ends_the_backup_before_the_first_byte(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("def DBBACKUP_BACKUP_METADATA_SETTER(metadata): return {}['release']")
    err = project.fails(2, "dbbackup")
    assert "`DBBACKUP_BACKUP_METADATA_SETTER` failed: KeyError: 'release'" in err
    assert project.files() == []


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ("[]", "must return a dictionary"),
        ("{'a': object()}", "cannot be written as JSON"),
        ("{'a': float('nan')}", "cannot be written as JSON"),
        ("{'dbbackup': {}}", "must not return the key `dbbackup`"),
    ],
)
def test_keys_that_no_manifest_can_hold_are_refused_before_the_first_byte(
    call: Call, database: Path, store: Path, settings: Settings, result: str, complaint: str
) -> None:
    fill(database, ["a"])
    settings.DBBACKUP_BACKUP_METADATA_SETTER = lambda _: eval(result)
    code, text = failure(call)
    assert (code, complaint in text) == (2, True), text
    assert not store.exists() or not list(store.iterdir())


# Which databases


def test_all_databases_are_backed_up_and_each_has_its_line(two_databases: Project) -> None:
    for path in two_databases.databases.values():
        fill(path, ["a"])
    lines = two_databases.ok("dbbackup").splitlines()
    assert [line.partition(":")[0] for line in lines] == ["default", "second"]
    assert [name.partition("-")[0] for name in two_databases.backups()] == ["default", "second"]


@pytest.mark.parametrize(
    ("asked", "aliases"),
    [("second", ["second"]), (" second , default,second", ["second", "default"]), ("default,", ["default"])],
)
def test_the_databases_that_are_asked_for_are_backed_up_in_order(
    call: Call, database: Path, asked: str, aliases: list[str]
) -> None:
    fill(database, ["a"])
    fill(database.with_name("second.sqlite3"), ["b"])
    out = call("dbbackup", "-d", asked)
    assert [line.partition(":")[0] for line in out.splitlines()] == aliases


def test_the_setting_says_which_databases_are_meant(call: Call, database: Path, settings: Settings) -> None:
    fill(database.with_name("second.sqlite3"), ["b"])
    settings.DBBACKUP_DATABASES = ["second"]
    assert call("dbbackup").startswith("second: stored second-host-")


@pytest.mark.parametrize("asked", ["third", ",", " "])
def test_an_unknown_database_lists_the_known(call: Call, asked: str) -> None:
    code, text = failure(call, "-d", asked)
    assert code == 2
    assert "`DATABASES` has: default, second" in text


def test_a_failure_of_one_database_does_not_keep_the_others_from_being_backed_up(
    two_databases: Project,
) -> None:
    fill(two_databases.databases["second"], ["b"])
    run = two_databases.manage("dbbackup")
    assert run.code == 11
    assert run.out.startswith("second: stored second-host-")
    first, last = run.err.splitlines()[0], run.err.splitlines()[-1]
    assert re.match(rf"default: .*{two_databases.database}", first)
    assert last == "CommandError: 1 of 2 databases failed: default"


def test_engines_whose_connector_is_not_there_yet_are_named(project: Project) -> None:
    project.configure(
        "DBBACKUP_CONNECTOR_MAPPING = {'django.db.backends.sqlite3': 'dbbackup.db.mongodb.MongoDumpConnector'}"
    )
    err = project.fails(1, "dbbackup")
    assert "the connector `dbbackup.db.mongodb.MongoDumpConnector` is not there yet" in err
    assert project.files() == []


def test_a_database_without_a_file_is_an_error_and_is_not_created(project: Project) -> None:
    assert str(project.database) in project.fails(2, "dbbackup")
    assert not project.database.exists()
    assert project.files() == []


def test_a_database_may_be_named_by_a_path_or_a_uri(project: Project) -> None:
    expected = fill(project.root / "my shop.v1.db", ["a"])
    for name in ("'my shop.v1.db'", "BASE_DIR / 'my shop.v1.db'", "'file:my%20shop.v1.db?mode=ro'"):
        project.configure(f"DATABASES['default']['NAME'] = {name}")
        project.ok("dbbackup", "-o", "backup")
        assert project.manifest("backup")["dbbackup"]["database"] == "my shop"
        assert rows(project.store / "backup") == expected
        project.ok("dbrestore", "--noinput", "-i", "backup")
        for path in project.store.iterdir():
            path.unlink()


# Names given by the user


def test_a_name_that_is_taken_gets_the_storages_suffix_and_one_manifest(project: Project) -> None:
    first = fill(project.database, ["first"])
    project.ok("dbbackup", "-o", "nightly.sqlite3")
    second = fill(project.database, ["second"])
    out = project.ok("dbbackup", "-o", "nightly.sqlite3")
    name = re.fullmatch(r"default: stored (nightly_\w{7}\.sqlite3) .*\n", out)
    assert name
    assert project.files() == sorted(
        ["nightly.sqlite3", "nightly.sqlite3.metadata", name[1], f"{name[1]}.metadata"]
    )
    assert rows(project.store / "nightly.sqlite3") == first
    assert rows(project.store / name[1]) == second


def test_a_storage_that_overwrites_keeps_the_name(project: Project) -> None:
    pytest.importorskip("django", minversion="5.1", reason="`allow_overwrite` came with Django 5.1")
    project.configure("STORAGES['dbbackup']['OPTIONS']['allow_overwrite'] = True")
    fill(project.database, ["first"])
    project.ok("dbbackup", "-o", "nightly.sqlite3")
    second = fill(project.database, ["second"])
    project.ok("dbbackup", "-o", "nightly.sqlite3")
    assert project.files() == ["nightly.sqlite3", "nightly.sqlite3.metadata"]
    assert rows(project.store / "nightly.sqlite3") == second
    project.ok("dbrestore", "--noinput", "-i", "nightly.sqlite3")


def test_a_name_that_climbs_out_of_the_storage_is_refused(call: Call, database: Path, store: Path) -> None:
    fill(database, ["a"])
    for name in ("../x.sqlite3", "/tmp/x.sqlite3", ".."):
        code, text = failure(call, "-o", name)
        assert (code, f"`{name}`" in text) == (2, True), text
    assert not store.exists() or not list(store.iterdir())


@pytest.mark.parametrize("option", ["-o", "-O"])
def test_one_name_for_several_databases_is_refused(
    call: Call, database: Path, store: Path, tmp_path: Path, option: str
) -> None:
    fill(database, ["a"])
    code, text = failure(call, "-d", "default,second", option, str(tmp_path / "one.sqlite3"))
    assert code == 2
    assert "run the command once for each, with -d" in text
    assert not (tmp_path / "one.sqlite3").exists()
    assert not store.exists()


def test_two_places_for_one_backup_are_refused(call: Call) -> None:
    assert failure(call, "-o", "x", "-O", "y")[0] == 2


# Local files


def test_a_local_file_is_written_and_replaced_whole(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "out.sqlite3"
    for names in (["first"], ["second"]):
        expected = fill(project.database, names)
        out = project.ok("dbbackup", "-O", str(path))
        assert re.match(rf"default: stored {path} ", out)
        assert rows(path) == expected
    assert project.files() == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "out.sqlite3",
        "out.sqlite3.metadata",
        "project",
    ]


def test_a_local_path_is_relative_to_the_working_directory_and_needs_no_storage(project: Project) -> None:
    project.configure("del STORAGES['dbbackup']")
    expected = fill(project.database, ["a"])
    project.ok("dbbackup", "-z", "-O", "out.gz")
    assert (project.root / "out.gz").read_bytes()[:2] == b"\x1f\x8b"
    fill(project.database, ["b"])
    project.ok("dbrestore", "--noinput", "-I", "out.gz")
    assert rows(project.database) == expected


def test_a_failed_backup_leaves_the_old_local_file(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "out.sqlite3"
    expected = fill(project.database, ["a"])
    project.ok("dbbackup", "-O", str(path))
    before = path.stat().st_mtime_ns
    project.database.write_bytes(b"junk" * 10_000)
    run = project.manage("dbbackup", "-O", str(path))
    assert run.code != 0
    assert (rows(path), path.stat().st_mtime_ns) == (expected, before)
    assert not [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_a_link_stays_a_link(project: Project, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    expected = fill(project.database, ["a"])
    project.ok("dbbackup", "-O", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert rows(tmp_path / "real") == expected


@pytest.mark.parametrize("path", ["/dev/null", ".", "new/", "no/such/folder/x"])
def test_a_local_path_that_is_no_file_is_refused(project: Project, path: str) -> None:
    fill(project.database, ["a"])
    assert f"cannot write to `{path}`" in project.fails(2, "dbbackup", "-O", path)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["db.sqlite3", "db.sqlite3-wal", "link", "second.sqlite3"])
def test_a_database_is_never_written_over_by_a_backup(two_databases: Project, name: str) -> None:
    fill(two_databases.databases["second"], ["b"])
    now = fill(two_databases.database, ["a"], wal=True)
    (two_databases.root / "link").symlink_to("db.sqlite3")
    err = two_databases.fails(9, "dbbackup", "-d", "default", "-O", name)
    assert f"cannot write to `{name}`: it is the database" in err
    assert rows(two_databases.database) == now


def test_urls_need_a_storage_that_knows_them(project: Project) -> None:
    err = project.fails(2, "dbbackup", "-O", "s3://bucket/key")
    assert "the class of `STORAGES['dbbackup']` is no S3 storage" in err
    err = project.fails(1, "dbbackup", "-O", "ftp://host/key")
    assert "cannot write to `ftp://host/key`: such URLs are not supported" in err


# Names given by a function of the project

CALLABLE = """
def DBBACKUP_FILENAME_TEMPLATE(databasename, servername, datetime, extension, content_type):
    return f"{content_type}_{databasename}_{servername}_{datetime}.{extension}"
"""


def test_a_callable_names_the_backups(project: Project) -> None:
    project.configure(CALLABLE)
    fill(project.database, ["a"])
    project.ok("dbbackup", "-z")
    (name,) = project.backups()
    assert re.fullmatch(r"db_default_host_\d{4}-\d\d-\d\d-\d{6}\.sqlite3\.gz", name)


@pytest.mark.parametrize("template", ["", CALLABLE])
def test_backups_of_the_same_second_wait_for_the_next(project: Project, template: str) -> None:
    project.configure(template)
    fill(project.database, ["a"])
    with ExitStack() as stack:
        processes = [stack.enter_context(project.running("dbbackup")) for _ in range(3)]
        for process in processes:
            out, err = process.communicate(timeout=25)
            assert (process.returncode, err) == (0, ""), out
    assert len(project.backups()) == 3
    assert len(project.files()) == 6


def test_a_callable_that_always_gives_the_same_name_never_replaces(
    call: Call, database: Path, store: Path, settings: Settings
) -> None:
    settings.DBBACKUP_FILENAME_TEMPLATE = lambda **_: "same.sqlite3"
    expected = fill(database, ["first"])
    call("dbbackup")
    fill(database, ["second"])
    code, text = failure(call)
    assert (code, "same.sqlite3" in text) == (4, True)
    assert rows(store / "same.sqlite3") == expected


@pytest.mark.parametrize("template", ["", CALLABLE])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_dates_in_names_are_local_in_the_projects_time_zone(
    project: Project, zone: str, template: str
) -> None:
    fill(project.database, ["a"])
    project.configure(f"TIME_ZONE = {zone!r}\n{template}")
    project.ok("dbbackup")
    (name,) = project.backups()
    date = re.search(r"\d{4}-\d\d-\d\d-\d{6}", name)
    assert date
    local = datetime.strptime(date[0], "%Y-%m-%d-%H%M%S").replace(tzinfo=ZoneInfo(zone))
    assert abs(datetime.now(UTC) - local) < timedelta(minutes=1)


# What -c deletes


def backup_at(project: Project, date: str, alias: str = "default", server: str = "host", **keys: str) -> str:
    """Put a backup of a day into the store, as it would be found there; return its name."""
    template = keys.get("ending", "")
    name = f"{alias}-{server}-{date}-120000.sqlite3{template}"
    project.store.mkdir(exist_ok=True)
    (project.store / name).write_bytes(b"x")
    return name


def test_cleaning_keeps_the_newest_and_never_touches_other_databases(tmp_path: Path) -> None:
    databases = {"default": "db.sqlite3", "app": "app.sqlite3", "app2": "app2.sqlite3"}
    project = Project(tmp_path / "project", databases)
    fill(project.databases["app"], ["a"])
    project.configure("DBBACKUP_CLEANUP_KEEP = 2")
    old = [backup_at(project, f"2020-01-0{day}", "app") for day in (1, 2, 3)]
    others = [backup_at(project, f"2020-01-0{day}", "app2") for day in (1, 2, 3)]
    foreign = [backup_at(project, "2020-01-01", "other"), "notes.txt"]
    (project.store / "notes.txt").touch()
    out = project.ok("dbbackup", "-d", "app", "-c")
    kept = set(project.backups())
    assert kept >= {old[2], *others, *foreign}
    assert not kept & {old[0], old[1]}
    assert [line.split(" (")[0] for line in out.splitlines()[1:]] == [
        f"app: deleted {old[1]}",
        f"app: deleted {old[0]}",
    ]


def test_cleaning_for_one_server_never_touches_another(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    other = [backup_at(project, f"2020-01-0{day}", server="serverA") for day in (1, 2)]
    own = backup_at(project, "2020-01-01", server="serverB")
    out = project.ok("dbbackup", "-c", "-s", "serverB")
    assert set(other) <= set(project.backups())
    assert own not in project.backups()
    assert out.splitlines()[-1] == "default: left alone 2 of other servers or projects"


def test_cleaning_counts_backups_of_every_compression(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("DBBACKUP_CLEANUP_KEEP = 2")
    for day, ending in ((1, ""), (2, ".gz"), (3, ".zst")):
        backup_at(project, f"2020-01-0{day}", ending=ending)
    project.ok("dbbackup", "-c", "-z")
    assert [name for name in project.backups() if "-2020-01-" in name] == [
        "default-host-2020-01-03-120000.sqlite3.zst"
    ]


def test_the_filter_keeps_what_it_wants_beside_the_count(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    project.configure("def DBBACKUP_CLEANUP_KEEP_FILTER(name): return '-01-120000' in name")
    names = [backup_at(project, f"2020-01-0{day}") for day in (1, 2)]
    project.ok("dbbackup", "-c")
    assert [name for name in project.backups() if name in names] == names[:1]


def test_backups_that_clean_at_the_same_moment_wait_for_each_other(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("DBBACKUP_CLEANUP_KEEP = 2")
    with ExitStack() as stack:
        processes = [stack.enter_context(project.running("dbbackup", "-c")) for _ in range(4)]
        for process in processes:
            out, err = process.communicate(timeout=25)
            assert (process.returncode, err) == (0, ""), out
    project.ok("dbbackup", "-c")
    assert len(project.files()) == 4


def test_a_filter_that_fails_deletes_nothing(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    project.configure("def DBBACKUP_CLEANUP_KEEP_FILTER(name): raise ValueError('oh')")
    names = [backup_at(project, f"2020-01-0{day}") for day in (1, 2)]
    assert "`DBBACKUP_CLEANUP_KEEP_FILTER` failed for" in project.fails(2, "dbbackup", "-c")
    assert set(names) < set(project.backups())


def test_the_backup_just_made_stays_when_a_clock_was_ahead(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    soon = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%d")
    tomorrow = (datetime.now(UTC) + timedelta(hours=20)).strftime("%Y-%m-%d")
    ahead = [backup_at(project, day) for day in dict.fromkeys([soon, tomorrow])]
    project.ok("dbbackup", "-c")
    assert [name for name in project.backups() if name not in ahead]


def test_a_failed_backup_cleans_nothing(project: Project) -> None:
    project.configure("DBBACKUP_CLEANUP_KEEP = 1")
    names = [backup_at(project, f"2020-01-0{day}") for day in (1, 2)]
    assert project.manage("dbbackup", "-c").code != 0
    assert project.backups() == names


# Settings that a backup cannot be made with


@pytest.mark.parametrize(
    "setting", ["DATE_FORMAT = '%c'", "FILENAME_TEMPLATE = '{x}'", "CLEANUP_KEEP = -1", "COMPRESSION = 'xz'"]
)
def test_a_wrong_setting_is_said_once_for_all_databases(two_databases: Project, setting: str) -> None:
    two_databases.configure(f"DBBACKUP_{setting}")
    err = two_databases.fails(2, "dbbackup")
    assert len(re.findall(r"^CommandError: ", err, re.MULTILINE)) == 1
    assert two_databases.files() == []


def test_no_storage_is_refused_with_the_setting_to_write(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("del STORAGES['dbbackup']")
    assert 'hint: write in the settings: STORAGES = {..., "dbbackup"' in project.fails(2, "dbbackup")
    assert not (project.root / "media").exists()


def test_a_storage_in_the_media_files_is_refused_unless_it_is_allowed(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("STORAGES['dbbackup']['OPTIONS']['location'] = MEDIA_ROOT / 'backups'")
    assert "it lies in the folder of `MEDIA_ROOT`" in project.fails(2, "dbbackup")
    assert not (project.root / "media").exists()
    project.configure("DBBACKUP_ALLOW_PUBLIC_STORAGE = True")
    project.ok("dbbackup")
    assert len(list((project.root / "media" / "backups").iterdir())) == 2


def test_unrelated_errors_in_the_project_do_not_prevent_a_backup(project: Project) -> None:
    fill(project.database, ["a"])
    project.configure("ROOT_URLCONF = 'no.such.module'")
    assert project.manage("check").code != 0
    project.ok("dbbackup", "--skip-checks")
    assert len(project.backups()) == 1


def test_a_terminal_without_the_arrow_gets_a_plain_one(project: Project) -> None:
    fill(project.database, ["a"])
    run = project.manage("dbbackup", "-z", env={"PYTHONIOENCODING": "ascii"})
    assert (run.code, run.err) == (0, "")
    assert " -> " in run.out


def test_settings_overridden_in_this_process_are_seen(call: Call, database: Path, tmp_path: Path) -> None:
    fill(database, ["a"])
    with override_settings(DBBACKUP_HOSTNAME="elsewhere"):
        assert "default-elsewhere-20" in call("dbbackup")
    assert "default-host-20" in call("dbbackup")


def test_restored_rows_are_those_of_the_day(call: Call, database: Path) -> None:
    days: list[Rows] = []
    for day in ("monday", "tuesday"):
        days.append(fill(database, [day]))
        call("dbbackup", "-o", f"{day}.sqlite3")
    for expected, day in zip(days, ("monday", "tuesday"), strict=True):
        call("dbrestore", "-d", "default", "-i", f"{day}.sqlite3", interactive=False)
        assert rows(database) == expected


def test_a_missing_driver_is_named(project: Project) -> None:
    project.configure('DATABASES["pg"] = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}')
    project.configure('DBBACKUP_CONNECTORS = {"pg": {"CONNECTOR": "dbbackup.db.django.DjangoConnector"}}')
    for driver in ("psycopg", "psycopg2"):
        (project.root / f"{driver}.py").write_text("raise ImportError('not here')\n")
    run = project.manage("dbbackup", "-d", "pg")
    assert run.code == 2, run
    assert "cannot use the database `pg`: Error loading psycopg" in run.err
    assert "install the driver" in run.err


def test_schemas_of_an_engine_without_any_are_said_to_do_nothing(call: Call, database: Path) -> None:
    fill(database, ["a"])
    assert "-n/--schema does nothing here: `SqliteBackupConnector`" in call("dbbackup", "-n", "public")
