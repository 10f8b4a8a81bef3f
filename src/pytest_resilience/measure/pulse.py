"""A pulse: what a run has been doing lately, reckoned while it goes on.

Each look reads only the samples that have come since the one before, so that it costs the same after a
minute and after a day. What it counts is for the eye: nothing is judged by it.
"""

from __future__ import annotations

from collections import Counter, deque
from operator import sub
from typing import NamedTuple

from pytest_resilience.measure import buckets, figures
from pytest_resilience.measure.block import total
from pytest_resilience.measure.columns import NONE, Columns
from pytest_resilience.measure.sample import IMPATIENT
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.spread import Spread
from pytest_resilience.measure.view import View

LATELY = 5.0  # seconds back that it tells of
EARLY = 0.9  # seconds below which no rate is told: samples come in batches of 50 ms


class Beat(NamedTuple):
    """The last 5 s of a run; None for what cannot be told of so few samples.

    :ivar rate: how many calls began per second.
    :ivar p50: the median latency in seconds, to 0.4 %; likewise `p99`.
    :ivar errors: the share that failed, 0 to 1, of those that were not given up by their own users.
    """

    rate: float | None
    p50: float | None
    p99: float | None
    errors: float | None


class _Slice(NamedTuple):
    """What came between two looks."""

    at: float
    latencies: Counter[int]
    failed: int
    waited: int


class Pulse:
    """Looks at the samples of a run now and then.

    :param samples: those of the run, which grow.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._chunk: Columns | None = None
        self._row = 0
        self._slices: deque[_Slice] = deque()
        self._begun: deque[tuple[float, int]] = deque()

    def look(self, now: float, *, in_flight: int) -> Beat:
        """Return how the run is doing.

        :param now: monotonic seconds, later than at the look before.
        :param in_flight: how many calls have begun and not finished.
        """
        view = self._samples.view
        self._slices.append(self._read(view, now))
        self._begun.append((now, view.count + in_flight))
        while len(self._slices) > 1 and self._slices[0].at <= now - LATELY:
            self._slices.popleft()
        while len(self._begun) > 2 and self._begun[1][0] <= now - LATELY:
            self._begun.popleft()
        return self._beat()

    def _read(self, view: View, now: float) -> _Slice:
        given_up, latencies, failed, waited = view.errors.find(IMPATIENT), Counter[int](), 0, 0
        chunks, counts = list(view.chunks), list(view.counts)
        first = next((place for place, chunk in enumerate(chunks) if chunk is self._chunk), None)
        if first is None:  # the beginning; or it was folded since, and what came meanwhile is passed over
            first = 0 if self._chunk is None else len(chunks) - 1
            self._row = 0
        for chunk, count in zip(chunks[first:], counts[first:], strict=True):
            new = slice(self._row, count)
            latencies.update(buckets.numbers(map(sub, chunk.done[new], chunk.due[new])))
            ends = Counter(chunk.error[new])
            patient = ends.total() - (ends[given_up] if given_up is not None else 0)
            failed, waited = failed + patient - ends[NONE], waited + patient
            self._chunk, self._row = chunk, 0
        self._row = counts[-1]
        return _Slice(now, latencies, failed, waited)

    def _beat(self) -> Beat:
        spread = Spread(folded=total(list(part.latencies.items()) for part in self._slices))
        waited = sum(part.waited for part in self._slices)
        (start, before), (end, after) = self._begun[0], self._begun[-1]
        return Beat(
            rate=max(0, after - before) / (end - start) if end - start >= EARLY else None,
            p50=_quantile(spread, 0.50),
            p99=_quantile(spread, 0.99),
            errors=sum(part.failed for part in self._slices) / waited if waited else None,
        )


def _quantile(spread: Spread, q: float) -> float | None:
    return figures.quantile(spread, q) if len(spread) >= figures.needed(q) else None
