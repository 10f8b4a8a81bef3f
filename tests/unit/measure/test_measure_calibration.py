"""Verdicts are as sure as they say: shown by the exact chances, and end to end by simulation.

Latencies are lognormal with sigma 1, a heavy tail: the p99 is ten times the median.
"""

from __future__ import annotations

import math
import random
from statistics import NormalDist

import pytest
from measuring import of_latencies

from pytest_resilience.measure import bounds, figures
from pytest_resilience.measure.beta import at_most
from pytest_resilience.measure.slo import SLO

TRUE_P99 = math.exp(NormalDist().inv_cdf(0.99)) / 100


def chance_of_met(n: int, limit: float, q: float = 0.99) -> float:
    """The exact chance that a p99 limit is met: that few enough of n samples are above it."""
    rank = bounds.upper_rank(n, q, 0.95)
    above = 1 - NormalDist().cdf(math.log(limit * 100))
    return 0.0 if rank is None else at_most(n - rank, n, above)


def outcomes(n: int, limit: float, runs: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    slo = SLO(p99=limit)
    return [
        slo.met_by(of_latencies([chance.lognormvariate(0, 1) / 100 for _ in range(n)])).outcome.value
        for _ in range(runs)
    ]


@pytest.mark.parametrize("n", [100, 299, 300, 1000, 3000, 10_000, 100_000])
def test_a_p99_ten_per_cent_over_its_limit_hardly_ever_passes(n):
    assert chance_of_met(n, TRUE_P99 / 1.1) <= 0.05


@pytest.mark.parametrize("n", [299, 473, 1000, 10_000, 100_000])
def test_a_p99_at_its_limit_passes_as_rarely_as_the_confidence_says(n):
    assert chance_of_met(n, TRUE_P99) <= 0.05 + 1e-9


@pytest.mark.parametrize(("n", "power"), [(10_000, 0.80), (20_000, 0.95)])
def test_a_p99_ten_per_cent_under_its_limit_passes_when_the_samples_are_many(n, power):
    assert chance_of_met(n, TRUE_P99 / 0.9) >= power


@pytest.mark.parametrize(("n", "chance"), [(100, 0.62), (1000, 0.28)])
def test_judged_by_what_was_seen_alone_it_often_would_pass(n, chance):
    above = 1 - NormalDist().cdf(math.log(TRUE_P99 / 1.1 * 100))
    assert at_most(n - figures.rank(0.99, n), n, above) == pytest.approx(chance, abs=0.02)


@pytest.mark.parametrize("failures", [0.011, 0.02, 0.05])
@pytest.mark.parametrize("n", [100, 300, 1000, 10_000])
def test_an_error_rate_over_its_limit_hardly_ever_passes(n, failures):
    allowed = max((seen for seen in range(n // 50) if bounds.upper_ratio(seen, n, 0.95) <= 0.01), default=-1)
    assert at_most(allowed, n, failures) <= 0.05


@pytest.mark.parametrize(("n", "runs"), [(100, 200), (300, 200), (1000, 200)])
def test_simulated_runs_over_the_limit_do_not_pass(n, runs):
    assert outcomes(n, TRUE_P99 / 1.1, runs, seed=n).count("met") <= 0.05 * runs


@pytest.mark.parametrize("n", [300, 1000])
def test_simulated_runs_under_the_limit_are_hardly_ever_missed(n):
    assert outcomes(n, TRUE_P99 / 0.9, 200, seed=n).count("missed") <= 0.05 * 200


def test_simulated_runs_far_under_the_limit_pass():
    assert outcomes(1000, TRUE_P99 * 2, 100, seed=5).count("met") >= 95


@pytest.mark.slow
def test_simulated_long_runs_over_the_limit_do_not_pass():
    assert outcomes(10_000, TRUE_P99 / 1.1, 200, seed=1).count("met") <= 10


@pytest.mark.slow
def test_simulated_long_runs_under_the_limit_pass():
    assert outcomes(10_000, TRUE_P99 / 0.9, 200, seed=2).count("met") >= 0.8 * 200
    assert outcomes(20_000, TRUE_P99 / 0.9, 100, seed=3).count("met") >= 0.95 * 100
