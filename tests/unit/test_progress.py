"""The progress bar."""

from collections.abc import Callable

import pytest

from dbbackup.management.progress import ProgressBar, describe

MIB = 1024 * 1024


class Screen:
    """A terminal of one line, which knows carriage returns."""

    def __init__(self) -> None:
        self.line = ""
        self.column = 0

    def write(
        self, msg: str = "", style_func: Callable[[str], str] | None = None, ending: str | None = None
    ) -> None:
        assert style_func is not None
        assert ending == ""
        for letter in msg:
            if letter == "\r":
                self.column = 0
            else:
                self.line = self.line[: self.column] + letter + self.line[self.column + 1 :]
                self.column += 1

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(
    ("done", "expected", "seconds", "text"),
    [
        (0, None, 0, "backup 0 B"),
        (30 * MIB, None, 2, "backup 30.0 MiB, 15.0 MiB/s"),
        (MIB, 4 * MIB, 0.1, "backup [#####               ]  25% of 4.0 MiB"),
        (30 * MIB, 60 * MIB, 2, "backup [##########          ]  50% of 60.0 MiB, 15.0 MiB/s, 2.0 s left"),
        (60 * MIB, 60 * MIB, 4, "backup [####################] 100% of 60.0 MiB, 15.0 MiB/s"),
        (70 * MIB, 60 * MIB, 4, "backup [####################] 100% of 60.0 MiB, 17.5 MiB/s"),
    ],
)
def test_the_line_has_bytes_rate_and_time_left(
    done: int, expected: int | None, seconds: float, text: str
) -> None:
    assert describe("backup", done, expected, seconds) == text


def test_the_line_is_redrawn_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    screen, now = Screen(), [0.0]
    bar = ProgressBar(screen, "default", clock=lambda: now[0])
    bar("restore", 10 * MIB, 20 * MIB)
    assert screen.line == "default: restore [##########          ] "[:39]
    now[0] = 3
    bar("swap", MIB, None)
    assert screen.line.rstrip() == "default: swap 1.0 MiB"
    bar.close()
    assert (screen.line.strip(), screen.column) == ("", 0)
    bar.close()
    assert screen.column == 0
