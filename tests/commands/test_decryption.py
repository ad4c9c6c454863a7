"""Restoring what was encrypted, here or by anybody's ``gpg``: the content decides, and a passphrase opens it."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.commands.encrypted import (
    CANARY,
    RESTORE,
    STORAGES,
    backups,
    keep_backups_in,
    refused,
    replace_stored,
    stored,
)
from tests.conftest import Call
from tests.gnupg import Keyring, Keys
from tests.project import Rows, fill, rows, texts

WRONG = "canary of a wrong one"


@pytest.fixture
def locked(call: Call, database: Path, settings: Settings, gnupg: Keys) -> Rows:
    """A backup for a key that has a passphrase, of the rows that are returned; there are others by now."""
    settings.DBBACKUP_GPG_RECIPIENT = "locked@example.org"
    before = fill(database, [CANARY])
    call("dbbackup", "-e", "-z")
    fill(database, ["b"])
    return before


@pytest.mark.parametrize("flags", [[], ["-c"], ["-z"], ["-c", "-z"], ["--decrypt", "--uncompress"]])
@pytest.mark.parametrize("made_with", [[], ["-e"], ["-e", "-z"]])
def test_flags_are_accepted_and_not_needed(
    call: Call, database: Path, gnupg: Keys, made_with: list[str], flags: list[str]
) -> None:
    before = fill(database, [CANARY])
    call("dbbackup", *made_with)
    fill(database, ["b"])
    call(*RESTORE, *flags)
    assert rows(database) == before


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_passphrase_comes_out_of_a_file(
    call: Call, database: Path, tmp_path: Path, locked: Rows, gnupg: Keys, ending: str
) -> None:
    (tmp_path / "passphrase").write_bytes(gnupg.passphrase.encode() + ending.encode())
    call(*RESTORE, "--passphrase-file", str(tmp_path / "passphrase"))
    assert rows(database) == locked


@pytest.mark.parametrize("option", ["-p", "--passphrase"])
def test_a_passphrase_comes_from_an_option(
    call: Call, database: Path, locked: Rows, gnupg: Keys, option: str
) -> None:
    call(*RESTORE, option, gnupg.passphrase)
    assert rows(database) == locked


def test_a_passphrase_comes_from_the_environment(
    call: Call, database: Path, locked: Rows, gnupg: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBBACKUP_PASSPHRASE", gnupg.passphrase)
    call(*RESTORE)
    assert rows(database) == locked


def test_the_option_goes_before_the_file_and_the_file_before_the_environment(
    call: Call,
    database: Path,
    tmp_path: Path,
    locked: Rows,
    gnupg: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "passphrase"
    monkeypatch.setenv("DBBACKUP_PASSPHRASE", WRONG)
    file.write_text(gnupg.passphrase)
    call(*RESTORE, "--passphrase-file", str(file))
    file.write_text(WRONG)
    call(*RESTORE, "--passphrase-file", str(file), "-p", gnupg.passphrase)
    assert rows(database) == locked


@pytest.mark.parametrize("flags", [[], ["-e"]])
def test_a_passphrase_that_is_not_needed_is_ignored(
    call: Call, database: Path, gnupg: Keys, flags: list[str]
) -> None:
    before = fill(database, [CANARY])
    call("dbbackup", *flags)
    fill(database, ["b"])
    call(*RESTORE, "-p", WRONG)
    assert rows(database) == before


def test_a_wrong_passphrase_changes_nothing(call: Call, database: Path, locked: Rows) -> None:
    now = rows(database)
    code, said = refused(call, *RESTORE, "-p", WRONG)
    assert (code, "the passphrase is wrong" in said) == (5, True)
    assert WRONG not in said
    assert rows(database) == now


@pytest.mark.parametrize("arguments", [[], ["-p", ""], ["--passphrase-file", "/dev/null"]])
def test_a_missing_passphrase_is_told_with_the_ways_to_give_it(
    call: Call, database: Path, locked: Rows, arguments: list[str]
) -> None:
    now = rows(database)
    code, said = refused(call, *RESTORE, *arguments)
    assert code == 5
    assert "it needs a passphrase" in said
    assert [way for way in ("--passphrase-file", "DBBACKUP_PASSPHRASE") if way not in said] == []
    assert rows(database) == now


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_holds_no_passphrase_is_named(
    call: Call, database: Path, tmp_path: Path, locked: Rows, content: bytes | None
) -> None:
    now = rows(database)
    if content is not None:
        (tmp_path / "passphrase").write_bytes(content)
    code, said = refused(call, *RESTORE, "--passphrase-file", str(tmp_path / "passphrase"))
    assert code == 2
    assert f"cannot read the passphrase in `{tmp_path / 'passphrase'}`" in said
    assert rows(database) == now


def test_a_passphrase_of_two_lines_is_refused_and_not_shown(
    call: Call, database: Path, tmp_path: Path, locked: Rows
) -> None:
    (tmp_path / "passphrase").write_text(f"{WRONG}\n{WRONG}\n")
    code, said = refused(call, *RESTORE, "--passphrase-file", str(tmp_path / "passphrase"))
    assert (code, "line break" in said, WRONG in said) == (2, True, False)


# Files that somebody else's gpg made: no manifest says anything of them


def armored(content: bytes, ring: Keyring) -> bytes:
    return ring.encrypt(content, "ada@example.org", "--armor")


def compressed_by_gpg(content: bytes, ring: Keyring) -> bytes:
    return ring.encrypt(content, "ada@example.org")


def of_known_length(content: bytes, ring: Keyring) -> bytes:
    """As ``gpg FILE`` makes it, which knows how long the file is."""
    (ring.home / "content").write_bytes(content)
    out = ring.home / "content.gpg"
    out.unlink(missing_ok=True)
    ring.gpg("--recipient", "ada@example.org", "--output", str(out), "--encrypt", str(ring.home / "content"))
    return out.read_bytes()


def signed(content: bytes, ring: Keyring) -> bytes:
    return ring.encrypt(content, "ada@example.org", "--sign", "--local-user", "ada@example.org")


def for_whoever_it_may_be(content: bytes, ring: Keyring) -> bytes:
    return ring.encrypt(content, "ada@example.org", "--throw-keyids")


WAYS: list[Callable[[bytes, Keyring], bytes]] = [
    armored,
    compressed_by_gpg,
    of_known_length,
    signed,
    for_whoever_it_may_be,
]

with_each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@with_each_way
@pytest.mark.parametrize("ending", [".sqlite3.gz.gpg", ".sqlite3.gpg", ".sqlite3", ".bin"])
def test_a_file_of_somebody_elses_comes_back_whatever_it_is_called(
    call: Call,
    database: Path,
    tmp_path: Path,
    gnupg: Keys,
    way: Callable[[bytes, Keyring], bytes],
    ending: str,
) -> None:
    before = fill(database, [CANARY])
    content = database.read_bytes()
    file = tmp_path / f"default-host-2026-01-02-030405{ending}"
    file.write_bytes(way(gzip.compress(content) if ".gz" in ending else content, gnupg.ring))
    fill(database, ["b"])
    call(*RESTORE, "-I", str(file))
    assert rows(database) == before


def test_the_newest_one_may_be_of_somebody_elses(
    call: Call, database: Path, store: Path, settings: Settings, gnupg: Keys
) -> None:
    fill(database, ["a"])
    call("dbbackup")
    before = fill(database, [CANARY])
    newer = store / "default-host-2099-01-02-030405.sqlite3.gz.gpg"
    newer.write_bytes(gnupg.ring.encrypt(gzip.compress(database.read_bytes()), "ada@example.org"))
    fill(database, ["b"])
    call(*RESTORE)
    assert rows(database) == before


@pytest.mark.parametrize("storage", STORAGES)
def test_a_file_that_only_a_passphrase_guards_comes_back(
    call: Call, database: Path, store: Path, settings: Settings, gnupg: Keys, storage: str
) -> None:
    keep_backups_in(settings, store, storage)
    before = fill(database, [CANARY])
    call("dbbackup", "-e")
    (name,) = backups()
    replace_stored(name, gnupg.ring.encrypt_with(gnupg.passphrase, database.read_bytes()), manifest=False)
    now = fill(database, ["b"])
    for arguments, words in (((), "needs a passphrase"), (("-p", WRONG), "passphrase is wrong")):
        code, said = refused(call, *RESTORE, *arguments)
        assert (code, words in said) == (5, True), said
        assert rows(database) == now
    call(*RESTORE, "-p", gnupg.passphrase)
    assert rows(database) == before


# Media


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """The folder of the media, with one file."""
    folder = tmp_path / "media"
    settings.MEDIA_ROOT = str(folder)
    folder.mkdir()
    (folder / "a.txt").write_text(CANARY)
    return folder


@pytest.mark.parametrize("flags", [[], ["-e"], ["--decrypt"], ["-e", "-z"]])
def test_media_take_a_passphrase_and_no_flag(
    call: Call, settings: Settings, gnupg: Keys, media: Path, flags: list[str]
) -> None:
    settings.DBBACKUP_GPG_RECIPIENT = gnupg.locked
    call("mediabackup", "-e")
    (media / "a.txt").unlink()
    for arguments, words in (((), "needs a passphrase"), (("-p", WRONG), "passphrase is wrong")):
        code, said = refused(call, "mediarestore", "--noinput", *arguments)
        assert (code, words in said) == (5, True), said
        assert texts(media) == {}
    assert "would restore" in call("mediarestore", "--noinput", "--dry-run", "-p", gnupg.passphrase)
    call("mediarestore", "--noinput", "-p", gnupg.passphrase, *flags)
    assert texts(media) == {"a.txt": CANARY}


@pytest.mark.parametrize("ending", [".tar.gpg", ".tar.gz.gpg", ".tar", ".bin"])
def test_media_of_somebody_elses_come_back_whatever_they_are_called(
    call: Call, store: Path, tmp_path: Path, gnupg: Keys, media: Path, ending: str
) -> None:
    call("mediabackup", "-z")
    (name,) = backups()
    file = tmp_path / f"host-2026-01-02-030405{ending}"
    file.write_bytes(gnupg.ring.encrypt(stored()[name], gnupg.locked))
    (media / "a.txt").unlink()
    call("mediarestore", "--noinput", "-I", str(file), "-p", gnupg.passphrase)
    assert texts(media) == {"a.txt": CANARY}


# The safety backup


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_what_was_kept_secret_is_not_saved_in_plain_before_a_restore(
    call: Call, database: Path, settings: Settings, gnupg: Keys, is_encrypted: bool
) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": "tests.own_connectors.ByHand"}}
    fill(database, ["a"])
    call("dbbackup", *(["-e"] if is_encrypted else []))
    (made,) = backups()
    now = fill(database, [CANARY])
    call(*RESTORE, "-i", made)
    (saved,) = set(backups()) - {made}
    assert saved.endswith(".gz.gpg") == is_encrypted
    call(*RESTORE, "-i", saved)
    assert rows(database) == now


def test_a_restore_that_cannot_save_what_is_there_for_want_of_a_key_changes_nothing(
    call: Call, database: Path, settings: Settings, gnupg: Keys
) -> None:
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": "tests.own_connectors.ByHand"}}
    before = fill(database, ["a"])
    call("dbbackup", "-e")
    now = fill(database, ["b"])
    settings.DBBACKUP_GPG_RECIPIENT = "nobody@example.org"
    code, said = refused(call, *RESTORE)
    assert code == 5
    assert "cannot save the database `default` before it is replaced: cannot encrypt for `nobody@" in said
    assert "--no-safety-backup" in said
    assert (len(backups()), rows(database)) == (1, now)
    call(*RESTORE, "--no-safety-backup")
    assert rows(database) == before
