"""Option files of MySQL's programs, as far as Django's documentation puts a database's name into one.

Source: https://dev.mysql.com/doc/refman/8.4/en/option-files.html.
"""

from __future__ import annotations

import re
from pathlib import Path

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "s": " ", '"': '"', "'": "'", "\\": "\\"}


def client_options(path: str) -> dict[str, str]:
    """Return what a file says in its group ``[client]``, by long name; nothing if it cannot be read.

    Files that it includes are not looked into.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return {}
    found: dict[str, str] = {}
    is_client = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            is_client = line[1:].partition("]")[0].strip() == "client"
        elif is_client and line and line[0] not in "#;!":
            key, sign, value = line.partition("=")
            key = key.strip().replace("_", "-")
            if sign:
                found[key] = _unquoted(value.strip())
            else:
                bare = re.sub("^(skip|disable)-", "", key)
                found[bare] = str(int(bare == key))
    return found


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in ("'", '"') and len(value) > 1 and value.endswith(quote):
        value = value[1:-1]
    else:
        value = value.partition(" #")[0].rstrip()
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[0]), value)
