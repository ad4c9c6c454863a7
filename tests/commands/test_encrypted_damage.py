"""Damage to what was encrypted: nothing is changed, with a manifest and without."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from pytest_django import Settings

from tests.commands.encrypted import CANARY, RESTORE, backups, refused, replace_stored, shelves, stored
from tests.conftest import Call
from tests.gnupg import Keys
from tests.project import fill, rows, tree


def flipped(whole: bytes, at: int) -> bytes:
    at %= len(whole)
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


SESSION_BYTES = 96
"""The first packet of a message for a key on Curve25519: the session key."""

NO_MESSAGE = ["first packet's tag", "first packet's version"]
"""Where a file does not begin like a message any more."""

FIRST_PACKET = [*NO_MESSAGE, "first packet's length", "cut after the session key"]
"""Where GnuPG reads something else, or nothing, from the beginning."""

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "first packet's tag": lambda whole: bytes([whole[0] ^ 0x40]) + whole[1:],
    "first packet's length": lambda whole: flipped(whole, 1),
    "first packet's version": lambda whole: whole[:2] + b"\x07" + whole[3:],
    "key id": lambda whole: flipped(whole, 5),
    "session key's point": lambda whole: flipped(whole, 30),
    "session key": lambda whole: flipped(whole, SESSION_BYTES - 5),
    "second packet's tag": lambda whole: flipped(whole, SESSION_BYTES),
    "first encrypted byte": lambda whole: flipped(whole, SESSION_BYTES + 4),
    "data": lambda whole: flipped(whole, len(whole) // 2),
    "MDC": lambda whole: flipped(whole, -3),
    "cut in the session key": lambda whole: whole[:40],
    "cut after the session key": lambda whole: whole[:SESSION_BYTES],
    "cut in the middle": lambda whole: whole[: len(whole) // 2],
    "cut at the end": lambda whole: whole[:-1],
    "without its MDC": lambda whole: whole[:-22],
    "a byte behind": lambda whole: whole + b"x",
    "zeros behind": lambda whole: whole + bytes(512),
    "the same again": lambda whole: whole * 2,
    "empty": lambda whole: b"",
}


@dataclass(frozen=True)
class World:
    """Something that was backed up, and has changed since."""

    backup: tuple[str, ...]
    restore: tuple[str, ...]
    state: Callable[[], Any]
    """What must not change."""
    change: Callable[[], Any]


@pytest.fixture
def world(
    request: pytest.FixtureRequest, call: Call, settings: Settings, database: Path, tmp_path: Path
) -> World:
    """One of the kinds of backups."""
    kind: str = request.param
    if kind == "media":
        folder = tmp_path / "media"
        folder.mkdir()
        settings.MEDIA_ROOT = str(folder)

        def write(text: str) -> None:
            for number in range(3):
                (folder / f"{number}.txt").write_text(text * 3000)

        write(CANARY)
        return World(
            ("mediabackup", "-e"),
            ("mediarestore", "--noinput", "--replace"),
            lambda: tree(folder),
            lambda: write("b"),
        )
    if kind == "media storage":
        settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "tests.storages.Memory"}}

        def save(text: str) -> None:
            for number in range(3):
                storages["default"].delete(f"{number}.txt")
                storages["default"].save(f"{number}.txt", ContentFile(text * 3000))

        def read() -> list[bytes]:
            return [storages["default"].open(f"{number}.txt").read() for number in range(3)]

        save(CANARY)
        return World(
            ("mediabackup", "-e"), ("mediarestore", "--noinput", "--replace"), read, lambda: save("b")
        )
    if kind == "json":
        objects = shelves(settings)
        objects.create(name=CANARY)
        return World(
            ("dbbackup", "-e"),
            RESTORE,
            lambda: list(objects.values_list("name", flat=True)),
            lambda: objects.update(name="b"),
        )
    settings.DBBACKUP_CONNECTORS = {"default": {"CONNECTOR": kind}}
    fill(database, [CANARY])
    restore = (*RESTORE, "--no-safety-backup")
    return World(("dbbackup", "-e"), restore, lambda: rows(database), lambda: fill(database, ["b"]))


CONNECTORS = ["dbbackup.db.sqlite.SqliteBackupConnector", "dbbackup.db.sqlite.SqliteConnector"]

OWN_CONNECTORS = ["tests.own_connectors.ByHand", "tests.own_connectors.ByCommand"]

OTHERS = ["json", "media", "media storage"]

KINDS = [*CONNECTORS, *OTHERS, *OWN_CONNECTORS]


def with_each(kinds: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("world", kinds, indirect=True, ids=lambda kind: kind.rpartition(".")[2])


def outcomes(call: Call, world: World, damages: list[str], *, manifest: bool) -> dict[str, object]:
    """Restore a backup with each damage in turn; return the exit status, and what was changed if something was."""
    call(*world.backup)
    (name,) = backups()
    whole = stored()[name]
    world.change()
    now = world.state()
    seen: dict[str, object] = {}
    for damage in damages:
        replace_stored(name, DAMAGE[damage](whole), manifest=manifest)
        code, _ = refused(call, *world.restore, "-i", name)
        seen[damage] = code if world.state() == now else (code, world.state())
    return seen


def unexpected(seen: dict[str, object]) -> dict[str, object]:
    """What is no refusal for a damaged backup or a key that is not here, and nothing else changed."""
    return {
        damage: outcome
        for damage, outcome in seen.items()
        if outcome not in (5, 6) and not (damage in FIRST_PACKET and outcome == 1)
    }


@with_each(KINDS)
def test_a_damaged_backup_changes_nothing(call: Call, gnupg: Keys, world: World) -> None:
    assert unexpected(outcomes(call, world, list(DAMAGE), manifest=True)) == {}


@with_each(KINDS)
def test_a_damaged_file_without_a_manifest_changes_nothing(call: Call, gnupg: Keys, world: World) -> None:
    damages = [damage for damage in DAMAGE if damage not in NO_MESSAGE]
    assert unexpected(outcomes(call, world, damages, manifest=False)) == {}


@with_each([*CONNECTORS, *OTHERS, *OWN_CONNECTORS])
def test_a_file_that_is_no_message_any_more_changes_nothing(call: Call, gnupg: Keys, world: World) -> None:
    """Its name still says that it is one. Connectors of one's own take anything."""
    seen = outcomes(call, world, NO_MESSAGE, manifest=False)
    assert seen == dict.fromkeys(NO_MESSAGE, 6)


def test_damage_to_the_first_packet_has_the_status_of_a_damaged_backup(
    call: Call, database: Path, gnupg: Keys
) -> None:
    fill(database, ["a"])
    call("dbbackup", "-e")
    (name,) = backups()
    whole = stored()[name]
    for damage in FIRST_PACKET:
        for manifest in (True, False):
            replace_stored(name, DAMAGE[damage](whole), manifest=manifest)
            assert refused(call, *RESTORE, "-i", name)[0] in (5, 6), damage
