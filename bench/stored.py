"""Backups to restore from: made once per run, by whoever restores them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.measure import ROOT, FailedError


def stored_backup(store: Path, argv: tuple[str, ...], env: Mapping[str, str]) -> str:
    """Make the folder anew, run the backup command that fills it, and return the backup's name.

    Raises:
        FailedError: if the command failed.

    """
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    print(f"making {store.name}", flush=True)
    made = subprocess.run(argv, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True)
    if made.returncode:
        problem = f"cannot make {store.name}: {' '.join(argv)}\n{made.stdout}{made.stderr}"
        raise FailedError(problem)
    (payload,) = (file.name for file in store.iterdir() if file.suffix != ".metadata")
    return payload
