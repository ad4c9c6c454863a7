"""The file object that connectors and storages get and give: a stream, with a file's manners."""

import io
import logging
import os
import subprocess
from pathlib import Path

import pytest

from dbbackup._file import StreamedFile

LINES = b"".join(b"line %d\n" % number for number in range(100_000))


class Source:
    """Gives bytes a few at a time, and knows whether it was closed."""

    def __init__(self, content: bytes, *, fails_after: int | None = None) -> None:
        self._content = io.BytesIO(content)
        self._fails_after = fails_after
        self.closed = 0

    def read(self, size: int, /) -> bytes:
        if self._fails_after is not None and self._content.tell() >= self._fails_after:
            message = "the line went dead"
            raise ConnectionError(message)
        return self._content.read(min(size, 7001))

    def close(self) -> None:
        self.closed += 1


def streamed(tmp_path: Path, content: bytes = LINES) -> StreamedFile:
    return StreamedFile(Source(content), name="x.dump", tmp_dir=str(tmp_path))


def test_it_streams_in_every_way_that_a_file_is_read(tmp_path: Path) -> None:
    assert streamed(tmp_path).read() == LINES
    assert b"".join(streamed(tmp_path)) == LINES
    assert streamed(tmp_path).readlines() == LINES.splitlines(keepends=True)
    assert b"".join(streamed(tmp_path).chunks(1000)) == LINES
    with streamed(tmp_path) as file:
        assert (file.readline(), file.tell()) == (b"line 0\n", 7)
        buffer = bytearray(7)
        assert (file.readinto(buffer), bytes(buffer), file.tell()) == (7, b"line 1\n", 14)
        assert file.read() == LINES[14:]
        assert (file.read(), file.read(10), file.tell()) == (b"", b"", len(LINES))
    assert list(tmp_path.iterdir()) == []


def test_parts_are_of_the_size_that_is_asked_for(tmp_path: Path) -> None:
    sizes = [len(part) for part in streamed(tmp_path).chunks(1000)]
    assert set(sizes[:-1]) == {1000}
    assert sum(sizes) == len(LINES)


def test_going_to_where_it_stands_is_free(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with streamed(tmp_path) as file:
        assert (file.seek(0), file.open() is file, file.seekable()) == (0, True, False)
        file.read(10)
        assert file.seek(10) == file.seek(0, os.SEEK_CUR) == 10
        assert file.read() == LINES[10:]
    assert caplog.records == []


@pytest.mark.parametrize("read_before", [0, 1, 300_000])
def test_the_size_copies_what_is_left_once_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, read_before: int
) -> None:
    caplog.set_level(logging.INFO, "dbbackup")
    with streamed(tmp_path) as file:
        file.read(read_before)
        assert file.size == len(file) == len(LINES)
        assert file.tell() == read_before
        assert file.read(5) == LINES[read_before:][:5]
        assert file.seek(-6, os.SEEK_END) == len(LINES) - 6
        assert file.read() == LINES[-6:]
        assert file.seek(read_before) == read_before
        assert file.read() == LINES[read_before:]
    assert len(caplog.records) == 1
    assert "x.dump" in caplog.records[0].getMessage()
    assert list(tmp_path.iterdir()) == []


def test_what_was_read_and_not_kept_is_gone(tmp_path: Path) -> None:
    with streamed(tmp_path) as file:
        file.read(10)
        with pytest.raises(io.UnsupportedOperation, match="cannot go back to byte 0"):
            file.seek(0)


def test_its_descriptor_is_a_pipe_for_a_child(tmp_path: Path) -> None:
    with streamed(tmp_path) as file:
        done = subprocess.run(["cat"], stdin=file, capture_output=True, check=True)
    assert done.stdout == LINES


def test_a_child_that_has_enough_is_no_error(tmp_path: Path) -> None:
    with streamed(tmp_path) as file:
        done = subprocess.run(["head", "-c", "5"], stdin=file, capture_output=True, check=True)
    assert done.stdout == LINES[:5]


def test_what_keeps_the_pipe_from_being_filled_is_raised_when_it_is_closed(tmp_path: Path) -> None:
    file = StreamedFile(Source(LINES, fails_after=100_000), tmp_dir=str(tmp_path))
    subprocess.run(["cat"], stdin=file, capture_output=True, check=True)
    with pytest.raises(ConnectionError, match="the line went dead"):
        file.close()


def test_a_source_that_fails_fails_the_read_and_leaves_no_copy(tmp_path: Path) -> None:
    file = StreamedFile(Source(LINES, fails_after=100_000), tmp_dir=str(tmp_path))
    with pytest.raises(ConnectionError):
        _ = file.size
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_closing_it_ends_what_makes_the_bytes(tmp_path: Path) -> None:
    source = Source(LINES)
    with StreamedFile(source, tmp_dir=str(tmp_path)) as file:
        file.read(10)
    assert (file.closed, source.closed) == (True, 1)
    file.close()
    assert source.closed == 1


def test_it_has_what_djangos_files_have(tmp_path: Path) -> None:
    with streamed(tmp_path) as file:
        assert (file.name, file.mode, file.file is file) == ("x.dump", "rb", True)
        file.name = "y.dump"
        assert (file.name, bool(file), file.multiple_chunks(), file.isatty()) == ("y.dump", True, True, False)
        assert file.DEFAULT_CHUNK_SIZE > 0
        assert file.native is not None
        file.read(1)
        assert file.native is None
    with streamed(tmp_path, b"") as empty:
        assert (bool(empty), empty.read(), empty.size) == (True, b"", 0)
