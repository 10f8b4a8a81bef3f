"""The one line that tells what is in samples, the worst news first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_resilience.measure import figures, words
from pytest_resilience.measure.machine import crowding

if TYPE_CHECKING:
    from pytest_resilience.measure.samples import Samples


def line(samples: Samples) -> str:
    """Describe samples in one line; says what can be said of any window and raises nothing."""
    count = len(samples)
    news = []
    saturated = samples.saturation()
    if saturated:
        news.append(f"the generator was the limit: {saturated}")
    if not count:
        news.append("empty")
        return ", ".join(news)
    failures = samples.failures
    share = failures / max(count - samples.impatient, 1)
    news.append(f"{share:.1%} errors ({words.tally(samples.errors)})" if failures else "no errors")
    if samples.impatient:
        news.append(f"{samples.impatient / count:.1%} impatient")
    ordered = samples.spread()
    news.append(f"p50 {words.seconds(figures.quantile(ordered, 0.5))}")
    q = next((q for q in (0.99, 0.95) if count >= figures.needed(q)), None)
    if q is None:
        news.append(f"max {words.seconds(ordered[-1])}")
    else:
        news.append(f"{figures.quantile_name(q)} {words.seconds(figures.quantile(ordered, q))}")
    news.append(f"n={count}")
    if samples.duration > 0:
        news.append(words.per_second(samples.finished / samples.duration))
    if crowded := crowding(samples.busy):
        news.append(crowded)
    return ", ".join(news)
