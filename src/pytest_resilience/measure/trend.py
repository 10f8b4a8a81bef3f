"""Trends: whether numbers over time grow, and how fast, told robustly.

The test is that of Mann and Kendall, and the slope that of Theil and Sen: both ask of each pair of readings only which
is higher, or how steep the line between them is, so that neither an outlier nor the shape of the noise matters much.
What was read after a restart is not compared with what was read before it: pairs are taken within a *life*, and the
lives added up, as is done with seasons (Hirsch, Slack & Smith 1982, "Techniques of trend analysis for monthly water
quality data"). Readings that follow one another are alike, which makes a trend look surer than it is; the variance
is raised for that (Hamed & Rao 1998, "A modified Mann-Kendall trend test for autocorrelated data"), never lowered.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist, median

LEAST = 8  # readings of one life from which their autocorrelation can be told

Point = tuple[float, float]


@dataclass(frozen=True)
class Trend:
    """What can be said of the course of a number.

    :ivar slope: per second, the median of those between all pairs of points; `low` and `high` are its bounds.
    :ivar p: how likely points without a trend rise like that or more, by chance.
    :ivar points: how many there are.
    """

    slope: float
    low: float
    high: float
    p: float
    points: int


def trend(lives: Sequence[Sequence[Point]], *, confidence: float = 0.99) -> Trend:
    """Return the trend of points (seconds, number), given by life and in the order of time.

    :param confidence: how sure each of the two bounds is on its side.
    """
    slopes = sorted(
        (after - before) / (later - sooner)
        for life in lives
        for (sooner, before), (later, after) in combinations(life, 2)
        if later > sooner
    )
    points = sum(map(len, lives))
    if not slopes:
        return Trend(math.nan, -math.inf, math.inf, 1.0, points)
    score, variance = 0, 0.0
    for life in lives:
        values = [value for _, value in life]
        score += kendall(values)
        variance += tied_variance(values) * inflation(life)
    spare = NormalDist().inv_cdf(confidence) * math.sqrt(variance)
    # Sen 1968, by Gilbert 1987: the bounds are the slopes so many ranks from the middle.
    low, high = (len(slopes) - spare) / 2, (len(slopes) + spare) / 2
    return Trend(median(slopes), _ranked(slopes, low), _ranked(slopes, high), _chance(score, variance), points)


def kendall(values: Sequence[float]) -> int:
    """Return Kendall's S: how many pairs rise, less how many fall.

    >>> kendall([1, 2, 3, 2])
    3
    """
    seen: list[float] = []
    score = 0
    for value in values:
        at = bisect_right(seen, value)
        level = at
        while level and seen[level - 1] == value:
            level -= 1
        score += level - (len(seen) - at)
        seen.insert(at, value)
    return score


def tied_variance(values: Sequence[float]) -> float:
    """Return the variance of S for values in random order, with those that are equal taken into account.

    >>> tied_variance([1, 2, 3, 4, 5]), tied_variance([7, 7, 7])
    (16.666666666666668, 0.0)
    """
    ties = (count * (count - 1) * (2 * count + 5) for count in Counter(values).values())
    n = len(values)
    return (n * (n - 1) * (2 * n + 5) - sum(ties)) / 18


def inflation(life: Sequence[Point]) -> float:
    """Return by how much the variance of S is larger than for independent values: 1 or more.

    By the autocorrelation of the ranks of what is left when the slope is taken away, of those lags at which it is
    significant (Hamed & Rao 1998, equation 15).
    """
    n = len(life)
    if n < LEAST:
        return 1.0
    steep = [(b - a) / (t - s) for (s, a), (t, b) in combinations(life, 2) if t > s]
    slope = median(steep) if steep else 0.0
    ranks = _ranks([value - slope * at for at, value in life])
    mean = (n + 1) / 2
    spread = sum((rank - mean) ** 2 for rank in ranks)
    if not spread:
        return 1.0
    more = 0.0
    for lag in range(1, n - 2):
        alike = sum((ranks[i] - mean) * (ranks[i + lag] - mean) for i in range(n - lag)) / spread
        if abs(alike) > 1.96 / math.sqrt(n):
            more += (n - lag) * (n - lag - 1) * (n - lag - 2) * alike
    return max(1.0, 1 + 2 * more / (n * (n - 1) * (n - 2)))


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the ranks from 1, those of equal values their mean."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] != values[order[start]]:
            for place in order[start:end]:
                ranks[place] = (start + 1 + end) / 2
            start = end
    return ranks


def _ranked(slopes: Sequence[float], rank: float) -> float:
    """Return the slope of that rank, between two of them in proportion; infinite beyond the ends."""
    if rank < 0:
        return -math.inf
    if rank > len(slopes) - 1:
        return math.inf
    whole = math.floor(rank)
    above = slopes[min(whole + 1, len(slopes) - 1)]
    return slopes[whole] + (rank - whole) * (above - slopes[whole])


def _chance(score: int, variance: float) -> float:
    if not variance:
        return 1.0
    # S moves in steps of two, hence the one in the direction of the middle.
    z = (score - (score > 0) + (score < 0)) / math.sqrt(variance)
    return 0.5 * math.erfc(z / math.sqrt(2))
