"""`utils.encrypt_file` and `utils.unencrypt_file`, as scripts that were written for django-dbbackup call them."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dbbackup import utils
from dbbackup._file import StreamedFile
from dbbackup.exceptions import ConfigurationError, CorruptBackupError, WrongKeyError
from tests.conftest import NewKeyring, UseKeyring
from tests.gnupg import Keys
from tests.unit.conftest import lies_in

pytestmark = pytest.mark.usefixtures("tmp_dir")

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [0, 1, 3 * MIB])
def test_encrypting_and_decrypting_is_the_identity(gnupg: Keys, tmp_dir: Path, size: int) -> None:
    content = os.urandom(size)
    sealed, name = utils.encrypt_file(io.BytesIO(content), "shop.dump")
    assert (name, sealed.tell(), lies_in(sealed)) == ("shop.dump.gpg", 0, tmp_dir)
    assert gnupg.ring.decrypt(sealed.read()) == content
    opened, name = utils.unencrypt_file(sealed, name)
    assert (name, opened.tell(), opened.read()) == ("shop.dump", 0, content)
    assert lies_in(opened) == tmp_dir
    assert list(tmp_dir.iterdir()) == []


def test_names_lose_their_folders_and_one_suffix(gnupg: Keys) -> None:
    sealed, name = utils.encrypt_file(inputfile=io.BytesIO(b"x"), filename="folder/shop.gpg.dump")
    assert name == "shop.gpg.dump.gpg"
    assert utils.unencrypt_file(sealed, "folder/shop.gpg.dump.gpg")[1] == "shop.gpg.dump"
    assert utils.unencrypt_file(sealed, "no suffix")[1] == "no suffix"


def test_all_of_a_file_counts_wherever_it_stands(gnupg: Keys) -> None:
    plain = io.BytesIO(b"content")
    plain.seek(3)
    sealed, name = utils.encrypt_file(plain, "x")
    sealed.seek(7)
    assert utils.unencrypt_file(sealed, name)[0].read() == b"content"
    streamed, _ = utils.encrypt_file(StreamedFile(io.BytesIO(b"content")), "x")
    assert gnupg.ring.decrypt(streamed.read()) == b"content"


def test_a_passphrase_opens_what_needs_one(gnupg: Keys, settings: Settings) -> None:
    settings.DBBACKUP_GPG_RECIPIENT = gnupg.locked
    sealed, name = utils.encrypt_file(io.BytesIO(b"content"), "x")
    assert utils.unencrypt_file(sealed, name, gnupg.passphrase)[0].read() == b"content"
    assert utils.unencrypt_file(inputfile=sealed, filename=name, passphrase=gnupg.passphrase)[1] == "x"
    for passphrase in (None, "", "wrong"):
        with pytest.raises(utils.DecryptionError, match="passphrase") as caught:
            utils.unencrypt_file(sealed, name, passphrase)
        assert (caught.value.kind, caught.value.exit_code, caught.value.subject) == ("passphrase", 5, name)
        assert caught.value.hint
    symmetric = io.BytesIO(gnupg.ring.encrypt_with("phrase", b"content"))
    assert utils.unencrypt_file(symmetric, name, "phrase")[0].read() == b"content"


def test_what_keeps_a_file_from_being_encrypted_is_an_error_of_its_class(
    gnupg: Keys, settings: Settings, tmp_dir: Path
) -> None:
    settings.DBBACKUP_GPG_RECIPIENT = "nobody@example.org"
    with pytest.raises(
        utils.EncryptionError, match=r"`nobody@example\.org`: there is no such public key"
    ) as caught:
        utils.encrypt_file(io.BytesIO(b"x"), "x")
    assert caught.value.hint
    settings.DBBACKUP_GPG_RECIPIENT = None
    with pytest.raises(ConfigurationError, match="`DBBACKUP_GPG_RECIPIENT` names nobody"):
        utils.encrypt_file(io.BytesIO(b"x"), "x")
    assert list(tmp_dir.iterdir()) == []


def test_what_keeps_a_file_from_being_decrypted_is_an_error_of_its_class(
    gnupg: Keys, new_keyring: NewKeyring, use_keyring: UseKeyring, tmp_dir: Path
) -> None:
    sealed, name = utils.encrypt_file(io.BytesIO(b"x" * 9000), "x")
    whole = sealed.read()
    for damaged in (
        b"",
        b"junk",
        b"SQLite format 3\0",
        whole[:-1],
        whole[:5000] + b"x" + whole[5001:],
        whole + b"x",
    ):
        with pytest.raises(CorruptBackupError):
            utils.unencrypt_file(io.BytesIO(damaged), name)
    use_keyring(new_keyring())
    with pytest.raises(utils.DecryptionError, match="no secret key that fits") as caught:
        utils.unencrypt_file(sealed, name)
    assert (caught.value.kind, caught.value.subject) == ("key", name)
    assert list(tmp_dir.iterdir()) == []


@pytest.mark.parametrize("function", [utils.encrypt_file, utils.unencrypt_file])
def test_text_is_refused(gnupg: Keys, function: Any) -> None:
    with pytest.raises(Exception, match="must be opened in binary mode"):
        function(io.StringIO("text"), "x")


def test_errors_of_both_directions_are_about_keys() -> None:
    assert issubclass(utils.EncryptionError, WrongKeyError)
    assert issubclass(utils.DecryptionError, WrongKeyError)
