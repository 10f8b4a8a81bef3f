"""Regression: whether a figure of this run is worse than those of earlier runs, or only different.

Runs differ from one another by more than their own samples show: the machine, its neighbours and the warmth of caches
are drawn anew for each. So a figure is held against the spread of the same figure over earlier runs, by the one-sided
prediction bound of one further draw from a normal distribution (Hahn and Meeker, "Statistical Intervals", 4.6):

    mean + t(n - 1, 1 - level) * deviation * sqrt(1 + 1 / n)

on the logarithms of the figures, since latencies vary by factors. It is exact where these are normal, and a wild run
among the earlier ones widens it: what has come before by itself is no regression. `level` is what a single figure may
spend of the false alarms of a whole session (`ALARMS`), divided evenly among all figures (Bonferroni).

Beyond that bound is not enough. It has to be worse than every earlier run, the change has to matter (`Kind.least`),
and the samples of this run have to show it by themselves: the bound on the good side of its own truth has to clear the
bad side of what the earlier runs show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, median, stdev

from pytest_resilience.measure.batches import t_quantile
from pytest_resilience.measure.verdict import Outcome
from pytest_resilience.measure.words import per_second, percent, seconds

ENOUGH = 5  # earlier runs, below which nothing is said
KEPT = 20  # earlier runs that are kept
ALARMS = 0.01  # false alarms in a session in which nothing has changed, at most
TOLD = 2.0  # "no worse" is claimed where a change of so many times would have been found
SURE = 0.95  # of the bounds of a run's own figures


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    :ivar worse: 1 where more is worse, -1 where less is.
    :ivar least: how many times as much a change has to be to matter.
    :ivar steady: the least deviation of logarithms from run to run: that a few agree better than that is luck.
    :ivar offset: what is added to both before they are compared, so that hardly anything is not many times nothing.
    """

    name: str
    write: Callable[[float], str]
    worse: int = 1
    least: float = 1.2
    steady: float = 0.05
    offset: float = 0.0


KINDS = {
    kind.name: kind
    for kind in (
        Kind("latency", seconds),
        Kind("goodput", per_second, worse=-1, least=1.1, steady=0.02),
        Kind("errors", percent, least=2.0, steady=0.02, offset=0.005),
        Kind("capacity", per_second, worse=-1),
        Kind("recovery", seconds, least=1.5, steady=0.02, offset=1.0),
    )
}


@dataclass(frozen=True)
class Figure:
    """What one run came to.

    :ivar low: the truth of this run is not below it, where that is known; likewise `high` (95 % sure each).
    """

    kind: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """What came of holding a figure against earlier runs: met (no worse), missed (a regression) or inconclusive.

    :ivar limit: the worst that a further run was to be expected to come to, if nothing has changed; None if unknown.
    """

    outcome: Outcome
    text: str
    limit: float | None = None


def compare(earlier: Sequence[Figure], now: Figure, *, among: int = 1) -> Comparison:
    """Compare a figure with the same one of earlier runs, the newest last.

    :param among: how many figures are compared in a session.
    """
    kind, earlier = KINDS[now.kind], earlier[-KEPT:]
    write, count = kind.write, len(earlier)
    if count < ENOUGH:
        return Comparison(Outcome.INCONCLUSIVE, f"{write(now.value)}; collecting, {count} of {ENOUGH} earlier runs")
    limit, centre = _limit(kind, [figure.value for figure in earlier], among)
    times = _times(kind, centre, now.value)
    seen = sorted(figure.value for figure in earlier)
    before = f"{write(centre)} on average of {count} earlier runs ({write(seen[0])} to {write(seen[-1])}"
    expected = f"{before}; up to {write(limit)} to be expected)" if kind.worse > 0 else (
        f"{before}; down to {write(limit)} to be expected)")  # fmt: skip
    said = f"{write(now.value)}{_own(kind, now)} after {expected}: {_ratio(times, kind)}"
    if (now.value - limit) * kind.worse > 0:
        if _shown(kind, earlier, now):
            return Comparison(Outcome.MISSED, said, limit)
        text = f"{said}, but the samples of this run alone do not show it: hold the load for longer"
        return Comparison(Outcome.INCONCLUSIVE, text, limit)
    room = _times(kind, centre, limit)
    if room > TOLD and room > kind.least:
        text = f"{said}, but earlier runs differ so much that {room:.3g} times as bad would not be noticed"
        return Comparison(Outcome.INCONCLUSIVE, text, limit)
    return Comparison(Outcome.MET, said, limit)


def _limit(kind: Kind, values: Sequence[float], among: int) -> tuple[float, float]:
    """Return the worst value to be expected of a further run, and the average of the earlier ones."""
    logs = [math.log(max(value + kind.offset, 1e-9)) for value in values]
    n, mean = len(logs), fmean(logs)
    wide = _quantile(n - 1, 1 - ALARMS / max(among, 1)) * max(stdev(logs), kind.steady) * math.sqrt(1 + 1 / n)
    away = max(wide, math.log(kind.least))
    centre = max(0.0, math.exp(mean) - kind.offset)
    beyond = max(0.0, math.exp(mean + kind.worse * away) - kind.offset)
    return (max(beyond, *values) if kind.worse > 0 else min(beyond, *values)), centre


@lru_cache(maxsize=256)
def _quantile(freedom: int, chance: float) -> float:
    return t_quantile(freedom, chance)


def _shown(kind: Kind, earlier: Sequence[Figure], now: Figure) -> bool:
    """Tell whether the bounds of this run clear those of the earlier ones; what was counted has none, and is exact."""
    if kind.worse > 0:
        own = now.value if now.low is None else now.low
        return own > median(figure.value if figure.high is None else figure.high for figure in earlier)
    own = now.value if now.high is None else now.high
    return own < median(figure.value if figure.low is None else figure.low for figure in earlier)


def _times(kind: Kind, before: float, now: float) -> float:
    """Return how many times as bad it is."""
    old, new = max(before + kind.offset, 1e-9), max(now + kind.offset, 1e-9)
    return new / old if kind.worse > 0 else old / new


def _own(kind: Kind, now: Figure) -> str:
    bound, sign = (now.low, "≥") if kind.worse > 0 else (now.high, "≤")
    return "" if bound is None else f" ({percent(SURE)} sure {sign} {kind.write(bound)})"


def _ratio(times: float, kind: Kind) -> str:
    shown = times if kind.worse > 0 else 1 / times
    return (
        f"{shown:.3g} times" if not kind.offset else f"{shown:.3g} times (with {kind.write(kind.offset)} added to each)"
    )
