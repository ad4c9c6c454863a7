#!/usr/bin/env python
"""The demonstration: a shop is backed up, damaged and restored, and every row and file is compared.

`make demo` runs it. The project is copied into the folder `demo/`, which is made anew each time and can be
played with afterwards. Each command is shown as it is run; the exit status is 1 as soon as something is not
as promised.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dbbackup._units import human_bytes

from fingerprint import Fingerprint, fingerprint

SOURCE = Path(__file__).resolve().parent
DEMO = SOURCE.parent.parent / "demo"
CORRUPT = 6
"""dbbackup's exit status for a backup that is damaged (docs/reference/exit-codes.md)."""

SLIP = 'rm -r media/invoices && echo oops > "media/photos/photo 1.jpg"'
ACCIDENT = "from shop.models import Order; Order.objects.filter(status='paid').delete()"

TRY_NEXT = """
  cd demo && . ../.venv/bin/activate
  python manage.py dbrestore                  # asks before it replaces anything
  python manage.py mediarestore --into look   # the files, into another folder
  python manage.py dbbackup -z --clean        # keeps the newest 10
  gunzip -c backups/{packed} > plain.sqlite3
  python fingerprint.py plain.sqlite3         # a backup is a plain SQLite file
  dbbackup prune vault --keep-last 1 --dry-run
  dbbackup --help
"""


class BrokenPromiseError(Exception):
    """Something did not end as the demonstration says."""


class Tour:
    """Numbered steps in one folder, each with its commands, their output and what it means."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = 0
        self.is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        scripts = Path(sys.executable).parent
        self.env = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
        self.env.pop("DJANGO_SETTINGS_MODULE", None)
        self.env.pop("DBBACKUP_CONFIG", None)

    def step(self, title: str) -> None:
        """Begin the next step."""
        self.steps += 1
        self.say("")
        self.say(f"{self.steps}. {title}", "1")

    def run(self, command: str, *, status: int = 0) -> None:
        """Show a shell command and run it; it must end with `status`."""
        self.say(f"$ {command}", "36")
        ended = subprocess.run(["sh", "-c", command], cwd=self.folder, env=self.env, check=False).returncode
        if ended != status:
            problem = f"`{command}` ended with exit status {ended}, not {status}"
            raise BrokenPromiseError(problem)

    def means(self, text: str) -> None:
        """Say what was seen, in one line."""
        self.say(f"-> {text}", "32")

    def compare(self, name: str, expected: Fingerprint) -> None:
        """Read every row of a database, or every file of a folder; they must be the expected ones."""
        self.run(f"python fingerprint.py {name}")
        if fingerprint(self.folder / name) != expected:
            problem = f"`{name}` is not what was backed up"
            raise BrokenPromiseError(problem)

    def backups(self, ending: str) -> list[str]:
        """Return the names of the stored backups with an ending, oldest first."""
        return sorted(file.name for file in (self.folder / "backups").glob(f"*{ending}"))

    def say(self, text: str, colour: str = "0") -> None:
        """Print one line, coloured on a terminal."""
        print(f"\x1b[{colour}m{text}\x1b[0m" if self.is_coloured and text else text, flush=True)


def tell(tour: Tour) -> None:
    """Show the whole story."""
    database = tour.folder / "shop.sqlite3"

    tour.step("A small Django shop")
    tour.run("python manage.py migrate --verbosity 0")
    tour.run("python manage.py fill")
    tour.run("python fingerprint.py shop.sqlite3")
    before = fingerprint(database)
    tour.means("the last column is a checksum over all rows of a table: it must come back exactly")

    tour.step("Back it up, plain and compressed")
    tour.run("python manage.py dbbackup")
    tour.run("python manage.py dbbackup -z")
    tour.run("python manage.py listbackups")
    (plain,), (packed,) = tour.backups(".sqlite3"), tour.backups(".sqlite3.gz")
    sizes = [human_bytes((tour.folder / "backups" / name).stat().st_size) for name in (plain, packed)]
    tour.means(f"two whole backups of a database in use: {sizes[0]} plain, {sizes[1]} with -z")

    tour.step("An accident: somebody deletes the paid orders")
    tour.run(f'python manage.py shell -v 0 -c "{ACCIDENT}"')
    tour.run("python fingerprint.py shop.sqlite3")
    if fingerprint(database) == before:
        raise BrokenPromiseError("the rows were not deleted")
    tour.means("fewer orders, and another checksum")

    tour.step("Restore the newest backup")
    tour.run("python manage.py dbrestore --noinput")
    tour.compare("shop.sqlite3", before)
    tour.means("every row is back; dbbackup saw by itself that this backup is compressed")

    tour.step("A disaster: the database file is overwritten with junk")
    tour.run("head -c 2000000 /dev/urandom > shop.sqlite3")
    tour.run("python fingerprint.py shop.sqlite3", status=1)
    tour.means("nothing can read it any more")

    tour.step("Restore one backup by its name")
    tour.run(f"python manage.py dbrestore --noinput -i {plain}")
    tour.compare("shop.sqlite3", before)
    tour.means("every row is back; the junk was moved aside, for dbbackup never destroys what it finds")

    tour.step("A backup that was cut short is refused")
    tour.run(f"head -c 300000 backups/{packed} > cut.sqlite3.gz")
    tour.run("python manage.py dbrestore --noinput -I cut.sqlite3.gz", status=CORRUPT)
    tour.compare("shop.sqlite3", before)
    tour.means(f"exit status {CORRUPT} says that the backup is damaged; the database was not touched")

    tour.step("The shop's files: backed up, lost, brought back")
    media = tour.folder / "media"
    tour.run("python fingerprint.py media")
    files = fingerprint(media)
    tour.run("python manage.py mediabackup -z")
    tour.run(SLIP)
    tour.run("python fingerprint.py media")
    if fingerprint(media) == files:
        raise BrokenPromiseError("the files were not changed")
    tour.run("python manage.py mediarestore --replace --dry-run")
    tour.run("python manage.py mediarestore --replace --noinput")
    tour.compare("media", files)
    tour.means(
        "the dry run said what would happen; each file was then written whole, and only where it had to be"
    )

    tour.step("The same without Django, for any application")
    tour.run("dbbackup backup sqlite:///shop.sqlite3 --to vault")
    tour.run("dbbackup list vault")
    tour.run("dbbackup verify vault")
    tour.run("dbbackup restore --from vault --into sqlite:///copy.sqlite3 --yes")
    tour.compare("copy.sqlite3", before)
    tour.means("one command backs up, one proves it, one brings it back")

    tour.say("")
    tour.say("Everything came back, row by row and file by file. The project is in demo/. Try next:", "1")
    tour.say(TRY_NEXT.format(packed=packed))


def main() -> int:
    """Make the folder anew and tell the story in it."""
    shutil.rmtree(DEMO, ignore_errors=True)
    shutil.copytree(SOURCE, DEMO, ignore=shutil.ignore_patterns("tour.py", "__pycache__"))
    try:
        tell(Tour(DEMO))
    except BrokenPromiseError as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
