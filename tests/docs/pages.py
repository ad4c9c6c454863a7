"""Pages of the documentation as lists of what can be tried: commands with their output, files, data.

A page says in comments of its source, on the lines before a block, what the reader knows anyway:

    <!-- run: exit 7 -->                the last command of the block ends with 7; the others with 0
    <!-- run: first: COMMAND -->        what was done before, where it is no news to the reader
    <!-- run: not here: REASON -->      the block cannot be tried in a test

An `echo $?` with its output says the status of the command before it. A block whose title is the path of a file
is that file; `settings.py` is added to the project's. A line `…` of an output stands for any lines.
"""

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGES = sorted(str(path.relative_to(ROOT)) for path in [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])

_BLOCK = re.compile(
    r'(?P<comments>(?:^<!--[^\n]*-->\n)*)^```(?P<language>\w*)(?: title="(?P<title>[^"\n]*)")?\n'
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"<!-- run: (exit \d+|first: .+?|not here: .+?) -->")
_EXAMPLES = re.compile(r"^Examples:\n((?:  .+\n)+)", re.MULTILINE)


class PageError(Exception):
    """A page says something that cannot be tried as it stands."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command line and what becomes of it."""

    line: int
    text: str
    expected: tuple[str, ...] = ()
    """What it prints; nothing: whatever it prints."""
    status: int = 0
    is_from_cron: bool = False


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that the page shows."""

    line: int
    path: str
    text: str


@dataclass(kw_only=True)
class Page:
    """What a page has to try, in its order."""

    name: str
    steps: list[Command | File] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    """The reasons of the blocks that are not run."""

    @property
    def commands(self) -> list[Command]:
        """The commands alone."""
        return [step for step in self.steps if isinstance(step, Command)]


def read_page(name: str) -> Page:
    """Return what the page `name` has to try.

    Raises:
        PageError: A block is in no language that is known here, or is no text of its language.

    """
    text = (ROOT / name).read_text()
    page = Page(name=name)
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        language, title = found["language"], found["title"] or ""
        marks = _MARK.findall(found["comments"])
        if len(marks) != found["comments"].count("run:"):
            _fail(name, line, "a mark that nobody understands")
        reasons = [mark.partition(": ")[2] for mark in marks if mark.startswith("not here")]
        if reasons:
            page.not_run += reasons
            continue
        page.steps += [
            Command(line=line, text=mark.partition(": ")[2]) for mark in marks if mark.startswith("first")
        ]
        status = max((int(mark.split()[1]) for mark in marks if mark.startswith("exit")), default=0)
        try:
            page.steps += _READERS[language](line, found["text"], title, status)
        except KeyError:
            _fail(name, line, f"nobody knows how to try `{language}`")
        except (SyntaxError, ValueError) as error:
            _fail(name, line, f"this is not {language}: {error}")
    unread = _BLOCK.sub("", text).count("```")
    if unread:
        _fail(name, 0, f"{unread} fences are not at the beginning of a line, or without an end")
    return page


def _fail(name: str, line: int, why: str) -> None:
    message = f"{name}:{line}: {why}"
    raise PageError(message)


def _console(line: int, text: str, _title: str, status: int) -> Iterator[Command]:
    """Give the commands after ``$``, with what is printed up to the next one; ``>`` continues a command."""
    found: list[Command] = []
    for number, row in enumerate(text.splitlines(), line):
        if row.startswith("$ "):
            found.append(Command(line=number, text=row[2:]))
        elif not found:
            why = f"an output before any command: {row}"
            raise ValueError(why)
        elif row.startswith("> ") and not found[-1].expected:
            last = found.pop()
            found.append(Command(line=last.line, text=f"{last.text}\n{row[2:]}"))
        else:
            last = found.pop()
            found.append(Command(line=last.line, text=last.text, expected=(*last.expected, row)))
    for command, after in zip(found, [*found[1:], None], strict=True):
        ends_with = status if after is None else 0
        if after and after.text == "echo $?" and after.expected:
            ends_with = int(after.expected[0])
        expected = tuple(command.expected)
        while expected and not expected[-1]:
            expected = expected[:-1]
        yield Command(line=command.line, text=command.text, expected=expected, status=ends_with)


def _cron(line: int, text: str, _title: str, _status: int) -> Iterator[Command]:
    for number, row in enumerate(text.splitlines(), line):
        if row and not re.match(r"#|\w+=", row):
            yield Command(line=number, text=row.split(maxsplit=5)[5], is_from_cron=True)


def _unit(line: int, text: str, title: str, _status: int) -> Iterator[Command]:
    """Give what a unit of systemd starts, and where."""
    folder = re.search(r"^WorkingDirectory=(.+)$", text, re.MULTILINE)
    for start in re.finditer(r"^ExecStart=(.+)$", text, re.MULTILINE):
        if not (start[1].startswith("/") and folder):
            why = f"{title}: systemd wants the path of a program, and the project is in a folder"
            raise ValueError(why)
        yield Command(line=line, text=f"cd {folder[1]} && {start[1]}", is_from_cron=True)


def _yaml(line: int, text: str, _title: str, _status: int) -> Iterator[Command]:
    for start in re.finditer(r"^ *command: (\[.+\])$", text, re.MULTILINE):
        yield Command(line=line, text=" ".join(f"'{word}'" for word in json.loads(start[1])))


def _python(line: int, text: str, title: str, _status: int) -> Iterator[File]:
    ast.parse(text)
    if title.endswith(".py"):
        yield File(line=line, path=title, text=text)


def _toml(line: int, text: str, title: str, _status: int) -> Iterator[File]:
    tomllib.loads(text)
    if title.endswith(".toml"):
        yield File(line=line, path=title, text=text)


def _json(_line: int, text: str, _title: str, _status: int) -> tuple[()]:
    json.loads(text)
    return ()


def examples_in(name: str) -> list[str]:
    """Return the examples in the help that a page shows; each begins with the command, two blanks with a note."""
    found = _EXAMPLES.findall((ROOT / name).read_text())
    joined = [re.sub(r"\n(?!  dbbackup ) *", " ", example) for example in found]
    return [re.split(r"  +", line.strip())[0] for text in joined for line in text.strip("\n").splitlines()]


def _nothing(_line: int, _text: str, _title: str, _status: int) -> tuple[()]:
    return ()


_READERS: dict[str, Callable[[int, str, str, int], Iterator[Command] | Iterator[File] | tuple[()]]] = {
    "console": _console,
    "cron": _cron,
    "ini": _unit,
    "yaml": _yaml,
    "python": _python,
    "toml": _toml,
    "json": _json,
    "text": _nothing,
}
