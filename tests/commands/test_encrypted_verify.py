"""``verifybackups`` of what is encrypted: with the secret key all of it, without only the stored bytes."""

import gzip
import re
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.commands.encrypted import (
    CANARY,
    STORAGES,
    backups,
    keep_backups_in,
    refused,
    replace_stored,
    stored,
)
from tests.conftest import Call, NewKeyring, UseKeyring
from tests.gnupg import Keys
from tests.project import fill


@pytest.fixture
def sealed(call: Call, database: Path, settings: Settings, gnupg: Keys) -> str:
    """A backup for the key that has a passphrase."""
    settings.DBBACKUP_GPG_RECIPIENT = gnupg.locked
    fill(database, [CANARY])
    call("dbbackup", "-e", "-z")
    return backups()[0]


@pytest.fixture
def elsewhere(new_keyring: NewKeyring, use_keyring: UseKeyring, sealed: str) -> None:
    """This process has no secret key."""
    use_keyring(new_keyring())


def damage(name: str, *, manifest: bool = True) -> None:
    whole = stored()[name]
    middle = len(whole) // 2
    replace_stored(name, whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], manifest=manifest)


@pytest.mark.parametrize("storage", STORAGES)
def test_with_the_key_it_is_proven_whole(
    call: Call, database: Path, store: Path, settings: Settings, gnupg: Keys, storage: str
) -> None:
    keep_backups_in(settings, store, storage)
    fill(database, [CANARY])
    call("dbbackup", "-e", "-z")
    (name,) = backups()
    assert re.fullmatch(
        rf"{re.escape(name)}: whole \(8\.0 KiB in \d\.\d s\), proven by size and SHA-256 of its manifest, "
        rf"the pages that its header counts\n",
        call("verifybackups"),
    )
    damage(name)
    assert refused(call, "verifybackups")[0] == 6


def test_without_the_key_only_the_stored_bytes_are_proven_and_that_is_a_warning(
    call: Call, sealed: str, elsewhere: None, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = refused(call, "verifybackups")
    assert code == 3
    assert f"{sealed}: only its stored bytes were verified" in said
    assert "there is no secret key that fits" in said


def test_a_server_without_a_home_of_gnupg_has_no_key_either(
    call: Call, sealed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", str(tmp_path / "nowhere"))
    assert refused(call, "verifybackups")[0] == 3


def test_without_the_passphrase_too(call: Call, sealed: str, gnupg: Keys) -> None:
    code, said = refused(call, "verifybackups")
    assert code == 3
    assert f"{sealed}: only its stored bytes were verified" in said
    assert "it needs a passphrase" in said
    assert ": whole (" in call("verifybackups", "-p", gnupg.passphrase)


def test_a_wrong_passphrase_is_no_warning(call: Call, sealed: str) -> None:
    code, said = refused(call, "verifybackups", "-p", "wrong")
    assert (code, "the passphrase is wrong" in said) == (5, True)


def test_damage_is_seen_without_the_key(call: Call, sealed: str, elsewhere: None) -> None:
    damage(sealed)
    code, said = refused(call, "verifybackups")
    assert (code, "its SHA-256 is not the one in its manifest" in said) == (6, True)


def test_a_file_without_a_manifest_cannot_be_proven_without_the_key(
    call: Call, sealed: str, gnupg: Keys, new_keyring: NewKeyring, use_keyring: UseKeyring
) -> None:
    replace_stored(sealed, stored()[sealed], manifest=False)
    assert "whole" in call("verifybackups", sealed, "-p", gnupg.passphrase)
    use_keyring(new_keyring())
    code, said = refused(call, "verifybackups", sealed)
    assert (code, "there is no secret key that fits" in said) == (5, True)


def test_one_that_is_sealed_does_not_hide_the_others(
    call: Call,
    database: Path,
    settings: Settings,
    sealed: str,
    elsewhere: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("dbbackup", "-z")
    plain = next(name for name in backups() if name != sealed)
    code, said = refused(call, "verifybackups", "--all")
    assert (code, f"{sealed}:" in said, f"{plain}:" in said) == (3, True, False)
    replace_stored(plain, gzip.compress(b"junk"))
    code, said = refused(call, "verifybackups", "--all")
    assert (code, "not every backup is whole" in said, sealed in said) == (6, True, True)
    assert plain in capsys.readouterr().err
