"""What django-dbbackup's documentation shows works here, or is an error that says what to do."""

import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.contract.predecessor_examples import ENCRYPTION, EXAMPLES, Example
from tests.gnupg import Keyring
from tests.project import Project, fill, rows, texts

pytestmark = pytest.mark.timeout(120)

KEY_OF = "backup@example.com"


def is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture
def key_ring() -> Iterator[Path]:
    """A key ring with a key without a passphrase."""
    with closing(Keyring()) as keyring:
        keyring.key(KEY_OF)
        yield keyring.home


def with_example(example: Example, folder: Path) -> Project:
    """Make a project with the example's settings and files, with rows and media."""
    names = {alias: f"{alias}.sqlite3" for alias in example.databases}
    settings = example.settings.replace("/my/backup/dir/", f"{folder}/my/backup/dir/")
    project = Project(folder / "project", names, extra=f"\n{settings}\n")
    for path, text in example.files.items():
        (project.root / path).parent.mkdir(exist_ok=True)
        (project.root / path).write_text(text)
    # Of the requests that an example sends, nothing leaves this machine.
    (project.root / "requests.py").write_text("def post(url, json):\n    print(url, json)\n")
    for database in project.databases.values():
        fill(database, ["a", "b"])
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.executescript("CREATE TABLE django_session (x); CREATE TABLE temp_data (x)")
    project.fill_media({"a.txt": "a", "folder/b.txt": "b"})
    return project


def warnings_of(project: Project) -> list[str]:
    """Return the numbers of the warnings that the settings get."""
    run = project.manage("check", "--tag", "dbbackup")
    assert run.code == 0, run
    return re.findall(r"dbbackup\.(W\d+)", run.err)


def try_out(example: Example, project: Project, env: dict[str, str] | None = None) -> None:
    """Run the commands. What a restore has to bring back is changed and deleted before."""
    before = {alias: rows(path) for alias, path in project.databases.items()}
    printed = ""
    for number, command in enumerate(example.commands, 1):
        name, *arguments = shlex.split(command)
        restores = name if "--help" not in arguments else ""
        if restores == "dbrestore":
            alias = arguments[arguments.index("--database") + 1] if "--database" in arguments else "default"
            changed = fill(project.databases[alias], ["changed"])
        if restores == "mediarestore":
            (project.media / "a.txt").unlink()
        run = project.manage(name, *arguments, stdin="y\n", env=env)
        expected = example.status if number == len(example.commands) else 0
        assert run.code == expected, (command, run)
        if restores == "dbrestore" and run.code:
            before[alias] = changed
        printed += run.out + run.err
    for text in example.prints:
        assert text in printed
    assert {alias: rows(path) for alias, path in project.databases.items()} == before
    assert texts(project.media) == {"a.txt": "a", "folder/b.txt": "b"}


def name_of(example: Example) -> str:
    return f"{example.page}: {example.what}"


RUN = [example for example in EXAMPLES if not example.later and example.needs != ENCRYPTION]
ENCRYPTED = [example for example in EXAMPLES if example.needs == ENCRYPTION]
LATER = [example for example in EXAMPLES if example.later and example.settings]


@pytest.mark.parametrize("example", RUN, ids=name_of)
def test_an_example_of_the_predecessor_does_the_same_here(example: Example, tmp_path: Path) -> None:
    project = with_example(example, tmp_path)
    assert warnings_of(project) == list(example.warns)
    try_out(example, project)


@pytest.mark.parametrize("example", LATER, ids=name_of)
def test_settings_of_an_example_for_later_are_read(example: Example, tmp_path: Path) -> None:
    missing = ["W013"] if example.package and not is_there(example.package) else []
    assert warnings_of(with_example(example, tmp_path)) == [*example.warns, *missing]


@pytest.mark.parametrize("example", ENCRYPTED, ids=name_of)
def test_an_encrypted_example_does_the_same_here(example: Example, tmp_path: Path, key_ring: Path) -> None:
    project = with_example(example, tmp_path)
    assert warnings_of(project) == []
    try_out(example, project, env={"GNUPGHOME": str(key_ring)})


def test_no_two_examples_have_one_name() -> None:
    names = [name_of(example) for example in EXAMPLES]
    assert len(names) == len(set(names))
