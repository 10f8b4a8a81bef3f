"""Batches: how much less than their number the samples of a window are worth, since neighbours are alike.

One pause of a service makes a hundred requests slow together. They are one event and not a hundred,
so a bound that takes them for independent is too sure of itself. The window is cut into 25
batches of equal time (Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research
30, 1982: more hardly help). How much the share of bad samples differs from batch to batch, relative to what
it would for independent samples, is the design effect (Kish, "Survey Sampling", 1965), and n samples are worth
n / effect. The effect of so few batches is itself uncertain, which widens it by the ratio of the squares of a
t to a normal quantile (Korn and Graubard, "Confidence intervals for proportions with small expected number of
positive counts estimated from survey data", Survey Methodology 24, 1998).

Independent samples differ by chance, too. So that they are not made to pay for that, an effect counts only from where
nine in ten runs of independent samples stay below it.

It sees what varies within the window, over a 25th of it or longer. A pause that did not happen
in it is in no sample.
"""

from __future__ import annotations

import math
from itertools import repeat
from operator import mul, sub
from statistics import NormalDist
from typing import NamedTuple

from pytest_resilience.measure.beta import incomplete_beta
from pytest_resilience.measure.columns import NONE
from pytest_resilience.measure.packed import Entry
from pytest_resilience.measure.sample import IMPATIENT
from pytest_resilience.measure.spread import Spread
from pytest_resilience.measure.view import View

BATCHES = 25
CHANCE = 1.28  # standard errors above 1 that nine in ten runs of independent samples stay below
LEAST = 5  # batches below which nothing can be said of how they differ


def effect(view: View, confidence: float, *, above: float | None = None, statuses: range | None = None) -> float:
    """Return by how much fewer independent samples would show as much, at least 1.

    :param above: the latency in seconds above which a sample is bad; None where those are that failed.
    :param statuses: the statuses that count among these; None for all.
    """
    span = view.due_span
    if span is None or view.count < 2 * BATCHES:
        return 1.0
    start, length = span[0], span[1] - span[0]
    number = min(BATCHES, math.floor(length / view.resolution)) if view.resolution else BATCHES
    if not length or number < LEAST:
        return 1.0
    sizes, bads = _count(view, _Cut(start, number / length, number), above, statuses)
    return widening(sizes, bads, confidence)


def widening(sizes: list[int], bads: list[int], confidence: float) -> float:
    """Return the effect shown by batches of so many samples, of which so many are bad."""
    n, bad, number = sum(sizes), sum(bads), sum(map(bool, sizes))
    if number < LEAST or bad in (0, n):
        return 1.0
    share = bad / n
    between = sum((one - share * size) ** 2 for one, size in zip(bads, sizes, strict=True)) * number / (number - 1)
    seen = between / (n * share * (1 - share))
    if seen <= 1 + CHANCE * math.sqrt(2 / (number - 1)):
        return 1.0
    return (
        seen * (t_quantile(number - 1, confidence) / NormalDist().inv_cdf(confidence)) ** 2
        if confidence > 0.5
        else seen
    )


def t_quantile(freedom: int, chance: float) -> float:
    """Return the quantile, above the median, of Student's t distribution.

    >>> round(t_quantile(19, 0.95), 3)
    1.729
    """
    low, high = 0.0, 1e3
    for _ in range(60):
        middle = (low + high) / 2
        below = 1 - incomplete_beta(freedom / 2, 0.5, freedom / (freedom + middle * middle)) / 2
        low, high = (middle, high) if below < chance else (low, middle)
    return high


class _Cut(NamedTuple):
    """How time is cut into batches: from when, how many a second, how many in all."""

    start: float
    scale: float
    number: int


def _count(view: View, cut: _Cut, above: float | None, statuses: range | None) -> tuple[list[int], list[int]]:
    start, scale, number = cut
    given_up = view.errors.find(IMPATIENT)
    sizes, bads = [0] * number, [0] * number
    for chunk, count in view.parts():
        due = chunk.due[:count]
        if above is not None:
            bad = list(map(above.__lt__, map(sub, chunk.done, due)))
        else:
            ends = zip(chunk.error[:count], chunk.status[:count], strict=True)
            bad = [error not in (NONE, given_up) and (not statuses or status in statuses) for error, status in ends]
        places = map(min, map(int, map(mul, map(sub, due, repeat(start)), repeat(scale))), repeat(number - 1))
        for place, one in zip(places, bad, strict=True):
            sizes[place] += 1
            bads[place] += one
    for block in view.blocks:
        brief = (block.end - block.start) * scale < 1
        for entry in block.whole if brief else block.finest:
            place = min(max(int(((entry.due + entry.due_end) / 2 - start) * scale), 0), number - 1)
            sizes[place] += entry.number
            bads[place] += _bad(entry, above, statuses, given_up)
    return sizes, bads


def _bad(entry: Entry, above: float | None, statuses: range | None, given_up: int | None) -> int:
    if above is not None:
        return Spread(folded=dict(entry.latency)).above(above)
    failed = entry.error not in (NONE, given_up)
    return entry.number if failed and (not statuses or entry.status in statuses) else 0
