"""A duration as one writes it: 90s, 10m, 24h."""

from __future__ import annotations

import re

from pytest_resilience.errors import UsageError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(flag: str, text: str) -> float:
    """Return the seconds that `text` says.

    >>> duration("--for", "90s"), duration("--for", "1.5h")
    (90.0, 5400.0)

    :raises UsageError: it is no number with a unit, or nothing; the message names the flag.
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd])", text)
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not seconds:
        raise UsageError(f"{flag}={text}: expected a number and a unit (s, m, h, d), such as 90s, 10m or 24h")
    return seconds


def spelled(seconds: float) -> str:
    """Write a duration in the largest unit that makes it 1 or more.

    >>> spelled(90), spelled(5400), spelled(86400), spelled(0.25)
    ('1.5 min', '1.5 h', '24 h', '0.25 s')
    """
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.3g} s"
