"""Intervals: what finished in each second under each name, one after the other, for what is written to a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_resilience.measure import buckets
from pytest_resilience.measure.block import Block
from pytest_resilience.measure.columns import NONE, Columns
from pytest_resilience.measure.sample import IMPATIENT
from pytest_resilience.measure.view import View


@dataclass
class Interval:
    """What finished under one name from `start` to before `end`, in whole monotonic seconds.

    :ivar latencies: how often each latency in seconds was seen; folded ones stand in the middle of their bucket.
    """

    start: int
    end: int
    name: str
    finished: int = 0
    failed: int = 0
    impatient: int = 0
    latencies: dict[float, int] = field(default_factory=dict)

    def add(self, latency: float, count: int) -> None:
        """Count a latency; a clock that went back is no latency below zero."""
        latency = max(latency, 0.0)
        self.latencies[latency] = self.latencies.get(latency, 0) + count

    def quantile(self, rank: int) -> float:
        """Return the latency of a rank, from 1."""
        for latency in sorted(self.latencies):
            rank -= self.latencies[latency]
            if rank <= 0:
                return latency
        raise IndexError(f"there are only {self.finished} latencies")


def intervals(view: View) -> Iterator[Interval]:
    """Yield what finished in each second and under each name, in the order of the seconds.

    Only what may still be added to is held, so that a day takes no more memory than an hour.
    """
    given_up = view.errors.find(IMPATIENT)
    pending: dict[tuple[int, int], Interval] = {}

    def interval(second: int, end: int, name: int) -> Interval:
        return pending.setdefault((second, name), Interval(second, end, view.names.texts[name]))

    def count(into: Interval, error: int, number: int) -> None:
        into.finished += number
        into.impatient += number * (error == given_up)
        into.failed += number * (error not in (NONE, given_up))

    parts: list[tuple[float, Block | tuple[Columns, int]]] = [(block.start, block) for block in view.blocks]
    parts += [(chunk.first, (chunk, rows)) for chunk, rows in view.parts() if rows]
    for start, part in sorted(parts, key=lambda pair: pair[0]):
        # All that is still to come was due, and so finished, after this.
        for key in sorted(key for key in pending if key[0] < math.floor(start)):
            yield pending.pop(key)
        if isinstance(part, Block):
            for entry in part.finest:
                into = interval(entry.done, entry.done_end, part.name)
                count(into, entry.error, entry.number)
                for bucket, number in entry.latency:
                    into.add(buckets.middle(bucket), number)
        else:
            chunk, rows = part
            for row in range(rows):
                second = math.floor(chunk.done[row])
                into = interval(second, second + 1, chunk.name[row])
                count(into, chunk.error[row], 1)
                into.add(chunk.done[row] - chunk.due[row], 1)
    for key in sorted(pending):
        yield pending[key]
