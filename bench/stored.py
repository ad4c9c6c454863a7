"""Backups to restore from: made once per run, by whoever restores them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.measure import ROOT


def stored_backup(store: Path, argv: tuple[str, ...], env: Mapping[str, str]) -> str:
    """Make the folder anew, run the backup command that fills it, and return the backup's name."""
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    print(f"making {store.name}", flush=True)
    subprocess.run(argv, cwd=ROOT, env={**os.environ, **env}, check=True, stdout=subprocess.DEVNULL)
    (payload,) = (file.name for file in store.iterdir() if file.suffix != ".metadata")
    return payload
