"""The commands of the page on PostgreSQL, with a real server."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.docs.pages import ROOT, Command, File, read_page
from tests.docs.sandbox import Sandbox, copy_of_the_example, lines_of, says_the_same
from tests.postgres import PASSWORD, Server

pytestmark = pytest.mark.timeout(120)  # a dozen processes

PAGE = ROOT / "docs/guides/postgresql.md"
HOST = "db.example.org"
"""The server of the page."""

BEFORE = (
    "python manage.py migrate -v0",
    "python manage.py fill --customers 400 --orders 2000 --files 1",
    "python manage.py shell -v0 -c \"from django.db import connection; connection.cursor().execute('ANALYZE')\"",
)


@pytest.fixture
def server(postgres_servers: Servers) -> Server:
    return postgres_servers(15)


def test_the_page_shows_what_happens(server: Server, tmp_path: Path) -> None:
    copy = tmp_path / "page.md"
    text = PAGE.read_text()
    copy.write_text("\n".join(line for line in text.split("\n") if not line.startswith("<!-- run: not here")))
    (tmp_path / "machine").mkdir()
    shop = copy_of_the_example(tmp_path)
    with (
        closing(Sandbox(tmp_path / "machine", shop)) as sandbox,
        server.database("shop", owner="shop") as database,
    ):
        server.psql("postgres", f'ALTER ROLE "{database.owner}" CREATEDB')
        databases = {"default": database.settings()}
        sandbox.write(File(line=0, path="settings.py", text=f"DATABASES = {databases!r}\n"))
        passwords = tmp_path / "machine/home/.pgpass"
        passwords.touch(mode=0o600)
        escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        passwords.write_text(f"{server.host}:{server.port}:*:*:{escaped}\n")
        for before in BEFORE:
            status, printed = sandbox.run(Command(line=0, text=before))
            assert status == 0, printed
        for command in read_page(str(copy)).commands:
            if "--scratch" in command.text:
                databases["drills"] = {**database.settings(), "NAME": "postgres"}
                sandbox.write(File(line=0, path="settings.py", text=f"DATABASES = {databases!r}\n"))
            here = replace(command, text=command.text.replace(HOST, f"{server.host}:{server.port}"))
            status, printed = sandbox.run(here)
            assert status == command.status, printed
            expected = lines_of("\n".join(command.expected) + "\n")
            found = lines_of(printed.replace(server.host, HOST))
            assert not command.expected or says_the_same(expected, found), (command.text, expected, found)
