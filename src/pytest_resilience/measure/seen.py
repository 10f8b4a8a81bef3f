"""Seen: whether a short window keeps an objective, taken as it was seen, without bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_resilience.measure import figures
from pytest_resilience.measure.sample import IMPATIENT
from pytest_resilience.measure.slo import SLO


def failing(status: int | None, error: str | None) -> tuple[str, ...]:
    """Return the names of the ratios of an `SLO` against which a sample counts."""
    if error is None or error == IMPATIENT:
        return ()
    if status is not None and 400 <= status < 600:
        return ("error_rate", f"error_rate_{status // 100}xx")
    return ("error_rate",)


def least_of(slo: SLO) -> int:
    """Return how many samples the quantiles and the ratios of an objective need to be such."""
    needs = [figures.needed(q) for q in slo.latencies]
    needs += [figures.needed(1 - ratio) for ratio in slo.ratios.values() if ratio]
    return max(needs, default=1)


def kept(slo: SLO, ordered: Sequence[float], bad: Mapping[str, int], given_up: int) -> bool:
    """Tell whether latencies, in ascending order, and failures are within the objective.

    :param bad: how many count against each ratio; see `failing`.
    :param given_up: how many of them their own users gave up.
    """
    if any(figures.quantile(ordered, q) > limit for q, limit in slo.latencies.items()):
        return False
    # Without a promised ratio as in a verdict: a quick failure is no quick answer.
    allowed = {"error_rate": 1 - max(slo.latencies, default=0.0), **slo.ratios}
    waited = len(ordered) - given_up
    return all(bad.get(name, 0) <= limit * waited + figures.NEARLY for name, limit in allowed.items())
