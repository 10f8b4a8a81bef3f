"""Taking: the figures of a test that is over, under names that are the same in every run.

A name says what was driven and how hard, so that a scenario whose load was changed begins a new series. Of a run in
which something was broken, what was before counts for itself: the whole of it tells mostly of the fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_resilience.measure import bounds, figures
from pytest_resilience.measure.batches import effect
from pytest_resilience.measure.regression import SURE, Figure
from pytest_resilience.measure.samples import Samples
from pytest_resilience.report.story import Story
from pytest_resilience.report.tell import Driven
from pytest_resilience.timeline import Measured, Timeline

QUANTILES = (0.50, 0.95, 0.99)


@dataclass
class Taken:
    """What was taken.

    :ivar figures: by name.
    :ivar untold: what could not be told, and why.
    """

    figures: dict[str, Figure] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)


def take(story: Story) -> Taken:
    """Return the figures of a test."""
    taken, known = Taken(), dict[str, int]()

    def unique(name: str) -> str:
        known[name] = known.get(name, 0) + 1
        return name if known[name] == 1 else f"{name} (no. {known[name]})"

    for run in story.runs:
        if isinstance(run, Driven) and run.entered and not _is_part(run, story.timeline.measured):
            _of_run(run, unique(run.title), story.timeline, taken)
    for one in story.timeline.measured:
        name = unique(one.name)
        if math.isnan(one.value):
            taken.untold[name] = "the generator was the limit"
        else:
            taken.figures[name] = Figure(one.kind, one.value, one.low, one.high)
    return taken


def _is_part(run: Driven, measured: list[Measured]) -> bool:
    """Whether it was a step of a search, whose rates are others in each run."""
    return any(one.since is not None and one.since <= run.began <= one.at for one in measured)


def _of_run(run: Driven, title: str, line: Timeline, taken: Taken) -> None:
    samples = run.samples
    limited = samples.saturation()
    if limited:
        taken.untold[title] = f"the generator was the limit: {limited}"
        return
    taken.figures.update((f"{title}: {name}", figure) for name, figure in of_samples(samples))
    if samples.duration:
        taken.figures[f"{title}: goodput"] = Figure("goodput", samples.goodput)
    ended = run.began + run.elapsed
    met = [one for one in line.episodes if one.striking < ended and (one.healed is None or one.healed > run.began)]
    if met:
        calm = samples.before(min(met, key=lambda episode: episode.striking))
        taken.figures.update((f"{title}, before any fault: {name}", figure) for name, figure in latencies(calm))
    parts = {name: samples.named(name) for name in samples.names}
    if sum(map(bool, map(len, parts.values()))) > 1:
        for part, window in sorted(parts.items()):
            taken.figures.update((f"{title}, {part}: {name}", figure) for name, figure in of_samples(window))


def of_samples(samples: Samples) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that samples have by themselves, by name."""
    yield from latencies(samples)
    waited = len(samples) - samples.impatient
    if waited:
        failed, worth = samples.failures, effect(samples.view, SURE)
        low = bounds.lower_ratio(failed / worth, waited / worth, SURE)
        high = bounds.upper_ratio(failed / worth, waited / worth, SURE)
        yield "errors", Figure("errors", failed / waited, low, high)


def latencies(samples: Samples) -> Iterator[tuple[str, Figure]]:
    """Yield the quantiles of which there are the samples that a verdict takes, with bounds that bursts have widened."""
    spread, n = samples.spread(), len(samples)
    for q in QUANTILES:
        if n < bounds.samples_for_quantile(q, SURE):
            continue
        value = figures.quantile(spread, q)
        worth = effect(samples.view, SURE, above=value)
        few = max(1, math.floor(n / worth))
        below, above = bounds.lower_rank(few, q, SURE), bounds.upper_rank(n, q, SURE, worth)
        low = 0.0 if below is None else spread.floor(math.floor((below - 1) / few * n))
        yield figures.quantile_name(q), Figure("latency", value, low, above and spread.ceiling(above - 1))
