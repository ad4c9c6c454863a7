"""Key rings of GnuPG, away from the user's own."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

AGENT = """\
pinentry-program /bin/false
default-cache-ttl 0
max-cache-ttl 0
s2k-count 65536
"""
"""Nobody can be asked, nothing is remembered, and a passphrase is tried within a millisecond."""


class Keyring:
    """A home of GnuPG and its agent, which ends with `close`."""

    def __init__(self) -> None:
        if shutil.which("gpg") is None:
            _is_missing("there is no `gpg`: apt-get install gnupg")
        # The agent's socket lies in it, whose path has 107 bytes at most.
        self.home = Path(tempfile.mkdtemp(prefix="dbbackup-", dir="/tmp"))
        (self.home / "gpg-agent.conf").write_text(AGENT)

    def key(
        self,
        name: str,
        passphrase: str = "",
        *,
        expires: str = "never",
        usage: str = "default",
        made: str | None = None,
    ) -> str:
        """Make a key pair for `name` (``Ada <ada@example.org>``); return its fingerprint.

        Args:
            name: Its user id.
            passphrase: What protects the secret half; nothing by default.
            expires: When or after which time it expires.
            usage: What it is for; ``sign`` makes one that cannot encrypt.
            made: The day of its making, for one that has expired since (``20200101T000000``).

        """
        clock = ["--faked-system-time", f"{made}!"] if made else []
        algorithm = "future-default" if usage == "default" else "ed25519"
        return self._made(
            *clock, *_LOOPBACK, "--quick-gen-key", name, algorithm, usage, expires, stdin=passphrase
        )

    def rsa_key(self, name: str, address: str) -> str:
        """Make a pair of RSA keys without a passphrase, as most people have them; return the fingerprint."""
        lines = ["%no-protection", "Key-Type: RSA", "Key-Length: 2048", "Key-Usage: sign"]
        lines += ["Subkey-Type: RSA", "Subkey-Length: 2048", "Subkey-Usage: encrypt"]
        lines += [f"Name-Real: {name}", f"Name-Email: {address}", "%commit"]
        return self._made("--gen-key", stdin="\n".join(lines))

    def revoke(self, fingerprint: str) -> None:
        """Revoke a key that was made here."""
        certificate = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        self.gpg("--import", stdin=certificate.replace(":-----BEGIN", "-----BEGIN"))

    def export(self, *names: str, secret: bool = False) -> bytes:
        """Return keys for another ring: their public halves, or with their `secret` ones, without a passphrase."""
        if secret:
            return self.gpg(*_LOOPBACK, "--export-secret-keys", *names)
        return self.gpg("--export", *names)

    def import_(self, keys: bytes) -> None:
        """Take keys of another ring. Nobody says that they belong to their names."""
        self.gpg("--import", stdin=keys)

    def trust(self, fingerprint: str) -> None:
        """Take a key for its owner's."""
        self.gpg("--import-ownertrust", stdin=f"{fingerprint}:6:\n")

    def subkey(self, name: str) -> str:
        """Return the long id of the subkey that encrypts."""
        listing = self.gpg("--with-colons", "--fixed-list-mode", "--list-keys", name).decode()
        records = [line.split(":") for line in listing.splitlines()]
        return next(record[4] for record in records if record[0] == "sub" and "e" in record[11])

    def gpg(self, *arguments: str, stdin: bytes | str = b"") -> bytes:
        """Run ``gpg``, which has to succeed; return what it wrote."""
        done = subprocess.run(
            ["gpg", "--homedir", str(self.home), "--batch", "--no-auto-key-locate", *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=25,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def decrypt(self, message: bytes, passphrase: str = "") -> bytes:
        """Return the content of a message, as `gpg --decrypt` gives it."""
        return self.gpg(*_LOOPBACK, "--decrypt", stdin=passphrase.encode() + b"\n" + message)

    def encrypt(self, content: bytes, name: str, *options: str) -> bytes:
        """Return `content` as a user encrypts it: compressed, as ``gpg`` does by itself."""
        return self.gpg("--trust-model", "always", *options, "--recipient", name, "--encrypt", stdin=content)

    def encrypt_with(self, passphrase: str, content: bytes) -> bytes:
        """Return `content`, encrypted with nothing but a passphrase."""
        return self.gpg(*_LOOPBACK, "--symmetric", stdin=passphrase.encode() + b"\n" + content)

    def forget_passphrases(self) -> None:
        """End the agent; the next ``gpg`` starts another."""
        subprocess.run(
            ["gpgconf", "--homedir", str(self.home), "--kill", "all"], capture_output=True, check=False
        )

    def close(self) -> None:
        """End the agent and remove everything."""
        self.forget_passphrases()
        shutil.rmtree(self.home, ignore_errors=True)

    def _made(self, *arguments: str, stdin: str) -> str:
        said = self.gpg("--status-fd", "1", *arguments, stdin=stdin).decode().split()
        return said[said.index("KEY_CREATED") + 2]


@dataclass(frozen=True, kw_only=True)
class Keys:
    """A ring with both halves of three keys."""

    ring: Keyring
    ada: str
    bob: str
    locked: str
    passphrase: str
    """Of the secret half of `locked`; the others have none."""


def usual_keys() -> Keys:
    """Make the ring that most tests share. None of them may change it."""
    ring, passphrase = Keyring(), "canary pässphrase"
    return Keys(
        ring=ring,
        ada=ring.key("Ada <ada@example.org>"),
        bob=ring.key("Bob <bob@example.org>"),
        locked=ring.key("Locked <locked@example.org>", passphrase),
        passphrase=passphrase,
    )


def _is_missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


_LOOPBACK = ("--pinentry-mode", "loopback", "--passphrase-fd", "0")
