"""What an old primary had written to its log that its successor never got: counted by Postgres' own `pg_waldump`."""

from __future__ import annotations

import re
from dataclasses import dataclass

TOOL = "pg_waldump"
SMALLEST_FILE = 2**20  # bytes of log in a file, at least
# The dump ends where the log does, which pg_waldump calls an error, after it has told what it counted.
_TOTAL = re.compile(r"^Total\s+(\d+)\s+(\d+)\s+\[.*?\]\s+(\d+)\s+\[.*?\]\s+(\d+)", re.MULTILINE)
_COMMITS = re.compile(r"^Transaction/COMMIT\s+(\d+)\s", re.MULTILINE)
_NO_FILE = re.compile(r"could not find file")
_NOTHING = re.compile(r"could not find a valid record after")


@dataclass(frozen=True)
class Lost:
    """The end of a log that nobody else has.

    :ivar commits: transactions that had been committed; those of Postgres itself, such as autovacuum's, among them.
    :ivar size: bytes of log records.
    """

    commits: int
    size: int


def dump(program: str, log: str, timeline: str, start: str) -> tuple[str, ...]:
    """Return the command that counts the records in the directory `log` from the position `start` on."""
    return (program, "--stats=record", "--path", log, "--timeline", timeline, "--start", start)


def counted(said: str, start: str) -> Lost | None:
    """Return what the dump from `start` on counted; None where it says neither that nor that there is nothing.

    >>> counted("pg_waldump: error: could not find a valid record after 0/3000148", "0/3000148")
    Lost(commits=0, size=0)
    """
    total = _TOTAL.search(said)
    if total is None:
        # Of a log that ends where a file does, the next file may not have been made. It has not been thrown
        # away either: of the log, far more is kept than was ever written since.
        unwritten = int(start.partition("/")[2], 16) % SMALLEST_FILE == 0 and _NO_FILE.search(said)
        return Lost(0, 0) if unwritten or _NOTHING.search(said) else None
    commits = _COMMITS.search(said)
    return Lost(int(commits[1]) if commits else 0, int(total[4]))
