"""Media in any Django storage become a tar stream."""

import io
import os
import subprocess
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from dbbackup import _engine
from dbbackup._file import StreamedFile
from dbbackup._media_pack import MediaDump
from dbbackup.exceptions import ConfigurationError, InternalError, SourceError, UnsupportedError
from tests import project
from tests.media_storages import MOMENT, Download, ObjectStore

MIB = 1024 * 1024
FILES = {
    "a.txt": b"a" * 1000,
    "products/large lamp.txt": b"lamp",
    "products/ünïcode.txt": b"\xc3\xbc",
    "empty": b"",
}
STORED = [".", "a.txt", "empty", "products", "products/large lamp.txt", "products/ünïcode.txt"]
NAMING = _engine.Naming(template=None, media_template=None, date_format="%Y", servername="host")


def dumped(storage: Storage, **options: Any) -> tuple[bytes, dict[str, Any]]:
    """The whole stream, and what is said of it."""
    dump = MediaDump(storage, **options)
    try:
        stream = b"".join(iter(lambda: dump.read(65536), b""))
        return stream, dump.facts()
    finally:
        dump.close()


def members(archive: bytes) -> dict[str, bytes | None]:
    """The members in their order: the files with their bytes, folders with none."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
        files = ((member, opened.extractfile(member)) for member in opened)
        return {member.name: file.read() if file else None for member, file in files}


def skipped(facts: dict[str, Any]) -> list[str]:
    assert facts["skipped"]["count"] == len(facts["skipped"]["names"])
    return facts["skipped"]["names"]  # type: ignore[no-any-return]


# What is stored


def test_a_storage_in_memory_is_stored_with_folders_and_times() -> None:
    storage = InMemoryStorage(location="")
    for name, content in FILES.items():
        storage.save(name, ContentFile(content))
    archive, facts = dumped(storage)
    assert list(members(archive)) == STORED
    assert FILES.items() <= members(archive).items()
    assert facts == {
        "media": {"files": 4, "folders": 1, "bytes": 1006, "links": 0},
        "skipped": {"count": 0, "names": []},
        "excluded": [],
        "notes": [],
    }
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened.getmembers()[1:]:
            assert member.mtime == pytest.approx(storage.get_modified_time(member.name).timestamp(), abs=1e-6)


def test_the_archive_ends_as_docs_say() -> None:
    archive, _ = dumped(ObjectStore({"a": b"a" * 512}))
    assert len(archive) % 512 == 0
    assert archive.endswith(b"a" + bytes(1024))
    assert not archive.endswith(b"a" + bytes(1025))


def test_an_empty_storage_is_said_to_be_empty() -> None:
    archive, facts = dumped(ObjectStore())
    assert members(archive) == {".": None}
    assert facts["notes"] == ["there are no files in it: is it the right storage?"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of awkward names, with rights and times as a storage's files get them."""
    folder = tmp_path / "media"
    names = [
        *FILES,
        "-x",
        "new\nline",
        "n" * 255,
        "d" * 120 + "/" + "e" * 120 + "/" + "f" * 30,
        "ü/😀.txt",
        "a.d/y",
        "a-b",
        "a/z",
        b"bad\xff".decode("utf-8", "surrogateescape"),
    ]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES.get(name, b"content"))
    (folder / "drafts").mkdir()
    (folder / "large").write_bytes(os.urandom(MIB + 77))
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, ns=(0, 1_500_000_000_000_001_000 if path.is_dir() else 1_600_000_000_123_456_000))
    folder.chmod(0o755)
    os.utime(folder, ns=(0, 1_500_000_000_000_000_000))
    os.utime(folder / "a.txt", ns=(0, -1_250_000_000))
    os.utime(folder / "empty", ns=(0, 0))
    return folder


def dumped_by_the_engine(folder: Path, **options: Any) -> tuple[bytes, _engine.Receipt]:
    store = folder.parent / "backups"
    receipt = _engine.media_backup(
        _engine.Store(str(store)),
        folder=str(folder),
        naming=NAMING,
        servername="host",
        compression="none",
        metadata={},
        name="engine.tar",
        replace=True,
        **options,
    )
    return (store / "engine.tar").read_bytes(), receipt


def described(archive: bytes) -> list[dict[str, Any]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return [
            {key: value for key, value in member.get_info().items() if key != "chksum"}
            | {"mtime": member.pax_headers.get("mtime", member.mtime)}
            for member in opened
        ]


@pytest.mark.parametrize("readers", [1, 4])
@pytest.mark.parametrize("exclude", [[], ["*.txt", "!a.txt"], ["products/", "/a/"], ["d*/**/f*", "n*"]])
def test_a_folder_is_stored_as_the_engine_stores_it(folder: Path, exclude: list[str], readers: int) -> None:
    archive, facts = dumped(FileSystemStorage(location=folder), exclude=exclude, readers=readers)
    expected, receipt = dumped_by_the_engine(folder, exclude=exclude)
    assert described(archive) == described(expected)
    assert members(archive) == members(expected)
    assert receipt.media
    assert facts["media"] == {
        key: getattr(receipt.media, key) for key in ("files", "folders", "bytes", "links")
    }
    assert facts["excluded"] == exclude


@pytest.mark.parametrize("tool", ["tar", "bsdtar"])
def test_tar_unpacks_it(folder: Path, tmp_path: Path, tool: str) -> None:
    archive, _ = dumped(FileSystemStorage(location=folder))
    (tmp_path / "unpacked").mkdir()
    done = subprocess.run(
        [tool, "-xpf", "-", "-C", tmp_path / "unpacked"], input=archive, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert subprocess.run(["diff", "-r", folder, tmp_path / "unpacked"], check=False).returncode == 0
    for name in ("a/z", "drafts", "products/ünïcode.txt"):
        assert (tmp_path / "unpacked" / name).stat().st_mtime_ns == (folder / name).stat().st_mtime_ns


def test_the_engine_restores_it(folder: Path, tmp_path: Path) -> None:
    archive, facts = dumped(FileSystemStorage(location=folder))
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "ours.tar").write_bytes(archive)
    report = _engine.media_restore(
        _engine.Store(str(tmp_path / "backups")), "ours.tar", folder=str(tmp_path / "restored")
    )
    assert report.left_out.count == 0
    assert report.changes
    assert report.changes.new == facts["media"]["files"]
    assert subprocess.run(["diff", "-r", folder, tmp_path / "restored"], check=False).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        "😀.png",
        "a" * 300,
        "x" * 60 + "/" + "ü" * 200,
        "new\nline",
        "-rf",
        " blank ",
        "a\\b",
        "a:b",
        "=",
        "a\x1b[0m",
    ],
)
def test_names_that_objects_may_have_are_kept(name: str) -> None:
    archive, facts = dumped(ObjectStore({name: b"content"}))
    assert skipped(facts) == []
    assert members(archive)[name] == b"content"


def test_a_file_of_more_than_8_gib_has_its_size() -> None:
    class Endless:
        def read(self, size: int) -> bytes:
            return bytes(size)

        def close(self) -> None:
            pass

    class Huge(ObjectStore):
        def size(self, name: str) -> int:
            return 9 << 30

        def download(self, name: str) -> Any:
            return Endless()

    dump = MediaDump(Huge({"huge": b""}))
    with tarfile.open(fileobj=StreamedFile(dump), mode="r|") as archive:
        archive.next()
        member = archive.next()
    dump.close()
    assert member
    assert member.size == 9 << 30


@pytest.mark.parametrize(
    ("modified", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 1767323045),
        (datetime(1969, 12, 31, 23, 59, 58, 750_000, tzinfo=UTC), -1.25),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1, 1, 1), 0),
        (
            datetime(2026, 1, 2, 3, 4, 5).astimezone().replace(tzinfo=None),
            datetime(2026, 1, 2, 3, 4, 5).timestamp(),
        ),
        ("yesterday", 0),
        (None, 0),
    ],
)
def test_times_are_those_that_the_storage_tells(modified: Any, expected: float) -> None:
    class Dated(ObjectStore):
        def get_modified_time(self, name: str) -> Any:
            return modified

    archive, facts = dumped(Dated({"a": b"a"}))
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert opened.getmember("a").mtime == expected
    is_unknown = not isinstance(modified, datetime) or modified.year == 1
    assert bool(facts["notes"]) == is_unknown


def test_a_storage_without_times_is_asked_once_for_folders_and_a_note_is_made() -> None:
    asked = []

    class Timeless(ObjectStore):
        def get_modified_time(self, name: str) -> Any:
            asked.append(name)
            raise NotImplementedError

    _, facts = dumped(Timeless({"a/b/c": b"", "d/e": b""}))
    assert asked == ["", "a/b/c", "d/e"]
    assert facts["notes"] == ["the storage did not tell when 2 of the files were changed"]


# What is left out


def test_backups_in_the_same_storage_are_never_in_a_backup() -> None:
    storage = ObjectStore(
        {"a": b"", "backups/x.tar": b"", "backups2": b"", "deep/backups/y": b"", ".dbbackup-lock": b""}
    )
    archive, facts = dumped(storage, never=["/backups/"])
    assert list(members(archive)) == [".", "a", "backups2", "deep", "deep/backups", "deep/backups/y"]
    assert skipped(facts) == []
    archive, _ = dumped(storage, never=lambda path: path.endswith(("x.tar", "deep")))
    assert list(members(archive)) == [".", "a", "backups", "backups2"]


def test_backups_at_the_top_of_the_same_storage_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="into themselves"):
        MediaDump(ObjectStore(), never=[""])


def test_a_pattern_that_cannot_be_understood_and_no_readers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot use the pattern"):
        MediaDump(ObjectStore(), exclude=["{a"])
    with pytest.raises(ConfigurationError, match="with 0 readers"):
        MediaDump(ObjectStore(), readers=0)


# Listings


def test_a_storage_that_lists_nothing_is_not_supported() -> None:
    class Blind(Storage):
        pass

    with pytest.raises(UnsupportedError) as caught:
        dumped(Blind())
    assert "Blind` does not list its files" in str(caught.value)
    assert "DBBACKUP_MEDIA_PATH" in (caught.value.hint or "")


class Broken(ObjectStore):
    """Some folders cannot be listed."""

    broken = ("b",)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        if path in self.broken:
            raise PermissionError(13, "Permission denied")
        return super().listdir(path)


def test_a_folder_that_cannot_be_listed_is_skipped() -> None:
    archive, facts = dumped(Broken({"a": b"a", "b/x": b"x", "c/y": b"y"}))
    assert list(members(archive)) == [".", "a", "c", "c/y"]
    assert skipped(facts) == ["b: no right to read it"]


def test_a_storage_that_cannot_be_listed_is_an_error() -> None:
    storage = Broken()
    storage.broken = ("",)
    with pytest.raises(SourceError, match=r"cannot list the media in `.*Broken`: no right to read it"):
        dumped(storage)


def test_full_names_of_what_is_in_a_folder_are_understood() -> None:
    class Prefixed(ObjectStore):
        def listdir(self, path: str) -> tuple[list[str], list[str]]:
            folders, files = super().listdir(path)
            prefix = f"{path}/" if path else ""
            return [f"{prefix}{name}/" for name in folders], [f"/{prefix}{name}" for name in files] + [prefix]

    storage = Prefixed({"a": b"1", "a.d/a.d/a": b"2", "b/b": b"3"})
    archive, facts = dumped(storage)
    assert skipped(facts) == []
    assert {name: content for name, content in members(archive).items() if content} == storage.objects


@pytest.mark.parametrize("location", ["", "media"])
def test_a_storage_that_lists_all_files_at_once_is_understood(location: str) -> None:
    class Flat(ObjectStore):
        def listdir(self, path: str) -> tuple[list[str], list[str]]:
            assert path == ""
            others = ["other/x", "mediax", "y"] if location else []
            return [], [f"{location}/{name}".lstrip("/") for name in self.objects] + others

    storage = Flat({"a": b"1", "b/c": b"2", "b/d/e": b"3", "b0": b"4", "cache/f": b"5", "b": b""})
    storage.location = location  # type: ignore[attr-defined]
    archive, facts = dumped(storage, exclude=["cache/"])
    assert list(members(archive)) == [".", "a", "b", "b/c", "b/d", "b/d/e", "b0"]
    assert skipped(facts) == []


def test_markers_of_folders_are_no_files() -> None:
    class Marked(ObjectStore):
        def listdir(self, path: str) -> tuple[list[str], list[str]]:
            folders, files = super().listdir(path)
            return [*folders, *folders, ".", ".."], [*files, *files, "", ".", "x/"]

    archive, facts = dumped(Marked({"a/b": b"1", "a": b"", "c/d": b"2", "c": b"no marker"}))
    assert members(archive) == {".": None, "a": None, "a/b": b"1", "c": b"no marker", "c/d": b"2"}
    assert archive.count(b"no marker") == 1
    assert skipped(facts) == []


def test_names_that_are_none_are_skipped() -> None:
    class Odd(ObjectStore):
        def listdir(self, path: str) -> tuple[list[str], list[str]]:
            return ([".", "a/b"], ["nul\0", "half\ud800", "ok"]) if not path else ([], [])

    archive, facts = dumped(Odd({"ok": b""}))
    assert list(members(archive)) == [".", "ok"]
    assert skipped(facts) == [
        ".: a folder in it has no name",
        "a/b: the storage lists it in a folder that it is not in",
        "half�: its name is no text",
        "nul\\u{0}: its name holds a NUL",
    ]


def test_folders_without_end_are_left_at_some_depth() -> None:
    class Endless(ObjectStore):
        def listdir(self, path: str) -> tuple[list[str], list[str]]:
            return ["again"], []

    archive, facts = dumped(Endless())
    assert len(members(archive)) == 257
    (why,) = skipped(facts)
    assert why.endswith("/again: it is in too many folders")


class Customized(FileSystemStorage):
    """A folder with other manners, as projects make them."""


def test_links_and_pipes_in_a_folder_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "here").symlink_to(".")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "file").write_text("file")
    os.mkfifo(tmp_path / "pipe")
    archive, facts = dumped(Customized(location=tmp_path))
    assert members(archive) == {".": None, "a": None, "a/b": None, "file": b"file", "link": b"file"}
    assert skipped(facts) == [
        "a/b/up: it is a link to a folder that it is in",
        "a/here: it is a link to a folder that it is in",
        "dangling: it is a link to nothing",
        "pipe: it is a device, a pipe or a socket",
        "round: it is a link that leads back to itself",
    ]


# Files that cannot be read, or change


class Flaky(ObjectStore):
    """Some objects vanish, are forbidden, or break off."""

    def download(self, name: str) -> Any:
        if name == "secret":
            raise PermissionError(13, "Permission denied")
        if name == "strange":
            raise ValueError("the password is canary")
        if name == "breaks":
            return Download(self.objects[name], breaks_at=10)
        if name == "breaks late":
            return Download(self.objects[name], breaks_at=MIB + 500_000)
        return super().download(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folders, files = super().listdir(path)
        return folders, [*files, "gone"]


@pytest.mark.parametrize("readers", [1, 3])
def test_files_that_cannot_be_read_are_skipped_and_the_others_stored(readers: int) -> None:
    large = os.urandom(2 * MIB)
    objects = {
        "a": b"a",
        "breaks": b"b" * 100,
        "breaks late": large,
        "secret": b"s",
        "strange": b"s",
        "z": b"z",
    }
    archive, facts = dumped(Flaky(objects), readers=readers)
    missing = MIB - 500_000
    assert members(archive) == {
        ".": None,
        "a": b"a",
        "breaks late": large[:-missing] + bytes(missing),
        "z": b"z",
    }
    assert skipped(facts) == [
        "breaks: Connection reset by peer (os error 104)",
        "breaks late: it could not be read to its end (Connection reset by peer (os error 104)): "
        f"its last {missing:,} bytes are stored as zeros",
        "gone: it vanished",
        "secret: no right to read it",
        "strange: the storage raised ValueError",
    ]
    assert facts["media"]["files"] == 3


def test_a_large_file_that_vanishes_before_its_turn_is_skipped() -> None:
    class Vanishing(ObjectStore):
        def download(self, name: str) -> Any:
            raise FileNotFoundError(2, "No such file or directory")

    archive, facts = dumped(Vanishing({"a": b"a" * (MIB + 1)}), readers=2)
    assert members(archive) == {".": None}
    assert skipped(facts) == ["a: it vanished"]
    assert facts["media"]["bytes"] == 0


def test_exceptions_are_named_with_their_codes_and_never_with_their_text() -> None:
    class ClientError(Exception):
        response = MappingProxyType({"Error": {"Code": "AccessDenied", "Message": "canary"}})

    class HttpError(Exception):
        status_code = 503

    class Failing(ObjectStore):
        def download(self, name: str) -> Any:
            raise {"a": ClientError, "b": HttpError, "c": RuntimeError, "d": OSError}[name]("canary")

    _, facts = dumped(Failing({"a": b"", "b": b"", "c": b"", "d": b""}))
    assert skipped(facts) == [
        "a: the storage raised ClientError (AccessDenied)",
        "b: the storage raised HttpError (503)",
        "c: the storage raised RuntimeError",
        "d: the storage raised OSError",
    ]


def test_the_names_of_what_was_skipped_are_bounded_and_fit_for_a_terminal() -> None:
    class Failing(ObjectStore):
        def download(self, name: str) -> Any:
            raise RuntimeError

    _, facts = dumped(Failing({f"\x1b[31m\n{number:03}": b"" for number in range(150)}))
    assert facts["skipped"]["count"] == 150
    assert len(facts["skipped"]["names"]) == 100
    assert facts["skipped"]["names"][0] == "\\u{1b}[31m\\n000: the storage raised RuntimeError"
    _, facts = dumped(Failing({"x" * 2000: b""}))
    assert facts["skipped"]["names"] == [f"…{'x' * 1000}: the storage raised RuntimeError"]


class Liar(ObjectStore):
    """Tells sizes that are not those of the content."""

    told: Any = 0

    def size(self, name: str) -> int:
        if isinstance(self.told, Exception):
            raise self.told
        return int(self.told)


@pytest.mark.parametrize("told", [0, 5, MIB, 5 * MIB, -1, OSError(), "x"])
def test_a_small_file_is_whole_whatever_its_size_is_said_to_be(told: Any) -> None:
    storage = Liar({"a": b"a" * 1000})
    storage.told = told
    archive, facts = dumped(storage)
    assert members(archive)["a"] == b"a" * 1000
    assert skipped(facts) == []


@pytest.mark.parametrize("told", [0, 5, MIB, OSError(), NotImplementedError(), "x"])
def test_a_large_file_is_whole_if_its_size_is_unknown_or_cannot_be(told: Any, tmp_path: Path) -> None:
    content = os.urandom(2 * MIB + 1)
    storage = Liar({"a": content})
    storage.told = told
    archive, facts = dumped(storage, tmp_dir=str(tmp_path))
    assert members(archive)["a"] == content
    assert skipped(facts) == []
    assert list(tmp_path.iterdir()) == []


def test_a_large_file_that_is_shorter_than_its_size_ends_in_zeros() -> None:
    storage = Liar({"a": b"a" * 2 * MIB, "b": b"b"})
    storage.told = 3 * MIB
    archive, facts = dumped(storage)
    assert members(archive) == {".": None, "a": b"a" * 2 * MIB + bytes(MIB), "b": b"b"}
    assert skipped(facts) == ["a: it shrank while it was read: its last 1,048,576 bytes are stored as zeros"]


def test_a_large_file_that_is_longer_than_its_size_is_cut() -> None:
    storage = Liar({"a": b"a" * 3 * MIB, "b": b"b"})
    storage.told = 2 * MIB
    archive, facts = dumped(storage)
    assert members(archive) == {".": None, "a": b"a" * 2 * MIB, "b": b"b"}
    (why,) = skipped(facts)
    assert why.startswith("a: it changed while it was read: it is longer than the storage said")


@pytest.mark.parametrize("wrap", [io.BytesIO, lambda content: ContentFile(content).file])
def test_content_that_is_here_tells_its_size_itself(wrap: Callable[[bytes], Any]) -> None:
    class Unpacking(Liar):
        told = 2 * MIB

        def download(self, name: str) -> Any:
            return wrap(self.objects[name])

    archive, facts = dumped(Unpacking({"a": b"a" * 3 * MIB}))
    assert members(archive)["a"] == b"a" * 3 * MIB
    assert skipped(facts) == []


def test_a_large_file_that_is_written_meanwhile_is_said_to_be_torn() -> None:
    class Written(ObjectStore):
        asked = 0

        def get_modified_time(self, name: str) -> datetime:
            self.asked += 1
            return MOMENT.replace(second=self.asked)

    _, facts = dumped(Written({"a": b"a" * 2 * MIB, "b": b"b"}))
    assert skipped(facts) == ["a: it changed while it was read: stored, perhaps half old and half new"]


def test_a_file_that_gives_text_is_skipped() -> None:
    class Text(ObjectStore):
        def download(self, name: str) -> Any:
            return io.StringIO("text")

    _, facts = dumped(Text({"a": b""}))
    assert skipped(facts) == ["a: the storage raised TypeError"]


# Several readers


class Slow(ObjectStore):
    """Counts how many opens are under way; each waits until so many are, or a moment."""

    together = 1

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__(objects)
        self.lock = threading.Condition()
        self.running = self.most = 0

    def download(self, name: str) -> Any:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.most >= self.together, timeout=5)
            self.running -= 1
        return super().download(name)


def test_so_many_small_files_are_read_at_once_and_no_more() -> None:
    storage = Slow({f"{number % 7}/{number:03}": bytes([number]) * number for number in range(100)})
    expected, _ = dumped(storage)
    assert storage.most == 1
    storage.together = 5
    archive, facts = dumped(storage, readers=5)
    assert storage.most == 5
    assert archive == expected
    assert facts["media"]["files"] == 100


def test_large_files_are_opened_one_after_another() -> None:
    storage = Slow({f"{number}": b"x" * (MIB + 1) for number in range(8)})
    archive, _ = dumped(storage, readers=4)
    assert storage.most == 1
    assert len(archive) > 8 * MIB


def test_readers_are_ahead_by_a_bounded_number_of_files() -> None:
    opened = []

    class Watched(ObjectStore):
        def download(self, name: str) -> Any:
            opened.append(name)
            return super().download(name)

    dump = MediaDump(Watched({f"{number:03}": b"x" * 600 for number in range(50)}), readers=4)
    dump.read(3000)
    dump.close()
    assert len(opened) <= 2 + 4 + 1


def test_closing_early_closes_what_was_opened_and_ends_the_readers() -> None:
    opened = []

    class Tracked(Download):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    class Tracking(ObjectStore):
        def download(self, name: str) -> Any:
            opened.append(Tracked(self.objects[name]))
            return opened[-1]

    storage = Tracking({f"{number}": b"x" * (MIB + 1) for number in range(9)} | {"a": b"small"})
    for readers in (1, 4):
        dump = MediaDump(storage, readers=readers)
        dump.read(2 * MIB)
        dump.close()
        dump.close()
        assert all(file.is_closed for file in opened)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("dbbackup-read")]


# Promises


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("readers", [1, 3])
def test_an_interruption_passes_and_is_never_followed_by_an_end(
    error: type[BaseException], readers: int
) -> None:
    class Interrupted(ObjectStore):
        def listdir(self, path: str) -> tuple[list[str], list[str]]:
            if path == "b":
                raise error
            return super().listdir(path)

    dump = MediaDump(Interrupted({"a": b"a", "b/c": b"c"}), readers=readers)
    for _ in range(3):
        with pytest.raises(error):
            list(iter(lambda: dump.read(1000), b""))
    with pytest.raises(InternalError):
        dump.facts()
    dump.close()


def test_a_dump_that_was_closed_early_has_no_end() -> None:
    dump = MediaDump(ObjectStore({"a": b"a" * 10_000}))
    dump.read(1000)
    dump.close()
    with pytest.raises(ValueError, match="was closed"):
        dump.read(1000)
    with pytest.raises(InternalError):
        dump.facts()


def test_nothing_is_asked_before_the_first_read() -> None:
    class Untouched(Storage):
        def __getattribute__(self, name: str) -> Any:
            if not name.startswith("__"):
                raise AssertionError(name)
            return super().__getattribute__(name)

    MediaDump(Untouched()).close()


@pytest.mark.parametrize("size", [1, 511, 512, 100_000])
def test_reads_are_as_long_as_was_asked_for_up_to_the_end(size: int) -> None:
    storage = ObjectStore({"a": b"a" * 700, "b": b"b"})
    expected, _ = dumped(storage)
    dump = MediaDump(storage)
    parts = list(iter(lambda: dump.read(size), b""))
    assert b"".join(parts) == expected
    assert all(len(part) == size for part in parts[:-1])
    assert dump.read(size) == b""


def peak_bytes(storage: Storage, **options: Any) -> int:
    dump = MediaDump(storage, **options)
    tracemalloc.start()
    try:
        while dump.read(65536):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        dump.close()


class Generated(ObjectStore):
    """Many files, or large ones, of which nothing is held."""

    def __init__(self, folders: int, files: int, file_bytes: int) -> None:
        super().__init__()
        self.layout = folders, files
        self.file_bytes = file_bytes

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folders, files = self.layout
        if path:
            return [], [f"{number:06}.jpg" for number in range(files)]
        return [f"{number:06}" for number in range(folders)], []

    def _open(self, name: str, mode: str = "rb") -> File:  # type: ignore[type-arg]
        return File(Repeated(self.file_bytes), name)  # type: ignore[arg-type]

    def size(self, name: str) -> int:
        return self.file_bytes

    def get_modified_time(self, name: str) -> datetime:
        return MOMENT


class Repeated:
    def __init__(self, left: int) -> None:
        self.left = left

    def read(self, size: int) -> bytes:
        count = min(size, self.left)
        self.left -= count
        return bytes(count)

    def close(self) -> None:
        pass


def test_memory_does_not_grow_with_the_number_of_files_or_their_size() -> None:
    usual = peak_bytes(Generated(10, 10, 100))
    assert peak_bytes(Generated(100, 20, 100)) < usual + 200_000
    assert peak_bytes(Generated(1, 2, 100 * MIB)) < usual + 4 * MIB
    assert peak_bytes(Generated(1, 30, MIB), readers=4) < usual + 14 * MIB


def test_of_a_folder_of_20_000_files_only_the_names_are_held() -> None:
    dump = MediaDump(Generated(1, 20_000, 100))
    dump.read(65536)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = project.peak_bytes(os.getpid())
    while dump.read(65536):
        pass
    assert dump.facts()["media"]["files"] == 20_000
    assert project.peak_bytes(os.getpid()) < before + 3 * MIB


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dbbackup-read")]
