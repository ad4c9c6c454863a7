"""A JSON array is read object by object, whatever the pieces, and damage is refused."""

import io
import json
import time
import tracemalloc
from typing import Any

import pytest

from dbbackup.db._json_array import JsonArray
from dbbackup.exceptions import CorruptBackupError

OBJECTS: list[dict[str, Any]] = [
    {"model": "a.b", "pk": 1, "fields": {"text": 'quotes " \\ and ]}, [{', "none": None}},
    {},
    {"deep": [[{"": [1, -2.5e-7, 10**30]}], []], "true": True, "false": False},
    {"äöü": "日本 \U0001f600", "escaped": "\ud800 \x00\n\t"},
    {"not": [float("inf"), -float("inf")]},
]

TEXTS = {
    "compact": json.dumps(OBJECTS, separators=(",", ":")),
    "dumpdata": json.dumps(OBJECTS),
    "indented": json.dumps(OBJECTS, indent=4),
    "spread out": "\r\n\t [ \n" + "  ,\r\n\r\n ".join(json.dumps(one) for one in OBJECTS) + "\n ] \n\n",
    "not in ascii": json.dumps(OBJECTS, ensure_ascii=False).replace("\ud800", "\\ud800"),
}


class Drip(io.RawIOBase):
    """Gives at most `size` bytes for one read."""

    def __init__(self, content: bytes, size: int) -> None:
        self.content = io.BytesIO(content)
        self.size = size

    @property
    def rest(self) -> bytes:
        return self.content.getvalue()[self.content.tell() :]

    def read(self, size: int = -1, /) -> bytes:
        return self.content.read(min(self.size, size) if size >= 0 else self.size)


def objects(content: bytes, size: int = 1 << 30) -> list[dict[str, Any]]:
    return list(JsonArray(Drip(content, size)))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_the_objects_are_the_same_whatever_the_pieces(
    text: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else the first read brings everything, and no object is ever cut.
    monkeypatch.setattr("dbbackup.db._json_array.READ_BYTES", size)
    assert objects(text.encode(), size) == OBJECTS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_what_windows_writes_is_read(encoding: str) -> None:
    content = TEXTS["not in ascii"].encode(encoding)
    assert objects(content, 3) == OBJECTS


@pytest.mark.parametrize("text", ["[]", " [ ] ", "\ufeff[\n]\n"])
def test_an_array_may_have_no_objects(text: str) -> None:
    assert objects(text.encode()) == []


def test_the_file_is_read_to_its_end() -> None:
    file = Drip(b"[{}] " + b" " * 1_000_000, 1000)
    assert list(JsonArray(file)) == [{}]
    assert file.rest == b""


@pytest.mark.parametrize("text", [TEXTS["compact"], TEXTS["indented"]], ids=["compact", "indented"])
def test_every_cut_is_refused(text: str) -> None:
    content = text.encode()
    for end in range(len(content)):
        with pytest.raises(CorruptBackupError, match=r"it (is empty|ends)|its closing bracket is missing"):
            objects(content[:end], 10)


def test_what_came_before_a_cut_was_given() -> None:
    array = iter(JsonArray(Drip(TEXTS["compact"].encode()[:-5], 10)))
    assert [next(array) for _ in range(4)] == OBJECTS[:4]
    with pytest.raises(CorruptBackupError, match="it ends inside object 5"):
        next(array)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (b" \n ", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"{}", "it begins with something else"),
        (b"Loading settings\n[{}]", "it begins with something else"),
        (b"SQLite format 3\x00", "it begins with something else"),
        (b"[{}] x", "something follows its closing bracket"),
        (b"[{}][{}]", "something follows its closing bracket"),
        (b"[{}]\x00", "something follows its closing bracket"),
        (b"[{},]", "something else stands in the place of object 2"),
        (b"[,{}]", "something else stands in the place of object 1"),
        (b"[{},,{}]", "something else stands in the place of object 2"),
        (b"[1]", "something else stands in the place of object 1"),
        (b"[{}, null]", "something else stands in the place of object 2"),
        (b'[{}, "{}"]', "something else stands in the place of object 2"),
        (b"[[]]", "something else stands in the place of object 1"),
        (b"[{} {}]", "its closing bracket is missing"),
        (b'[{"a" 1, "b": "long enough to tell"}]', "Expecting ':' delimiter in object 1"),
        (b'[{"a": \n01, "b": "long enough to tell"}]', "Expecting ',' delimiter in object 1"),
        (b'[{"a": "line\nbreak", "b": "long enough"}]', "Invalid control character at in object 1"),
        (b'[{}, {"a": "\xff"}]', "bytes that are no utf-8 text after object 0"),
        (b'[{"a": "\xc3', "bytes that are no utf-8 text after object 0"),
        (b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "recursion"),
        (b'[{"a": ' + b"9" * 5000 + b"}]", "digits"),
    ],
)
def test_damage_is_refused(content: bytes, what: str) -> None:
    with pytest.raises(CorruptBackupError, match="the backup is damaged or no JSON array") as caught:
        objects(content, 16)
    assert what in str(caught.value)


def test_what_is_malformed_is_seen_before_the_rest_is_read() -> None:
    file = Drip(b'[{"a" 1}, ' + b" " * 10_000_000, 1 << 20)
    with pytest.raises(CorruptBackupError, match="delimiter"):
        list(JsonArray(file))
    assert len(file.rest) > 9_000_000


def test_a_failing_file_fails_as_it_does() -> None:
    class Failing(Drip):
        def read(self, size: int = -1, /) -> bytes:
            if not self.rest:
                message = "the network is gone"
                raise OSError(message)
            return super().read(size)

    with pytest.raises(OSError, match="the network is gone"):
        list(JsonArray(Failing(b"[{}, {}", 3)))


def test_a_large_object_takes_time_in_proportion_to_its_length() -> None:
    def seconds(megabytes: int) -> float:
        text = json.dumps([{"a": "x" * 1_000_000 * megabytes, "b": list(range(100_000 * megabytes))}])
        began = time.process_time()
        assert len(objects(text.encode(), 64 * 1024)) == 1
        return time.process_time() - began

    few = seconds(4)
    # Ten times as long: in proportion 10, by the square 100.
    assert seconds(40) < 40 * max(few, 0.02)


def test_memory_does_not_grow_with_the_number_of_objects() -> None:
    def peak(count: int) -> int:
        one = json.dumps({"model": "a.b", "fields": {"text": "x" * 1000}}).encode() + b",\n"
        pieces = iter([b"[", *[one * 200] * (count // 200), b"{}]"])

        class File:
            def read(self, _size: int) -> bytes:
                return next(pieces, b"")

        tracemalloc.start()
        try:
            assert sum(1 for _ in JsonArray(File())) == count + 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(40_000) < peak(4_000) + 1_000_000
