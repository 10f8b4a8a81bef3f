"""The generator is found to be the limit when it was, and not because a machine is busy."""

from __future__ import annotations

import random

import pytest
from measuring import sample, steady

from pytest_resilience.measure.samples import Samples, Strain


@pytest.mark.parametrize(
    ("lag", "tightest", "limited"),
    [
        (0.049, None, False),
        (0.051, None, True),
        (0.019, 0.010, False),  # never below 20 ms
        (0.021, 0.010, True),
        (0.049, 0.500, False),  # a tenth of the limit
        (0.051, 0.500, True),
        (0.099, 1.000, False),
    ],
)
def test_sustained_lateness_is_the_generators_limit(lag, tightest, limited):
    found = steady(3, latency=lambda _: 0.2, lag=lag).saturation(tightest=tightest)
    assert (found is not None) == limited


def test_a_late_tail_is_a_busy_machine_and_not_a_limit():
    chance = random.Random(3)
    rows = [sample(n / 100, 3.0, lag=chance.choice([0.0001, 0.0001, 0.0001, 2.0])) for n in range(1000)]
    assert Samples(rows).saturation(tightest=0.05) is None


def test_an_arrival_that_was_never_sent_is_a_limit():
    assert str(steady(1, unsent=[0.5]).saturation()) == "1 of 101 arrivals were due and never sent"


@pytest.mark.parametrize(
    ("cpu", "lag", "limited"),
    [(0.99, 0.02, True), (0.99, 0.001, False), (0.5, 0.2, False), (0.94, 0.02, False)],
)
def test_a_full_core_is_a_limit_only_to_a_loop_that_wakes_late(cpu, lag, limited):
    found = Samples([sample()], strain=[Strain(float(at), cpu, lag) for at in range(5)]).saturation()
    assert (found is not None) == limited
    assert found is None or str(found) == "the driver used 99% of its core and its loop woke 20 ms late"


def test_nothing_known_is_no_limit():
    assert Samples().saturation() is None
