"""A sweep: a window that moves over samples, and what is in progress in it at each place."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from operator import attrgetter

from pytest_resilience.measure.sample import IMPATIENT, Sample
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.seen import failing, kept, least_of
from pytest_resilience.measure.slo import SLO

STRETCH = 10


class Sweep:
    """Moves forward only; every sample enters once and leaves once, so a sweep is as cheap as a sort."""

    def __init__(self, samples: Samples, slo: SLO) -> None:
        self._slo = slo
        self._coming = sorted(samples, key=attrgetter("due"))
        self._going = sorted(self._coming, key=attrgetter("done"))
        self._well = [sample.done for sample in self._going if sample.error is None]
        loosest = max(slo.latencies.values(), default=math.inf)
        self._all = _Progress(self._coming)
        self._quick = _Progress([sample for sample in self._coming if sample.done - sample.due <= loosest])
        self._entered = self._left = self._given_up = 0
        self._bad: Counter[str] = Counter()
        self._latencies: list[float] = []  # of what is in the window, in ascending order
        self._start = self._end = 0.0
        self._stuck = False  # nothing in the window was in time, before it was stretched

    @property
    def least(self) -> int:
        """How many samples the quantiles and the ratios of the objective need."""
        return least_of(self._slo)

    @property
    def load_ends(self) -> float:
        """When the next arrival would have been due, had the load gone on."""
        first, last = self._coming[0].due, self._coming[-1].due
        return last + (last - first) / max(1, len(self._coming) - 1)

    @property
    def count(self) -> int:
        """How many samples are in the window."""
        return len(self._latencies)

    @property
    def enough(self) -> bool:
        """Whether the window can be judged."""
        return self.count >= self.least

    @property
    def ended(self) -> bool:
        """Whether nothing is left to come into the window."""
        return self._entered == len(self._coming)

    def move(self, start: float, length: float) -> float:
        """Lay the window at `start`, stretched to hold enough if it must be; return its length in seconds."""
        self._start, self._end = start, max(self._end, start + length)
        self._enter_before(self._end)
        while self._left < len(self._going) and self._going[self._left].done <= start:
            self._leave()
        self._stuck = self._all.within(start, start + length) > 0 == self._quick.within(start, start + length)
        furthest = start + STRETCH * length
        while not self.enough and not self.ended and self._coming[self._entered].due < furthest:
            self._end = self._coming[self._entered].due
            self._enter()
        return self._end - start

    def met(self, length: float) -> bool:
        """Whether what is in the window meets the objective, taken as it was seen."""
        slo = self._slo
        if self._stuck or not kept(slo, self._latencies, self._bad, self._given_up):
            return False
        if slo.rate is None:
            return True
        succeeded = bisect_right(self._well, self._end) - bisect_left(self._well, self._start)
        return succeeded / length >= slo.rate

    def _enter_before(self, end: float) -> None:
        while not self.ended and self._coming[self._entered].due < end:
            self._enter()

    def _enter(self) -> None:
        sample = self._coming[self._entered]
        self._entered += 1
        self._count(sample, 1)
        insort(self._latencies, sample.done - sample.due)

    def _leave(self) -> None:
        sample = self._going[self._left]
        self._left += 1
        self._count(sample, -1)
        del self._latencies[bisect_left(self._latencies, sample.done - sample.due)]

    def _count(self, sample: Sample, change: int) -> None:
        self._given_up += change * (sample.error == IMPATIENT)
        for ratio in failing(sample.status, sample.error):
            self._bad[ratio] += change


class _Progress:
    """How many of some samples were in progress within a time."""

    def __init__(self, samples: list[Sample]) -> None:
        self._due = sorted(sample.due for sample in samples)
        self._done = sorted(sample.done for sample in samples)

    def within(self, start: float, end: float) -> int:
        # Whatever had finished by the start had begun before the end, too.
        return bisect_left(self._due, end) - bisect_right(self._done, start)
