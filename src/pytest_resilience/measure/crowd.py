"""The crowd: how many requests were waited for at a time, reckoned from the samples when a run is over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_resilience.measure import buckets

if TYPE_CHECKING:
    from pytest_resilience.measure.view import View


def in_flight(view: View, start: float, length: float, count: int) -> list[float]:
    """Return for each of `count` stretches of `length` seconds how many requests were waited for on average.

    A request is waited for from when it was due until it finished. The mean of a stretch is the time that all of them
    spent waiting in it, over its length (Little, "A Proof for the Queuing Formula: L = λW", 1961). Of folded
    samples, as if each had been due in the middle of the second in which it was.
    """
    if not count:
        return []
    begun, finished = _Steps(start, length, count), _Steps(start, length, count)
    for due, done, number in _stays(view):
        begun.add(due, number)
        finished.add(done, number)
    came, went = begun.waits(), finished.waits()
    return [max(0.0, one - other) / length for one, other in zip(came, went, strict=True)]


class _Steps:
    """Counts that rise by one at each moment, and the area under them in each stretch."""

    def __init__(self, start: float, length: float, count: int) -> None:
        self._start, self._length = start, length
        self._number = [0] * count  # that came in the stretch, and the seconds that were left of it
        self._left = [0.0] * count
        self._before = 0

    def add(self, at: float, number: int) -> None:
        place = math.floor((at - self._start) / self._length)
        if place < 0:
            self._before += number
        elif place < len(self._number):
            self._number[place] += number
            self._left[place] += number * ((place + 1) * self._length + self._start - at)

    def waits(self) -> list[float]:
        areas, there = [], self._before
        for number, left in zip(self._number, self._left, strict=True):
            areas.append(there * self._length + left)
            there += number
        return areas


def _stays(view: View) -> Iterator[tuple[float, float, int]]:
    for chunk, count in view.parts():
        yield from ((due, done, 1) for due, done in zip(chunk.due[:count], chunk.done[:count], strict=True))
    for block in view.blocks:
        for entry in block.finest:
            due = (entry.due + entry.due_end) / 2
            yield from ((due, due + buckets.middle(bucket), number) for bucket, number in entry.latency)
