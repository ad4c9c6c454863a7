"""Code that was written against django-dbbackup finds the same names, and they do the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)  # the first test may have to install the predecessor

BEGINNING = """\
import gzip, inspect, io, json, sys
from datetime import datetime, timezone
from pathlib import Path

import django
from django.conf import settings

FOLDER = Path(sys.argv[1])
settings.configure(
    SECRET_KEY="tests",
    USE_TZ=True,
    TIME_ZONE="Asia/Tokyo",
    INSTALLED_APPS=["dbbackup"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "db.sqlite3")}},
    DBBACKUP_TMP_DIR=str(FOLDER),
    DBBACKUP_HOSTNAME="web--1.example.com",
    **json.loads(sys.argv[2]),
)
django.setup()

from dbbackup import log, utils
from dbbackup.db import base
from dbbackup.db import exceptions
from dbbackup.db.base import BaseCommandDBConnector, BaseDBConnector


def outcome(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return "raised"


def plain(value):
    return value.isoformat() if isinstance(value, datetime) else repr(value)


found = {}
"""

NAMES = """
def described(name, value, home):
    own = getattr(value, "__module__", home) == home and not (name.startswith("_") or inspect.ismodule(value))
    parameters = inspect.signature(value).parameters.values() if inspect.isfunction(value) else []
    return [own, [[parameter.name, repr(parameter.default)] for parameter in parameters]]


for module in (utils, log, base, exceptions):
    for name in {*dir(module), *(["BaseCommandDBConnector"] if module is base else [])}:
        value = getattr(module, name)
        found[f"{module.__name__}.{name}"] = described(name, value, module.__name__)
for connector in (BaseDBConnector, BaseCommandDBConnector):
    for name in dir(connector):
        found[f"{connector.__name__}.{name}"] = described(name, getattr(connector, name), base.__name__)
"""

HELPERS = """
MOMENT = datetime(2026, 11, 22, 23, 59, 1, 7)
SIZES = [0, 1, 512, 1023, 1024, 1536, 10**6, 10**9, 3 * 2**40, 2**50, 2**61, 1.5, -1]
for size in SIZES:
    for decimals in (0, 1, 2):
        found[f"bytes_to_str {size} {decimals}"] = utils.bytes_to_str(size, decimals)
found["handle_size"] = utils.handle_size(io.BytesIO(b"x" * 2000))
found["handle_size of size"] = utils.handle_size(type("Sized", (), {"size": 3 * 2**30})())
found["timestamp"] = utils.timestamp(MOMENT)
found["timestamp of an aware time"] = utils.timestamp(MOMENT.replace(tzinfo=timezone.utc))
found["filename_details"] = utils.filename_details("a/b")

FORMATS = [None, "%Y-%m-%d-%H%M%S", "%Y%m%dT%H%M%S", "%d%b%Y_%H%M%S", "%a-%A-%B-%j-%y-%I-%f-%U-%W-%w"]
for datefmt in FORMATS:
    written = MOMENT.strftime(datefmt or "%Y-%m-%d-%H%M%S")
    found[f"regex of {datefmt}"] = utils.datefmt_to_regex(datefmt or "%Y").search(f"x{written}y").groups()
    for name in (f"default-host-{written}.sqlite3", f"{written}{written}", written, "no date", ""):
        for function in (utils.filename_to_datestring, utils.filename_to_date):
            found[f"{function.__name__} {name} {datefmt}"] = plain(outcome(function, name, datefmt))

for arguments in (
    ("dump", "default"),
    ("dump", "/srv/data/shop.prod.sqlite3", "web-2"),
    ("sqlite3", "a--b", "--x"),
    ("tar", "", None, "media"),
    ("tar", "ignored/name.x", "host", "media"),
    ("json", "a.b", "host", "other"),
):
    made = utils.filename_generate(*arguments, wildcard="*")
    found[f"filename_generate {arguments}"] = made
    dated = utils.filename_generate(*arguments)
    found[f"filename_generate {arguments} is dated"] = utils.filename_to_date(dated) is not None

CONTENT = b"content " * 100_000
packed, name = utils.compress_file(io.BytesIO(CONTENT), "shop.dump")
packed.seek(0)
found["compress_file"] = [name, gzip.decompress(packed.read()) == CONTENT]
for name in ("/some/folder/shop.dump.gz", "shop.dump", "media.tar.gz"):
    opened, plain_name = utils.uncompress_file(io.BytesIO(gzip.compress(CONTENT)), name)
    opened.seek(0)
    found[f"uncompress_file {name}"] = [plain_name, opened.read() == CONTENT]
found["uncompress_file of junk"] = outcome(utils.uncompress_file, io.BytesIO(b"junk" * 9), "x.gz")
(FOLDER / "file").write_bytes(b"from a path")
source = io.BytesIO(b"from a file")
source.seek(4)
for arguments in ({}, {"filepath": FOLDER / "file"}, {"fileobj": source}):
    file = utils.create_spooled_temporary_file(**arguments)
    place = file.tell()
    file.seek(0)
    found[f"create_spooled_temporary_file {list(arguments)}"] = [place, file.read().decode()]


@utils.email_uncaught_exception
def fails():
    "What it does."
    raise ZeroDivisionError


found["email_uncaught_exception"] = [fails.__name__, fails.__doc__, outcome(fails)]
found["units"] = [list(unit) for unit in utils.BYTES]
found["cleaned"] = utils.REG_FILENAME_CLEAN.sub("-", "a---b")
found["request"] = utils.FAKE_HTTP_REQUEST.META["HTTP_HOST"]
"""

METADATA = """
found["get_user_metadata"] = outcome(utils.get_user_metadata, {"engine": "x"})
found["validate_user_metadata"] = outcome(utils.validate_user_metadata, {"engine": "x"})
"""

COMMANDS = """
from django.core.files.base import ContentFile, File


class Connector(BaseCommandDBConnector):
    env = {"OWN": "own", "OVER": "own"}


def run(command, **options):
    attributes = options.pop("attributes", {})
    stdout, stderr = Connector(**attributes).run_command(command, **options)
    return [stdout.tell(), stderr.tell(), stdout.read().decode(), stderr.read().decode()]


(FOLDER / "file").write_bytes(b"line\\n" * 50_000)
found["arguments"] = run("printf '%s|' 'a b' \\"c d\\" e\\\\ f $HOME '*' ';' '|'")
found["errors"] = run("sh -c 'echo out; echo err >&2'")
found["environment"] = run("sh -c 'echo $OWN $OVER $GIVEN'", env={"OVER": "given", "GIVEN": "given"})
found["no environment"] = run("sh -c 'echo [$HOME]'", attributes={"USE_PARENT_ENV": False})
found["a django file"] = run("wc -l", stdin=File((FOLDER / "file").open("rb")))
half_read = (FOLDER / "file").open("rb", buffering=0)
half_read.read(25_000)
found["a file from where it stands"] = run("wc -c", stdin=half_read)
for name, command in (("status", "sh -c 'exit 3'"), ("missing", "no-such-program-here x")):
    try:
        run(command)
    except exceptions.CommandConnectorError:
        found[name] = "CommandConnectorError"
"""


INTERNAL = ("BaseDBConnector.MUTABLE_ATTRIBUTES", "BaseCommandDBConnector.MUTABLE_ATTRIBUTES")
"""How a connector copies its options there. Options are copied here, too."""


def answers(python: str, script: str, folder: Path, **settings: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")}
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, "-c", f"{BEGINNING}{script}\nprint(json.dumps(found))", str(folder), json.dumps(settings)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_public_name_and_argument_is_there(predecessor: str, tmp_path: Path) -> None:
    theirs, ours = (answers(python, NAMES, tmp_path) for python in (predecessor, sys.executable))
    public = {name: found for name, (is_own, found) in theirs.items() if is_own and name not in INTERNAL}
    assert len(public) > 40
    missing = {
        name: arguments for name, arguments in public.items() if ours.get(name, [None, None])[1] != arguments
    }
    assert missing == {}


def test_helpers_return_the_same(predecessor: str, tmp_path: Path) -> None:
    theirs, ours = (answers(python, HELPERS, tmp_path) for python in (predecessor, sys.executable))
    assert len(theirs) > 80
    assert ours == theirs


@pytest.mark.parametrize(
    "template",
    ["{datetime}-{databasename}-{servername}.{extension}", "{content_type}--{datetime}", "-{datetime}-"],
)
def test_templates_give_the_same_names(predecessor: str, tmp_path: Path, template: str) -> None:
    settings = {
        "DBBACKUP_FILENAME_TEMPLATE": template,
        "DBBACKUP_MEDIA_FILENAME_TEMPLATE": f"media-{template}",
        "DBBACKUP_DATE_FORMAT": "%d%b%Y_%H%M%S",
    }
    theirs, ours = (
        answers(python, HELPERS, tmp_path, **settings) for python in (predecessor, sys.executable)
    )
    assert ours == theirs


SETTERS = """\
def adds(metadata):
    metadata["engine"] = "changed"
    return {"release": 7}


def adds_nothing(metadata):
    return None


def returns_text(metadata):
    return "text"


def returns_what_is_no_json(metadata):
    return {"a": object()}


def allows(metadata):
    return metadata["engine"] == "x"


def refuses(metadata):
    return False
"""


@pytest.mark.parametrize(
    "function",
    [None, "adds", "adds_nothing", "returns_text", "returns_what_is_no_json", "allows", "refuses"],
)
def test_the_projects_functions_are_called_alike(
    predecessor: str, tmp_path: Path, function: str | None
) -> None:
    (tmp_path / "functions.py").write_text(SETTERS)
    path = f"functions.{function}" if function else None
    script = f"sys.path.insert(0, {str(tmp_path)!r})\n{METADATA}"
    theirs, ours = (
        answers(
            python,
            script,
            tmp_path,
            DBBACKUP_BACKUP_METADATA_SETTER=path,
            DBBACKUP_RESTORE_METADATA_VALIDATOR=path,
        )
        for python in (predecessor, sys.executable)
    )
    assert len(theirs) == 2
    assert ours == theirs


def test_commands_are_run_alike(predecessor: str, tmp_path: Path) -> None:
    theirs, ours = (answers(python, COMMANDS, tmp_path) for python in (predecessor, sys.executable))
    assert len(theirs) == 8
    assert ours == theirs
