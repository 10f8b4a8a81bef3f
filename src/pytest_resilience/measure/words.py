"""The way figures are written in reprs, verdicts and errors."""

from __future__ import annotations

import math
from collections.abc import Mapping


def seconds(value: float) -> str:
    """Write a length of time with three significant digits in the unit a reader expects.

    >>> seconds(0.0012), seconds(0.203), seconds(0.8124), seconds(12.5)
    ('1.2 ms', '203 ms', '812 ms', '12.5 s')
    """
    if math.isinf(value) or math.isnan(value):
        return "for ever" if value > 0 else "unknown"
    if abs(value) < 0.9995:
        return f"{_digits(value * 1000)} ms"
    return f"{_digits(value)} s"


def percent(ratio: float) -> str:
    """Write a ratio as a percentage.

    >>> percent(0.12), percent(0.002), percent(0.00004), percent(0)
    ('12%', '0.2%', '0.004%', '0%')
    """
    return f"{_digits(ratio * 100)}%"


def per_second(rate: float) -> str:
    """Write a rate.

    >>> per_second(70), per_second(1234.5)
    ('70.0/s', '1234/s')
    """
    return f"{rate:.1f}/s" if rate < 1000 else f"{rate:.0f}/s"


def cores(value: float) -> str:
    """Write a use of processors.

    >>> cores(0.634), cores(2)
    ('0.634 cores', '2 cores')
    """
    return f"{_digits(value)} cores"


def size(value: float) -> str:
    """Write bytes with three significant digits.

    >>> size(900), size(512e6), size(1.25e9)
    ('900 B', '512 MB', '1.25 GB')
    """
    for unit, power in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= power:
            return f"{_digits(value / power)} {unit}"
    return f"{_digits(value)} B"


def tally(counts: Mapping[str, int], *, most: int = 4) -> str:
    """Write counts by category, the most frequent first, and how many categories are left out.

    >>> tally({"status 503": 12, "timeout": 30})
    'timeout 30, status 503 12'
    """
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{category} {count}" for category, count in ranked[:most]]
    if len(ranked) > most:
        shown.append(f"{len(ranked) - most} more kinds")
    return ", ".join(shown)


def _digits(value: float) -> str:
    """Three significant digits without an exponent and without trailing zeros."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
