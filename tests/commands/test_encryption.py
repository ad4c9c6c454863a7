"""``-e``: what is stored tells nothing, GnuPG opens it, and it comes back without a word about it."""

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from pytest_django import Settings

from tests.commands.encrypted import (
    CANARY,
    RESTORE,
    STORAGES,
    backups,
    keep_backups_in,
    refused,
    shelves,
    stored,
)
from tests.conftest import Call, NewKeyring, UseKeyring
from tests.gnupg import Keyring, Keys
from tests.project import fill, rows, texts

CONNECTORS = {
    "dbbackup.db.sqlite.SqliteBackupConnector": "sqlite3",
    "dbbackup.db.sqlite.SqliteConnector": "dump",
    "dbbackup.db.sqlite.SqliteCPConnector": "dump",
    "tests.own_connectors.ByHand": "hand",
    "tests.own_connectors.ByCommand": "copy",
}

FLAGS = {"": [], ".gz": ["-z"]}
"""What is added to a name by which options, beside the ``.gpg``."""

FILES = {"a.txt": CANARY, "canary.txt": "b" * 3000, "deep/er/c.txt": ""}

with_each_storage = pytest.mark.parametrize("storage", STORAGES)
with_each_ending = pytest.mark.parametrize("ending", FLAGS, ids=lambda ending: ending or "plain")


def opened(name: str, keyring: Keyring) -> bytes:
    """What plain ``gpg`` and ``gunzip`` make of a stored backup."""
    content = keyring.decrypt(stored()[name])
    return gzip.decompress(content) if name.endswith(".gz.gpg") else content


def told(name: str) -> dict[str, Any]:
    """What the manifest says of a backup."""
    record: dict[str, Any] = json.loads(stored()[f"{name}.metadata"])["dbbackup"]
    return record


@with_each_storage
@with_each_ending
@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda path: path.rpartition(".")[2])
def test_a_database_is_stored_for_its_reader_only_and_comes_back(
    call: Call,
    database: Path,
    store: Path,
    settings: Settings,
    gnupg: Keys,
    connector: str,
    storage: str,
    ending: str,
) -> None:
    keep_backups_in(settings, store, storage)
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": connector}}
    before = fill(database, [CANARY, "b"])
    call("dbbackup", "-e", *FLAGS[ending])
    (name,) = backups()
    assert name.endswith(f".{CONNECTORS[connector]}{ending}.gpg")
    assert not any(CANARY.encode() in content for content in stored().values())
    assert CANARY.encode() in opened(name, gnupg.ring)
    record = told(name)
    assert (record["encryption"], record["compression"]) == ("openpgp", "gzip" if ending else "none")
    assert record.get("content") is None
    settings.DBBACKUP_CONNECTORS = {}
    fill(database, ["c"])
    call(*RESTORE, "--no-safety-backup")
    assert rows(database) == before


@with_each_ending
def test_objects_in_json_come_back(
    call: Call, database: Path, settings: Settings, gnupg: Keys, ending: str
) -> None:
    objects = shelves(settings)
    objects.create(name=CANARY)
    call("dbbackup", "-e", *FLAGS[ending])
    (name,) = backups()
    assert name.endswith(f".json{ending}.gpg")
    assert not any(CANARY.encode() in content for content in stored().values())
    assert [each["fields"] for each in json.loads(opened(name, gnupg.ring))] == [{"name": CANARY}]
    settings.DBBACKUP_CONNECTORS = {}
    objects.all().delete()
    call(*RESTORE)
    assert list(objects.values_list("name", flat=True)) == [CANARY]


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """The folder of the media, with some files in it and a link that leads nowhere."""
    folder = tmp_path / "media"
    settings.MEDIA_ROOT = str(folder)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "canary-link").symlink_to("nowhere")
    return folder


@with_each_storage
@with_each_ending
def test_media_are_stored_for_their_reader_only_and_come_back(
    call: Call,
    store: Path,
    tmp_path: Path,
    settings: Settings,
    media: Path,
    gnupg: Keys,
    storage: str,
    ending: str,
) -> None:
    keep_backups_in(settings, store, storage)
    code, said = refused(call, "mediabackup", "-e", *FLAGS[ending])
    assert (code, "canary-link" in said) == (3, True)
    (name,) = backups()
    assert name.endswith(f".tar{ending}.gpg")
    # The user is told what was skipped; whoever reads the storage is told how many.
    assert told(name)["skipped"] == {"count": 1, "names": []}
    assert not any(b"canary" in content for content in stored().values())
    listing = subprocess.run(["tar", "-t"], input=opened(name, gnupg.ring), capture_output=True, check=True)
    assert set(FILES) <= set(listing.stdout.decode().split())
    call("mediarestore", "--noinput", "--into", str(tmp_path / "back"))
    assert texts(tmp_path / "back") == FILES


def test_media_in_a_storage_that_is_no_folder_come_back(
    call: Call, store: Path, settings: Settings, gnupg: Keys
) -> None:
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "tests.storages.Memory"}}
    storages["default"].save("canary.txt", ContentFile(CANARY.encode()))
    call("mediabackup", "-e", "-z")
    (name,) = backups()
    assert not any(b"canary" in content for content in stored().values())
    assert CANARY.encode() in opened(name, gnupg.ring)
    storages["default"].delete("canary.txt")
    call("mediarestore", "--noinput")
    with storages["default"].open("canary.txt") as file:
        assert file.read() == CANARY.encode()


@pytest.mark.parametrize("option", ["-o", "-O"])
def test_a_name_of_ones_own_is_encrypted_as_well(
    call: Call, database: Path, tmp_path: Path, store: Path, gnupg: Keys, option: str
) -> None:
    before = fill(database, [CANARY])
    folder = store if option == "-o" else tmp_path
    call("dbbackup", "-e", option, "mine" if option == "-o" else str(tmp_path / "mine"))
    assert CANARY.encode() not in (folder / "mine").read_bytes()
    fill(database, ["b"])
    call(*RESTORE, *(["-i", "mine"] if option == "-o" else ["-I", str(tmp_path / "mine")]))
    assert rows(database) == before


def test_zstd_goes_under_it_too(call: Call, database: Path, settings: Settings, gnupg: Keys) -> None:
    settings.DBBACKUP_COMPRESSION = "zstd"
    before = fill(database, [CANARY])
    call("dbbackup", "-e", "-z")
    (name,) = backups()
    assert name.endswith(".sqlite3.zst.gpg")
    plain = subprocess.run(
        ["zstd", "-d"], input=gnupg.ring.decrypt(stored()[name]), capture_output=True, check=True
    )
    assert CANARY.encode() in plain.stdout
    fill(database, ["b"])
    call(*RESTORE)
    assert rows(database) == before


def test_the_list_tells_them_from_others_and_cleaning_counts_them_alike(
    call: Call, database: Path, settings: Settings, gnupg: Keys
) -> None:
    settings.DBBACKUP_CLEANUP_KEEP = 2
    fill(database, ["a"])
    for flags in ([], ["-e"], ["-z"], ["-e", "-z"]):
        call("dbbackup", *flags)

    def listed(*flags: str) -> list[str]:
        return [line.split()[0].partition(".")[2] for line in call("listbackups", "-q", *flags).splitlines()]

    assert listed("-e") == ["sqlite3.gpg", "sqlite3.gz.gpg"]
    assert listed("-E") == ["sqlite3", "sqlite3.gz"]
    assert listed("-e", "-Z") == ["sqlite3.gpg"]
    call("dbbackup", "-c")
    assert listed() == ["sqlite3.gz.gpg", "sqlite3"]


# Recipients


@pytest.fixture
def alone(keys: Keys, new_keyring: NewKeyring, use_keyring: UseKeyring) -> Callable[[str], None]:
    """Put this process at the place of somebody who has one secret key only."""

    def use(name: str) -> None:
        keyring = new_keyring()
        keyring.import_(keys.ring.export(name, secret=True))
        use_keyring(keyring)

    return use


@pytest.mark.parametrize("flags", [[], ["-z"]])
def test_each_of_several_recipients_can_restore_it_alone(
    call: Call,
    database: Path,
    settings: Settings,
    gnupg: Keys,
    alone: Callable[[str], None],
    flags: list[str],
) -> None:
    settings.DBBACKUP_GPG_RECIPIENT = [gnupg.ada, gnupg.bob]
    before = fill(database, [CANARY])
    call("dbbackup", "-e", *flags)
    for name in (gnupg.ada, gnupg.bob):
        alone(name)
        fill(database, ["b"])
        call(*RESTORE)
        assert rows(database) == before


def test_nobody_else_can_restore_it(
    call: Call, database: Path, gnupg: Keys, alone: Callable[[str], None]
) -> None:
    fill(database, [CANARY])
    call("dbbackup", "-e")
    alone(gnupg.bob)
    now = fill(database, ["b"])
    code, said = refused(call, *RESTORE)
    assert code == 5
    assert f"no secret key that fits (the backup is for {gnupg.ring.subkey(gnupg.ada)})" in said
    assert "gpg --import" in said
    assert rows(database) == now


@pytest.mark.parametrize(
    "named",
    [
        lambda keys: keys.ada,
        lambda keys: keys.ada[-16:],
        lambda keys: f"0x{keys.ada[-8:]}",
        lambda keys: keys.ring.subkey(keys.ada),
        lambda keys: f"{keys.ring.subkey(keys.ada)}!",
        lambda keys: "ada@example.org",
        lambda keys: "<ada@example.org>",
        lambda keys: "Ada",
        lambda keys: "=Ada <ada@example.org>",
    ],
    ids=["fingerprint", "id", "short id", "subkey", "subkey!", "address", "<address>", "name", "=user id"],
)
def test_a_recipient_is_named_as_gnupg_takes_it(
    call: Call,
    database: Path,
    settings: Settings,
    gnupg: Keys,
    alone: Callable[[str], None],
    named: Callable[[Keys], str],
) -> None:
    settings.DBBACKUP_GPG_RECIPIENT = named(gnupg)
    before = fill(database, [CANARY])
    call("dbbackup", "-e")
    alone(gnupg.ada)
    fill(database, ["b"])
    call(*RESTORE)
    assert rows(database) == before


def test_rsa_keys_and_names_beyond_ascii_are_found_whatever_the_locale(
    call: Call,
    database: Path,
    settings: Settings,
    new_keyring: NewKeyring,
    use_keyring: UseKeyring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keyring = new_keyring()
    keyring.rsa_key("Zoë", "zoe@example.org")
    use_keyring(keyring)
    settings.DBBACKUP_GPG_RECIPIENT = "Zoë"
    before = fill(database, [CANARY])
    for locale in ("C", "C.UTF-8"):
        monkeypatch.setenv("LC_ALL", locale)
        call("dbbackup", "-e")
        fill(database, ["b"])
        call(*RESTORE)
        assert rows(database) == before


@pytest.mark.parametrize(
    "group",
    [
        "ops",
        "example.org",
    ],
)
def test_a_group_of_gnupgs_configuration_means_all_of_its_members(
    call: Call,
    database: Path,
    settings: Settings,
    gnupg: Keys,
    new_keyring: NewKeyring,
    use_keyring: UseKeyring,
    alone: Callable[[str], None],
    group: str,
) -> None:
    keyring = new_keyring()
    keyring.import_(gnupg.ring.export(gnupg.ada, gnupg.bob))
    for name in (gnupg.ada, gnupg.bob):
        keyring.trust(name)
    (keyring.home / "gpg.conf").write_text(f"group {group} = {gnupg.ada} {gnupg.bob}\n")
    use_keyring(keyring)
    settings.DBBACKUP_GPG_RECIPIENT = group
    before = fill(database, [CANARY])
    call("dbbackup", "-e")
    for name in (gnupg.ada, gnupg.bob):
        alone(name)
        fill(database, ["b"])
        call(*RESTORE)
        assert rows(database) == before


def test_a_server_that_has_no_secret_key_makes_backups(
    call: Call, database: Path, gnupg: Keys, new_keyring: NewKeyring, use_keyring: UseKeyring
) -> None:
    server = new_keyring()
    server.import_(gnupg.ring.export(gnupg.ada))
    server.trust(gnupg.ada)
    use_keyring(server)
    before = fill(database, [CANARY])
    call("dbbackup", "-e")
    now = fill(database, ["b"])
    assert refused(call, *RESTORE)[0] == 5
    assert rows(database) == now
    use_keyring(gnupg.ring)
    call(*RESTORE)
    assert rows(database) == before
