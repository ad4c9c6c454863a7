"""A tar stream into members: pax, GNU, ustar and V7, sparse files of every kind, an end that is proven."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from dbbackup._tar_format import (
    BLOCK_BYTES,
    Header,
    damaged,
    decimal,
    pax_records,
    require_possible,
    sparse_pieces,
)
from dbbackup._tar_sparse import Map, SparseRecords, pieces_before_content, require_few
from dbbackup.exceptions import CorruptBackupError, UnsupportedError


class Input(Protocol):
    """Where an archive comes from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, at least one before the end."""


class Kind(Enum):
    """What a member is."""

    FILE = auto()
    FOLDER = auto()
    LINK = auto()
    """A symbolic or a hard link."""
    DEVICE = auto()
    """A device or a named pipe."""
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Member:
    """What stands before a member's content."""

    path: str
    """As it stands there; bytes that are not UTF-8 as lone surrogates."""
    kind: Kind
    file_bytes: int
    """Length of a file; 0 for everything else."""
    flag: str
    """The letter of its type, for one that is unknown."""


class Archive:
    """The members of a tar stream, in their order.

    Holds one chunk of the stream, one header with its extensions (1 MiB at most) and one map of a sparse
    file.

    Args:
        file: Gives the archive from its first byte.

    """

    def __init__(self, file: Input) -> None:
        self._stream = _Stream(file)
        self._left = 0
        """Stored bytes of the newest member that were not read yet, with the zeros after them."""
        self._map = Map([], 0)
        self._is_fresh = True

    def next(self) -> Member | None:
        """Go on to the next member, past what was not read of the last; ``None`` at the proven end.

        Raises:
            CorruptBackupError: It is damaged, cut short, goes on after its end, or is no archive.
            UnsupportedError: It is one of several volumes, or a file in it is too sparse.

        """
        self._stream.skip(self._left)
        self._left = 0
        records = b""
        long_name: bytes | None = None
        while True:
            block = self._stream.read(BLOCK_BYTES)
            if not any(block):
                self._prove_end()
                return None
            header = self._header(block)
            if header.flag in _PAX_FLAGS:
                records = self._extension(header)
            elif header.flag == tarfile.XGLTYPE:
                # Owners and times of all members, of which a storage takes none.
                pax_records(self._extension(header))
            elif header.flag == tarfile.GNUTYPE_LONGNAME:
                long_name = self._extension(header)
            elif header.flag == tarfile.GNUTYPE_LONGLINK:
                self._extension(header)
            elif header.flag == _VOLUME_NAME:
                self._stream.skip(_padded(header.stored_bytes))
            elif header.flag == _CONTINUED:
                message = "cannot read the archive: it is one of several volumes"
                raise UnsupportedError(message, stage="archive")
            else:
                return self._member(header, long_name, records)

    def read(self, size: int) -> bytes:
        """Read on in the newest member, at most `size` bytes, at least one before its end; holes are zeros.

        Raises:
            CorruptBackupError: It was cut short.

        """
        hole, stored = self._map.ahead()
        if hole:
            part = bytes(min(size, hole))
        else:
            part = self._stream.read(min(size, stored))
            self._left -= len(part)
        self._map.advance(len(part))
        return part

    def _header(self, block: bytes) -> Header:
        try:
            header = Header.read(block)
        except CorruptBackupError:
            if not self._is_fresh:
                raise
            message = "cannot use the backup: it is no tar archive, or its first header is damaged"
            hint = "nothing was changed; check which backup you meant"
            raise CorruptBackupError(message, stage="archive", hint=hint) from None
        self._is_fresh = False
        return header

    def _extension(self, header: Header) -> bytes:
        """Read what stands behind a header that describes the next one."""
        if header.stored_bytes > _EXTENSION_BYTES:
            damaged("a name or a pax header is larger than 1 MiB")
        return self._stream.read(_padded(header.stored_bytes))[: header.stored_bytes]

    def _member(self, header: Header, long_name: bytes | None, records: bytes) -> Member:
        path, stored_bytes = header.path, header.stored_bytes
        if long_name is not None:
            path = long_name.partition(b"\0")[0]
        sparse_path = b""
        sparse = SparseRecords()
        for key, value in pax_records(records):
            if not value:
                continue
            if key == b"path":
                path = value
            elif key == b"GNU.sparse.name":
                sparse_path = value
            elif key == b"size":
                # More than the header says: a reader that believed the other would lose its place.
                stored_bytes = 0 if header.flag == tarfile.LNKTYPE else decimal(value)
                require_possible(stored_bytes)
            else:
                sparse.take(key, value)
        path = sparse_path or path
        kind = _kind(header.flag, path)
        self._left = _padded(stored_bytes)
        self._map = self._read_map(header, sparse, stored_bytes) if kind is Kind.FILE else Map([], 0)
        text = path.decode("utf-8", "surrogateescape")
        return Member(text, kind, self._map.file_bytes, header.flag.decode("latin-1"))

    def _read_map(self, header: Header, sparse: SparseRecords, stored_bytes: int) -> Map:
        """Return which pieces of a file are stored, after reading what stands of that before its content."""
        if header.sparse_bytes is not None:
            pieces, goes_on = header.sparse_pieces, header.goes_on
            while goes_on:
                more = self._stream.read(BLOCK_BYTES)
                pieces += sparse_pieces(more[:504])
                require_few(len(pieces))
                goes_on = more[504] == 1
            return Map.of(pieces, header.sparse_bytes, stored_bytes)
        if sparse.file_bytes is None:
            return Map.of([(0, stored_bytes)], stored_bytes, stored_bytes)
        if not sparse.is_before_content:
            return Map.of(sparse.pieces(), sparse.file_bytes, stored_bytes)
        end = self._left - stored_bytes

        def block() -> bytes:
            if self._left - end < BLOCK_BYTES:
                damaged("the map of a sparse file has no end")
            self._left -= BLOCK_BYTES
            return self._stream.read(BLOCK_BYTES)

        pieces, map_bytes = pieces_before_content(block)
        return Map.of(pieces, sparse.file_bytes, stored_bytes - map_bytes)

    def _prove_end(self) -> None:
        is_zero = not any(self._stream.read(BLOCK_BYTES))
        while rest := self._stream.chunk():
            # Comparing is faster than looking at each byte.
            is_zero = is_zero and rest == bytes(len(rest))
        if not is_zero:
            damaged("it goes on after its end")


class _Stream:
    """The bytes of an archive, read in chunks and taken in any portion."""

    def __init__(self, file: Input) -> None:
        self._file = file
        self._rest = memoryview(b"")

    def chunk(self) -> memoryview:
        """Take what is there, or the next chunk; nothing at the end."""
        rest = self._rest or memoryview(self._file.read(_CHUNK_BYTES))
        self._rest = memoryview(b"")
        return rest

    def read(self, size: int) -> bytes:
        """Take exactly `size` bytes; an end before that is a cut."""
        parts = []
        while size:
            chunk = self.chunk()
            if not chunk:
                damaged("it was cut short")
            parts.append(chunk[:size])
            self._rest = chunk[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        while size:
            size -= len(self.read(min(size, _CHUNK_BYTES)))


def _kind(flag: bytes, path: bytes) -> Kind:
    if flag in tarfile.REGULAR_TYPES:
        # In V7's format, which knows no folders, a slash makes one.
        is_folder = flag in (tarfile.REGTYPE, tarfile.AREGTYPE) and path.endswith(b"/")
        return Kind.FOLDER if is_folder else Kind.FILE
    if flag in (tarfile.DIRTYPE, _LISTED_FOLDER):
        return Kind.FOLDER
    if flag in (tarfile.LNKTYPE, tarfile.SYMTYPE):
        return Kind.LINK
    return Kind.DEVICE if flag in _DEVICES else Kind.UNKNOWN


def _padded(size: int) -> int:
    return size + -size % BLOCK_BYTES


_CHUNK_BYTES = 256 * 1024

_EXTENSION_BYTES = 1024 * 1024
"""Bytes of a pax header or a GNU long name that are taken at most. Maps of sparse files are the largest."""

_PAX_FLAGS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_VOLUME_NAME, _CONTINUED, _LISTED_FOLDER = b"V", b"M", b"D"
_DEVICES = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
