"""Programs that custom connectors run: what they get, what comes back, how they end."""

import gzip
import io
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.db import connections
from pytest_django import Settings

from dbbackup import _process
from dbbackup._file import StreamedFile
from dbbackup.db.base import BaseCommandDBConnector, BaseDBConnector
from dbbackup.db.exceptions import CommandConnectorError, ConnectorError
from dbbackup.exceptions import ConfigurationError
from tests.project import is_alive, wait_until

MIB = 1024 * 1024

CONTENT = b"0123456789abcdef" * (MIB // 16)
"""More than a pipe holds."""

SECRET = "s3cret pass/w:o'rd\"ü"
"""A password with everything that somebody quotes."""


class Failing(io.BytesIO):
    """A stream that has no end, but an error."""

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        if not part:
            message = "the stored stream is damaged"
            raise ConnectorError(message)
        return part


@pytest.fixture
def connector() -> BaseCommandDBConnector:
    return BaseCommandDBConnector()


def output(connector: BaseCommandDBConnector, command: str | list[str], **options: Any) -> str:
    stdout, _ = connector.run_command(command, **options)
    text: str = stdout.read().decode()
    return text


def failure(connector: BaseCommandDBConnector, command: str | list[str], **options: Any) -> str:
    with pytest.raises(CommandConnectorError) as caught:
        connector.run_command(command, **options)
    assert caught.value.exit_code == 1
    return caught.value.for_terminal()


def half_read(path: Path) -> Any:
    """A file that has read ahead: its descriptor stands elsewhere than the file."""
    file = path.open("rb")
    file.read(1)
    file.seek(0)
    return file


def spooled(path: Path) -> Any:
    copy = tempfile.SpooledTemporaryFile()  # noqa: SIM115 (returned)
    copy.write(path.read_bytes())
    copy.seek(0)
    return copy


def named(path: Path) -> Any:
    copy = tempfile.NamedTemporaryFile()  # noqa: SIM115 (returned)
    copy.write(path.read_bytes())
    copy.seek(0)
    return copy


def zipped(path: Path) -> Any:
    return gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(path.read_bytes())))


def zipped_file(path: Path) -> Any:
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return gzip.open(packed)


def pipe(path: Path) -> Any:
    reading_end, writing_end = os.pipe()

    def fill() -> None:
        with os.fdopen(writing_end, "wb") as file:
            file.write(path.read_bytes())

    threading.Thread(target=fill).start()
    return os.fdopen(reading_end, "rb")


def closed_django_file(path: Path) -> Any:
    file = File(path.open("rb"), name=str(path))
    file.close()
    return file


def read_django_file(path: Path) -> Any:
    file = File(path.open("rb"))
    file.read(99)
    return file


INPUTS: list[Callable[[Path], Any]] = [
    half_read,
    spooled,
    named,
    zipped,
    zipped_file,
    pipe,
    closed_django_file,
    read_django_file,
    lambda path: io.BytesIO(path.read_bytes()),
    lambda path: ContentFile(path.read_bytes()),
    lambda path: File(zipped(path)),
    lambda path: path.open(),
    lambda path: path.open("rb", buffering=0),
    lambda path: path.open("r+b"),
    lambda path: os.open(path, os.O_RDONLY),
    lambda path: StreamedFile(io.BytesIO(CONTENT)),
]


@pytest.mark.parametrize("first", ["dbbackup.db.base", "dbbackup.db.command"])
def test_the_class_can_be_imported_from_either_module_first(first: str) -> None:
    script = (
        f"import {first}; from dbbackup.db.base import BaseCommandDBConnector as one; "
        "from dbbackup.db.command import BaseCommandDBConnector as other; assert one is other"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
    with pytest.raises(ImportError):
        exec("from dbbackup.db.base import SomethingElse")


def test_both_outputs_are_files_at_their_beginning(connector: BaseCommandDBConnector) -> None:
    stdout, stderr = connector.run_command("sh -c 'echo out; echo err >&2'")
    assert (stdout.tell(), stderr.tell()) == (0, 0)
    assert (stdout.read(), stderr.read()) == (b"out\n", b"err\n")
    stdout.seek(1)
    assert stdout.read() == b"ut\n"
    assert isinstance(stdout.fileno(), int)


def test_no_shell_reads_the_command(connector: BaseCommandDBConnector) -> None:
    assert output(connector, "printf '%s|' 'a b' \"c d\" e\\ f $HOME '*' ; ls > x") == (
        "a b|c d|e f|$HOME|*|;|ls|>|x|"
    )
    assert output(connector, ["printf", "%s|", "a b", "'"]) == "a b|'|"


def test_variables_go_over_each_other_in_order(
    connector: BaseCommandDBConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBBACKUP_A", "parent")
    monkeypatch.setenv("DBBACKUP_B", "parent")
    monkeypatch.setenv("DBBACKUP_C", "parent")
    connector.env = {"DBBACKUP_B": "own", "DBBACKUP_C": "own"}
    command = "sh -c 'echo $DBBACKUP_A $DBBACKUP_B $DBBACKUP_C'"
    assert output(connector, command, env={"DBBACKUP_C": 7}) == "parent own 7\n"
    connector.use_parent_env = False
    assert output(connector, command, env={"DBBACKUP_C": 7}) == "own 7\n"


def test_a_program_is_found_by_the_path_that_it_gets(
    connector: BaseCommandDBConnector, tmp_path: Path
) -> None:
    program = tmp_path / "own-tool"
    program.write_text("#!/bin/sh\necho own\n")
    program.chmod(0o755)
    assert "there is no such program" in failure(connector, "own-tool")
    assert output(connector, "own-tool", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}) == "own\n"
    assert output(connector, str(program)) == "own\n"


def test_connectors_do_not_share_their_variables() -> None:
    options: dict[str, Any] = {"env": {"A": "1"}}
    one, other = BaseCommandDBConnector(**options), BaseCommandDBConnector()
    one.env["B"] = one.dump_env["B"] = one.restore_env["B"] = "2"
    assert options == {"env": {"A": "1"}}
    assert other.env == other.dump_env == other.restore_env == {}


@pytest.mark.parametrize("make", INPUTS)
def test_every_kind_of_file_can_be_the_input(
    connector: BaseCommandDBConnector, tmp_path: Path, make: Callable[[Path], Any]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    given = make(path)
    stdout, _ = connector.run_command("cat", stdin=given)
    assert stdout.read() == CONTENT
    os.close(given) if isinstance(given, int) else given.close()


def test_a_file_is_read_from_where_it_stands(connector: BaseCommandDBConnector, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        file.read(16)
        assert output(connector, "head -c 3", stdin=file) == "012"
    with path.open("r+b") as file:
        file.write(b"changed")
        file.seek(0)
        assert output(connector, "head -c 8", stdin=file) == "changed7"


def test_without_an_input_it_is_this_processs_own() -> None:
    script = "print(BaseCommandDBConnector().run_command('cat')[0].read())"
    done = run_script(script, typed="typed")
    assert done.stdout == "b'typed'\n"


def test_a_program_may_stop_reading(connector: BaseCommandDBConnector) -> None:
    assert output(connector, "head -c 3", stdin=io.BytesIO(CONTENT * 4)) == "012"
    assert output(connector, "true", stdin=subprocess.PIPE) == ""


def test_a_program_never_sees_the_end_of_an_input_that_failed(
    connector: BaseCommandDBConnector, tmp_path: Path
) -> None:
    marker = tmp_path / "committed"
    with (
        StreamedFile(Failing(CONTENT)) as dump,
        pytest.raises(ConnectorError, match="the stored stream is damaged"),
    ):
        connector.run_command(["sh", "-c", f"cat >/dev/null; touch {marker}"], stdin=dump)
    assert not marker.exists()


def test_a_failure_has_the_status_and_the_last_words(connector: BaseCommandDBConnector) -> None:
    assert failure(connector, "sh -c 'echo one; echo two >&2; exit 3'") == "`sh` failed (exit status 3): two"
    assert failure(connector, "false") == "`false` failed (exit status 1)"
    assert failure(connector, "sh -c 'kill -9 $$'") == "`sh` failed (ended by SIGKILL)"
    text = failure(connector, "sh -c 'seq 10000 >&2; printf \"\\\\377\" >&2; exit 1'")
    assert text.startswith("`sh` failed (exit status 1): 9")
    assert text.endswith("\n10000\n\N{REPLACEMENT CHARACTER}")
    assert len(text) < 4200


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program", "/no/such/program"])
def test_a_missing_program_is_named(connector: BaseCommandDBConnector, program: str) -> None:
    text = failure(connector, f"{program} --password=canary")
    assert text.startswith(f"cannot run `{program}`: there is no such program\nhint: install it, or name")
    assert "canary" not in text


def test_a_missing_client_comes_with_its_package(connector: BaseCommandDBConnector, tmp_path: Path) -> None:
    connector.env = {"PATH": str(tmp_path)}
    for program, package in (
        ("pg_dump", "postgresql-client"),
        ("mysql", "mariadb-client"),
        ("mongodump", "mongodb-database-tools"),
    ):
        assert f"install it (the package `{package}`)" in failure(connector, program)


def test_what_cannot_be_run_is_an_error_of_the_command(
    connector: BaseCommandDBConnector, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("text")
    assert "it is no program, or may not be run" in failure(connector, str(tmp_path / "text"))
    assert "`default` is empty" in failure(connector, " ")
    assert "no closing quotation" in failure(connector, "echo 'a")
    text = failure(connector, "PGPASSWORD=canary pg_dump")
    assert "variables go into ENV" in text
    assert "canary" not in text


@pytest.mark.parametrize("said", [SECRET, json.dumps(SECRET), repr(SECRET)])
@pytest.mark.parametrize("home", ["database", "connector", "attribute", "env", "given", "parent", "option"])
def test_passwords_and_values_of_variables_are_in_no_error_and_no_log(
    connector: BaseCommandDBConnector,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    home: str,
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG, "dbbackup")
    options: dict[str, Any] = {}
    if home == "database":
        monkeypatch.setitem(connections["default"].settings_dict, "PASSWORD", SECRET)
    elif home == "connector":
        settings.DBBACKUP_CONNECTORS = {"default": {"ADMIN_PASSWORD": SECRET}}
    elif home == "attribute":
        connector.admin_password = SECRET  # type: ignore[attr-defined]
    elif home == "env":
        connector.env = {"ANY": SECRET}
    elif home == "given":
        options["env"] = {"ANY": SECRET}
    elif home == "parent":
        monkeypatch.setenv("PGPASSWORD", SECRET)
    else:
        monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", {"passwd": SECRET})
    text = failure(connector, ["sh", "-c", 'echo "for $1: $2" >&2; exit 1', "sh", "me", said], **options)
    assert "s3cret" not in text
    assert "for me: " in text
    assert "s3cret" not in caplog.text
    assert "running sh -c " in caplog.text


def test_a_secret_is_found_where_the_last_words_are_cut(
    connector: BaseCommandDBConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "PASSWORD", "canary")
    for filler in range(4085, 4105):
        command = ["sh", "-c", f"printf %s canary >&2; head -c {filler} /dev/zero | tr '\\0' x >&2; exit 1"]
        assert "nary" not in failure(connector, command)


def test_short_values_of_variables_do_not_hide_the_text(connector: BaseCommandDBConnector) -> None:
    connector.env = {"LC_ALL": "C", "EMPTY": ""}
    assert failure(connector, "sh -c 'echo C: Cannot Connect >&2; exit 1'") == (
        "`sh` failed (exit status 1): ********: Cannot Connect"
    )


def test_outputs_lie_in_the_folder_of_temporary_files(
    connector: BaseCommandDBConnector, tmp_path: Path, settings: Settings
) -> None:
    settings.DBBACKUP_TMP_DIR = str(tmp_path)
    for file in connector.run_command("true"):
        assert Path(f"/proc/self/fd/{file.fileno()}").readlink().parent == tmp_path
    settings.DBBACKUP_TMP_DIR = str(tmp_path / "missing")
    for run in (connector.run_command, connector.stream_command):
        with pytest.raises(ConfigurationError, match=r"cannot make a temporary file in `.*/missing`"):
            run("true")


def test_a_stream_ends_when_the_program_has_succeeded(connector: BaseCommandDBConnector) -> None:
    with connector.stream_command("sh -c 'echo out; echo err >&2'") as dump:
        assert isinstance(dump, StreamedFile)
        assert dump.name == "default.dump"
        assert dump.read() == b"out\n"
        assert dump.read() == b""


def test_a_stream_of_a_program_that_fails_has_no_end(connector: BaseCommandDBConnector) -> None:
    with connector.stream_command("sh -c 'echo out; echo why >&2; exit 3'") as dump:
        assert dump.readline() == b"out\n"
        for _ in range(3):
            with pytest.raises(CommandConnectorError, match=r"`sh` failed \(exit status 3\): why"):
                dump.read()


def test_a_stream_of_a_missing_program_is_an_error_at_once(connector: BaseCommandDBConnector) -> None:
    with pytest.raises(CommandConnectorError, match="there is no such program"):
        connector.stream_command("no-such-program")


def test_closing_a_stream_ends_the_program(connector: BaseCommandDBConnector, tmp_path: Path) -> None:
    dump = connector.stream_command(["sh", "-c", "echo $$; exec sleep 100"])
    process = int(dump.readline())
    assert is_alive(process)
    dump.close()
    assert not is_alive(process)


def test_a_program_that_ignores_the_request_to_end_is_made_to(
    connector: BaseCommandDBConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_process, "GRACE_SECONDS", 0.2)
    dump = connector.stream_command(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.05; done"])
    process = int(dump.readline())
    dump.close()
    assert not is_alive(process)


def test_a_stream_is_as_large_as_it_likes_and_memory_stays(tmp_path: Path) -> None:
    script = """
from pathlib import Path
connector = BaseCommandDBConnector()
count = 0
with connector.stream_command("head -c 128M /dev/zero") as dump:
    while part := dump.read(1 << 20):
        count += len(part)
stdout, _ = connector.run_command("head -c 128M /dev/zero")
again, _ = connector.run_command("cat", stdin=stdout)
with connector.stream_command("head -c 128M /dev/zero") as dump:
    last, _ = connector.run_command("cat", stdin=dump)
sizes = [file.seek(0, 2) or file.tell() for file in (again, last)]
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(count, *sizes, int(status["VmHWM"].split()[0]) * 1024)
"""
    done = run_script(script, tmp_dir=tmp_path)
    *sizes, peak = map(int, done.stdout.split())
    assert sizes == [128 * MIB] * 3
    assert peak < 100 * MIB


@pytest.mark.parametrize("method", ["run_command", "stream_command"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_program_does_not_outlive_this_process(tmp_path: Path, method: str, sent: signal.Signals) -> None:
    if sent == signal.SIGKILL and _process._binder() is None:
        reason = "there is no setpriv that can bind a program to its parent"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    script = f"""
connector = BaseCommandDBConnector()
made = connector.{method}(["sh", "-c", "echo $$ > id.new; mv id.new id; exec sleep 100"])
with made:
    made.read()
"""
    with subprocess.Popen(
        script_argv(script, tmp_path), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as parent:
        wait_until((tmp_path / "id").exists)
        process = int((tmp_path / "id").read_text())
        assert is_alive(process)
        parent.send_signal(sent)
        _, errors = parent.communicate()
        assert parent.returncode == -sent, errors
    wait_until(lambda: not is_alive(process), 5)


@pytest.mark.parametrize("setpriv", [None, "#!/bin/sh\necho 'setpriv of BusyBox'\n"])
def test_programs_run_where_nothing_can_bind_them(tmp_path: Path, setpriv: str | None) -> None:
    (tmp_path / "echo").symlink_to("/bin/echo")
    if setpriv:
        (tmp_path / "setpriv").write_text(setpriv)
        (tmp_path / "setpriv").chmod(0o755)
    script = """
from dbbackup import _process
print(BaseCommandDBConnector().run_command('echo out')[0].read(), _process._binder())
"""
    done = run_script(script, path=str(tmp_path))
    assert done.stdout == "b'out\\n' None\n"


def test_a_stream_outlives_the_thread_that_started_it(connector: BaseCommandDBConnector) -> None:
    found: list[StreamedFile] = []
    thread = threading.Thread(
        target=lambda: found.append(connector.stream_command("sh -c 'sleep 0.3; echo out'"))
    )
    thread.start()
    thread.join()
    time.sleep(0.1)
    with found[0] as dump:
        assert dump.read() == b"out\n"


def test_forgotten_files_and_streams_are_closed(connector: BaseCommandDBConnector) -> None:
    # A warning would be an error here.
    connector.run_command("echo out")
    dump = connector.stream_command(["sh", "-c", "echo $$; exec sleep 100"])
    process = int(dump.readline())
    del dump
    assert not is_alive(process)


def test_options_become_attributes(connector: BaseCommandDBConnector) -> None:
    assert isinstance(connector, BaseDBConnector)
    assert (connector.dump_prefix, connector.dump_suffix) == ("", "")
    assert (connector.restore_prefix, connector.restore_suffix) == ("", "")
    prefixed = BaseCommandDBConnector(DUMP_PREFIX="env -i", RESTORE_SUFFIX="-v", USE_PARENT_ENV=False)
    assert (prefixed.dump_prefix, prefixed.restore_suffix, prefixed.use_parent_env) == ("env -i", "-v", False)


def script_argv(script: str, tmp_dir: Path | None = None) -> list[str]:
    beginning = f"""
import django
from django.conf import settings
settings.configure(
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "unused"}}}},
    DBBACKUP_TMP_DIR={str(tmp_dir) if tmp_dir else None!r},
)
django.setup()
from dbbackup.db.base import BaseCommandDBConnector
"""
    return [sys.executable, "-W", "error", "-c", beginning + script]


def run_script(
    script: str, *, tmp_dir: Path | None = None, typed: str = "", path: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        script_argv(script, tmp_dir),
        input=typed,
        env=os.environ | {"PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
