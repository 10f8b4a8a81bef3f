"""The one line of samples: worst news first, and never an exception."""

from __future__ import annotations

import pytest
from measuring import of_latencies, outage, steady

from pytest_resilience.measure import words
from pytest_resilience.measure.samples import Samples


def test_failures_come_first_with_the_most_frequent_kind_in_front():
    def error(due):
        return None if round(due * 100) % 10 else "timeout" if round(due * 100) % 20 else "status 503"

    shown = repr(
        steady(10, error=error, latency=lambda due: 0.2 if round(due * 100) % 50 == 0 else 0.0012).during(outage())
    )
    news = "10.0% errors (status 503 25, timeout 25), p50 1.2 ms, p99 200 ms, n=500, 100.0/s"
    assert shown == f"<Samples during redis.killed: {news}>"


def test_without_failures_it_says_so():
    assert repr(steady(10)) == "<Samples: no errors, p50 10 ms, p99 10 ms, n=1000, 100.0/s>"


@pytest.mark.parametrize(("count", "figure"), [(19, "max 10 ms"), (20, "p95 10 ms"), (100, "p99 10 ms")])
def test_it_tells_no_quantile_that_the_samples_cannot_carry(count, figure):
    assert figure in repr(of_latencies([0.01] * count))


def test_an_empty_window_is_called_empty():
    assert repr(Samples()) == "<Samples: empty>"
    assert repr(steady(1).after(outage(50, 60))) == "<Samples after redis.killed: empty>"


def test_a_saturated_driver_is_the_first_news():
    shown = repr(steady(1, latency=lambda _: 1, lag=0.5, unsent=[]))
    assert shown.startswith("<Samples: the generator was the limit: half of the arrivals were sent 500 ms late")
    assert (
        repr(Samples(unsent=[1.0]))
        == "<Samples: the generator was the limit: 1 of 1 arrivals were due and never sent, empty>"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 ms"),
        (0.0000456, "0.0456 ms"),
        (0.2036, "204 ms"),
        (0.9999, "1 s"),
        (12.5, "12.5 s"),
        (600, "600 s"),
        (float("inf"), "for ever"),
    ],
)
def test_seconds_are_written_with_three_digits_and_a_fitting_unit(value, shown):
    assert words.seconds(value) == shown


def test_a_tally_ends_in_how_many_kinds_it_leaves_out():
    assert words.tally(dict.fromkeys("abcdef", 1)) == "a 1, b 1, c 1, d 1, 2 more kinds"
