"""An objective is met or missed only where the samples show it."""

from __future__ import annotations

import pytest
from measuring import of_latencies, outage, sample, scattered, steady

from pytest_resilience.errors import NoSamples, UsageError
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.slo import SLO
from pytest_resilience.measure.verdict import Outcome


def failing(failed: int, of: int) -> Samples:
    return Samples(sample(n / 100, error="status 500" if n < failed else None) for n in range(of))


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({}, "promises nothing"),
        ({"confidence": 0.9}, "promises nothing"),
        ({"p99": -1}, r"p99=-1\): a limit is a number that is not negative"),
        ({"p99": float("nan")}, "p99=nan"),
        ({"p99": "250ms"}, "p99='250ms'"),
        ({"p99": True}, "p99=True"),
        ({"p50": 0}, "nothing takes no time"),
        ({"rate": 0}, "a rate of 0 promises nothing"),
        ({"error_rate": 1.5}, "one per cent is 0.01"),
        ({"p95": 0.5, "p99": 0.25}, "p95 of 0.5 s is above p99 of 0.25 s"),
        ({"p50": 0.5, "p999": 0.25}, "p50 of 0.5 s is above p99.9 of 0.25 s"),
        ({"p99": 1, "confidence": 0.4}, "confidence=0.4"),
        ({"p99": 1, "confidence": 95}, "confidence=95"),
    ],
)
def test_what_cannot_be_meant_is_refused(limits, says):
    with pytest.raises(UsageError, match=says):
        SLO(**limits)


def test_it_is_shown_as_it_was_written():
    assert repr(SLO(p99=0.250, error_rate=0.01)) == "SLO(p99=0.25, error_rate=0.01)"
    assert repr(SLO(p50=1, confidence=None)) == "SLO(p50=1, confidence=None)"


@pytest.mark.parametrize(
    ("slow", "of", "outcome"),
    [
        (0, 298, Outcome.INCONCLUSIVE),
        (0, 299, Outcome.MET),
        (1, 299, Outcome.INCONCLUSIVE),
        (4, 1000, Outcome.MET),
        (10, 1000, Outcome.INCONCLUSIVE),
        (25, 1000, Outcome.MISSED),
        (10, 100, Outcome.MISSED),  # few samples can show a miss
    ],
)
def test_a_p99_is_judged_by_its_bounds(slow, of, outcome):
    verdict = SLO(p99=0.25).met_by(scattered(slow, of))
    assert verdict.outcome is outcome
    assert bool(verdict) == (outcome is Outcome.MET)


@pytest.mark.parametrize(
    ("failed", "of", "outcome"),
    [
        (0, 298, Outcome.INCONCLUSIVE),
        (0, 299, Outcome.MET),
        (3, 300, Outcome.INCONCLUSIVE),
        (20, 300, Outcome.MISSED),
        (100, 100, Outcome.MISSED),
    ],
)
def test_an_error_rate_is_judged_by_its_bounds(failed, of, outcome):
    assert SLO(error_rate=0.01).met_by(failing(failed, of)).outcome is outcome


@pytest.mark.parametrize(
    ("failed", "of", "outcome"),
    [(0, 58, Outcome.INCONCLUSIVE), (0, 59, Outcome.MET), (1, 10_000, Outcome.MISSED), (1, 3, Outcome.MISSED)],
)
def test_no_errors_at_all_is_said_of_the_window(failed, of, outcome):
    assert SLO(error_rate=0).met_by(failing(failed, of)).outcome is outcome


def test_a_ratio_of_one_promises_nothing_and_is_kept():
    assert SLO(error_rate=1).met_by(failing(5, 5))


@pytest.mark.parametrize(
    ("slow", "of", "outcome"),
    [(0, 99, Outcome.INCONCLUSIVE), (0, 100, Outcome.MET), (1, 100, Outcome.MET), (2, 100, Outcome.MISSED)],
)
def test_without_a_confidence_the_point_is_judged_where_there_is_one(slow, of, outcome):
    samples = of_latencies([0.4] * slow + [0.01] * (of - slow))
    assert SLO(p99=0.25, confidence=None).met_by(samples).outcome is outcome


@pytest.mark.parametrize(
    ("limit", "failed", "of", "outcome"),
    [
        (0.01, 0, 99, Outcome.INCONCLUSIVE),
        (0.01, 1, 100, Outcome.MET),
        (0.01, 2, 100, Outcome.MISSED),
        (0, 0, 19, Outcome.INCONCLUSIVE),
        (0, 0, 20, Outcome.MET),
    ],
)
def test_without_a_confidence_so_is_the_error_rate(limit, failed, of, outcome):
    assert SLO(error_rate=limit, confidence=None).met_by(failing(failed, of)).outcome is outcome


def test_a_rate_counts_what_succeeded():
    samples = steady(10, error=lambda due: "refused" if due >= 5 else None)
    assert SLO(rate=49).met_by(samples).met
    assert SLO(rate=51).met_by(samples).missed
    assert SLO(rate=1).met_by(Samples([sample(1.0, 0.0)])).inconclusive


def test_one_miss_is_a_miss_whatever_else_was_met():
    verdict = SLO(p50=1, error_rate=0.01).met_by(failing(200, 1000))
    assert verdict.missed
    assert [(one.objective, one.outcome.value) for one in verdict.findings] == [
        ("p50", "met"),
        ("error_rate", "missed"),
    ]


def test_an_empty_window_is_no_verdict():
    with pytest.raises(NoSamples, match=r"after redis\.killed: .* SLO\(p99=1\) is neither met nor missed"):
        SLO(p99=1).met_by(steady(2).after(outage()))


def test_a_server_that_is_down_does_not_pass_for_a_quick_one():
    refused = Samples(sample(n / 100, 0.0001, status=None, error="refused") for n in range(1000))
    verdict = SLO(p99=0.25).met_by(refused)
    assert verdict.inconclusive
    assert "100% failed (refused 1000) and a quick failure is no quick answer" in repr(verdict)
    assert SLO(p99=0.25, error_rate=0.01).met_by(refused).missed
    assert SLO(rate=1).met_by(refused).missed


def test_who_promises_failures_may_promise_that_they_are_quick():
    refused = Samples(sample(n / 100, 0.01, status=503, error="status 503") for n in range(1000))
    assert SLO(p99=0.1, error_rate=1).met_by(refused).met


def test_a_saturated_driver_makes_it_inconclusive_whatever_the_figures():
    late = steady(10, latency=lambda _: 0.5, lag=0.3)
    verdict = SLO(p99=0.25).met_by(late)
    assert verdict.inconclusive
    assert repr(verdict).startswith("<Verdict inconclusive: the generator was the limit: half of the arrivals")
    assert SLO(p99=1).met_by(steady(10, unsent=[5.0])).inconclusive
    assert SLO(p99=1).met_by(Samples(unsent=[5.0])).inconclusive


def test_a_miss_that_only_the_drivers_lag_explains_is_inconclusive():
    rows = [sample(n / 100, 0.31 if n % 20 == 0 else 0.01, lag=0.3 if n % 20 == 0 else 0.0) for n in range(1000)]
    verdict = SLO(p99=0.25).met_by(Samples(rows))
    assert verdict.inconclusive
    assert "p99 310 ms > 250 ms" in repr(verdict)
    assert "10 ms once sent: the generator's own lag explains the miss" in repr(verdict)


def test_a_miss_that_remains_once_sent_is_a_miss():
    rows = [sample(n / 100, 0.6 if n % 20 == 0 else 0.01, lag=0.3 if n % 20 == 0 else 0.0) for n in range(1000)]
    assert SLO(p99=0.25).met_by(Samples(rows)).missed
