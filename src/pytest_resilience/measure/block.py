"""A block: some ten thousand samples of one name, folded into histograms by the second.

A sample that is folded keeps its name, its status, its error, the second in which it was due and the
one in which it finished, and its latency to within 0.4 %. It loses the rest of its two times. Its service time
is kept like its latency where it was sent more than a millisecond late, and else taken to be its latency.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import itemgetter, sub

from pytest_resilience.measure import buckets
from pytest_resilience.measure.columns import Columns
from pytest_resilience.measure.packed import Entry, Histogram, Packed

LATE = 0.001  # seconds after which a sample that was sent late has its service time kept apart

Cell = tuple[int, int, int, int, bool]  # due and done, in whole seconds, status, error, late


class Block:
    """Folded samples of one name.

    :ivar whole: the same as `seconds`, by outcome alone, for what asks about all of it.
    :ivar seconds: by second and outcome; None once they were given up to save memory.
    :ivar start: when the first was due, and `end` when the last finished; whole seconds for a part of a block.
    """

    __slots__ = ("count", "end", "name", "seconds", "size", "start", "whole")

    def __init__(self, name: int, entries: Sequence[Entry], start: float, end: float) -> None:
        self.name = name
        self.start, self.end = start, end
        self.whole = Packed(_merged(entries))
        self.seconds: Packed | None = Packed(entries)
        self.count = sum(entry.number for entry in entries)
        self.size = self.whole.size + self.seconds.size

    def coarsened(self) -> Block:
        """Return it without its seconds: from then on all of it is in a window or none of it."""
        block = Block.__new__(Block)
        block.name, block.start, block.end, block.count = self.name, self.start, self.end, self.count
        block.whole, block.seconds, block.size = self.whole, None, self.whole.size
        return block

    @property
    def finest(self) -> Packed:
        """Its entries, as fine as they are."""
        return self.whole if self.seconds is None else self.seconds

    def select(self, belongs: Callable[[Entry], bool]) -> Block | None:
        """Return the part of it of the entries that belong; None for none."""
        entries = list(self.finest)
        chosen = [entry for entry in entries if belongs(entry)]
        if len(chosen) == len(entries):
            return self
        if not chosen:
            return None
        start = max(self.start, min(entry.due for entry in chosen))
        part = Block(self.name, chosen, start, min(self.end, max(entry.done_end for entry in chosen)))
        return part.coarsened() if self.seconds is None else part


def fold(columns: Columns) -> list[Block]:
    """Return what is in columns as blocks, one for each name."""
    names = set(columns.name)
    if len(names) <= 1:
        return [_fold(columns, name) for name in names]
    return [_fold(columns.select(bytes(map(name.__eq__, columns.name))), name) for name in sorted(names)]


def _fold(columns: Columns, name: int) -> Block:
    due, sent, done = columns.due, columns.sent, columns.done
    late = list(map(LATE.__lt__, map(sub, sent, due)))
    cells = list(zip(map(math.floor, due), map(math.floor, done), columns.status, columns.error, late, strict=True))
    latency = _histograms(cells, map(sub, done, due))
    service, lateness = latency, latency
    if any(late):
        service, lateness = _histograms(cells, map(sub, done, sent)), _histograms(cells, map(sub, sent, due))
    sizes: Counter[Cell] = Counter()
    for cell, size in zip(cells, columns.size or (), strict=False):
        sizes[cell] += size
    return Block(
        name,
        [
            Entry(
                due=cell[0],
                due_end=cell[0] + 1,
                done=cell[1],
                done_end=cell[1] + 1,
                status=cell[2],
                error=cell[3],
                late=cell[4],
                number=sum(count for _, count in histogram),
                size=sizes[cell],
                latency=histogram,
                service=service[cell],
                lateness=lateness[cell],
            )
            for cell, histogram in latency.items()
        ],
        columns.first,
        columns.last,
    )


def _histograms(cells: Sequence[Cell], values: Iterable[float]) -> dict[Cell, list[tuple[int, int]]]:
    """Count values by cell and bucket; cells come in ascending order, and so do the buckets of each."""
    counts = sorted(Counter(zip(cells, buckets.numbers(values), strict=True)).items())
    return {
        cell: [(key[1], count) for key, count in group] for cell, group in groupby(counts, key=lambda item: item[0][0])
    }


def _merged(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Yield entries that tell nothing of the second any more."""
    outcome = itemgetter(4, 5, 6)  # status, error, late
    for _, group in groupby(sorted(entries, key=outcome), key=outcome):
        alike = list(group)
        one = alike[0]
        latency = add(entry.latency for entry in alike)
        yield one._replace(
            due=min(entry.due for entry in alike),
            due_end=max(entry.due_end for entry in alike),
            done=min(entry.done for entry in alike),
            done_end=max(entry.done_end for entry in alike),
            number=sum(entry.number for entry in alike),
            size=sum(entry.size for entry in alike),
            latency=latency,
            service=add(entry.service for entry in alike) if one.late else latency,
            lateness=add(entry.lateness for entry in alike) if one.late else latency,
        )


def add(histograms: Iterable[Histogram]) -> list[tuple[int, int]]:
    """Return the sum of histograms, ascending."""
    return sorted(total(histograms).items())


def total(histograms: Iterable[Histogram]) -> Counter[int]:
    """Return the sum of histograms as a counter."""
    counts: dict[int, int] = {}
    for histogram in histograms:
        for bucket, count in histogram:
            counts[bucket] = counts.get(bucket, 0) + count
    return Counter(counts)
