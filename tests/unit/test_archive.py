"""Tar streams are read, whatever wrote them, and never when they are damaged: the engine's reader, from Python."""

import io
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from dbbackup import _engine
from dbbackup._engine import Archive
from dbbackup.exceptions import CorruptBackupError, DbbackupError, UnsupportedError
from tests.media_storages import Pieces

LONG = "d" * 90 + "/" + "e" * 90 + "/" + "f" * 200
FILES = {"a.txt": b"a" * 1000, "products/lamp.txt": b"lamp", "empty": b"", LONG: b"long"}

Made = Callable[..., bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "ünïcode 😀\n").write_bytes(b"u")
    return folder


def contents(archive: bytes, *, piece: int = 100_000) -> dict[str, bytes | None]:
    """What an archive holds: the files with their bytes, everything else with none."""
    reader = Archive(Pieces(archive, piece=piece))
    found: dict[str, bytes | None] = {}
    while member := reader.next():
        found[member.path.removeprefix("./").rstrip("/")] = None
        if member.kind == "file":
            content = b"".join(iter(lambda: reader.read(3000), b""))
            assert len(content) == member.file_bytes
            found[member.path.removeprefix("./")] = content
    return found


def made_by(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def in_python(members: dict[str, bytes], **options: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", **options) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


# What is read


@pytest.mark.parametrize("how", ["posix", "gnu", "oldgnu"])
def test_what_gnu_tar_writes(folder: Path, how: str) -> None:
    found = contents(made_by("tar", f"--format={how}", "-C", folder, "-cf", "-", "."))
    assert FILES.items() <= found.items()
    assert found["ünïcode 😀\n"] == b"u"
    assert found["products"] is None


@pytest.mark.parametrize("how", ["ustar", "v7"])
def test_what_old_tars_write(folder: Path, how: str) -> None:
    found = contents(
        made_by("tar", f"--format={how}", "-C", folder, "-cf", "-", "a.txt", "products", "empty")
    )
    assert found == {name: FILES[name] for name in ("a.txt", "products/lamp.txt", "empty")} | {
        "products": None
    }


@pytest.mark.parametrize("how", ["pax", "gnutar", "ustar"])
def test_what_bsdtar_writes(folder: Path, how: str) -> None:
    names = ["a.txt", "products", "empty"] + [LONG] * (how != "ustar")
    found = contents(made_by("bsdtar", f"--format={how}", "-C", folder, "-cf", "-", *names))
    assert {name: content for name, content in FILES.items() if name in found} == {
        name: content for name, content in found.items() if content is not None
    }
    assert len(found) == len(names) + 1


@pytest.mark.parametrize(
    "how", ["gnu", "posix --sparse-version=0.0", "posix --sparse-version=0.1", "posix --sparse-version=1.0"]
)
@pytest.mark.parametrize("pieces", [1, 3, 30])
def test_sparse_files_come_with_their_holes(tmp_path: Path, how: str, pieces: int) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for number in range(pieces):
            file.seek(number * 65536 * 2)
            file.write(bytes([number + 1]) * 5000)
        file.truncate(pieces * 65536 * 2 + 777)
    archive = made_by("tar", "--sparse", *f"--format={how}".split(), "-C", tmp_path, "-cf", "-", "sparse")
    assert len(archive) < path.stat().st_size
    assert contents(archive, piece=1000) == {"sparse": path.read_bytes()}


def test_names_of_any_bytes_are_kept() -> None:
    name = b"latin-\xe9".decode("utf-8", "surrogateescape")
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
        archive.addfile(tarfile.TarInfo(name))
    assert contents(file.getvalue()) == {name: b""}


def test_a_long_name_with_a_slash_where_a_header_cuts_it_is_a_file() -> None:
    name = "a" * 99 + "/" + "b" * 120
    assert contents(in_python({name: b"content"}, format=tarfile.PAX_FORMAT)) == {name: b"content"}


def test_pax_headers_for_all_members_are_passed_over() -> None:
    file = io.BytesIO()
    headers = {"comment": "c", "path": "evil", "size": "1"}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        archive.addfile(tarfile.TarInfo("name"))
    assert contents(file.getvalue()) == {"name": b""}


def test_labels_and_the_long_names_of_links_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("x" * 200)
    (tmp_path / "name").write_bytes(b"content")
    archive = made_by("tar", "--format=gnu", "-V", "label", "-C", tmp_path, "-cf", "-", "link", "name")
    assert contents(archive) == {"link": None, "name": b"content"}


def test_links_and_devices_have_no_content() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for flag in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"Z"):
            info = tarfile.TarInfo(flag.decode())
            info.type, info.linkname = flag, "elsewhere"
            archive.addfile(info)
    reader = Archive(Pieces(file.getvalue()))
    kinds = [member.kind for member in iter(reader.next, None)]
    assert kinds == ["link", "link", "device", "device", "unknown"]


@pytest.mark.parametrize("piece", [1, 511, 513, 1_000_000])
def test_the_stream_may_come_in_any_pieces(piece: int) -> None:
    members = {f"{number}": bytes([number]) * number * 100 for number in range(12)}
    assert contents(in_python(members), piece=piece) == members


def test_zeros_behind_the_end_are_fine() -> None:
    assert contents(in_python({"a": b"a"}) + bytes(100_000)) == {"a": b"a"}


def test_an_archive_of_several_volumes_is_not_supported() -> None:
    archive = bytearray(in_python({"a": b"a"}))
    archive[156:157] = b"M"
    with pytest.raises(UnsupportedError, match="several volumes"):
        contents(signed(archive))


# What is refused


def signed(archive: bytes | bytearray) -> bytes:
    """Put the right checksum into the first header."""
    block = bytearray(archive[:512])
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(archive[512:])


def is_refused_by_the_engine(archive: bytes, folder: Path) -> bool:
    store = _engine.Store(str(folder / "store"))
    (folder / "store").mkdir(exist_ok=True)
    (folder / "store" / "backup.tar").write_bytes(archive)
    try:
        _engine.media_restore(store, "backup.tar", folder=str(folder / "restored"), dry_run=True)
    except DbbackupError:
        return True
    return False


def is_refused(archive: bytes) -> bool:
    try:
        contents(archive)
    except DbbackupError:
        return True
    return False


def test_an_archive_that_is_cut_anywhere_is_refused() -> None:
    archive = in_python({"a": b"a" * 1000, "ü": b"b" * 600}, format=tarfile.PAX_FORMAT)
    archive = archive[: len(archive.rstrip(b"\0")) // 512 * 512 + 512 + 1024]
    assert not is_refused(archive)
    for end in [*range(0, len(archive), 97), *range(0, len(archive), 512), len(archive) - 1]:
        assert is_refused(archive[:end]), end


def test_a_flipped_bit_is_seen_wherever_the_engine_sees_it(tmp_path: Path) -> None:
    archive = in_python({"a": b"a" * 700, "ü" * 60: b"b"}, format=tarfile.PAX_FORMAT)
    archive = archive[: len(archive.rstrip(b"\0")) // 512 * 512 + 512 + 1024]
    verdicts = set()
    for at in range(0, len(archive), 7):
        damaged = bytearray(archive)
        damaged[at] ^= 1 << at % 8
        expected = is_refused_by_the_engine(bytes(damaged), tmp_path)
        assert is_refused(bytes(damaged)) == expected, at
        verdicts.add(expected)
    assert verdicts == {True, False}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda archive: b"", "was cut short"),
        (lambda archive: b"junk" * 1000, "it is no tar archive"),
        (lambda archive: archive + b"x", "it goes on after its end"),
        (lambda archive: archive + bytes(300_000) + b"x", "it goes on after its end"),
        (lambda archive: archive + archive, "it goes on after its end"),
        (
            lambda archive: archive[:1024] + bytes(512) + archive[:1024] + bytes(1024),
            "it goes on after its end",
        ),
        (lambda archive: b"x" + archive[1:], "its first header is damaged"),
        (lambda archive: archive[:1024] + b"x" * 512 + bytes(1024), "checksum is wrong"),
    ],
)
def test_damage_is_named(damage: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(CorruptBackupError, match=words) as caught:
        contents(damage(in_python({"a": b"a"})))
    assert caught.value.stage == "archive"
    assert caught.value.hint


@pytest.mark.parametrize(
    "record",
    [
        b"11 path=abc\n",
        b"13 path=abc\n",
        b"99999999999999999999999 path=abc\n",
        b"path=abc\n",
        b"12 path:abc\n",
        b"0 path=abc\n",
        b"11 size=-1\n",
        b"12 size=1e3\n",
        b"28 size=9999999999999999999\n",
        b"25 GNU.sparse.size=10000\n",
        b"23 GNU.sparse.size=abc\n",
        b"21 GNU.sparse.size=1\n20 GNU.sparse.map=0,2\n",
        b"21 GNU.sparse.size=9\n24 GNU.sparse.map=5,1,4,1\n",
        b"22 GNU.sparse.major=1\n25 GNU.sparse.realsize=1\n",
        b"10 path=a\n" + b"x" * 50,
    ],
)
def test_records_that_cannot_be_are_refused_as_the_engine_refuses_them(record: bytes, tmp_path: Path) -> None:
    header = tarfile.TarInfo("./PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, len(record)
    payload = record + bytes(-len(record) % 512)
    archive = header.tobuf(tarfile.USTAR_FORMAT) + payload + in_python({"a": b"a"})
    assert is_refused_by_the_engine(archive, tmp_path)
    assert is_refused(archive)


@pytest.mark.parametrize("lines", [b"1" * 600, b"1\n0\n", b"2\n0\n1\n" + b"\n" * 600, b"x\n", b"200000\n"])
def test_a_map_before_the_content_that_cannot_be_is_refused(lines: bytes, tmp_path: Path) -> None:
    record = b"22 GNU.sparse.major=1\n25 GNU.sparse.realsize=5\n"
    header = tarfile.TarInfo("./PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, len(record)
    archive = header.tobuf(tarfile.USTAR_FORMAT) + record + bytes(512 - len(record)) + in_python({"a": lines})
    assert is_refused_by_the_engine(archive, tmp_path)
    assert is_refused(archive)


def test_a_header_that_is_too_large_is_not_taken_into_memory() -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    with pytest.raises(CorruptBackupError, match="larger than 1 MiB"):
        contents(header.tobuf(tarfile.GNU_FORMAT) + b"x" * 10_000)


@pytest.mark.parametrize("size", [-1, -(1 << 40), 1 << 63])
def test_a_size_that_no_file_has_is_refused(size: int) -> None:
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = bytes([0xFF if size < 0 else 0x80]) + (size % (1 << 88)).to_bytes(11, "big")
    with pytest.raises(CorruptBackupError):
        contents(signed(header) + bytes(1024))


def test_memory_does_not_grow_with_the_archive() -> None:
    def peak(count: int, size: int) -> int:
        archive = in_python({f"{number:05}": bytes(size) for number in range(count)})
        reader = Archive(Pieces(archive))
        tracemalloc.start()
        while reader.next():
            while reader.read(65536):
                pass
        seen = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return seen

    assert peak(2000, 3) < peak(20, 3) + 200_000
    assert peak(1, 8_000_000) < 2_000_000
