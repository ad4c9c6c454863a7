"""SQL text: cut into statements while it streams, and what a statement begins with."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from dbbackup._file import CHUNK_BYTES
from dbbackup.exceptions import CorruptBackupError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 1_000_000_000
"""Characters of the longest statement: what SQLite takes unless it was built otherwise."""


class Head(NamedTuple):
    """What a statement does, to what."""

    verb: str
    """In capitals: ``INSERT``, ``CREATE VIRTUAL TABLE``, ``DELETE``, ``PRAGMA``; of others the first word."""
    name: str = ""
    """The table, index, … or pragma, without quotation marks."""
    begin: int = 0
    """Where the name begins in the statement."""
    end: int = 0
    """Where it ends."""
    clause: str = ""
    """Of ``INSERT OR …``, in capitals; ``REPLACE INTO`` is one of them."""
    is_lenient: bool = False
    """Whether ``IF NOT EXISTS`` was there."""


def statements(dump: Any) -> Iterator[str]:
    """Give the statements of a binary file, each without its ``;`` and the white space around it.

    Quotations, comments and the bodies of triggers are understood as SQLite does. A comment before a
    statement belongs to it. Time is linear in the text; a part of it and the longest statement are held.

    Raises:
        CorruptBackupError: It is no text in UTF-8, holds a NUL, or ends inside a statement.

    """
    number = 1
    trigger: list[str] = []
    """Of a trigger: what stands before its last ``;``."""
    parts: list[str] = []
    """What came after the last ``;``, but for the part of the file that is looked at."""
    held = 0
    closing = rest = ""
    for chunk in _decoded(dump):
        text, place, begin = rest + chunk, 0, 0
        while True:
            if closing:
                end = text.find(closing, place)
                if end < 0:
                    # The last character may be half of what closes a comment.
                    place = max(place, len(text) - len(closing) + 1)
                    break
                place, closing = end + len(closing), ""
            place = _end_of_plain(text, place)
            stop = text[place : place + 2]
            if not stop or stop in ("-", "/"):
                break
            if stop[0] != ";":
                closing = _CLOSING[stop[0]]
                place += 2 if stop[0] in "-/" else 1
                continue
            segment = "".join((*parts, text[begin:place]))
            place += 1
            begin, held = place, 0
            parts.clear()
            if _is_trigger(segment) if not trigger else not _is_end(segment):
                trigger.append(segment)
                continue
            statement = ";".join((*trigger, segment))
            trigger.clear()
            if end_of_gap(statement) < len(statement):
                yield statement.strip(_SPACES)
                number += 1
        parts.append(text[begin:place])
        rest = text[place:]
        held += place - begin
        if held > LONGEST:
            message = f"statement {number} of the backup is longer than SQLite can take: it is no SQL text"
            raise CorruptBackupError(message)
    left = "".join((*parts, rest))
    if trigger or end_of_gap(left) < len(left):
        message = f"the backup ends in the middle of statement {number}: it was cut short, or is no SQL text"
        raise CorruptBackupError(message)


def head_of(statement: str) -> Head:
    """Return what `statement` does. One that names another schema than ``main`` has no name."""
    begin = end_of_gap(statement)
    for verb, pattern in _HEADS.items():
        if found := pattern.match(statement, begin):
            groups = found.groupdict()
            kind = groups.get("kind") or ""
            return Head(
                verb=" ".join((verb, *_WORD.findall(kind.upper()))),
                name=unquoted(found["name"]),
                begin=found.start("name"),
                end=found.end("name"),
                clause=(groups.get("clause") or groups.get("replace") or "").upper(),
                is_lenient=bool(groups.get("lenient")),
            )
    word = _WORD.match(statement, begin)
    return Head(word[0].upper() if word else "")


def end_of_gap(text: str, begin: int = 0) -> int:
    """Return where the white space and the comments end that begin at `begin`."""
    place = begin
    while True:
        place = _SPACE_RUN.match(text, place).end()  # type: ignore[union-attr]
        closing = {"--": "\n", "/*": "*/"}.get(text[place : place + 2])
        if closing is None:
            return place
        end = text.find(closing, place + 2)
        if end < 0:
            return len(text)
        place = end + len(closing)


def unquoted(name: str) -> str:
    """Return a name as it is, however it is quoted in SQL."""
    mark = name[0]
    if mark == "[":
        return name[1:-1]
    return name[1:-1].replace(mark * 2, mark) if mark in "\"'`" else name


def quoted(name: str) -> str:
    """Return a name as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


def fold(name: str) -> str:
    """Return what two names have in common that are one to SQLite: it ignores the case of ASCII letters."""
    return name.translate(_LOWER)


def essence(sql: str) -> str:
    """Return `sql` without white space and comments: what is the same then, says the same."""
    return _COLLAPSIBLE.sub(lambda found: found[1] or "", sql)


def one_line(sql: str) -> tuple[str, str]:
    """Return `sql` on one line, and a comment that says where its line breaks were.

    django-dbbackup reads line by line. Nothing is changed, and there is no comment, where there is no line
    break, or one inside a quotation or a comment.
    """
    places = ""
    for token in _LINE_TOKEN.finditer(sql):
        if token[0] == "\n":
            places += f" {token.start()}"
        elif "\n" in token[0] or token[0].startswith("--"):
            return sql, ""
    if not places:
        return sql, ""
    return sql.replace("\n", " "), f"-- line breaks of {len(sql)} characters:{places}\n"


def with_line_breaks(sql: str, comment: str) -> str:
    """Return `sql` as it was before `one_line`; `comment` is what stands before it."""
    found = _LINE_BREAKS.search(comment)
    if found is None or int(found[1]) != len(sql):
        return sql
    characters = list(sql)
    for place in map(int, found[2].split()):
        if place >= len(sql) or characters[place] != " ":
            return sql
        characters[place] = "\n"
    return "".join(characters)


def with_infinities(values: str) -> str:
    """Return the end of an ``INSERT`` with numbers for each ``Inf``, which ``quote()`` of SQLite writes."""
    return _INFINITY.sub(lambda found: "9e999" if found[0] == "Inf" else found[0], values)


def _end_of_plain(text: str, begin: int) -> int:
    found = _PLAIN.match(text, begin)
    return found.end() if found else begin


def _is_trigger(segment: str) -> bool:
    return _TRIGGER.match(segment, end_of_gap(segment)) is not None


def _is_end(segment: str) -> bool:
    begin = end_of_gap(segment)
    return segment[begin : begin + 3].upper() == "END" and end_of_gap(segment, begin + 3) == len(segment)


def _decoded(dump: Any) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    done = 0
    while True:
        chunk = dump.read(CHUNK_BYTES)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            message = f"the backup is no SQL text: it is not UTF-8 after byte {done}"
            raise CorruptBackupError(message) from error
        if "\0" in text:
            message = f"the backup is no SQL text: there is a NUL after byte {done}"
            raise CorruptBackupError(message)
        yield text
        if not chunk:
            return
        done += len(chunk)


_SPACES = " \t\n\f\r"
_SPACE_RUN = re.compile(f"[{_SPACES}]*")
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

# Text up to a `;` in one go. It stops at what is looked at by hand: comments, a quotation that does not end
# in this part of the text, and the two quotations that dumps hardly have.
_PLAIN = re.compile(r"""[^;'"`\[/-]*(?:(?:'[^']*'|"[^"]*"|-(?=[^-])|/(?=[^*]))[^;'"`\[/-]*)*""")
_CLOSING = {"'": "'", '"': '"', "`": "`", "[": "]", "-": "\n", "/": "*/"}

# Comments are written so that they match in one way only: nothing is tried twice.
_COMMENT = r"/\*[^*]*(?:\*(?!/)[^*]*)*\*/"
_GAP = rf"(?:[{_SPACES}]|--[^\n]*\n|{_COMMENT})*"
_LETTER = r"A-Za-z_\x80-\U0010ffff"
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]"""
_BARE = rf"[{_LETTER}][$0-9{_LETTER}]*(?![$0-9{_LETTER}])"
_NAME = rf"""(?:main{_GAP}\.{_GAP})?(?P<name>(?:{_QUOTED})(?!["'`])|{_BARE})(?!{_GAP}\.)"""
_HEADS = {
    verb: re.compile(pattern, re.IGNORECASE)
    for verb, pattern in {
        "INSERT": (
            rf"(?:(?P<replace>REPLACE)|INSERT(?:{_GAP}\bOR\b{_GAP}(?P<clause>[A-Z]+))?){_GAP}"
            rf"\bINTO\b{_GAP}{_NAME}"
        ),
        "CREATE": (
            rf"CREATE\b{_GAP}(?P<kind>TABLE|(?:UNIQUE\b{_GAP})?INDEX|VIEW|TRIGGER|VIRTUAL\b{_GAP}TABLE)\b{_GAP}"
            rf"(?P<lenient>IF\b{_GAP}NOT\b{_GAP}EXISTS\b{_GAP})?{_NAME}"
        ),
        "DELETE": rf"DELETE\b{_GAP}FROM\b{_GAP}{_NAME}",
        "PRAGMA": rf"PRAGMA\b{_GAP}{_NAME}",
    }.items()
}
_WORD = re.compile(r"[A-Z]+", re.IGNORECASE)
_TRIGGER = re.compile(rf"CREATE\b{_GAP}(?:TEMP(?:ORARY)?\b{_GAP})?TRIGGER\b", re.IGNORECASE)

_COLLAPSIBLE = re.compile(rf"""('[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\])|--[^\n]*|{_COMMENT}|[{_SPACES}]+""")
_LINE_TOKEN = re.compile(rf"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|{_COMMENT}|\n""")
_LINE_BREAKS = re.compile(r"-- line breaks of (\d+) characters:((?: \d+)+)\n")
_INFINITY = re.compile(r"'[^']*'|\bInf\b")
