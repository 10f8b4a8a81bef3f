"""Impact: what the users of a load saw of each fault, from the samples before, during and after it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytest_resilience.measure import figures
from pytest_resilience.measure.notable import notable, outcomes
from pytest_resilience.measure.samples import Samples
from pytest_resilience.report.findings import Impact, Seen
from pytest_resilience.report.text import outermost
from pytest_resilience.timeline import Episode

MOST = 20  # faults of a test that are looked at closely


class Load(NamedTuple):
    """The load that is looked at.

    :ivar usual: the statuses that came before the first fault of the test.
    :ivar origin: when the timeline of the test began.
    """

    samples: Samples
    title: str
    usual: set[int]
    origin: float


def impacts(samples: Samples, title: str, episodes: Sequence[Episode], origin: float) -> Iterator[Impact]:
    """Yield what each fault did to a load; parts of a `together` or of a monkey are looked at as one."""
    if not len(samples):
        return
    whole = sorted(outermost(episodes), key=lambda episode: episode.striking)
    usual = samples.before(whole[0]).view.statuses() if whole else set[int]()
    start, end = samples.span
    for episode in whole[:MOST]:
        if episode.striking < end and (episode.healed is None or episode.healed > start):
            yield _impact(Load(samples, title, usual, origin), episode, _next(episode, whole))


def _next(episode: Episode, whole: Sequence[Episode]) -> float:
    healed = math.inf if episode.healed is None else episode.healed
    return min((other.striking for other in whole if other.striking > healed), default=math.inf)


def _impact(load: Load, episode: Episode, until: float) -> Impact:
    samples, usual, origin = load.samples, load.usual, load.origin
    before, during, after = samples.before(episode), samples.during(episode), samples.after(episode)
    if until < math.inf and episode.healed is not None:
        after = after.between(episode.healed, until)
    # Where nothing is known of the time without a fault, only failures tell.
    found = notable((during, after), usual or during.view.statuses() | after.view.statuses())
    over, calm = None, 0.0
    if found.last is not None and found.end is not None and episode.healed is not None:
        over = max(0.0, found.last - episode.healed)
        calm = found.end - max(found.last, episode.healed)
    return Impact(
        fault=episode.name,
        struck=episode.striking - origin,
        drive=load.title,
        before=_seen(before),
        during=_seen(during),
        after=_seen(after),
        noticed=None if found.first is None else max(0.0, found.first - episode.striking),
        by=found.by,
        over=over,
        calm=max(0.0, calm),
    )


def _seen(window: Samples) -> Seen:
    count = len(window)
    ordered = window.spread() if count else []
    p50, p95, p99 = (figures.quantile(ordered, q) if count >= figures.needed(q) else None for q in (0.5, 0.95, 0.99))
    return Seen(samples=count, outcomes=outcomes(window), p50=p50, p95=p95, p99=p99)
