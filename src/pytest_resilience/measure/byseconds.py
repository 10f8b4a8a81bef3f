"""By seconds: what was in progress in each second, one after the other, for samples of which some were folded."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from pytest_resilience.measure import buckets
from pytest_resilience.measure.block import Block, total
from pytest_resilience.measure.columns import NONE, Columns
from pytest_resilience.measure.sample import IMPATIENT
from pytest_resilience.measure.seen import failing, kept
from pytest_resilience.measure.slo import SLO
from pytest_resilience.measure.spread import Spread
from pytest_resilience.measure.view import View


@dataclass
class Second:
    """What was in progress in one second: it was due by its end, and not done before its beginning.

    :ivar latencies: counts by bucket.
    :ivar bad: how many of them count against each ratio of an objective.
    :ivar given_up: how many of them their own users gave up.
    :ivar well: how many finished well in it.
    """

    latencies: Counter[int] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    well: int = 0


def seconds(view: View, start: int) -> Iterator[Second]:
    """Yield each second from `start`, in whole monotonic seconds, to the one of the last arrival.

    Only what may still be added to is held, so that a day takes no more memory than an hour.
    """
    ends = math.ceil((view.due_span or (0.0, start))[1])
    pending: dict[int, Second] = {}
    at = start
    for begins, part in sorted(_parts(view), key=lambda pair: pair[0]):
        while at < min(math.floor(begins), ends):
            yield pending.pop(at, Second())
            at += 1
        for due, done, status, number_of_error, latencies in _rows(part):
            number = sum(latencies.values())
            error = None if number_of_error == NONE else view.errors.texts[number_of_error]
            against = failing(status, error)
            for second in range(max(due, start), done + 1):
                one = pending.setdefault(second, Second())
                one.latencies.update(latencies)
                one.given_up += number * (error == IMPATIENT)
                for ratio in against:
                    one.bad[ratio] += number
            if error is None and done >= start:
                pending[done].well += number
    while at < ends:
        yield pending.pop(at, Second())
        at += 1


def recovered(view: View, slo: SLO, start: int, *, window: int, least: int, stretch: int) -> int | None:
    """Return after how many whole seconds from `start` every window met `slo`; None if the last one did not.

    Windows are `window` seconds long, one begins every second, and each is stretched until it holds `least`
    samples, as in `recovery`.
    """
    coming = seconds(view, start)
    ahead: deque[Second] = deque()
    met_from = judged = 0
    while True:
        ahead.extend(islice(coming, window * stretch - len(ahead)))
        if len(ahead) < window:
            break
        length = window
        while length < len(ahead) and sum(sum(ahead[place].latencies.values()) for place in range(length)) < least:
            length += 1
        held = [ahead[place] for place in range(length)]
        if judged and sum(sum(second.latencies.values()) for second in held) < least:
            break  # what is left of the load is too little for a window
        judged += 1
        if not _met(slo, held, window):
            met_from = judged
        ahead.popleft()
    return None if met_from == judged else met_from


def _met(slo: SLO, held: list[Second], window: int) -> bool:
    """Tell whether stretched seconds meet an objective as they were seen, and their own time was not stuck."""
    spread = Spread(folded=total(list(second.latencies.items()) for second in held))
    if not len(spread):
        return False
    loosest = max(slo.latencies.values(), default=math.inf)
    own = Spread(folded=total(list(second.latencies.items()) for second in held[:window]))
    if len(own) and own.above(loosest) == len(own):
        return False
    bad: Counter[str] = Counter()
    for second in held:
        bad.update(second.bad)
    if not kept(slo, spread, bad, sum(second.given_up for second in held)):
        return False
    return slo.rate is None or sum(second.well for second in held) / len(held) >= slo.rate


def _parts(view: View) -> Iterator[tuple[float, Block | tuple[Columns, int]]]:
    yield from ((block.start, block) for block in view.blocks)
    yield from ((chunk.first, (chunk, count)) for chunk, count in view.parts() if count)


def _rows(part: Block | tuple[Columns, int]) -> Iterator[tuple[int, int, int, int, Counter[int]]]:
    """Yield the seconds in which samples were due and done, status and error, and their latencies by bucket."""
    if isinstance(part, Block):
        for entry in part.finest:
            yield entry.due, entry.done_end - 1, entry.status, entry.error, Counter(dict(entry.latency))
        return
    chunk, count = part
    due, done = chunk.due[:count], chunk.done[:count]
    numbers = buckets.numbers(end - start for start, end in zip(due, done, strict=True))
    alike: dict[tuple[int, int, int, int], Counter[int]] = {}
    ends = zip(chunk.status[:count], chunk.error[:count], strict=True)
    for start, end, outcome, number in zip(due, done, ends, numbers, strict=True):
        alike.setdefault((math.floor(start), math.floor(end), *outcome), Counter())[number] += 1
    for key, latencies in alike.items():
        yield *key, latencies
