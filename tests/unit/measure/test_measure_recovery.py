"""Recovery is the first moment from which every following window is good."""

from __future__ import annotations

import math
import random

import pytest
from measuring import outage, sample, steady

from pytest_resilience.errors import DriverSaturated, NoSamples, TooFewSamples, UsageError
from pytest_resilience.measure.recovery import recovery
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.slo import SLO

BOOKING = SLO(p99=0.25, error_rate=0.01)


def slow_until(moment: float, *, seconds: float = 20.0, rate: float = 200.0) -> Samples:
    """Load that is slow from 3 s (the strike) until `moment`, and is answered late or soon from then on."""
    return steady(seconds, rate=rate, latency=lambda due: 0.4 if 3 <= due < moment else 0.005)


@pytest.mark.parametrize(("until", "expected"), [(8.0, 0.0), (8.5, 0.9), (10.5, 2.9), (14.0, 6.4)])
def test_it_is_when_the_last_slow_answer_was_given(until, expected):
    assert recovery(slow_until(until), outage(3, 8), to=BOOKING) == pytest.approx(expected, abs=0.1)


def test_it_is_zero_when_nothing_was_broken_after_the_heal():
    assert recovery(slow_until(8.0), outage(3, 8), to=BOOKING) == 0.0


def test_it_is_infinite_when_the_last_window_still_misses():
    assert recovery(slow_until(99.0), outage(3, 8), to=BOOKING) == math.inf


def test_a_relapse_counts():
    def latency(due):
        return 0.4 if 3 <= due < 9 or 12 <= due < 13 else 0.005

    assert recovery(steady(20, rate=200, latency=latency), outage(3, 8), to=BOOKING) == pytest.approx(5.4, abs=0.1)


def test_errors_count_as_well_as_slowness():
    samples = steady(20, rate=200, error=lambda due: "status 503" if due < 11 else None)
    assert recovery(samples, outage(3, 8), to=BOOKING) == pytest.approx(3.0, abs=0.1)
    assert recovery(samples, outage(3, 8), to=SLO(rate=190)) == pytest.approx(3.0, abs=0.2)


def test_quick_refusals_are_no_recovery_of_a_latency():
    samples = steady(20, rate=200, latency=lambda _: 0.0001, error=lambda due: "refused" if due < 11 else None)
    assert recovery(samples, outage(3, 8), to=SLO(p99=0.25)) == pytest.approx(3.0, abs=0.1)


def test_a_window_in_which_nothing_was_quick_is_not_made_good_by_what_came_later():
    rows = [sample(8.1, 6.0), *(sample(14.2 + n * 0.05, 0.01) for n in range(200))]
    # The first window that holds a quick answer is the one from 13.3 s to 14.3 s.
    assert recovery(Samples(rows), outage(3, 8), to=SLO(p50=0.25)) == pytest.approx(5.3, abs=0.11)


def test_slow_load_is_judged_by_longer_windows():
    samples = slow_until(10.0, seconds=60, rate=20)  # a p99 takes 100 samples, that is 5 s
    assert recovery(samples, outage(3, 8), to=SLO(p99=0.25)) == pytest.approx(2.4, abs=0.15)


def test_load_too_slow_for_the_quantile_is_told():
    with pytest.raises(
        TooFewSamples, match=r"SLO\(p99=0.25, error_rate=0.01\) needs 100 samples in a window and 10 s hold 50"
    ):
        recovery(slow_until(9, seconds=60, rate=5), outage(3, 8), to=BOOKING)
    with pytest.raises(TooFewSamples, match="needs 100 samples in a window and there are 10"):
        recovery(slow_until(9, seconds=10, rate=5), outage(3, 8), to=BOOKING)


def test_less_than_a_window_of_load_after_the_heal_shows_no_recovery():
    assert recovery(slow_until(8.0, seconds=8.9), outage(3, 8), to=BOOKING) == math.inf
    assert recovery(slow_until(8.0, seconds=9.0), outage(3, 8), to=BOOKING) == 0.0


def test_no_load_after_the_heal_is_an_error():
    with pytest.raises(NoSamples, match=r"after redis\.killed: no load after the heal"):
        recovery(slow_until(8.0, seconds=7), outage(3, 8), to=BOOKING)


def test_a_fault_in_force_has_no_recovery():
    with pytest.raises(UsageError, match=r"redis\.killed is still in force"):
        recovery(slow_until(8.0), outage(3, None), to=BOOKING)


@pytest.mark.parametrize("lengths", [{"window": 0}, {"step": 0}, {"window": -1}])
def test_windows_without_a_length_are_refused(lengths):
    with pytest.raises(UsageError, match="positive seconds"):
        recovery(slow_until(8.0), outage(3, 8), to=BOOKING, **lengths)


def test_a_saturated_driver_is_no_recovery():
    late = steady(20, latency=lambda _: 0.2, lag=0.1)
    with pytest.raises(DriverSaturated, match="recovery cannot be told"):
        recovery(late, outage(3, 8), to=BOOKING)


def test_a_sweep_agrees_with_windows_cut_one_by_one():
    chance = random.Random(11)
    rows = [
        sample(n / 100, chance.lognormvariate(-3, 1.2), error=chance.choice([None] * 99 + ["x"])) for n in range(3000)
    ]
    samples, slo, healed = Samples(rows), SLO(p95=0.3, error_rate=0.05), 8.0
    bad = 0.0
    for index in range(int((30 - healed - 1) / 0.1) + 1):
        start = healed + index * 0.1
        there = [one for one in rows if one.due >= healed and one.due < start + 1 and one.done > start]
        ordered = sorted(one.done - one.due for one in there)
        p95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
        if p95 > 0.3 or sum(one.error is not None for one in there) > 0.05 * len(there):
            bad = (index + 1) * 0.1
    expected = bad if bad < 21 else math.inf
    assert recovery(samples, outage(3, healed), to=slo) == pytest.approx(expected)
