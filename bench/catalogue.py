"""A folder with a thousand backups, for the speed of listing."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import ROOT
from bench.stored import stored_backup

COUNT = 1_000
FIRST = datetime(2025, 1, 1, tzinfo=UTC)


def thousand_backups(cli: str, folder: Path) -> Path:
    """Make one small backup, and copies of it dated an hour apart; return their folder."""
    database = folder / "tiny.sqlite3"
    store = folder / "store"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as tiny:
        tiny.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text)")
        tiny.commit()
    argv = (cli, "backup", f"sqlite:///{database}", "--to", str(store), "--name", "shop", "--quiet")
    payload = store / stored_backup(store, argv, {})
    manifest = payload.with_name(f"{payload.name}.metadata")
    record = json.loads(manifest.read_text())
    servername = record["dbbackup"]["servername"]
    ending = "".join(payload.suffixes)
    for number in range(COUNT - 1):
        moment = FIRST + timedelta(hours=number)
        copy = store / f"shop-{servername}-{moment:%Y-%m-%d-%H%M%S}{ending}"
        shutil.copyfile(payload, copy)
        record["dbbackup"]["created_at"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        copy.with_name(f"{copy.name}.metadata").write_text(json.dumps(record, indent=2))
    listed = subprocess.run(
        (cli, "list", str(store), "--json"), cwd=ROOT, check=True, capture_output=True
    ).stdout
    assert len(json.loads(listed)["backups"]) == COUNT
    return store
