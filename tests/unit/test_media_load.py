"""A tar stream of media is restored into any Django storage."""

import errno
import io
import os
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from dbbackup import _engine
from dbbackup._media_pack import MediaDump
from dbbackup._media_save import Content
from dbbackup._media_unpack import MediaLoad
from dbbackup.exceptions import (
    AccessDeniedError,
    BackupNotFoundError,
    ConfigurationError,
    CorruptBackupError,
    RefusedError,
    StorageError,
)
from tests.media_storages import InPlace, ObjectStore, Overwriting, Pieces
from tests.project import texts

MIB = 1024 * 1024
FILES = {
    "a.txt": b"a" * 1000,
    "products/large lamp.txt": b"lamp",
    "products/ünïcode.txt": b"\xc3\xbc",
    "empty": b"",
}
NAMING = _engine.Naming(template=None, media_template=None, date_format="%Y", servername="host")
NOTHING = {"new": 0, "replaced": 0, "same": 0, "kept": 0, "folders": 0, "bytes": 0}


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def archive_of(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """An archive of files and of other members, in this order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                name, content = member
                header = info(name)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
    return file.getvalue()


FIRST, *OTHERS = FILES.items()
ARCHIVE = archive_of(info(".", tarfile.DIRTYPE), FIRST, info("products", tarfile.DIRTYPE), *OTHERS)


def restored(storage: Storage, archive: bytes = ARCHIVE, **options: Any) -> dict[str, Any]:
    """Rehearse and restore, which must say the same; return what they said."""
    load = MediaLoad(storage, **options)
    expected = load.rehearse(Pieces(archive))
    facts = load.load(Pieces(archive))
    assert facts == expected
    return facts


def changed(facts: dict[str, Any]) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: count for name, count in facts["media"].items() if count}


def left_out(facts: dict[str, Any]) -> list[str]:
    assert facts["left_out"]["count"] == len(facts["left_out"]["names"])
    return facts["left_out"]["names"]  # type: ignore[no-any-return]


# The way back


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("kind", [ObjectStore, Overwriting, InPlace])
def test_a_backup_comes_back_into_an_empty_storage(kind: type[ObjectStore], replace: bool) -> None:
    storage = kind()
    facts = restored(storage, replace=replace)
    assert storage.objects == FILES
    assert facts == {
        "media": NOTHING | {"new": 4, "folders": 1, "bytes": 1006},
        "left_out": {"count": 0, "names": []},
        "notes": [],
    }


def test_what_one_storage_gives_another_takes() -> None:
    first, second = InMemoryStorage(location=""), InMemoryStorage(location="")
    for name, content in FILES.items():
        first.save(name, ContentFile(content))
    load = MediaLoad(second)
    load.load(MediaDump(first))
    for name, content in FILES.items():
        assert second.open(name).read() == content


def test_a_backup_of_the_engine_comes_back(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "media" / name).write_bytes(content)
    (tmp_path / "media" / "drafts").mkdir()
    large = os.urandom(3 * MIB)
    (tmp_path / "media" / "large").write_bytes(large)
    _engine.media_backup(
        _engine.Store(str(tmp_path / "backups")),
        folder=str(tmp_path / "media"),
        naming=NAMING,
        servername="host",
        compression="none",
        metadata={},
        name="engine.tar",
    )
    storage = ObjectStore()
    facts = restored(storage, (tmp_path / "backups" / "engine.tar").read_bytes())
    assert storage.objects == FILES | {"large": large}
    assert facts["notes"] == ["1 of the backup's folders are empty: storages keep none"]


def test_folders_are_empty_if_nothing_is_in_them_before_or_behind() -> None:
    folders = [info(name, tarfile.DIRTYPE) for name in ("a", "a/b", "c", "d", "d/e", "f")]
    a, b, c, d, e, f = folders
    archive = archive_of(a, b, ("a/b/x", b""), c, d, e, ("f/x", b""), f)
    assert restored(ObjectStore(), archive)["notes"] == [
        "2 of the backup's folders are empty: storages keep none"
    ]


@pytest.mark.parametrize("how", ["posix", "gnu", "ustar", "v7"])
def test_what_tar_packs_comes_back(tmp_path: Path, how: str) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(MIB)
    packed = subprocess.run(
        ["tar", f"--format={how}", "-C", tmp_path, "-cf", "-", "."], check=True, capture_output=True
    ).stdout
    storage = ObjectStore()
    assert left_out(restored(storage, packed)) == []
    assert storage.objects == FILES | {"sparse": bytes(MIB)}


class Customized(FileSystemStorage):
    """A folder with other manners, as projects make them."""


def test_a_folder_takes_it(tmp_path: Path) -> None:
    facts = restored(Customized(location=tmp_path))
    assert changed(facts) == {"new": 4, "folders": 1, "bytes": 1006}
    assert {name: text.encode() for name, text in texts(tmp_path).items()} == FILES


# What is there


@pytest.mark.parametrize("kind", [ObjectStore, Overwriting, InPlace])
def test_files_that_are_there_stay(kind: type[ObjectStore]) -> None:
    storage = kind({"a.txt": b"mine", "empty": b"", "other": b"other"})
    facts = restored(storage)
    assert changed(facts) == {"new": 2, "kept": 2, "folders": 1, "bytes": 6}
    assert storage.objects == FILES | {"a.txt": b"mine", "other": b"other"}


@pytest.mark.parametrize("kind", [ObjectStore, Overwriting, InPlace])
def test_files_that_differ_are_replaced_when_asked_for(kind: type[ObjectStore]) -> None:
    storage = kind(FILES | {"a.txt": b"b" + b"a" * 999, "empty": b"longer", "other": b"other"})
    facts = restored(storage, replace=True)
    assert changed(facts) == {"replaced": 2, "same": 2, "folders": 1, "bytes": 1000}
    assert storage.objects == FILES | {"other": b"other"}


@pytest.mark.parametrize("at", [0, 1, 200_000, 3 * MIB - 1])
def test_large_files_are_compared_to_their_last_byte(tmp_path: Path, at: int) -> None:
    content = os.urandom(3 * MIB)
    other = bytearray(content)
    other[at] ^= 1
    storage = ObjectStore({"a": bytes(other), "b": content})
    facts = restored(storage, archive_of(("a", content), ("b", content)), replace=True, tmp_dir=str(tmp_path))
    assert changed(facts) == {"replaced": 1, "same": 1, "bytes": 3 * MIB}
    assert storage.objects["a"] == content
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_another_one() -> None:
    class Unreadable(Overwriting):
        def download(self, name: str) -> Any:
            raise OSError(errno.EIO, "Input/output error")

    storage = Unreadable({"a": b"x"})
    load = MediaLoad(storage, replace=True)
    assert changed(load.rehearse(Pieces(archive_of(("a", b"a"))))) == {"replaced": 1, "bytes": 1}
    facts = load.load(Pieces(archive_of(("a", b"a"), ("b", b"b"))))
    assert left_out(facts) == ["a: what stands there cannot be put aside (Input/output error (os error 5))"]
    assert storage.objects == {"a": b"x", "b": b"b"}


def test_only_files_of_the_same_size_are_read() -> None:
    asked = []

    class Watched(Overwriting):
        def download(self, name: str) -> Any:
            asked.append(name)
            return super().download(name)

    archive = archive_of(("a", b"a"), ("b", b"b"), ("c", b"c"))
    MediaLoad(Watched({"a": b"a", "b": b"other"}), replace=True).rehearse(Pieces(archive))
    assert asked == ["a"]
    MediaLoad(Watched({"a": b"a", "b": b"other"})).rehearse(Pieces(archive))
    assert asked == ["a"]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("there", [{}, {"a": b"there"}, {"a": b"2"}])
def test_of_two_members_with_one_name_the_last_wins(there: dict[str, bytes], replace: bool) -> None:
    storage = InPlace(there)
    facts = restored(storage, archive_of(("a", b"first"), ("b", b"b"), ("./a", b"2")), replace=replace)
    expected = there if there and not replace else {"a": b"2"}
    assert storage.objects == {"b": b"b"} | expected
    if not there:
        assert changed(facts) == {"new": 2, "bytes": 2}
    elif not replace:
        assert changed(facts) == {"new": 1, "kept": 1, "bytes": 1}


def test_a_rehearsal_changes_nothing() -> None:
    class ReadOnly(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            raise AssertionError(name)

        def delete(self, name: str) -> None:
            raise AssertionError(name)

        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            raise AssertionError(name)

    storage = ReadOnly({"a.txt": b"x" * 1000, "empty": b"x"})
    facts = MediaLoad(storage, replace=True).rehearse(Pieces(ARCHIVE))
    assert changed(facts) == {"new": 2, "replaced": 2, "folders": 1, "bytes": 1006}


# What is asked for


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["products"], ["products/large lamp.txt", "products/ünïcode.txt"]),
        (["./products/"], ["products/large lamp.txt", "products/ünïcode.txt"]),
        (["a.txt", "products/ünïcode.txt"], ["a.txt", "products/ünïcode.txt"]),
        (["/a.txt"], ["a.txt"]),
    ],
)
def test_only_what_is_asked_for_is_restored(only: list[str], expected: list[str]) -> None:
    storage = ObjectStore()
    restored(storage, only=only)
    assert sorted(storage.objects) == expected


def test_a_path_that_the_backup_lacks_is_an_error() -> None:
    load = MediaLoad(ObjectStore(), only=["a.txt", "prod", "b"])
    with pytest.raises(BackupNotFoundError, match="cannot find `prod`, `b` in the backup") as caught:
        load.rehearse(Pieces(ARCHIVE))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("path", ["", "/", "./"])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="a path without a name"):
        MediaLoad(ObjectStore(), only=[path])


# What may not be written


def test_hostile_members_are_left_out_with_the_reasons_of_the_engine(tmp_path: Path) -> None:
    archive = archive_of(
        ("good", b"good"),
        ("/absolute", b"x"),
        ("../outside", b"x"),
        ("a/../../outside", b"x"),
        info("link", tarfile.SYMTYPE, "/etc"),
        ("link/passwd", b"x"),
        info("hard", tarfile.LNKTYPE, "good"),
        info("pipe", tarfile.FIFOTYPE),
        info("disk", tarfile.BLKTYPE),
        info("strange", b"Z"),
        (".", b"x"),
        (".dbbackup-lock", b"x"),
        ("a/.dbbackup-part-x/y", b"x"),
        ("fine/./also//fine", b"fine"),
    )
    storage = ObjectStore()
    facts = restored(storage, archive)
    assert storage.objects == {"good": b"good", "fine/also/fine": b"fine"}
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "x.tar").write_bytes(archive)
    report = _engine.media_restore(
        _engine.Store(str(tmp_path / "backups")), "x.tar", folder=str(tmp_path / "media")
    )
    assert left_out(facts) == report.left_out.names
    assert len(left_out(facts)) == 12


def test_names_with_a_nul_are_left_out() -> None:
    header = info("name")
    header.pax_headers = {"path": "nul\0byte"}
    assert left_out(restored(ObjectStore(), archive_of(header))) == ["nul\\u{0}byte: its name holds a NUL"]


def test_what_stands_in_the_way_in_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("file")
    archive = archive_of(("file/x", b"x"), ("folder", b"x"), ("file/y/z", b"x"))
    for replace in (False, True):
        facts = restored(Customized(location=tmp_path), archive, replace=replace)
        assert left_out(facts) == [
            "file/x: a file stands where its folder should be",
            "folder: a folder stands there",
            "file/y/z: a file stands where its folder should be",
        ]
    assert texts(tmp_path) == {"file": "file"}
    assert (tmp_path / "folder").is_dir()


def test_a_folder_in_the_way_in_memory_is_left_alone() -> None:
    storage = InMemoryStorage(location="")
    storage.save("folder/file", ContentFile(b"file"))
    facts = restored(storage, archive_of(("folder", b"x"), ("new", b"x")), replace=True)
    assert left_out(facts) == ["folder: a folder stands there"]
    facts = MediaLoad(storage).load(Pieces(archive_of(("new/below", b"x"), ("other", b"x"))))
    assert left_out(facts) == ["new/below: a file stands where its folder should be"]


def test_a_name_that_a_storage_refuses_is_left_out_and_nothing_else() -> None:
    class Choosy(ObjectStore):
        def exists(self, name: str) -> bool:
            if name.startswith("bad"):
                raise SuspiciousFileOperation(name)
            if name.startswith("long"):
                raise OSError(errno.ENAMETOOLONG, "File name too long")
            if name.startswith("ugly"):
                name.encode("ascii")
            return super().exists(name)

    storage = Choosy()
    members = [(f"{kind}{number}ü", b"x") for kind in ("bad", "long", "ugly") for number in range(12)]
    facts = restored(storage, archive_of(*members, ("good", b"good"), ("a\\..\\b", b"x")))
    assert storage.objects == {"good": b"good"}
    assert facts["left_out"]["count"] == 37
    assert left_out(facts)[::12] == [
        "bad0ü: its name is refused by Django",
        "long0ü: File name too long (os error 36)",
        "ugly0ü: the storage raised UnicodeEncodeError",
        "a\\..\\b: its name is refused by Django",
    ]


def test_a_storage_that_gives_another_name_gets_nothing() -> None:
    class Renaming(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            return super()._save(name if name == "there" else name.upper(), content)

    storage = Renaming({"there": b"old"})
    facts = MediaLoad(storage, replace=True).load(Pieces(archive_of(("name", b"x"), ("there", b"new"))))
    assert left_out(facts) == ["name: the storage saves it under another name, `NAME`"]
    assert storage.objects == {"there": b"new"}


def test_what_stood_there_comes_back_if_the_new_gets_another_name() -> None:
    class Renaming(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            new = content.read()
            self.objects[name if new == b"old" else "new name"] = new
            return name if new == b"old" else "new name"

    storage = Renaming({"there": b"old"})
    facts = MediaLoad(storage, replace=True).load(Pieces(archive_of(("there", b"new!"))))
    assert left_out(facts) == ["there: the storage saves it under another name, `new name`"]
    assert storage.objects == {"there": b"old"}


def test_a_storage_that_takes_nothing_has_not_saved_it() -> None:
    class Lazy(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            self.objects[name] = b""
            return name

    storage = Lazy({"there": b"old"})
    facts = MediaLoad(storage, replace=False).load(Pieces(archive_of(("new", b"x"), ("empty", b""))))
    assert left_out(facts) == ["new: the storage did not take all of it"]
    assert storage.objects == {"there": b"old", "empty": b""}


# What fails


class Failing(InPlace):
    """Breaks off in the middle of what is saved, so many times."""

    failures = 1
    error: BaseException = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    def _save(self, name: str, content: Any) -> str:
        if self.failures > 0:
            self.failures -= 1
            self.objects[name] = content.read(10)
            raise self.error
        return super()._save(name, content)


class FailingInPlace(Failing):
    """Overwrites in place, as a folder may do."""

    overwrites = True


@pytest.mark.parametrize("kind", [Failing, FailingInPlace])
@pytest.mark.parametrize("there", [None, b"old" * 100, b"b" * 1000, b"b" * 2 * MIB])
def test_a_save_that_fails_leaves_what_was_there(
    kind: type[Failing], there: bytes | None, tmp_path: Path
) -> None:
    before = {"a.txt": there} if there else {}
    storage = kind(before)
    facts = MediaLoad(storage, replace=True, tmp_dir=str(tmp_path)).load(Pieces(ARCHIVE))
    assert left_out(facts) == ["a.txt: Connection reset by peer (os error 104)"]
    expected = {name: content for name, content in FILES.items() if name != "a.txt"}
    assert storage.objects == expected | before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", [Failing, FailingInPlace])
@pytest.mark.parametrize("there", [None, b"old" * 100])
def test_an_interruption_passes_and_leaves_what_was_there(
    kind: type[Failing], there: bytes | None, error: type[BaseException]
) -> None:
    before = {"a.txt": there} if there else {}
    storage = kind(before)
    storage.error = error()
    with pytest.raises(error):
        MediaLoad(storage, replace=True).load(Pieces(ARCHIVE))
    assert storage.objects == before


@pytest.mark.parametrize(
    ("method", "error", "expected"),
    [
        ("download", KeyboardInterrupt(), KeyboardInterrupt),
        ("get_available_name", KeyboardInterrupt(), KeyboardInterrupt),
        ("get_available_name", RuntimeError(), StorageError),
        ("delete", KeyboardInterrupt(), KeyboardInterrupt),
        ("delete", RuntimeError(), StorageError),
    ],
)
def test_what_fails_before_the_save_changes_nothing(
    method: str, error: BaseException, expected: type[BaseException]
) -> None:
    def fails(*_: Any) -> Any:
        raise error

    storage = ObjectStore({"a": b"old"})
    setattr(storage, method, fails)
    with pytest.raises(expected):
        MediaLoad(storage, replace=True).load(Pieces(archive_of(("a", b"newer"))))
    assert storage.objects == {"a": b"old"}


def test_objects_that_are_saved_as_a_whole_are_neither_copied_nor_deleted() -> None:
    class S3Storage(Overwriting):
        def download(self, name: str) -> Any:
            raise AssertionError(name)

        def delete(self, name: str) -> None:
            raise AssertionError(name)

        def _save(self, name: str, content: Any) -> str:
            content.read(10)
            if name == "fails":
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            return super()._save(name, content)

    S3Storage.__module__, S3Storage.__qualname__ = "storages.backends.s3", "S3Storage"
    storage = S3Storage({"a": b"old", "fails": b"old"})
    facts = MediaLoad(storage, replace=True).load(Pieces(archive_of(("a", b""), ("fails", b"newer"))))
    assert left_out(facts) == ["fails: Connection reset by peer (os error 104)"]
    assert storage.objects == {"a": b"", "fails": b"old"}


def test_a_storage_that_deletes_when_it_is_asked_for_a_name_loses_nothing(tmp_path: Path) -> None:
    class Replacing(FileSystemStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            self.delete(name)
            return name

        def _save(self, name: str, content: Any) -> str:
            if content.size == 5:
                raise OSError(errno.EIO, "Input/output error")
            return str(super()._save(name, content))  # type: ignore[misc]

    (tmp_path / "a").write_text("old")
    (tmp_path / "b").write_text("old")
    facts = MediaLoad(Replacing(location=tmp_path), replace=True).load(
        Pieces(archive_of(("a", b"fails"), ("b", b"works!")))
    )
    assert left_out(facts) == ["a: Input/output error (os error 5)"]
    assert changed(facts) == {"replaced": 1, "bytes": 6}
    assert texts(tmp_path) == {"a": "old", "b": "works!"}


def test_what_cannot_be_put_back_is_kept_in_a_file_and_said(tmp_path: Path) -> None:
    storage = Failing({"a.txt": b"old" * 100})
    storage.failures = 2
    with pytest.raises(StorageError, match=r"cannot put `a.txt` back into `.*Failing`") as caught:
        MediaLoad(storage, replace=True, tmp_dir=str(tmp_path)).load(Pieces(ARCHIVE))
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == b"old" * 100
    assert f"`{kept}`" in (caught.value.hint or "")


def test_what_would_come_back_under_another_name_is_kept_in_a_file(tmp_path: Path) -> None:
    class Renaming(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            return super()._save(name.upper(), content)

    storage = Renaming({"there": b"old"})
    with pytest.raises(StorageError, match=r"cannot put `there` back into .*: `THERE` is not its name"):
        MediaLoad(storage, replace=True, tmp_dir=str(tmp_path)).load(Pieces(archive_of(("there", b"new!"))))
    (kept,) = tmp_path.iterdir()
    assert kept.read_bytes() == b"old"
    assert storage.objects == {}


def test_the_storage_is_given_up_after_ten_files_in_a_row() -> None:
    storage = Failing()
    storage.failures = 10**6
    storage.error = RuntimeError("the password is canary")
    archive = archive_of(*((f"{number:04}", b"x") for number in range(1000)))
    with pytest.raises(StorageError) as caught:
        MediaLoad(storage).load(Pieces(archive))
    assert "10 files failed one after another; `0009`: the storage raised RuntimeError" in str(caught.value)
    assert "canary" not in caught.value.for_terminal()
    assert storage.failures == 10**6 - 10
    assert storage.objects == {}


def test_single_failures_are_left_out() -> None:
    class Sometimes(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            if not name.endswith("0"):
                raise RuntimeError
            return super()._save(name, content)

    storage = Sometimes()
    facts = MediaLoad(storage).load(Pieces(archive_of(*((f"{number:03}", b"x") for number in range(100)))))
    assert facts["left_out"]["count"] == 90
    assert len(storage.objects) == 10


def test_a_restore_of_nothing_is_no_success() -> None:
    storage = Failing()
    storage.failures = 100
    with pytest.raises(StorageError, match="nothing could be saved; the last reason: Connection reset"):
        MediaLoad(storage).load(Pieces(ARCHIVE))
    storage.error = PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(AccessDeniedError, match="no right to write there"):
        MediaLoad(storage).load(Pieces(ARCHIVE))


def test_a_full_storage_ends_it() -> None:
    storage = Failing()
    storage.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StorageError, match="No space left on device") as caught:
        MediaLoad(storage).load(Pieces(ARCHIVE))
    assert caught.value.kind == "no_space"


def test_a_hint_says_how_many_files_were_restored_before_a_failure() -> None:
    storage = ObjectStore()
    cut = ARCHIVE[: ARCHIVE.rindex(b"lamp")]
    with pytest.raises(CorruptBackupError) as caught:
        MediaLoad(storage).load(Pieces(cut))
    assert caught.value.hint == "1 file was restored before that, whole; run it again for the rest"


@pytest.mark.parametrize("size", [10, 1000, 3 * MIB])
@pytest.mark.parametrize("there", [None, "smaller", "as large"])
@pytest.mark.parametrize("error", [StorageError("of the backup"), ConnectionAbortedError("of the backup")])
def test_a_stream_that_breaks_is_told_as_it_is_and_no_half_file_stays(
    size: int, there: str | None, error: Exception
) -> None:
    def breaks(position: int) -> None:
        if position > 512:
            raise error

    before = {} if there is None else {"a": b"x" * (size if there == "as large" else 5)}
    storage = InPlace(before)
    stream = Pieces(archive_of(("a", b"a" * size)), piece=512 + size // 2, on_read=breaks)
    with pytest.raises(StorageError) as caught:
        MediaLoad(storage, replace=True).load(stream)
    # The engine's streams raise errors of ours; others are named by one.
    assert error in (caught.value, caught.value.__cause__)
    assert storage.objects == before


def test_a_damaged_archive_is_refused_by_the_rehearsal() -> None:
    whole = ARCHIVE[: len(ARCHIVE.rstrip(b"\0")) // 512 * 512 + 512 + 1024]
    for damaged in (b"", whole[:-1], whole[:-512], whole[:-1024], whole[:700], whole + b"x", b"junk" * 1000):
        storage = ObjectStore()
        with pytest.raises(CorruptBackupError):
            MediaLoad(storage).rehearse(Pieces(damaged))
        assert storage.objects == {}


@pytest.mark.parametrize("there", [{"a.txt": b"mine"}, {"deep/down/b": b"mine", "large": b"x" * MIB}])
def test_a_storage_that_denies_its_files_would_lose_them_and_is_refused(there: dict[str, bytes]) -> None:
    class Denying(Overwriting):
        def exists(self, name: str) -> bool:
            return False

    storage = Denying(there)
    with pytest.raises(RefusedError, match="says of files that are there that they are not") as caught:
        MediaLoad(storage).rehearse(Pieces(ARCHIVE))
    assert "--replace" in (caught.value.hint or "")
    facts = restored(storage, replace=True)
    assert storage.objects == there | FILES
    assert "does not say which files are there" in facts["notes"][0]
    assert left_out(restored(Denying())) == []


def test_a_storage_that_lists_nothing_is_restored_into() -> None:
    class Unlisted(ObjectStore):
        def listdir(self, path: str) -> tuple[list[str], list[str]]:
            raise NotImplementedError

    storage = Unlisted({"a.txt": b"mine"})
    assert changed(restored(storage)) == {"new": 3, "kept": 1, "folders": 1, "bytes": 6}


# Streaming


def test_content_streams_and_its_size_costs_nothing() -> None:
    seen: list[Any] = []

    class Asking(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            seen.extend((content.size, len(content), content.name, content.tell(), content.seek(0)))
            return super()._save(name, content)

    storage = Asking()
    restored(storage, archive_of(("a", b"a" * 3 * MIB)))
    assert seen == [3 * MIB, 3 * MIB, "a", 0, 0]
    assert storage.largest_chunk <= 256 * 1024


def test_a_storage_may_read_it_twice(tmp_path: Path) -> None:
    class Twice(ObjectStore):
        def _save(self, name: str, content: Any) -> str:
            content.seek(0, os.SEEK_END)
            content.seek(0)
            return super()._save(name, content)

    storage = Twice()
    restored(storage, tmp_dir=str(tmp_path))
    assert storage.objects == FILES
    assert list(tmp_path.iterdir()) == []


class Sink(ObjectStore):
    """Takes everything and keeps nothing."""

    def _save(self, name: str, content: Any) -> str:
        for _ in content.chunks():
            pass
        return name


def test_memory_does_not_grow_with_the_files() -> None:
    def peak(write: Callable[[tarfile.TarFile], None]) -> int:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            write(archive)
        load = MediaLoad(Sink())
        stream = Pieces(file.getvalue())
        tracemalloc.start()
        load.load(stream)
        seen = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return seen

    def large(archive: tarfile.TarFile) -> None:
        header = info("large")
        header.size = 64 * MIB
        archive.addfile(header, io.BytesIO(bytes(header.size)))

    def many(archive: tarfile.TarFile) -> None:
        for number in range(3000):
            archive.addfile(info(f"{number}"))

    assert peak(large) < 4 * MIB
    assert peak(many) < 4 * MIB


def test_content_names_what_broke_it() -> None:
    def fails(size: int) -> bytes:
        raise CorruptBackupError("cut")

    content = Content(fails, name="a", file_bytes=5, tmp_dir=None)
    with pytest.raises(CorruptBackupError):
        content.read()
    assert isinstance(content.failure, CorruptBackupError)
