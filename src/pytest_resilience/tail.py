"""The end of a log, as much of it as can be read at one look."""

from __future__ import annotations

import re
from itertools import groupby

LOG_LINES = 30
ALIKE = 3  # so many lines in a row are shown as one
# Parts of times, dates, addresses and ports, and a process's id in brackets; not a status.
MOMENT = re.compile(r"\d+(?=[:./,])|(?<=[:./,])\d+|(?<=\[)\d+(?=\])")


def last_lines(text: str, *, lines: int = LOG_LINES) -> str:
    """Return the last `lines` lines of `text`, saying how many were left out.

    Lines in a row that differ in times, addresses and process ids alone are one: the requests that went well after
    a fault would push out what the service said while it lasted.
    """
    every = text.splitlines()
    shown: list[str] = []
    left_out = len(every)
    for _, group in groupby(reversed(every), key=lambda line: MOMENT.sub("#", line)):
        if len(shown) >= lines:
            break
        alike = list(group)
        if len(alike) >= ALIKE:
            shown += [alike[0], f"({len(alike) - 1} lines like the next)"]
            left_out -= len(alike)
        else:
            room = alike[: lines - len(shown)]
            shown += room
            left_out -= len(room)
    head = [f"({left_out} earlier lines)"] if left_out else []
    return "\n".join([*head, *reversed(shown)])
