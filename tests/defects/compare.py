"""Runs the tests of this folder with ours and with the predecessor, and writes what holds where as a page.

``python -m tests.defects.compare docs/reference/compared.md``. The exit status is 1 if anything fails of ours.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.predecessor import REQUIREMENT, VERSION, interpreter

FOLDER = Path(__file__).parent
JUDGED = "AssertionError: "
"""So begins a failure that a test means, and has words for; others say nothing of the behaviour."""

LATER = [
    (13, "A dump of MySQL is one consistent snapshot, with routines, events and triggers", "MySQL"),
    (15, "No password of a database stands on a command line", "MySQL, MongoDB"),
    (
        16,
        "A schema that is asked for is filtered by, or refused: `psql -n` means something else",
        "PostgreSQL",
    ),
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


def page(theirs: list[Verdict], ours: list[Verdict]) -> str:
    """Return the page, with a row for each test."""
    by_key = {verdict.key: verdict for verdict in ours}
    rows = [(*verdict.key, str(verdict), str(by_key[verdict.key])) for verdict in theirs]
    rows += [(number, text, "not compared yet", f"later: {engines}") for number, text, engines in LATER]
    # The order of the tests stays within a number.
    rows.sort(key=lambda row: row[0])
    return PAGE.format(version=VERSION, requirement=REQUIREMENT, rows="\n".join(map(_line, rows)))


def _line(row: tuple[int, str, str, str]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"


PAGE = """\
# Compared with django-dbbackup

Where django-dbbackup {version} loses data or misleads, and what happens here. Each row is a test in
`tests/defects`: a small Django project, run as a user runs it, `manage.py` in a process of its own, and judged by
what can be seen from outside: files, rows, exit statuses, mails, what was printed. The same tests run with either
package, `{requirement}` in an environment of its own with the same Django. What is said of a failure is the
test's own message.

<!-- Made by `make compare-predecessor`; edit the tests. -->

| no. | what has to happen | django-dbbackup {version} | dbbackup |
|---|---|---|---|
{rows}

Rows of one number are ways in which the same mistake shows. *Later* are those that take a database server: their tests
come with the engine. Memory is the sum of the most that the command and each of its children had (`VmHWM`).
"""


def main() -> int:
    """Compare, and write the page that is named on the command line."""
    interpreter()  # It may have to be installed, for which a test has no time.
    theirs, ours = verdicts("predecessor"), verdicts("")
    assert {verdict.key for verdict in ours} == {verdict.key for verdict in theirs}
    assert len({verdict.key for verdict in ours}) == len(ours), "two tests say the same of one defect"
    Path(sys.argv[1]).write_text(page(theirs, ours))
    return any(verdict.problem is not None for verdict in ours)


if __name__ == "__main__":
    sys.exit(main())
