"""How a run of load is doing, in the words of one line, the most important first: a narrow terminal cuts the end."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytest_resilience.measure import words

if TYPE_CHECKING:
    from pytest_resilience.measure.pulse import Beat

CUT = "..."


class Standing(NamedTuple):
    """Where a run stands.

    :ivar elapsed: seconds since it began.
    :ivar left: seconds that it, or the hold, has still to go; None where nobody has said.
    :ivar faults: the names of those in force.
    :ivar users: how many are wanted at this moment; None for a rate.
    """

    label: str
    elapsed: float
    left: float | None
    faults: Sequence[str]
    beat: Beat
    users: float | None
    in_flight: int


def told(standing: Standing) -> str:
    """Write it in one line of printable characters; `-` is what cannot be told yet."""
    beat = standing.beat
    # Less than that rounds to 0, which is all that a loop of short holds would ever say.
    left = "" if standing.left is None or standing.left <= 0.5 else f", {standing.left:.0f} s left"
    parts = [
        f"{standing.elapsed:.0f} s{left}",
        *([" + ".join(standing.faults)] if standing.faults else []),
        "-/s" if beat.rate is None else words.per_second(beat.rate),
        f"p50 {_seconds(beat.p50)}",
        f"p99 {_seconds(beat.p99)}",
        f"errors {'-' if beat.errors is None else words.percent(beat.errors)}",
        f"{standing.in_flight} in flight" if standing.users is None else f"{standing.users:.0f} users",
        standing.label,
    ]
    return "".join(char if char.isprintable() else "?" for char in " | ".join(parts))


def fit(text: str, columns: int) -> str:
    """Cut `text` to the width of a terminal, on which some characters take two columns and some none."""
    if sum(map(_width, text)) <= columns:
        return text
    kept, room = [], columns - len(CUT)
    for char in text:
        room -= _width(char)
        if room < 0:
            break
        kept.append(char)
    return ("".join(kept).rstrip() + CUT)[:columns]


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _seconds(value: float | None) -> str:
    return "-" if value is None else words.seconds(value)
