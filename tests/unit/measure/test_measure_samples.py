"""Samples answer for what happened, and refuse to where nothing did."""

from __future__ import annotations

import pytest
from measuring import of_latencies, outage, sample, steady

from pytest_resilience.errors import DriverSaturated, NoSamples, TooFewSamples, UsageError
from pytest_resilience.measure.samples import Samples, Strain

JUDGING = ["p50", "p95", "p99", "error_rate", "rate", "goodput"]


@pytest.mark.parametrize("figure", [*JUDGING, "statuses", "errors", "returned"])
def test_an_empty_window_is_an_error_that_names_it(figure):
    empty = steady(2, start=100).before(outage(50, 60))
    with pytest.raises(NoSamples, match=r"before redis\.killed: there are no samples.*run\.hold"):
        getattr(empty, figure)


@pytest.mark.parametrize("figure", JUDGING)
def test_what_a_saturated_driver_measured_is_not_told(figure):
    with pytest.raises(DriverSaturated, match=r"during redis\.killed: the load generator was the limit: half of"):
        getattr(steady(10, latency=lambda _: 0.3, lag=0.2).during(outage()), figure)


def test_a_run_of_which_nothing_was_sent_blames_the_driver_and_not_the_window():
    with pytest.raises(DriverSaturated, match="3 of 3 arrivals were due and never sent"):
        _ = Samples(unsent=[1.0, 2.0, 3.0]).error_rate


@pytest.mark.parametrize(("figure", "needed"), [("p50", 2), ("p95", 20), ("p99", 100)])
def test_a_quantile_needs_enough_samples_to_be_one(figure, needed):
    with pytest.raises(TooFewSamples, match=f"{figure} needs {needed} samples and there are {needed - 1}"):
        getattr(of_latencies([0.1] * (needed - 1)), figure)
    assert getattr(of_latencies([0.5] * needed), figure) == pytest.approx(0.5)


def test_too_few_samples_are_no_samples_to_whoever_catches_those():
    with pytest.raises(NoSamples):
        _ = of_latencies([0.1] * 5).p99


@pytest.mark.parametrize("q", [0, 1, -0.5, 99])
def test_a_quantile_that_is_no_ratio_is_refused(q):
    with pytest.raises(UsageError, match="between 0 and 1"):
        of_latencies([0.1] * 10).quantile(q)


def test_quantiles_are_latencies_that_were_seen():
    samples = of_latencies([n / 1000 for n in range(1000, 0, -1)])
    seen = [samples.quantile(q) for q in (0.001, 0.5, 0.95, 0.99, 0.999)]
    assert seen == pytest.approx([0.001, 0.5, 0.95, 0.99, 0.999])


def test_latency_counts_from_when_it_was_due_and_failures_at_the_time_they_took():
    samples = Samples([sample(1.0, 2.0, lag=0.5), sample(2.0, 30.0, error="timeout", status=None)])
    assert list(samples.latencies) == pytest.approx([2.0, 30.0])
    assert list(samples.service_times) == pytest.approx([1.5, 30.0])


def test_failures_are_told_by_status_and_by_category():
    samples = Samples(
        [
            sample(1.0),
            *(sample(2.0, status=503, error="status 503") for _ in range(2)),
            *(sample(3.0, status=None, error="timeout") for _ in range(5)),
        ]
    )
    assert samples.error_rate == 7 / 8
    assert samples.failures == 7
    assert samples.statuses == {200, 503}
    assert list(samples.errors.items()) == [("timeout", 5), ("status 503", 2)]


def test_a_window_without_failures_has_no_errors():
    assert steady(1).errors == {}
    assert steady(1).error_rate == 0.0


def test_what_was_returned_comes_in_the_order_of_completion_without_nones():
    samples = Samples([sample(1, 9, returned="slow"), sample(2, 1, returned=0), sample(3, 1)])
    assert samples.returned == [0, "slow"]


def test_the_rate_counts_what_finished_within_the_span():
    hung = steady(10, rate=100, latency=lambda due: 8.1 - due if 3 <= due < 8 else 0.001)
    assert hung.before(outage()).rate == pytest.approx(100, abs=0.5)
    assert len(hung.during(outage())) == 500
    assert hung.during(outage()).rate == 0.0
    assert hung.after(outage()).rate == pytest.approx(100, abs=0.5)


def test_goodput_leaves_failures_out_of_the_rate():
    samples = steady(10, error=lambda due: "refused" if due >= 5 else None)
    assert samples.rate == pytest.approx(100, rel=0.01)
    assert samples.goodput == pytest.approx(50, rel=0.01)


def test_a_rate_of_a_single_moment_is_refused():
    with pytest.raises(NoSamples, match="needs a window with a length"):
        _ = Samples([sample(1.0, 0.0)]).rate


def test_what_comes_in_later_is_counted():
    samples = Samples()
    samples.append(sample(1.0))
    samples.extend([sample(2.0)], strain=[Strain(2.0, 0.5, 0.001)], unsent=[3.0])
    assert (len(samples), samples.strain, samples.unsent) == (2, [Strain(2.0, 0.5, 0.001)], [3.0])
