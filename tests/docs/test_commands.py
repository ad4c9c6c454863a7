"""The page of the commands has every option of every command, and no other."""

import re
from argparse import SUPPRESS

import pytest
from django.core.management import get_commands, load_command_class

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "guides" / "commands.md").read_text()
COMMANDS = sorted(name for name, app in get_commands().items() if app == "dbbackup")
DJANGOS = {
    "--version",
    "--settings",
    "--pythonpath",
    "--traceback",
    "--no-color",
    "--force-color",
    "-h",
    "--help",
}


def section(title: str) -> str:
    """Return the text of one section."""
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    assert rest, f"there is no section `{title}`"
    return rest.partition("\n## ")[0]


def named_in(text: str) -> set[str]:
    """Return the options that a text has in code."""
    code = re.findall(r"`([^`\n]+)`", text)
    return {option for part in code for option in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", part)}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_there_and_no_other(name: str) -> None:
    parser = load_command_class("dbbackup", name).create_parser("manage.py", name)
    options = {
        option
        for action in parser._actions
        if action.help != SUPPRESS
        for option in action.option_strings
        if option not in DJANGOS
    }
    tables = "\n".join(line for line in section(name).splitlines() if line.startswith("|"))
    assert options <= named_in(tables) | named_in(section("All of them"))
    assert named_in(tables) <= options


def test_every_command_is_there() -> None:
    found = re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)
    assert sorted(found) == COMMANDS
