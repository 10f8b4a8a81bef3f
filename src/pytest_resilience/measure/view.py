"""A view: everything of a run or of a window of it as it is at one moment, raw rows and folded blocks alike."""

from __future__ import annotations

import math
import operator
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, compress, islice
from typing import Literal

from pytest_resilience.measure import buckets
from pytest_resilience.measure.block import Block, total
from pytest_resilience.measure.columns import NONE, Columns
from pytest_resilience.measure.packed import Entry
from pytest_resilience.measure.sample import Sample
from pytest_resilience.measure.sides import Side
from pytest_resilience.measure.spread import Spread
from pytest_resilience.measure.vocabulary import Vocabulary

Timing = Literal["latency", "service", "lateness"]
_FROM = {"latency": "due", "service": "sent", "lateness": "due"}
_TO = {"latency": "done", "service": "done", "lateness": "sent"}


@dataclass(frozen=True, eq=False)
class View:
    """Blocks, and chunks of rows with how many of each are looked at: those that were whole when it was taken."""

    blocks: tuple[Block, ...]
    chunks: tuple[Columns, ...]
    counts: tuple[int, ...]
    errors: Vocabulary
    names: Vocabulary

    @property
    def count(self) -> int:
        """How many samples there are."""
        return sum(self.counts) + sum(block.count for block in self.blocks)

    @property
    def span(self) -> tuple[float, float] | None:
        """When the first was due and the last finished; None for nothing."""
        parts = [(chunk.first, chunk.last) for chunk, count in self.parts() if count]
        parts += [(block.start, block.end) for block in self.blocks]
        return (min(start for start, _ in parts), max(end for _, end in parts)) if parts else None

    @property
    def due_span(self) -> tuple[float, float] | None:
        """When the first and the last were due, the latter of folded ones to the second; None for nothing."""
        dues = [(chunk.first, max(chunk.due[:count])) for chunk, count in self.parts() if count]
        dues += [(block.start, float(max(entry.due_end for entry in block.whole))) for block in self.blocks]
        return (min(start for start, _ in dues), max(end for _, end in dues)) if dues else None

    @property
    def resolution(self) -> float:
        """The length in seconds of the longest stretch of time that a window takes as a whole; 0 for raw samples."""
        return float(max((_resolution(block) for block in self.blocks), default=0))

    def timings(self, timing: Timing) -> array[float]:
        """Return the durations of the raw samples, in the order in which they came."""
        values = array("d")
        for chunk, count in self.parts():
            start, end = getattr(chunk, _FROM[timing]), getattr(chunk, _TO[timing])
            values.extend(array("d", map(operator.sub, islice(end, count), start)))
        return values

    def spread(self, timing: Timing) -> Spread:
        """Return all durations, in ascending order."""
        if not self.blocks:
            return Spread(self.timings(timing))
        folded = total(getattr(entry, timing) for entry in self._whole() if timing != "lateness" or entry.late)
        if timing == "lateness":
            folded[0] += sum(entry.number for entry in self._whole() if not entry.late)
        folded.update(Counter(buckets.numbers(self.timings(timing))))
        return Spread(folded=folded)

    def later_than(self, allowed: float) -> int:
        """Count what was sent later after it was due than `allowed` seconds, in linear time."""
        if self.blocks:
            return self.spread("lateness").above(allowed)
        return sum(map(allowed.__lt__, self.timings("lateness")))

    def statuses(self) -> set[int]:
        """Return the statuses that were seen."""
        seen = {entry.status for entry in self._whole()}
        return seen.union(*(islice(chunk.status, count) for chunk, count in self.parts())) - {NONE}

    def outcomes(self) -> Counter[tuple[int, int]]:
        """Count the samples by status and number of error, -1 for none."""
        counts: Counter[tuple[int, int]] = Counter()
        for chunk, count in self.parts():
            counts.update(zip(islice(chunk.status, count), islice(chunk.error, count), strict=True))
        for entry in self._whole():
            counts[entry.status, entry.error] += entry.number
        return counts

    def tally(self) -> dict[str, int]:
        """Count the samples of each category of error, the most frequent first."""
        counts: Counter[int] = Counter()
        for chunk, count in self.parts():
            counts.update(chunk.error[:count])
        for entry in self._whole():
            counts[entry.error] += entry.number
        del counts[NONE]
        return {self.errors.texts[number]: count for number, count in counts.most_common()}

    def finished(self, start: float, end: float, *, well: bool = False) -> int:
        """Count what finished from `start` to `end` (inclusive), only what has no error if `well`.

        A second that was folded is counted where its middle is.
        """
        found = 0
        for chunk, count in self.parts():
            done = chunk.done[:count]
            if well:
                done = array("d", compress(done, map(NONE.__eq__, chunk.error)))
            found += len(done)
            if chunk.first < start:
                found -= sum(map(start.__gt__, done))
            if chunk.last > end:
                found -= sum(map(end.__lt__, done))
        for block in self.blocks:
            inside = start <= block.start and block.end <= end
            for entry in block.whole if inside else block.finest:
                if (not well or entry.error == NONE) and (inside or start <= (entry.done + entry.done_end) / 2 <= end):
                    found += entry.number
        return found

    @property
    def size(self) -> int:
        """The bytes that were transferred."""
        raw = sum(sum(islice(chunk.size, count)) for chunk, count in self.parts() if chunk.size is not None)
        return raw + sum(entry.size for entry in self._whole())

    def answers(self) -> list[object]:
        """List what was returned, without the Nones, in the order of completion."""
        found = [
            (chunk.done[row], value)
            for chunk, count in self.parts()
            for row, value in enumerate(islice(chunk.returned or (), count))
            if value is not None
        ]
        return [value for _, value in sorted(found, key=operator.itemgetter(0))]

    def cut(self, side: Side) -> View:
        """Return the view of what is within `side`; a copy, which does not change any more."""
        blocks = tuple(part for block in self.blocks if (part := side.cut(block)))
        return self._of(blocks, (side.mask(chunk, count) for chunk, count in self.parts()))

    def by_due(self) -> View:
        """Return a copy whose rows are in the order in which they were due."""
        rows = Columns(self.errors, self.names)
        for chunk, count in self.parts():
            chunk.select(b"\1" * count, into=rows)
        rows.sort()
        return View(self.blocks, (rows,), (rows.count,), self.errors, self.names)

    def due_within(self, start: float, end: float) -> View:
        """Return what was due from `start` to before `end`, of a view whose rows are in the order of `by_due`."""
        side = Side(due_from=start, due_before=end, takes="middle")
        blocks = tuple(part for block in self.blocks if (part := side.cut(block)))
        (rows,) = self.chunks
        cut = rows.cut(bisect_left(rows.due, start), bisect_left(rows.due, end))
        return View(blocks, (cut,), (cut.count,), self.errors, self.names)

    def named(self, number: int) -> View:
        """Return the view of what has one name; a copy, which does not change any more."""
        blocks = tuple(block for block in self.blocks if block.name == number)
        return self._of(blocks, (bytes(map(number.__eq__, chunk.name[:count])) for chunk, count in self.parts()))

    def _of(self, blocks: tuple[Block, ...], masks: Iterable[bytes]) -> View:
        rows = Columns(self.errors, self.names)
        for chunk, mask in zip(self.chunks, masks, strict=True):
            chunk.select(mask, into=rows)
        return View(blocks, (rows,), (rows.count,), self.errors, self.names)

    def __iter__(self) -> Iterator[Sample]:
        return chain((sample for block in self.blocks for sample in self._unfolded(block)), self.raw())

    def raw(self) -> Iterator[Sample]:
        """Yield the raw samples."""
        return (sample for chunk, count in self.parts() for sample in islice(chunk, count))

    def _unfolded(self, block: Block) -> Iterator[Sample]:
        for entry in block.finest:
            width, place = (entry.due_end - entry.due) / entry.number, 0.5
            status = None if entry.status == NONE else entry.status
            error = None if entry.error == NONE else self.errors.texts[entry.error]
            for bucket, count in entry.latency:
                latency = buckets.middle(bucket)
                for _ in range(count):
                    due = entry.due + place * width
                    place += 1
                    yield Sample(due, due, due + latency, status, error, self.names.texts[block.name])

    def parts(self) -> Iterator[tuple[Columns, int]]:
        """Yield the chunks of raw samples and how many rows of each count."""
        return zip(self.chunks, self.counts, strict=True)

    def _whole(self) -> Iterator[Entry]:
        return chain.from_iterable(block.whole for block in self.blocks)


def _resolution(block: Block) -> int:
    if block.seconds is not None:
        return 1
    return max(math.ceil(block.end) - math.floor(block.start), 1)
