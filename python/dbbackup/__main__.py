"""``python -m dbbackup``: the command line, and the tool that the engine runs for SQLite files."""

import sys

from dbbackup import _engine
from dbbackup._termination import INTERRUPTED, sigterm_raises


def main() -> int:
    """Run the command line with this process's arguments and return its exit status.

    SIGTERM ends the work as cleanly as Ctrl-C does: with 143 and 130, and without a traceback.
    """
    try:
        with sigterm_raises():
            return _engine.main(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
