"""Capacity: the rate up to which a service keeps its objective, searched for with steps of load.

::

    knee = breaking_point(Get(f"{app.url}/slots"), load=load, slo=SLO(p99=0.25, error_rate=0.01), start=50, top=5000)
    assert knee.sustained >= 400, knee

The rate doubles until a step misses the objective, and then the interval between the highest step that met
it and the lowest that did not is halved, on a logarithmic scale, until it is narrow. Each step is a run of its own,
judged by what was due in it once it had settled.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pytest_resilience import timeline
from pytest_resilience.errors import UsageError
from pytest_resilience.load.action import label_of
from pytest_resilience.load.knee import Knee, Step
from pytest_resilience.measure import bounds, figures
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.usage import Meter
from pytest_resilience.measure.verdict import Finding, Outcome, Verdict
from pytest_resilience.measure.words import per_second

if TYPE_CHECKING:
    from pytest_resilience.load.what import What
    from pytest_resilience.measure.slo import SLO
    from pytest_resilience.measure.usage import Gauge

KEEPING_UP = 0.95  # of the arrivals that were due in a step: fewer answers, and it has fallen behind
STEPS = 40  # more than any search takes that gets nearer with each
CALM = 30.0  # seconds that a service has to be itself again after a step that was too much


class Stretch(Protocol):
    """What a run is to the search."""

    @property
    def began(self) -> float:
        """When the first arrival was due, in monotonic seconds."""

    @property
    def samples(self) -> Samples:
        """Everything that has been answered."""

    def hold(self, seconds: float) -> None:
        """Let the load go on."""


class Loads(Protocol):
    """What makes runs: the `load` fixture."""

    def __call__(
        self, what: What, *, rate: float, deadline: float, drivers: int, connections: int | None
    ) -> AbstractContextManager[Stretch]:
        """Return a run of a steady rate."""


def breaking_point(
    what: What,
    *,
    load: Loads,
    slo: SLO,
    start: float,
    top: float,
    growth: float = 2.0,
    precision: float = 0.05,
    settle: float = 2.0,
    hold: float = 5.0,
    usage: Callable[[], Gauge] | None = None,
    deadline: float | None = None,
    drivers: int = 1,
    connections: int | None = None,
) -> Knee:
    """Find the highest rate of arrivals at which a service keeps `slo`, between `start` and `top`.

    A step has met `slo` when its verdict is met and as many were answered as arrived, but for one in twenty. A step
    that missed is driven a second time, when the service has answered well again: one bad second of a
    shared machine is no breaking point. One that could not be told is driven again for twice as long. Where
    the generator was the limit, the search goes on below, since the service may break there.

    :param what: what to send, as for `load`.
    :param load: the `load` fixture, which the runs are made with.
    :param slo: what has to hold; not a `recovery`, and `cpu` and `memory` only with `usage`.
    :param start: the arrivals per second of the first step.
    :param top: those of the highest step.
    :param growth: by what the rate grows from step to step until one misses.
    :param precision: how narrow the interval has to be, as a ratio of the rate.
    :param settle: the seconds at the beginning of a step that are not judged.
    :param hold: the seconds that are; more where the rate is too low for the samples that `slo` takes.
    :param usage: reads what the service uses, such as `app.usage`.
    :param deadline: the seconds after which a call counts as failed; four times the longest latency of `slo` by
        default, at least 1 and at most 10.
    :param drivers: how many processes share the load.
    :param connections: the most connections of each.
    :raises UsageError: an argument cannot be meant.
    :raises NoSamples: nothing was answered at all.
    """
    _check(slo, start, top, growth=growth, precision=precision, settle=settle, hold=hold)
    if usage is None and (slo.cpu is not None or slo.memory is not None):
        raise UsageError(
            f"breaking_point: {slo!r} promises what the service uses: give usage=, such as usage=app.usage"
        )
    longest = max(slo.latencies.values(), default=math.inf)
    within = min(10.0, max(1.0, 4 * longest)) if deadline is None else deadline
    needed = _needed(slo)

    def drive(rate: float, times: int) -> Step:
        lasts = max(hold, 1.5 * needed / rate) * times
        meter = None if usage is None else Meter(usage)
        with load(what, rate=rate, deadline=within, drivers=drivers, connections=connections) as run:
            run.hold(settle)
            with nullcontext() if meter is None else meter:
                run.hold(lasts)
        window = run.samples.between(run.began + settle, run.began + settle + lasts)
        verdict = slo.judge(window, usage=meter)
        # Whatever was answered in that time, also what had come before: in a steady state as much as arrives.
        answered = run.samples.view.finished(*window.span) / lasts
        return Step(rate, _kept_up(verdict, answered, rate), len(window), meter)

    def calm() -> bool:
        with load(what, rate=start, deadline=within, drivers=drivers, connections=connections) as run:
            for _ in range(math.ceil(CALM)):
                run.hold(1.0)
                if _well(run.samples.lately(0.5), longest):
                    return True
        return False

    line, since = timeline.current(), time.monotonic()
    knee = _Search(drive, calm, slo, precision).find(start, top, growth)
    found = math.nan if knee.limited_at is not None else knee.sustained
    name = f"breaking point of {label_of(what)} to {slo!r}"
    line.measure(name, "capacity", found, bounds=(found, knee.broke_at), since=since)
    line.mark(f"{name}: {knee!r}")
    return knee


class _Search:
    """The climb and the bisection; `drive` judges a rate, and `calm` waits until the service is itself again."""

    def __init__(
        self, drive: Callable[[float, int], Step], calm: Callable[[], bool], slo: SLO, precision: float
    ) -> None:
        self._drive, self._calm, self._slo, self._precision = drive, calm, slo, precision
        self._steps: list[Step] = []

    def find(self, start: float, top: float, growth: float) -> Knee:
        low, high, rate = 0.0, math.inf, start
        while len(self._steps) < STEPS:
            step = self._judge(rate)
            if step is None:
                break  # the service never was itself again, so nothing more can be learned of it
            if step.verdict.met:
                low = rate
            else:
                high = rate
            if low == top or high <= start or high / max(low, start) <= 1 + self._precision:
                break
            rate = min(top, low * growth) if math.isinf(high) else math.sqrt(low * high)
        return Knee(tuple(self._steps), self._slo)

    def _judge(self, rate: float) -> Step | None:
        """Drive a rate, and again if it did not meet the objective; the second time counts."""
        step = self._take(rate, 1)
        if not step.verdict.met:
            if not self._calm():
                return None
            step = self._take(rate, 1 if step.verdict.missed else 2)
            if not step.verdict.met and not self._calm():
                return None
        return step

    def _take(self, rate: float, times: int) -> Step:
        step = self._drive(rate, times)
        self._steps.append(step)
        return step


def _check(slo: SLO, start: float, top: float, *, growth: float, precision: float, settle: float, hold: float) -> None:
    if slo.recovery is not None or not slo.serves:
        raise UsageError(
            f"breaking_point: {slo!r} cannot be judged at a steady rate: promise a latency or an error_rate"
        )
    if not 0 < start <= top < math.inf:
        raise UsageError(f"breaking_point: start={start} and top={top}: expected rates, the first not above the second")
    if growth <= 1:
        raise UsageError(f"breaking_point: growth={growth} has to be above 1, for the rate to grow")
    if not 0 < precision < 1:
        raise UsageError(f"breaking_point: precision={precision}: expected a ratio, such as 0.05")
    if settle < 0 or hold <= 0:
        raise UsageError(f"breaking_point: settle={settle} and hold={hold} have to be seconds")


def _needed(slo: SLO) -> int:
    """Return how many samples a verdict takes."""
    ratios = [1 - q for q in slo.latencies]
    ratios += [limit for limit in (slo.error_rate, slo.error_rate_4xx, slo.error_rate_5xx) if limit]
    if slo.confidence is None:
        return max((figures.needed(1 - ratio) for ratio in ratios), default=1)
    return max((bounds.samples_for_ratio(ratio, slo.confidence) for ratio in ratios), default=1)


def _kept_up(verdict: Verdict, answered: float, rate: float) -> Verdict:
    """Return the verdict, missed where fewer were answered than arrived: a queue that grows has no lasting latency."""
    if verdict.inconclusive or answered >= KEEPING_UP * rate:
        return verdict
    text = f"answered {per_second(answered)} of {per_second(rate)}, so it falls behind"
    finding = Finding("throughput", Outcome.MISSED, text, answered, KEEPING_UP * rate)
    return replace(verdict, findings=(*verdict.findings, finding))


def _well(samples: Samples, longest: float) -> bool:
    """Tell whether all that has just been answered was answered well and in time."""
    return bool(len(samples)) and not samples.failures and max(samples.latencies) <= longest
