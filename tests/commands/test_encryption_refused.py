"""``-e`` where it cannot be done: the reason by the user's own words, and nothing in the storage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.dispatch import Signal
from pytest_django import Settings

from dbbackup.signals import pre_backup, pre_media_backup
from tests.commands.encrypted import CANARY, RESTORE, STORAGES, backups, keep_backups_in, refused, stored
from tests.conftest import Call, NewKeyring, UseKeyring
from tests.gnupg import Keyring, Keys
from tests.project import fill, rows

with_each_storage = pytest.mark.parametrize("storage", STORAGES)


@pytest.fixture(params=["dbbackup", "mediabackup"])
def verb(request: pytest.FixtureRequest, database: Path, tmp_path: Path, settings: Settings) -> str:
    """A command that makes backups, with something to back up."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.txt").write_text(CANARY)
    fill(database, [CANARY])
    return str(request.param)


@pytest.fixture
def announced() -> Any:
    """The signals that were sent before a backup."""
    seen: list[Signal] = []

    def hear(signal: Signal, **_arguments: Any) -> None:
        seen.append(signal)

    for signal in (pre_backup, pre_media_backup):
        signal.connect(hear)
    yield seen
    for signal in (pre_backup, pre_media_backup):
        signal.disconnect(hear)


@with_each_storage
@pytest.mark.parametrize("recipient", [None, "", [], [""]], ids=repr)
def test_without_a_recipient_nothing_is_written_or_announced(
    call: Call,
    store: Path,
    settings: Settings,
    use_keyring: UseKeyring,
    verb: str,
    announced: list[Signal],
    storage: str,
    recipient: Any,
) -> None:
    keep_backups_in(settings, store, storage)
    settings.DBBACKUP_GPG_RECIPIENT = recipient
    code, said = refused(call, verb, "-e")
    assert code == 2
    assert "cannot encrypt: `DBBACKUP_GPG_RECIPIENT` names nobody" in said
    assert "gpg --list-keys" in said
    assert (stored(), announced) == ({}, [])


def test_an_empty_name_among_others_is_no_recipient(call: Call, settings: Settings, verb: str) -> None:
    settings.DBBACKUP_GPG_RECIPIENT = ["ada@example.org", " "]
    code, said = refused(call, verb, "-e")
    assert (code, "`DBBACKUP_GPG_RECIPIENT` has an empty name" in said) == (2, True)
    assert stored() == {}


class Trouble(NamedTuple):
    """A ring in which a recipient cannot be used, and what is said of it."""

    ring: Keyring
    recipient: str
    words: tuple[str, ...]


def missing(keys: Keys, ring: Keyring) -> Trouble:
    return Trouble(ring, "nobody@example.org", ("there is no such public key here", "gpg --import"))


def ambiguous(keys: Keys, ring: Keyring) -> Trouble:
    twins = [ring.key(f"{name} <twin@example.org>") for name in ("One", "Two")]
    return Trouble(ring, "twin@example.org", ("it is ambiguous", *twins, "by its fingerprint"))


def untrusted(keys: Keys, ring: Keyring) -> Trouble:
    ring.import_(keys.ring.export(keys.bob))
    words = ("it is untrusted", f"gpg --quick-lsign-key {keys.bob}", "DBBACKUP_GPG_ALWAYS_TRUST")
    return Trouble(ring, "bob@example.org", words)


def expired(keys: Keys, ring: Keyring) -> Trouble:
    ring.key("Old <old@example.org>", expires="1d", made="20200101T000000")
    return Trouble(ring, "old@example.org", ("has expired", "gpg --quick-set-expire"))


def revoked(keys: Keys, ring: Keyring) -> Trouble:
    ring.revoke(ring.key("Gone <gone@example.org>"))
    return Trouble(ring, "gone@example.org", ("was revoked", "name another key"))


def sign_only(keys: Keys, ring: Keyring) -> Trouble:
    ring.key("Signer <signer@example.org>", usage="sign")
    return Trouble(ring, "signer@example.org", ("cannot encrypt, only sign", "gpg --quick-add-key"))


@with_each_storage
@pytest.mark.parametrize(
    "trouble",
    [missing, ambiguous, untrusted, expired, revoked, sign_only],
    ids=lambda trouble: trouble.__name__,
)
def test_a_key_that_cannot_be_used_is_named_and_nothing_is_stored(
    call: Call,
    store: Path,
    settings: Settings,
    keys: Keys,
    new_keyring: NewKeyring,
    use_keyring: UseKeyring,
    verb: str,
    storage: str,
    trouble: Callable[[Keys, Keyring], Trouble],
) -> None:
    keep_backups_in(settings, store, storage)
    call(verb)
    before = stored()
    ring, recipient, words = trouble(keys, new_keyring())
    use_keyring(ring)
    for others in ([], [ring.key("Good <good@example.com>")]):
        settings.DBBACKUP_GPG_RECIPIENT = [*others, recipient]
        code, said = refused(call, verb, "-e", "-z")
        assert code == 5
        assert f"cannot encrypt for `{recipient}`: " in said
        assert [word for word in words if word not in said] == [], said
        assert stored() == before


def test_a_key_that_nobody_vouches_for_is_used_when_the_project_says_so(
    call: Call,
    database: Path,
    settings: Settings,
    keys: Keys,
    new_keyring: NewKeyring,
    use_keyring: UseKeyring,
) -> None:
    ring = new_keyring()
    ring.import_(keys.ring.export(keys.bob))
    use_keyring(ring)
    settings.DBBACKUP_GPG_RECIPIENT = "bob@example.org"
    settings.DBBACKUP_GPG_ALWAYS_TRUST = True
    before = fill(database, [CANARY])
    call("dbbackup", "-e")
    use_keyring(keys.ring)
    fill(database, ["b"])
    call(*RESTORE)
    assert rows(database) == before


def test_databases_that_all_fail_for_it_leave_nothing(
    call: Call, database: Path, settings: Settings, gnupg: Keys
) -> None:
    settings.DBBACKUP_GPG_RECIPIENT = "nobody@example.org"
    settings.DBBACKUP_DATABASES = ["default", "second"]
    fill(database, [CANARY])
    fill(database.with_name("second.sqlite3"), [CANARY])
    code, said = refused(call, "dbbackup", "-e")
    assert (code, "2 of 2 databases failed" in said) == (11, True)
    assert stored() == {}


def test_without_gnupg_the_package_to_install_is_named_in_both_directions(
    call: Call,
    database: Path,
    tmp_path: Path,
    settings: Settings,
    gnupg: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(database, [CANARY])
    call("dbbackup", "-e")
    (name,) = backups()
    before = stored()
    now = fill(database, ["b"])
    monkeypatch.setenv("PATH", str(tmp_path))
    for arguments in (["dbbackup", "-e"], RESTORE, ["verifybackups"]):
        code, said = refused(call, *arguments)
        assert code == 2, said
        assert "there is no `gpg` here" in said
        assert "the package `gnupg`" in said
    assert (stored(), rows(database)) == (before, now)
    # Nobody else needs it.
    call("dbbackup", "-z")
    call(*RESTORE)
    assert name in call("listbackups", "-e")
