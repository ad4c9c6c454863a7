"""Patterns of media to leave out: they mean in a storage what they mean to the engine in a folder."""

import os
import random
import tarfile
from pathlib import Path

import pytest

from dbbackup import _engine
from dbbackup._media_exclude import Exclude
from dbbackup.exceptions import ConfigurationError, DbbackupError

NAMES = [
    "a",
    "b",
    "ab",
    "a.tmp",
    ".tmp",
    "ü",
    "[",
    "a,b",
    "{a}",
    "-",
    "!a",
    "#a",
    "a\nb",
    "\\",
    "a]",
    "é.tmp",
]
FOLDERS = ["", "d", "d/e", "d/e/f", "a.d", "cache", "x/cache"]
NAMING = _engine.Naming(template=None, media_template=None, date_format="%Y", servername="host")

PATTERNS = [
    ["*.tmp"],
    ["*.tmp", "!é.tmp"],
    ["!a", "a"],
    ["cache/"],
    ["/cache/"],
    ["cache"],
    ["d/e"],
    ["/d/*"],
    ["d/**"],
    ["**/e"],
    ["**"],
    ["a**b", "d/**/f/a"],
    ["**/**/a"],
    ["{a,b}", "*.{tmp,d}"],
    ["{,a}", "{}"],
    ["[ab]", "[!a-z]*"],
    ["[a"],
    ["[]]", "a[]]"],
    ["[a-]"],
    ["ü", "?"],
    ["??"],
    ["\\#a", "# a comment", ""],
    ["\\!a"],
    ["\\[", "\\\\"],
    ["a "],
    ["a\\ "],
    ["/"],
    ["*", "!d/", "!*.tmp"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file in NAMES:
            (folder / name / file).touch()
    return folder


def kept(folder: Path, patterns: list[str]) -> list[str] | None:
    """What is left of a folder; ``None``: the patterns are refused."""
    try:
        exclude = Exclude(patterns)
    except ConfigurationError:
        return None
    found = []
    for above, folders, files in os.walk(folder):
        here = os.path.relpath(above, folder)
        prefix = "" if here == "." else f"{here}/"
        folders[:] = [name for name in folders if not exclude.holds(prefix + name, is_folder=True)]
        files = [name for name in files if not exclude.holds(prefix + name, is_folder=False)]
        found += [prefix + name for name in folders + files]
    return sorted(found)


def kept_by_the_engine(folder: Path, patterns: list[str]) -> list[str] | None:
    store = folder.parent / f"{folder.name}-backups"
    try:
        _engine.media_backup(
            _engine.Store(str(store)),
            folder=str(folder),
            naming=NAMING,
            servername="host",
            compression="none",
            metadata={},
            exclude=patterns,
            name="backup.tar",
            replace=True,
        )
    except DbbackupError:
        return None
    with tarfile.open(store / "backup.tar") as archive:
        return sorted(member.name for member in archive if member.name != ".")


@pytest.mark.parametrize("patterns", PATTERNS, ids=str)
def test_a_pattern_means_what_it_means_to_the_engine(folder: Path, patterns: list[str]) -> None:
    expected = kept_by_the_engine(folder, patterns)
    assert expected is not None
    assert kept(folder, patterns) == expected


def test_any_pattern_means_what_it_means_to_the_engine(folder: Path) -> None:
    chosen = random.Random(20261122)
    atoms = [
        "a",
        "b",
        "d",
        "*",
        "**",
        "?",
        "/",
        "[",
        "]",
        "{",
        "}",
        ",",
        "!",
        "-",
        "\\",
        "#",
        " ",
        "ü",
        ".tmp",
        "**/",
    ]
    for _ in range(150):
        patterns = [
            "".join(chosen.choices(atoms, k=chosen.randrange(7))) for _ in range(chosen.randrange(1, 4))
        ]
        assert kept(folder, patterns) == kept_by_the_engine(folder, patterns), patterns


@pytest.mark.parametrize("pattern", ["{a", "a}", "a[z-a]", "a\\", "[ü-é]"])
def test_what_cannot_be_understood_is_refused_as_the_engine_refuses_it(folder: Path, pattern: str) -> None:
    assert kept_by_the_engine(folder, [pattern]) is None
    with pytest.raises(ConfigurationError) as caught:
        Exclude([pattern])
    assert f"cannot use the pattern `{pattern}`: " in str(caught.value)
    assert caught.value.hint
