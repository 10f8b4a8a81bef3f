"""A spread: durations in ascending order, each exact or, where they were folded, known to within its bucket."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import overload

from pytest_resilience.measure import buckets


class Spread(Sequence[float]):
    """Durations in seconds by rank, from 0.

    A folded one is told as the middle of its bucket. `floor` and `ceiling` give the edges of it, between
    which the truth is, and what is claimed of a service with a bound is claimed of those.
    """

    __slots__ = ("_exact", "_numbers", "_ranks")

    def __init__(self, values: Iterable[float] = (), *, folded: Mapping[int, int] | None = None) -> None:
        """Hold exact values, or `folded` ones: counts by bucket."""
        self._exact = array("d", sorted(values))
        self._numbers = sorted(folded or ())
        self._ranks = list(accumulate((folded or {})[number] for number in self._numbers))

    @property
    def folded(self) -> bool:
        """Whether the values are those of buckets."""
        return bool(self._ranks)

    def __len__(self) -> int:
        return self._ranks[-1] if self._ranks else len(self._exact)

    @overload
    def __getitem__(self, place: int) -> float: ...
    @overload
    def __getitem__(self, place: slice) -> list[float]: ...
    def __getitem__(self, place: int | slice) -> float | list[float]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        return buckets.middle(self._bucket(place)) if self._ranks else self._exact[place]

    def floor(self, place: int) -> float:
        """Return what the value of this rank is not below."""
        return buckets.floor(self._bucket(place)) if self._ranks else self._exact[place]

    def ceiling(self, place: int) -> float:
        """Return what the value of this rank is not above."""
        return buckets.ceiling(self._bucket(place)) if self._ranks else self._exact[place]

    def above(self, limit: float) -> int:
        """Count the values above `limit`; of a bucket that it cuts, all are counted."""
        if not self._ranks:
            return len(self._exact) - bisect_right(self._exact, limit)
        # The first bucket whose upper edge is above the limit.
        place = bisect_left(self._numbers, limit, key=lambda number: math.nextafter(buckets.ceiling(number), 0))
        return len(self) - (self._ranks[place - 1] if place else 0)

    def _bucket(self, place: int) -> int:
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"rank {place} of {len(self)} durations")
        return self._numbers[bisect_right(self._ranks, place)]
