"""What the documentation shows is what happens: every command of every page is run, every file is used."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, Command, File, Page, PageError, examples_in, read_page
from tests.docs.sandbox import Sandbox, copy_of_the_example, lines_of, says_the_same

pytestmark = pytest.mark.timeout(180)  # each page is dozens of processes

NOT_RUN = {
    "README.md": 1,
    "docs/benchmarks.md": 1,
    "docs/coming-from-django-dbbackup.md": 2,
    "docs/guides/command-line.md": 3,
    "docs/guides/encryption.md": 2,
    "docs/guides/installation.md": 3,
    "docs/guides/mysql.md": 1,
    "docs/guides/postgresql.md": 2,
    "docs/guides/scheduling.md": 7,
    "docs/guides/storages.md": 1,
}
"""Blocks that are not run, by page. Each says its reason there."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_example(tmp_path_factory.mktemp("example"))


@pytest.fixture
def sandbox(tmp_path: Path, shop: Path) -> Iterator[Sandbox]:
    with closing(Sandbox(tmp_path, shop)) as sandbox:
        yield sandbox


def check(page: Page, command: Command, sandbox: Sandbox) -> None:
    status, printed = sandbox.run(command)
    where = f"{page.name}:{command.line}: {command.text}"
    assert status == command.status, f"{where}\nends with {status}, and prints:\n{printed}"
    assert "Traceback" not in printed, f"{where}\n{printed}"
    if command.expected:
        expected, found = lines_of("\n".join(command.expected) + "\n"), lines_of(printed)
        assert says_the_same(expected, found), f"{where}\n" + "\n".join(
            ["should print:", *expected, "", "prints:", *found]
        )


def check_files(page: Page, sandbox: Sandbox) -> None:
    """Import what the page adds to the project."""
    files = [step.path for step in page.steps if isinstance(step, File) and step.path.endswith(".py")]
    modules = sorted({path.removesuffix(".py").replace("/", ".") for path in files} - {"settings", "manage"})
    if files:
        text = f'python manage.py shell -v0 -c "import {", ".join(["django", *modules])}"'
        check(page, Command(line=0, text=text), sandbox)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_what_happens(name: str, sandbox: Sandbox) -> None:
    page = read_page(name)
    for step in page.steps:
        if isinstance(step, File):
            sandbox.write(step)
        else:
            check(page, step, sandbox)
    check_files(page, sandbox)


def test_what_is_not_run_is_counted() -> None:
    found = {name: read_page(name).not_run for name in PAGES}
    assert {name: len(reasons) for name, reasons in found.items() if reasons} == NOT_RUN, found


BEFORE_EXAMPLES = """\
cp shop.sqlite3 blog.sqlite3 && mkdir -p /mnt/nfs ~/.zfunc ~/.config/fish/completions
mkdir -p ~/.local/share/bash-completion/completions
cp shop.sqlite3 /srv && cp -r media /srv && cp -r media /mnt/nfs
printf '[databases.%s]\\nurl = "sqlite:///%s.sqlite3"\\n' shop shop blog blog > dbbackup.toml
printf '[stores.nightly]\\nurl = "/srv/nightly"\\n[retention]\\nkeep_last = 3\\n' >> dbbackup.toml
sqlite3 shop.sqlite3 "CREATE TABLE django_session (x); CREATE TABLE shop_log (x)"
dbbackup backup sqlite:////srv/shop.sqlite3 --to /var/backups --quiet
dbbackup backup shop --to backups --server web --quiet
gzip -c shop.sqlite3 > copy.sqlite3.gz
mkdir -p media/uploads/2026 && touch media/uploads/2026/file && tar czf old.tar.gz -C media .
"""

EXAMPLES = examples_in("docs/reference/command-line.md")


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_in_the_help_work(example: str, sandbox: Sandbox) -> None:
    page = Page(name="help")
    before = BEFORE_EXAMPLES
    if " media " in example:
        before += "rm -r backups && dbbackup media backup media --to backups --server web --quiet\n"
    if "--encrypt" in example:
        before += "gpg --batch -q --passphrase '' --quick-generate-key ops@example.org future-default default never\n"
    for text in [*before.splitlines(), example]:
        check(page, Command(line=0, text=text), sandbox)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```bash\nls\n```\n", "nobody knows how to try `bash`"),
        ("```console\nls\n```\n", "an output before any command"),
        ("```console\n$ ls\n", "without an end"),
        ("- item\n\n    ```console\n    $ ls\n    ```\n", "not at the beginning of a line"),
        ("<!-- run: exit seven -->\n```console\n$ ls\n```\n", "a mark that nobody understands"),
        ("<!-- run: not here: -->\n```console\n$ ls\n```\n", "a mark that nobody understands"),
        ("```python\nif\n```\n", "this is not python"),
        ("```json\n{]\n```\n", "this is not json"),
        ('```ini title="x.service"\nExecStart=python manage.py\n```\n', "systemd wants the path"),
    ],
)
def test_a_page_that_cannot_be_tried_is_an_error(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(PageError, match=re.escape(why)):
        read_page(str(tmp_path / "page.md"))


def test_a_status_that_is_shown_is_expected(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("```console\n$ false\n$ echo $?\n1\n$ true\n```\n")
    assert [command.status for command in read_page(str(tmp_path / "page.md")).commands] == [1, 0, 0]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("…\nc\n", "a\nb\n", False),
        ("8.1 MiB in 0.2 s\n", "80.0 KiB in 1 min 2 s\n", True),
        ("60 files\n", "61 files\n", False),
        ("x-web1-2026-11-22-101500.tar\n", "x-web1-2027-01-02-030405.tar\n", True),
        ("x-web1-2026-11-22-101500.tar\n", "y-web1-2026-11-22-101500.tar\n", False),
    ],
)
def test_outputs_are_compared_but_for_times_sizes_and_dates(expected: str, printed: str, same: bool) -> None:
    assert says_the_same(lines_of(expected), lines_of(printed)) == same
