"""What is left out of a media backup: patterns as in a ``.gitignore``, as the engine understands them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbbackup.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exclude:
    """Patterns of files and folders to leave out.

    The syntax is gitignore's: the last that matches decides, ``!`` takes back, a slash at the end means
    folders, one before means from the top. As in the engine there are also alternatives, ``*.{tmp,bak}``, and
    ``?`` and classes mean bytes of UTF-8.

    Raises:
        ConfigurationError: A pattern cannot be understood.

    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        rules = [_rule(pattern) for pattern in self.patterns]
        self._rules = [rule for rule in reversed(rules) if rule]

    def holds(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path is left out. The folders above it were asked about before."""
        name = path.encode("utf-8", "surrogateescape")
        for rule in self._rules:
            if (is_folder or not rule.means_folders) and rule.matches.fullmatch(name):
                return not rule.takes_back
        return False


@dataclass(frozen=True, slots=True)
class _Rule:
    matches: re.Pattern[bytes]
    means_folders: bool
    takes_back: bool


def _rule(pattern: str) -> _Rule | None:
    """Read a line; ``None`` for a comment or an empty one."""
    line = pattern if pattern.endswith("\\ ") else pattern.rstrip()
    if not line or line.startswith("#"):
        return None
    takes_back = is_anchored = False
    if line.startswith(("\\!", "\\#")):
        line = line[1:]
    else:
        takes_back = line.startswith("!")
        line = line.removeprefix("!")
        is_anchored = line.startswith("/")
        line = line.removeprefix("/")
    means_folders = line.endswith("/")
    if means_folders:
        line = line[:-1].removesuffix("\\")
    # What has no slash may stand in any folder.
    if not is_anchored and "/" not in line and line != "**":
        line = f"**/{line}"
    # What is in the folder, and not the folder itself.
    if line.endswith("/**"):
        line += "/*"
    try:
        matches = re.compile(_Glob(line).regex(), re.DOTALL)
    except (ValueError, re.error) as error:
        message = f"cannot use the pattern `{pattern}`: {error}"
        raise ConfigurationError(
            message,
            stage="source",
            subject=pattern,
            hint="patterns are those of a .gitignore: `*.tmp`, `cache/`, `/private`, `!keep.tmp`",
        ) from error
    return _Rule(matches, means_folders, takes_back)


class _Glob:
    """One pattern on its way to a regular expression over the bytes of a path."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._may_have_class = True

    def regex(self) -> bytes:
        """Return the expression, which has to match the whole path.

        Raises:
            ValueError: The pattern means nothing.

        """
        parts = self._sequence(in_braces=False)
        return b".*" if parts == [_ANY_FOLDER] else b"".join(parts)

    def _sequence(self, *, in_braces: bool) -> list[bytes]:
        """Translate up to the end, or to the brace or comma that ends an alternative."""
        parts: list[bytes] = []
        while letter := self._peek():
            if in_braces and letter in ",}":
                return parts
            self._at += 1
            if letter == "?":
                parts.append(b"[^/]")
            elif letter == "*":
                self._star(parts, in_braces=in_braces)
            elif letter == "[" and self._may_have_class:
                parts.append(self._class())
            elif letter == "{":
                parts.append(self._alternatives())
            elif letter == "}":
                raise ValueError("a brace is closed that was not opened")
            elif letter == "\\":
                if not self._peek():
                    raise ValueError("it ends in a backslash")
                parts.append(_escaped(self._peek()))
                self._at += 1
            else:
                parts.append(_escaped(letter))
        if in_braces:
            raise ValueError("a brace is not closed")
        return parts

    def _star(self, parts: list[bytes], *, in_braces: bool) -> None:
        """Translate ``*``, and ``**`` where it stands for folders: between slashes, or at an end."""
        before = self._text[self._at - 2] if self._at > 1 else ""
        if self._peek() != "*":
            parts.append(_ANY_LETTERS)
            return
        self._at += 1
        after = self._peek()
        if not parts:
            if after in ("", "/"):
                self._at += len(after)
                parts.append(_ANY_FOLDER)
            else:
                parts.append(_ANY_LETTERS)
        elif before != "/" or (after not in ("", "/") and not (in_braces and after in ",}")):
            parts.append(_ANY_LETTERS)
        else:
            self._at += after == "/"
            if parts[-1] != _ANY_FOLDER:
                parts[-1] = _FOLDERS_BETWEEN if after == "/" else _ALL_BELOW

    def _class(self) -> bytes:
        """Translate ``[…]``; a bracket that nothing closes is one, and so are all after it."""
        start = self._at
        is_negated = self._peek() in ("!", "^")
        self._at += is_negated
        ranges: list[list[str]] = []
        is_range = False
        while letter := self._peek():
            self._at += 1
            if letter == "]" and ranges:
                break
            if is_range:
                ranges[-1][1] = letter
                if letter < ranges[-1][0]:
                    message = f"nothing is in the range {ranges[-1][0]}-{letter}"
                    raise ValueError(message)
                is_range = False
            elif letter == "-" and ranges:
                is_range = True
            else:
                ranges.append([letter, letter])
        else:
            self._at = start
            self._may_have_class = False
            return _escaped("[")
        if is_range:
            ranges.append(["-", "-"])
        inside = b"".join(
            _escaped(first) if first == last else b"-".join((_escaped(first), _escaped(last)))
            for first, last in ranges
        )
        return b"[%s%s]" % (b"^" if is_negated else b"", inside)

    def _alternatives(self) -> bytes:
        choices = []
        closer = ","
        while closer == ",":
            choices.append(b"".join(self._sequence(in_braces=True)))
            closer = self._peek()
            self._at += 1
        # An empty choice is none, as in the engine.
        choices = [choice for choice in choices if choice]
        return b"(?:%s)" % b"|".join(choices) if choices else b""

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]


def _escaped(letter: str) -> bytes:
    return re.escape(letter.encode("utf-8", "surrogateescape"))


_ANY_LETTERS = b"[^/]*"
_ANY_FOLDER = b"(?:.*/)?"
_FOLDERS_BETWEEN = b"/(?:.*/)?"
_ALL_BELOW = b"/.*"
