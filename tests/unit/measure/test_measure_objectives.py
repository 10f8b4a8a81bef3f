"""Objectives beyond latency: statuses, what a service uses, recovery, windows that slide, users that give up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from measuring import of_latencies, outage, sample, steady

from pytest_resilience.errors import NoSamples, ServiceStateError, UsageError
from pytest_resilience.measure.sample import IMPATIENT
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.slo import SLO
from pytest_resilience.measure.usage import Meter, Readings
from pytest_resilience.waiting import wait_until


def answers(*, of: int = 2000, **statuses: int) -> Samples:
    """Samples of which so many, evenly spread, failed with a status."""
    rows = [sample(index / 100) for index in range(of)]
    for start, (status, count) in enumerate(statuses.items()):
        for number in range(count):
            place = (number * of // count + start + 1) % of
            code = int(status.lstrip("s"))
            rows[place] = sample(place / 100, status=code, error=f"status {code}")
    return Samples(rows)


def test_client_and_server_errors_are_judged_apart():
    samples = answers(s404=200, s503=2)
    assert SLO(error_rate_5xx=0.005).met_by(samples).met
    assert SLO(error_rate_4xx=0.05).met_by(samples).missed
    assert SLO(error_rate=0.05).met_by(samples).missed
    shown = repr(SLO(error_rate_4xx=0.05, error_rate_5xx=0.005).met_by(samples))
    assert shown.startswith("<Verdict missed: error_rate_4xx 10% > 5% (95% sure ≥ ")
    assert "error_rate_5xx 0.1% ≤ 0.5% (95% sure ≤ 0.31" in shown


def test_a_status_that_was_expected_is_no_error():
    fine = Samples(sample(index / 100, status=503) for index in range(1000))
    assert SLO(error_rate_5xx=0.01).met_by(fine).met


@pytest.mark.parametrize("name", ["p75", "p90"])
def test_the_other_quantiles_are_judged_too(name):
    assert SLO(**{name: 0.1}).met_by(of_latencies([0.01] * 300)).met
    assert SLO(**{name: 0.1}).met_by(of_latencies([0.2] * 300)).missed


# What a service uses


def used(*points: tuple[float, float, int]) -> Readings:
    readings = Readings()
    for point in points:
        readings.add(*point)
    return readings


@pytest.mark.parametrize(("cores", "outcome"), [(0.6, "met"), (0.8, "missed")])
def test_cpu_is_judged_by_its_mean_over_the_window(cores, outcome):
    usage = used(*((at / 2, cores * at / 2, 10**8) for at in range(41)))
    verdict = SLO(cpu=0.7).met_by(steady(20), usage=usage)
    assert verdict.outcome.value == outcome
    assert f"cpu {cores:g} cores {'≤' if outcome == 'met' else '>'} 0.7 cores (4" in repr(verdict)


def test_memory_is_judged_by_its_most():
    usage = used((0, 0, 10**8), (5, 1, 6 * 10**8), (10, 2, 10**8))
    assert "memory 600 MB > 512 MB" in repr(SLO(memory=512e6).met_by(steady(10), usage=usage))
    assert SLO(memory=512e6).met_by(steady(4), usage=usage).met


def test_what_was_used_outside_of_the_window_is_not_judged():
    usage = used((0, 0, 10**8), (10, 10, 10**8), (20, 10.1, 10**8), (30, 20.1, 10**8))
    assert SLO(cpu=0.7).met_by(steady(9.9, start=10), usage=usage).met
    assert SLO(cpu=0.7).met_by(steady(9.9, start=0), usage=usage).missed


def test_processor_time_that_went_back_is_that_of_a_service_started_again():
    assert used((0, 50, 1), (1, 50.5, 1), (2, 0.5, 1), (3, 1.0, 1)).cpu(0, 3) == pytest.approx(0.5)


@pytest.mark.parametrize("usage", [used(), used((0, 0, 1)), used((0, 0, 1), (2, 1, 1))])
def test_readings_that_do_not_cover_the_window_show_nothing(usage):
    verdict = SLO(cpu=0.7).met_by(steady(10), usage=usage)
    assert verdict.inconclusive
    assert "cpu is not known" in repr(verdict)


def test_who_promises_what_a_service_uses_has_to_say_what_it_used():
    with pytest.raises(UsageError, match=r"usage=.*Meter\(app.usage\)"):
        SLO(p95=1, cpu=0.7).met_by(steady(10))


def test_a_meter_reads_until_it_is_left():
    gauges = iter(SimpleNamespace(cpu_seconds=n / 100, rss=n * 10**6) for n in range(10**6))
    with Meter(lambda: next(gauges), every=0.001) as usage:
        wait_until(lambda: len(usage.readings) > 3, within=5)
    count = len(usage.readings)
    assert usage.memory(0, 1e18) == (count - 1) * 10**6
    assert repr(usage).startswith("<Usage: ") and repr(usage).endswith(f" {count} readings>")


def test_a_service_that_is_down_uses_nothing_and_ends_no_meter():
    def read() -> SimpleNamespace:
        asked.append(1)
        if len(asked) < 3:
            raise ServiceStateError("it is not running")
        return SimpleNamespace(cpu_seconds=1.0, rss=5)

    asked: list[int] = []
    with Meter(read, every=0.001) as usage:
        wait_until(lambda: len(usage.readings) > 1, within=5)
    assert len(usage.readings) == len(asked) - 2


def test_a_meter_that_cannot_read_says_so_when_it_is_left():
    def read() -> SimpleNamespace:
        failed.append(1)
        raise ValueError("no such gauge")

    failed: list[int] = []
    with pytest.raises(ValueError, match="no such gauge"), Meter(read, every=0.001):
        wait_until(lambda: bool(failed), within=5)


@pytest.mark.parametrize("make", [lambda: Meter(3), lambda: Meter(len, every=0)])  # type: ignore[arg-type]
def test_a_meter_that_cannot_be_meant_is_refused(make):
    with pytest.raises(UsageError, match="Meter"):
        make()


# Recovery


def recovering(after: float) -> Samples:
    def latency(due: float) -> float:
        return 0.5 if 10 <= due < 15 + after else 0.01

    return steady(60, latency=latency)


@pytest.mark.parametrize(("after", "outcome"), [(2, "met"), (9, "missed")])
def test_recovery_is_an_objective(after, outcome):
    verdict = SLO(p95=0.1, recovery=5).met_by(recovering(after), episode=outage(10, 15))
    assert verdict.outcome.value == outcome
    assert [finding.objective for finding in verdict.findings] == ["p95", "recovery"]
    assert verdict.findings[1].value == pytest.approx(after, abs=1)


def test_with_an_episode_all_else_is_judged_before_it():
    verdict = SLO(p95=0.001, recovery=5).met_by(recovering(0), episode=outage(10, 15))
    assert verdict.missed and verdict.window == "before redis.killed"


def test_what_never_recovers_misses():
    verdict = SLO(p95=0.1, recovery=5).met_by(recovering(100), episode=outage(10, 15))
    assert "recovery for ever > 5 s (after redis.killed)" in repr(verdict)


def test_recovery_needs_to_know_of_what_and_to_what():
    with pytest.raises(UsageError, match=r"episode=outage"):
        SLO(p95=0.1, recovery=5).met_by(steady(10))
    with pytest.raises(UsageError, match="does not say what has to hold again"):
        SLO(recovery=5)


# Windows that slide


def test_a_bad_stretch_that_a_long_run_hides_is_seen_in_its_own_window():
    samples = steady(600, latency=lambda due: 0.5 if 300 <= due < 303 else 0.01)
    assert SLO(p99=0.1, confidence=None).met_by(samples).met
    verdict = SLO(p99=0.1).always_met_by(samples, window=10)
    assert verdict.missed
    assert "window from 29" in repr(verdict) and "s, the worst of 237: " in repr(verdict)


def test_windows_that_are_all_good_are_always_met():
    verdict = SLO(p99=0.1, rate=90).always_met_by(steady(60), window=10)
    assert verdict.met
    assert "the worst of 21: 0 missed, 0 inconclusive, 21 met" in repr(verdict)


def test_every_window_needs_its_own_samples():
    assert SLO(p99=0.1).always_met_by(steady(60), window=2).inconclusive


def test_the_last_window_ends_with_the_load():
    samples = steady(60, latency=lambda due: 0.5 if due >= 59.5 else 0.01)
    assert SLO(p95=0.1).always_met_by(samples, window=7, step=7).missed
    assert [round(window.span[0], 2) for window in samples.sliding(25, step=20)] == [0, 20, 34.99]


def test_a_load_that_is_shorter_than_a_window_is_no_answer():
    with pytest.raises(NoSamples, match=r"2\.99 s, which is less than a window of 10 s"):
        SLO(p99=0.1).always_met_by(steady(3))


def test_a_window_without_load_is_no_answer():
    gap = Samples([*steady(20), *steady(20, start=40)])
    with pytest.raises(NoSamples, match="there are no samples"):
        SLO(p50=0.1).always_met_by(gap, window=5)


# Users that give up


def impatient(given_up: int, of: int = 1000) -> Samples:
    return Samples(
        sample(n / 100, 0.05, error=IMPATIENT, status=None) if n % (of // given_up) == 0 else sample(n / 100)
        for n in range(of)
    )


def test_calls_that_their_users_gave_up_are_counted_apart():
    samples = impatient(100)
    assert samples.impatient == 100
    assert (samples.failures, samples.error_rate, samples.errors) == (0, 0.0, {})
    assert samples.goodput == pytest.approx(90, rel=0.02)
    assert repr(samples) == "<Samples: no errors, 10.0% impatient, p50 10 ms, p99 50 ms, n=1000, 100.0/s>"


def test_the_error_rate_is_that_of_those_who_waited():
    rows = [*impatient(500), *(sample(20 + n / 100, error="timeout") for n in range(100))]
    assert Samples(rows).error_rate == pytest.approx(100 / 600)
    assert SLO(error_rate=0.1).met_by(Samples(rows)).missed


def test_where_everybody_gave_up_no_error_rate_is_known():
    samples = Samples(sample(n / 100, error=IMPATIENT) for n in range(1000))
    with pytest.raises(NoSamples, match="given up by their own users"):
        _ = samples.error_rate
    assert SLO(error_rate=0.1).met_by(samples).inconclusive


def test_a_quantile_that_those_who_gave_up_may_have_missed_is_not_met():
    verdict = SLO(p95=0.1, p50=0.1).met_by(impatient(100))
    assert verdict.inconclusive
    assert "but 10% were given up by their own users, and how long they would have taken is not known" in repr(verdict)
    assert [finding.outcome.value for finding in verdict.findings] == ["met", "inconclusive"]


def test_recovery_does_not_hold_impatience_against_a_service():
    samples = Samples(
        sample(n / 100, 0.01, error=IMPATIENT if n % 3 == 0 else "status 500" if n == 1600 else None)
        for n in range(3000)
    )
    assert SLO(error_rate=0.05, recovery=1).met_by(samples, episode=outage(10, 15)).findings[1].value <= 1.2
