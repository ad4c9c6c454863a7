"""Every option of django-dbbackup's commands is here, on the command line and for ``call_command``."""

import json
from typing import Any

import pytest

from tests.contract.both_ways import run_by, scripted
from tests.project import Project

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

COMMANDS = ["dbbackup", "dbrestore", "listbackups", "mediabackup", "mediarestore"]

OPTIONS = """
import json

from django.core.management import load_command_class

found = {{}}
for name in {commands!r}:
    for action in load_command_class("dbbackup", name).create_parser("manage.py", name)._actions:
        for option in action.option_strings:
            found[f"{{name}} {{option}}"] = [type(action).__name__, action.dest, action.default, action.nargs]
        # As call_command knows it, which takes the option that comes first in the alphabet.
        keyword = min(action.option_strings).lstrip("-").replace("-", "_")
        found[f"{{name}} {{keyword}}="] = action.dest
print(json.dumps(found))
"""


def options(project: Project) -> dict[str, Any]:
    """What each option is, by command and option; and the keywords of ``call_command``, which end in ``=``."""
    found: dict[str, Any] = json.loads(scripted(project, OPTIONS.format(commands=COMMANDS)))
    return found


def differences(project: Project, predecessor: str) -> dict[str, Any]:
    """What is not here, or is something else, by command and option."""
    theirs, ours = (options(one) for one in (run_by(predecessor, project), project))
    assert len(theirs) > 200
    return {name: (its, ours.get(name)) for name, its in theirs.items() if ours.get(name) != its}


def test_every_option_is_here_and_the_same(project: Project, predecessor: str) -> None:
    found = differences(project, predecessor)
    assert {name: both for name, both in found.items() if not name.endswith("=")} == {}


def test_every_keyword_of_call_command_is_here(project: Project, predecessor: str) -> None:
    found = differences(project, predecessor)
    assert {name: both for name, both in found.items() if name.endswith("=")} == {}
