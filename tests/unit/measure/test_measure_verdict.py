"""A verdict is true only when it was met, and its one line tells why it was not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from measuring import of_latencies, outage, scattered, steady

from pytest_resilience.measure.slo import SLO
from pytest_resilience.measure.verdict import Finding, Outcome, Verdict

MET = Finding("p50", Outcome.MET, "p50 fine")
UNSURE = Finding("p99", Outcome.INCONCLUSIVE, "p99 unsure")
MISSED = Finding("error_rate", Outcome.MISSED, "error_rate bad")


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [
        ((MET,), Outcome.MET),
        ((MET, UNSURE), Outcome.INCONCLUSIVE),
        ((MET, UNSURE, MISSED), Outcome.MISSED),
        ((), Outcome.INCONCLUSIVE),
    ],
)
def test_the_worst_finding_decides(findings, outcome):
    verdict = Verdict(findings)
    assert verdict.outcome is outcome
    assert (verdict.met, verdict.missed, verdict.inconclusive) == tuple(
        outcome is one for one in (Outcome.MET, Outcome.MISSED, Outcome.INCONCLUSIVE)
    )
    assert bool(verdict) == verdict.met


def test_the_worst_news_comes_first_and_the_window_last():
    shown = repr(Verdict((MET, UNSURE, MISSED), "during redis.killed"))
    assert shown == "<Verdict missed: error_rate bad; p99 unsure; p50 fine; window during redis.killed>"


def test_a_miss_tells_what_was_measured_and_how_sure_that_is():
    slow = steady(10, rate=200, latency=lambda due: 0.812 if round(due * 200) % 20 == 0 else 0.01)
    assert repr(SLO(p99=0.25, error_rate=0.01).met_by(slow.during(outage()))) == (
        "<Verdict missed: p99 812 ms > 250 ms (95% sure ≥ 812 ms, n=1010); "
        "error_rate 0% ≤ 1% (95% sure ≤ 0.296%, n=1010); window during redis.killed>"
    )


def test_an_inconclusive_one_tells_how_many_more_samples_would_do():
    assert repr(SLO(p99=0.25).met_by(of_latencies([0.01] * 100))) == (
        "<Verdict inconclusive: p99 of 100 samples cannot be known: 199 more needed to be 95% sure>"
    )
    few_slow = scattered(5, 1000)
    assert "p99 10 ms may be 10 ms to 400 ms, limit 250 ms (n=1000; about 146 more would tell)" in repr(
        SLO(p99=0.25).met_by(few_slow)
    )
    on_the_limit = of_latencies([0.4] * 10 + [0.01] * 990)
    assert "too close to tell with ten million" in repr(SLO(p99=0.25).met_by(on_the_limit))


SCENARIO = """
from pytest_resilience.measure.samples import Sample, Samples
from pytest_resilience.measure.slo import SLO
from pytest_resilience.timeline import Episode, Receipt

BOOKING = SLO(p99=0.250, error_rate=0.01)

def test_bookings_survive():
    rows = (Sample(n / 100, n / 100, n / 100 + 0.8, 200, None, "GET /slots") for n in range(1000))
    run, fault = Samples(rows), Episode("redis.killed", 2.0, Receipt(processes=1), 9.0)
    assert BOOKING.met_by(run.during(fault))
"""


def test_a_failing_assertion_tells_the_story(tmp_path):
    scenario = tmp_path / "test_scenario.py"
    scenario.write_text(SCENARIO)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:resilience", str(scenario)]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60).stdout
    assert "assert <Verdict missed: p99 800 ms > 250 ms (95% sure ≥ 800 ms, n=780); error_rate 0% ≤ 1%" in told
    assert "window during redis.killed>" in told
    assert "<Samples during redis.killed: no errors, p50 800 ms, p99 800 ms, n=780, 100.1/s>" in told
