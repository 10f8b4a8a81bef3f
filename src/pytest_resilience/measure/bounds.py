"""Bounds: what a number of samples shows about the service they were taken from.

All bounds are one-sided: with `confidence` 0.95 the truth is on the stated side of the bound in at least 95
of 100 runs, whatever the distribution of the latencies is, for samples that are independent. Where
they are not, as many are supposed as are worth as much: both counts are divided by the design effect of
`batches` (for ratios: Korn and Graubard 1998; for quantiles: Woodruff, "Confidence intervals for medians and other
position measures", Journal of the American Statistical Association 47, 1952).

- Quantiles: order statistics. How many of n samples are below the true q quantile is binomial with
  chance q, which gives the ranks between which it is (David and Nagaraja, "Order Statistics", 7.1).
- Ratios: Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pytest_resilience.measure.beta import at_most

MOST = 10_000_000
_NEARLY = 1e-12


def upper_rank(n: int, q: float, confidence: float, effect: float = 1.0) -> int | None:
    """Return the rank, from 1, of the sample that the true `q` quantile is not above; None if `n` is too small.

    :param effect: how many of the samples show as much as one independent one; see `batches`.

    >>> upper_rank(298, 0.99, 0.95), upper_rank(299, 0.99, 0.95)
    (None, 299)
    """

    def shown(rank: int) -> bool:
        # That so few were above it is unlikely enough, if the true quantile is.
        return at_most((n - rank) / effect, n / effect, 1 - q) <= 1 - confidence + _NEARLY

    return _first(1, n, shown) if n >= 1 and shown(n) else None


def lower_rank(n: int, q: float, confidence: float) -> int | None:
    """Return the rank, from 1, of the sample that the true `q` quantile is not below; None if `n` is too small."""
    allowed = 1 - confidence + _NEARLY
    if n < 1 or at_most(0, n, q) > allowed:
        return None
    return _first(1, n + 1, lambda rank: rank > n or at_most(rank - 1, n, q) > allowed) - 1


def upper_ratio(seen: float, n: float, confidence: float) -> float:
    """Return the ratio that the true one is not above, where `seen` of `n` were seen.

    >>> round(upper_ratio(0, 299, 0.95), 4)
    0.01
    """
    if seen >= n:
        return 1.0
    if seen == 0:
        return -math.expm1(math.log1p(-confidence) / n)
    return _root(lambda ratio: at_most(seen, n, ratio) > 1 - confidence)


def lower_ratio(seen: float, n: float, confidence: float) -> float:
    """Return the ratio that the true one is not below, where `seen` of `n` were seen."""
    return 1.0 - upper_ratio(n - seen, n, confidence)


def samples_for_quantile(q: float, confidence: float) -> int:
    """Return how many samples an upper bound of the `q` quantile needs.

    >>> [samples_for_quantile(q, 0.95) for q in (0.95, 0.99, 0.999)]
    [59, 299, 2995]
    """
    return math.ceil(math.log1p(-confidence) / math.log(q) - _NEARLY)


def samples_for_ratio(limit: float, confidence: float) -> int:
    """Return how many samples without a failure show that failures are below `limit`."""
    return 1 if limit >= 1 else samples_for_quantile(1 - limit, confidence)


def samples_to_tell(share: float, limit: float, confidence: float) -> int | None:
    """Estimate how many samples it takes to tell on which side of `limit` the truth is.

    :param share: the ratio that was seen so far, on which the estimate supposes that it stays.
    :returns: None where more than ten million would be needed, as when both are the same.
    """

    def enough(n: int) -> bool:
        # That a bound is on this side of the limit, without working out where it is.
        if share <= limit:
            return at_most(share * n, n, limit) <= 1 - confidence
        return 1 - at_most(share * n - 1, n, limit) < 1 - confidence

    top = 1
    while not enough(top):
        top *= 2
        if top > MOST:
            return None
    return _first(top // 2 or 1, top, enough)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the first of `low` to `high` for which `holds`, which then holds for all above it."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _root(below: Callable[[float], bool]) -> float:
    """Return where, between 0 and 1, `below` turns from true to false; from above, to a relative 1e-9."""
    low, high = 0.0, 1.0
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high
