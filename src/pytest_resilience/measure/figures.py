"""Figures: ranks and quantiles of what was seen, without anything about what that may show."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Ratios such as 0.9 are not exact in binary: 0.07 * 100 is a little more than 7.
NEARLY = 1e-9


def rank(q: float, n: int) -> int:
    """Return the rank, from 1, of the smallest of `n` ordered values that has the share `q` at or below it.

    Type 1 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50
    (1996): a value that was seen, never a mean of two.
    """
    return min(n, max(1, math.ceil(q * n - NEARLY)))


def needed(q: float) -> int:
    """Return how many samples there have to be for the `q` quantile to be other than the largest of them.

    >>> needed(0.5), needed(0.95), needed(0.99), needed(0.999)
    (2, 20, 100, 1000)
    """
    return math.ceil(1 / (1 - q) - NEARLY)


def quantile(ordered: Sequence[float], q: float) -> float:
    """Return the `q` quantile of values in ascending order."""
    return ordered[rank(q, len(ordered)) - 1]


def quantile_name(q: float) -> str:
    """Write a quantile as people name it.

    >>> quantile_name(0.5), quantile_name(0.99), quantile_name(0.999)
    ('p50', 'p99', 'p99.9')
    """
    return f"p{100 * q:.6g}"
