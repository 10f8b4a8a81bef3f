"""Samples that come in bursts are worth less than their number, and independent ones are not made to pay for it.

Latencies are lognormal, and a regime makes them slower for some seconds at a time, or a level that wanders
does (an autoregressive process, AR(1)). The share above the limit is known, so it
is known how often a verdict is wrong.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import repeat

import pytest
from measuring import of_latencies, sample

from pytest_resilience.measure import bounds
from pytest_resilience.measure.batches import BATCHES, effect, t_quantile, widening
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.slo import SLO

LIMIT, OVER = 0.01, 0.01278  # of a p99; above which 1.278 % are where the true p99 is 10 % too high (sigma 1)
Shares = Callable[[random.Random, float, int], list[float]]


def regimes(
    chance: random.Random, share: float, seconds: int, *, part: float = 0.3, lasting: float = 3.0
) -> list[float]:
    """The share of slow ones in each second: all are in bad times, which are a part of the time."""
    bad, shares = chance.random() < part, []
    for _ in range(seconds):
        shares.append(share / part if bad else 0.0)
        bad = chance.random() >= 1 / lasting if bad else chance.random() < part / (1 - part) / lasting
    return shares


def wandering(chance: random.Random, share: float, seconds: int, *, memory: float = 0.5) -> list[float]:
    """The share of slow ones in each second, of a level that is an AR(1) process on a logarithmic scale."""
    level, shares = chance.gauss(0, 1), []
    for _ in range(seconds):
        shares.append(min(1.0, share * math.exp(level - 0.5)))
        level = memory * level + math.sqrt(1 - memory**2) * chance.gauss(0, 1)
    return shares


def slow(chance: random.Random, share: float, n: int) -> int:
    """A binomial number, by the gaps between successes."""
    found = place = 0
    while share > 0:
        place += 1 + int(math.log(1 - chance.random()) / math.log1p(-share)) if share < 1 else 1
        if place > n:
            break
        found += 1
    return found


def met(chance: random.Random, shares: list[float], rate: int, *, widened: bool = True) -> bool:
    """Whether a p99 is met by so many samples a second: through the very functions that a verdict goes by."""
    counts = [slow(chance, share, rate) for share in shares]
    each = len(shares) // BATCHES
    bads = [sum(counts[place * each : (place + 1) * each]) for place in range(BATCHES)]
    worth = widening([each * rate] * BATCHES, bads, 0.95) if widened else 1.0
    return bounds.upper_ratio(sum(bads) / worth, len(shares) * rate / worth, 0.95) <= LIMIT


def passing(
    shares: Shares, share: float, *, runs: int = 400, seconds: int = 100, rate: int = 100, **how: bool
) -> float:
    chance = random.Random(11)
    return sum(met(chance, shares(chance, share, seconds), rate, **how) for _ in range(runs)) / runs


@pytest.mark.parametrize("shares", [regimes, wandering])
@pytest.mark.parametrize("rate", [100, 1000])
def test_bursts_over_the_limit_hardly_ever_pass(shares, rate):
    assert passing(shares, OVER, rate=rate, runs=200) <= 0.05


def test_taken_for_independent_they_often_would():
    assert passing(regimes, OVER, widened=False) > 0.07


@pytest.mark.parametrize(("shares", "worst"), [(regimes, 0.10), (wandering, 0.15)])
def test_bursts_at_the_limit_pass_far_less_often_than_if_taken_for_independent(shares, worst):
    widened, naive = passing(shares, LIMIT), passing(shares, LIMIT, widened=False)
    assert widened <= worst < naive


def test_independent_samples_pass_about_as_often_as_without_batches():
    def even(chance: random.Random, share: float, seconds: int) -> list[float]:
        return [share] * seconds

    under = 0.00751  # above the limit where the true p99 is 10 % under it
    assert passing(even, under, runs=600) >= 0.80 - 0.03  # three standard errors of 600 runs; see the slow one
    assert passing(even, LIMIT, runs=600) <= 0.05 + 0.02


def test_whole_verdicts_on_bursts_over_the_limit_hardly_ever_pass():
    chance, passed = random.Random(3), 0
    for _ in range(40):
        shares = regimes(chance, OVER, 100)
        run = of_latencies(0.4 if chance.random() < shares[n // 100] else 0.01 for n in range(10_000))
        passed += SLO(p99=0.1).met_by(run).met
    assert passed <= 2


@pytest.mark.slow
def test_of_ten_thousand_independent_samples_four_in_five_pass_ten_per_cent_under_the_limit():
    def even(chance: random.Random, share: float, seconds: int) -> list[float]:
        return [share] * seconds

    assert passing(even, 0.00751, runs=4000) >= 0.80
    assert passing(even, 0.00751, runs=1000, seconds=200) >= 0.95


def burst(length: int, at: int = 5000, n: int = 10_000) -> Samples:
    return of_latencies(0.4 if at <= index < at + length else 0.01 for index in range(n))


def test_one_burst_is_one_event():
    scattered = of_latencies(0.4 if index % 200 == 0 else 0.01 for index in range(10_000))
    together = burst(50)
    assert SLO(p99=0.1).met_by(scattered).met
    verdict = SLO(p99=0.1).met_by(together)
    assert verdict.inconclusive
    assert "n=10000, which come in bursts and are worth " in repr(verdict)


def test_failures_in_a_burst_are_one_event_too():
    def failing(places: set[int]) -> Samples:
        return Samples(sample(n / 100, error="timeout" if n in places else None) for n in range(10_000))

    assert SLO(error_rate=0.01).met_by(failing(set(range(0, 10_000, 200)))).met
    assert SLO(error_rate=0.01).met_by(failing(set(range(5000, 5050)))).inconclusive


def test_what_a_burst_missed_was_missed_by_those_who_were_there():
    assert SLO(p99=0.1).met_by(burst(1000)).missed


def test_the_effect_is_how_many_came_together():
    seen = effect(burst(50).view, 0.95, above=0.1)
    assert 40 < seen < 80
    assert effect(burst(0).view, 0.95, above=0.1) == 1
    assert effect(of_latencies(repeat(0.4, 1000)).view, 0.95, above=0.1) == 1


@pytest.mark.parametrize("n", [1, 10, 39])
def test_of_few_samples_nothing_is_said(n):
    assert effect(of_latencies([0.4] + [0.01] * (n - 1)).view, 0.95, above=0.1) == 1


@pytest.mark.parametrize(("freedom", "chance", "value"), [(19, 0.95, 1.7291), (4, 0.99, 3.7469), (1000, 0.95, 1.6464)])
def test_the_t_distribution_is_that_of_the_tables(freedom, chance, value):
    assert t_quantile(freedom, chance) == pytest.approx(value, abs=1e-4)
