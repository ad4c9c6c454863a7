"""Runs the tests of this folder with ours and with the predecessor, and writes the table of what holds where.

``python -m tests.defects.compare docs/coming-from-django-dbbackup.md``. The exit status is 1 if anything fails of ours.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.predecessor import VERSION, interpreter

FOLDER = Path(__file__).parent
JUDGED = "AssertionError: "
"""So begins a failure that a test means, and has words for; others say nothing of the behaviour."""

LATER = [
    (15, "No password of MongoDB stands on a command line", "MongoDB"),
]
"""Defects that take a database server to show, and the engines that their tests come with."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test found."""

    number: int
    behaviour: str
    problem: str | None

    @property
    def key(self) -> tuple[int, str]:
        """What the verdicts on both packages have in common."""
        return self.number, self.behaviour

    def __str__(self) -> str:
        return "holds" if self.problem is None else f"**fails**: {self.problem}"


def verdicts(package: str) -> list[Verdict]:
    """Run the tests with a package, "" being ours; return what they found, in their order.

    Raises:
        SystemExit: A test could not judge.

    """
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"--junitxml={results}"),
                *(("--tb=no", "--no-summary") if package else ()),
                str(FOLDER),
            ],
            env={**os.environ, "DBBACKUP_COMPARED_WITH": package},
            check=False,
        )
        cases = ET.parse(results).getroot().iter("testcase")
        return [_verdict(case) for case in cases]


def _verdict(case: ET.Element) -> Verdict:
    properties = {one.get("name"): one.get("value", "") for one in case.iter("property")}
    messages = [one.get("message", "") for tag in ("failure", "error", "skipped") for one in case.iter(tag)]
    if any(not message.startswith(JUDGED) for message in messages) or not properties:
        problem = f"{case.get('name')} could not judge: {' '.join(messages)}"
        raise SystemExit(problem)
    problems = [message.removeprefix(JUDGED).partition("\n")[0] for message in messages]
    return Verdict(int(properties["number"]), properties["behaviour"], "; ".join(problems) or None)


def table(theirs: list[Verdict], ours: list[Verdict]) -> str:
    """Return the table, with a row for each test."""
    by_key = {verdict.key: verdict for verdict in ours}
    rows = [(*verdict.key, str(verdict), str(by_key[verdict.key])) for verdict in theirs]
    rows += [(number, text, "not compared yet", f"later: {engines}") for number, text, engines in LATER]
    # The order of the tests stays within a number.
    rows.sort(key=lambda row: row[0])
    return TABLE.format(version=VERSION, rows="\n".join(map(_line, rows)))


def _line(row: tuple[int, str, str, str]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"


TABLE = """\
| no. | what has to happen | django-dbbackup {version} | dbbackup |
|---|---|---|---|
{rows}
"""

BEGIN, END = (
    "<!-- side by side: made by `make compare-predecessor`; edit the tests -->",
    "<!-- side by side: end -->",
)
"""What the table stands between, in the page that has it."""


def main() -> int:
    """Compare, and write the table into the page that is named on the command line."""
    interpreter()  # It may have to be installed, for which a test has no time.
    theirs, ours = verdicts("predecessor"), verdicts("")
    assert {verdict.key for verdict in ours} == {verdict.key for verdict in theirs}
    assert len({verdict.key for verdict in ours}) == len(ours), "two tests say the same of one defect"
    page = Path(sys.argv[1])
    before, _, rest = page.read_text().partition(BEGIN)
    _, ended, after = rest.partition(END)
    assert ended, f"{page} has no place for the table"
    page.write_text(f"{before}{BEGIN}\n\n{table(theirs, ours)}\n{END}{after}")
    return any(verdict.problem is not None for verdict in ours)


if __name__ == "__main__":
    sys.exit(main())
