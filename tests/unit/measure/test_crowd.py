"""How many requests were waited for at a time: the mean of each stretch."""

from __future__ import annotations

import pytest

from pytest_resilience.measure.crowd import in_flight
from pytest_resilience.measure.sample import Sample
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.store import Store


def samples(*stays: tuple[float, float]) -> Samples:
    return Samples([Sample(due, due, done, 200, None, "x") for due, done in stays])


@pytest.mark.parametrize(
    ("stays", "means"),
    [
        ([], [0, 0, 0]),
        ([(10.0, 11.0)], [1, 0, 0]),
        ([(10.25, 10.75)], [0.5, 0, 0]),
        ([(10.5, 12.5)], [0.5, 1, 0.5]),
        ([(9.0, 14.0)], [1, 1, 1]),  # from before until after
        ([(7.0, 8.0), (14.0, 15.0)], [0, 0, 0]),
        ([(10.5, 12.5), (11.0, 12.0), (11.5, 11.75)], [0.5, 2.25, 0.5]),
    ],
)
def test_the_mean_is_the_time_waited_over_the_length(stays: list[tuple[float, float]], means: list[float]) -> None:
    assert in_flight(samples(*stays).view, 10.0, 1.0, 3) == pytest.approx(means)


def test_of_no_stretches_there_is_nothing() -> None:
    assert in_flight(samples((1, 2)).view, 1.0, 1.0, 0) == []


def test_folded_samples_are_counted_as_from_the_middle_of_their_second() -> None:
    kept = Samples(store=Store(chunk=50, raw=2))
    kept.extend([Sample(10 + n / 100, 10 + n / 100, 10.5 + n / 100, 200, None, "x") for n in range(1000)])
    assert kept.view.blocks
    means = in_flight(kept.view, 10.0, 1.0, 10)
    assert means[2:9] == pytest.approx([50] * 7, rel=0.05)
