"""Encryption: our backups and readings of them, and the same stream through `gpg` in a shell pipe."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.data import Dataset
from bench.measure import Case
from bench.peers import Peers
from bench.stored import stored_backup

ENCRYPTION_GROUPS = ("encrypt", "decrypt")
RECIPIENT = "bench@example.org"
_WITHOUT_PASSPHRASE = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")


class EncryptionCases:
    """Builds the groups for one dataset, with a key ring of its own."""

    def __init__(self, peers: Peers, data: Dataset) -> None:
        self.peers = peers
        self.data = data
        # The agent's socket lies in it, whose path may have 107 bytes.
        self.home = Path(tempfile.mkdtemp(prefix="gpg", dir="/tmp"))
        self.env = {"GNUPGHOME": str(self.home)}
        made = (*_WITHOUT_PASSPHRASE, "--quick-gen-key", RECIPIENT, "future-default", "default", "never")
        subprocess.run(made, env=os.environ | self.env, check=True, capture_output=True)

    def close(self) -> None:
        """End the agent, remove the key ring."""
        kill = ("gpgconf", "--kill", "all")
        subprocess.run(kill, env=os.environ | self.env, check=False, capture_output=True)
        shutil.rmtree(self.home)

    def group(self, name: str) -> Iterator[Case]:
        """Return the cases of one of `ENCRYPTION_GROUPS`."""
        return self._encrypt() if name == "encrypt" else self._decrypt()

    def _encrypt(self) -> Iterator[Case]:
        out = self.data.out.folder / "shop.sqlite3.gpg"
        pipe = f"cat {self.data.wal} | gpg --batch -z 0 --encrypt --recipient {RECIPIENT} > {out}"
        yield self._backup("ours-cli", self._argv(self.data.out.folder))
        yield self._backup("gpg", ("sh", "-c", pipe))
        yield self._backup("gpg-synced", ("sh", "-c", f"{pipe} && sync {out}"))

    def _decrypt(self) -> Iterator[Case]:
        store = self.data.folder / "stored-encrypted"
        name = stored_backup(store, self._argv(store), self.env)
        reads = (store / name,)
        for who, argv in (
            ("ours-cli", (self.peers.cli, "verify", str(store), "--quiet")),
            ("gpg", ("sh", "-c", f"gpg --batch --quiet --decrypt {store / name} > /dev/null")),
            (
                "gpg-digest",
                ("sh", "-c", f"openssl dgst -sha256 {store / name} && gpg -qd {store / name} > /dev/null"),
            ),
        ):
            yield Case(
                group="decrypt", who=who, argv=argv, env=self.env, reads=reads, tools=("gpg", "openssl")
            )

    def _argv(self, store: Path) -> tuple[str, ...]:
        source, key = f"sqlite:///{self.data.wal}", f"openpgp:{RECIPIENT}"
        where = ("--to", str(store), "--name", "shop", "--quiet")
        return (self.peers.cli, "backup", source, *where, "--compress", "none", "--encrypt", key)

    def _backup(self, who: str, argv: tuple[str, ...]) -> Case:
        out = self.data.out
        return Case(
            group="encrypt",
            who=who,
            argv=argv,
            env=self.env,
            reads=(self.data.wal,),
            prepare=out.empty,
            result=out.take,
            tools=("gpg",),
        )
