"""SQL text becomes the statements that SQLite itself would see, wherever the file is cut into reads."""

import io
import itertools
import random
import sqlite3
from contextlib import suppress

import pytest

from dbbackup.db._statements import (
    Head,
    end_of_gap,
    essence,
    fold,
    head_of,
    one_line,
    quoted,
    statements,
    unquoted,
    with_infinities,
    with_line_breaks,
)
from dbbackup.exceptions import CorruptBackupError

MIB = 1024 * 1024

TRIGGER = """create /*;*/ trigger x after insert on t begin
  insert into t values (';end;'); -- end;
  select case when 1 then 2 end;
  select "end;", [;], `;` /* end; */;
END -- ;
"""

TEXTS = {
    "": [],
    " \n\t\f\r": [],
    ";;\n;": [],
    "-- nothing; at all": [],
    "/* nothing; at all": [],
    "/* nothing */;-- at all\n;": [],
    "A;B;": ["A", "B"],
    " A ;\n B\n;": ["A", "B"],
    "A '; '' ;';B;": ["A '; '' ;'", "B"],
    'A "; "" ;";B;': ['A "; "" ;"', "B"],
    "A `; `` ;`;B;": ["A `; `` ;`", "B"],
    "A [; [;];B;": ["A [; [;]", "B"],
    "A '\"' ; B \"'\" ;": ["A '\"'", 'B "\'"'],
    "A --;'\n;B;": ["A --;'", "B"],
    "A /*;'*/;B;": ["A /*;'*/", "B"],
    "A /*/;*/;B;": ["A /*/;*/", "B"],
    "A /***;**/;B;": ["A /***;**/", "B"],
    "A - - 1 / 2-1/ 2;B;": ["A - - 1 / 2-1/ 2", "B"],
    "A '--' '/*';B;": ["A '--' '/*'", "B"],
    "-- of A; this\nA;B;-- end": ["-- of A; this\nA", "B"],
    "A 'two\nlines\r\n);\n';B;": ["A 'two\nlines\r\n);\n'", "B"],
    "A 'üñ🦉';B;": ["A 'üñ🦉'", "B"],
    "\ufeffA;": ["A"],
    "CREATE TABLE trigger (a);B;": ["CREATE TABLE trigger (a)", "B"],
    f"A;{TRIGGER};B;": ["A", TRIGGER.strip(), "B"],
    "CREATE TEMP TRIGGER x BEGIN SELECT 1; END;B;": ["CREATE TEMP TRIGGER x BEGIN SELECT 1; END", "B"],
    "CREATE TRIGGER x BEGIN SELECT 1; ; END ; END;B;": ["CREATE TRIGGER x BEGIN SELECT 1; ; END", "END", "B"],
}


class Reads(io.BytesIO):
    """A file whose reads end where it says."""

    def __init__(self, content: bytes, *sizes: int) -> None:
        super().__init__(content)
        self.sizes = itertools.chain(sizes, itertools.repeat(-1))

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(next(self.sizes))


def split(text: str | bytes) -> list[str]:
    return list(statements(io.BytesIO(text.encode() if isinstance(text, str) else text)))


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_its_statements(text: str) -> None:
    assert split(text) == TEXTS[text]


@pytest.mark.parametrize("text", TEXTS)
def test_a_statement_is_one_to_sqlite_too(text: str) -> None:
    for statement in TEXTS[text]:
        assert sqlite3.complete_statement(statement + "\n;")


def test_no_place_where_a_read_ends_makes_a_difference() -> None:
    content = "\n".join([*TEXTS, ";"]).encode()
    expected = split(content)
    assert len(expected) > 40
    for place in range(1, len(content)):
        assert list(statements(Reads(content, place))) == expected, place
    for size in range(1, 9):
        assert list(statements(Reads(content, *[size] * len(content)))) == expected, size


def test_any_text_is_split_alike_by_any_reads() -> None:
    chance = random.Random(2026)
    parts = [
        "'",
        '"',
        "`",
        "[",
        "]",
        ";",
        "-",
        "--",
        "/",
        "/*",
        "*/",
        "\n",
        " ",
        "a",
        "CREATE TRIGGER t ",
        "END",
        "ü🦉",
    ]
    for _ in range(3000):
        content = "".join(chance.choices(parts, k=chance.randint(1, 30))).encode()
        sizes = [chance.randint(1, 7) for _ in content]
        results = []
        for file in (io.BytesIO(content), Reads(content, *sizes)):
            found: list[str] = []
            try:
                found += statements(file)
            except CorruptBackupError as error:
                found.append(str(error))
            results.append(found)
        assert results[0] == results[1], (content, sizes)


def test_any_text_is_split_as_sqlite_splits_it() -> None:
    chance = random.Random(2026)
    parts = [
        "'",
        '"',
        "`",
        "[",
        "]",
        ";",
        "--",
        "/*",
        "*/",
        "\n",
        " ",
        "a",
        "CREATE",
        " TRIGGER",
        "END",
        ";END;",
    ]
    for _ in range(5000):
        text = "".join(chance.choices(parts, k=chance.randint(1, 25)))
        expected, begin = [], 0
        for place, character in enumerate(text):
            if character == ";" and sqlite3.complete_statement(text[begin : place + 1]):
                expected.append(text[begin:place].strip())
                begin = place + 1
        found: list[str] = []
        with suppress(CorruptBackupError):
            found += statements(io.BytesIO(text.encode()))
        assert found == [each for each in expected if end_of_gap(each) < len(each)], text


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "A;B",
        "A 'x",
        'A "x;',
        "A [x;",
        "A `x;",
        "A;'",
        "A -- x",
        "A /* x",
        "A-",
        "CREATE TRIGGER x BEGIN SELECT 1;",
    ],
)
def test_a_text_that_ends_inside_a_statement_is_cut_short(text: str) -> None:
    number = 2 if text.startswith("A;") else 1
    with pytest.raises(
        CorruptBackupError, match=f"ends in the middle of statement {number}: it was cut short"
    ):
        split(text)


def test_bytes_that_are_no_text_are_corrupt() -> None:
    with pytest.raises(CorruptBackupError, match="not UTF-8"):
        split(b"A;B '\xff';")
    with pytest.raises(CorruptBackupError, match="not UTF-8"):
        split("A;ü".encode()[:-1])
    with pytest.raises(CorruptBackupError, match="NUL"):
        split(b"SQLite format 3\0;")


def test_what_is_before_the_damage_comes_first() -> None:
    found = statements(Reads(b"A;B;\xff", 4))
    assert [next(found), next(found)] == ["A", "B"]
    with pytest.raises(CorruptBackupError):
        next(found)


@pytest.mark.parametrize(
    "content",
    [
        b"INSERT INTO t VALUES(X'" + b"ab" * 25 * MIB + b"');",
        b"INSERT INTO t VALUES(" + b"'''', " * 2 * MIB + b"'');",
        b"INSERT INTO t VALUES(" + b"-1, " * MIB + b"1);",
        b"SELECT 1" + b" /* ** */" * 200_000 + b";",
        b"-- \n" * 300_000 + b"A;",
        b"A" + b" " * 20 * MIB + b";",
        b"CREATE TRIGGER t BEGIN " + b"SELECT 1; " * 300_000 + b"END;",
    ],
    ids=["blob", "quotes", "minus", "comments", "lines", "spaces", "trigger"],
)
def test_long_statements_take_time_in_proportion(content: bytes) -> None:
    assert len(split(content)) == 1  # within the timeout of all tests


@pytest.mark.parametrize(
    ("statement", "head"),
    [
        ("INSERT INTO t VALUES(1)", Head("INSERT", "t", 12, 13)),
        ('insert or ignore into "a ""b"" c"(x) values(1)', Head("INSERT", 'a "b" c', 22, 33, "IGNORE")),
        ("REPLACE INTO [t;] SELECT 1", Head("INSERT", "t;", 13, 17, "REPLACE")),
        ('INSERT INTO"t"VALUES(1)', Head("INSERT", "t", 11, 14)),
        ("INSERT INTO main . t VALUES(1)", Head("INSERT", "t", 19, 20)),
        ("INSERT INTO other.t VALUES(1)", Head("INSERT")),
        ('INSERT INTO "ma""in".t VALUES(1)', Head("INSERT")),
        ("/* x */ CREATE -- y\n TABLE 'größe'(a)", Head("CREATE TABLE", "größe", 27, 34)),
        ("create unique index if not exists i on t(a)", Head("CREATE UNIQUE INDEX", "i", 34, 35, "", True)),
        ("CREATE VIRTUAL TABLE `v` USING x", Head("CREATE VIRTUAL TABLE", "v", 21, 24)),
        ("CREATE TABLE IF (a)", Head("CREATE TABLE", "IF", 13, 15)),
        ("CREATE TABLE temp.t (a)", Head("CREATE")),
        ("CREATE TEMP TABLE t (a)", Head("CREATE")),
        ("DELETE FROM sqlite_sequence", Head("DELETE", "sqlite_sequence", 12, 27)),
        ("PRAGMA user_version=5", Head("PRAGMA", "user_version", 7, 19)),
        ("BEGIN TRANSACTION", Head("BEGIN")),
        ("attach 'x' AS y", Head("ATTACH")),
        ("(", Head("")),
    ],
)
def test_the_head_says_what_a_statement_does(statement: str, head: Head) -> None:
    assert head_of(statement) == head


@pytest.mark.parametrize("name", ["t", "", "it's", 'a "b"', "a`b", "[a", "größe 🦉", "select", "a\nb"])
def test_a_quoted_name_is_itself(name: str) -> None:
    assert unquoted(quoted(name)) == name
    assert head_of(f"CREATE TABLE {quoted(name)} (a)").name == name


def test_names_differ_in_more_than_the_case_of_ascii_letters() -> None:
    assert fold("Größe_A") == fold("größe_a")
    assert fold("É") != fold("é")


def test_definitions_are_compared_without_layout() -> None:
    assert essence("a  (b,\n\tc /* x */) -- y") == "a(b,c)"
    assert essence("DEFAULT 'a  b' -- c") == "DEFAULT'a  b'"


@pytest.mark.parametrize(
    "sql",
    ["CREATE TABLE t (\n  a,\r\n\tb 'x y'\n)", 'CREATE TRIGGER t BEGIN\n\nSELECT "a b";\nEND', "a \n\n\n b"],
)
def test_line_breaks_come_back(sql: str) -> None:
    flat, comment = one_line(sql)
    assert "\n" not in flat
    assert comment.count("\n") == 1
    assert with_line_breaks(flat, comment) == sql


@pytest.mark.parametrize(
    "sql", ["one line -- of it", "a\n'two\nlines'", "a -- b\nc", "a /* b\nc */\nd", 'a\n"\n"']
)
def test_line_breaks_that_mean_something_stay(sql: str) -> None:
    assert one_line(sql) == (sql, "")


@pytest.mark.parametrize(
    "comment", ["", "-- line breaks of 4 characters: 1\n", "-- line breaks of 3 characters: 0\n", "-- 1\n"]
)
def test_line_breaks_of_another_statement_are_left_out(comment: str) -> None:
    assert with_line_breaks("a b", comment) == "a b"


def test_infinities_are_numbers_where_they_are_values() -> None:
    assert with_infinities("(1,Inf,-Inf,'Inf','''Inf',X'00')") == "(1,9e999,-9e999,'Inf','''Inf',X'00')"
