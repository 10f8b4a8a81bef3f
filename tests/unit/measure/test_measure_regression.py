"""A figure is a regression when it is one: not for its luck, and not for that of its machine."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest
from measuring import of_latencies

from pytest_resilience.measure.regression import ENOUGH, KEPT, Figure, compare
from pytest_resilience.measure.verdict import Outcome
from pytest_resilience.report.baseline.taking import latencies

MET, MISSED, UNCLEAR = Outcome.MET, Outcome.MISSED, Outcome.INCONCLUSIVE


def took(*seconds: float, sure: float = 0.05) -> list[Figure]:
    """Latencies, each known to within a share of it."""
    return [Figure("latency", one, one * (1 - sure), one * (1 + sure)) for one in seconds]


TEN = took(0.0100, 0.0104, 0.0098, 0.0101, 0.0103, 0.0099, 0.0102, 0.0100, 0.0097, 0.0101)


def test_what_is_as_it_was_is_no_worse() -> None:
    found = compare(TEN, *took(0.0103))
    assert found.outcome is MET
    assert found.text == (
        "10.3 ms (95% sure ≥ 9.79 ms) after 10 ms on average of 10 earlier runs "
        "(9.7 ms to 10.4 ms; up to 12.1 ms to be expected): 1.03 times"
    )


def test_twice_the_time_is_a_regression_with_its_figures() -> None:
    found = compare(TEN, *took(0.02))
    assert found.outcome is MISSED
    assert found.text.startswith("20 ms (95% sure ≥ 19 ms) after 10 ms on average of 10 earlier runs")
    assert found.text.endswith(": 1.99 times")


def test_half_the_time_is_no_regression() -> None:
    assert compare(TEN, *took(0.005)).outcome is MET


def test_a_change_that_does_not_matter_is_none_however_sure_it_is() -> None:
    assert compare(took(*[0.01] * 20), *took(0.0119, sure=0.001)).outcome is MET
    assert compare(took(*[0.01] * 20), *took(0.0125, sure=0.001)).outcome is MISSED


@pytest.mark.parametrize("count", range(ENOUGH))
def test_with_few_runs_nothing_is_claimed(count: int) -> None:
    for now in (0.01, 10.0):
        found = compare(TEN[:count], *took(now))
        assert found.outcome is UNCLEAR
        assert f"collecting, {count} of 5 earlier runs" in found.text


def test_a_run_whose_own_samples_do_not_show_it_is_no_regression() -> None:
    found = compare(TEN, Figure("latency", 0.02, 0.0095, None))
    assert found.outcome is UNCLEAR
    assert "the samples of this run alone do not show it" in found.text


def test_runs_that_differ_widely_support_no_claim() -> None:
    wild = took(0.01, 0.03, 0.008, 0.05, 0.01, 0.02)
    for now in (0.012, 0.1):
        found = compare(wild, *took(now))
        assert found.outcome is UNCLEAR
        assert "would not be noticed" in found.text


def test_what_has_come_before_by_itself_is_not_a_regression_when_it_comes_again() -> None:
    assert compare([*TEN, *took(0.03)], *took(0.03)).outcome is UNCLEAR


def test_only_the_newest_runs_count() -> None:
    assert compare([*took(*[0.02] * KEPT), *TEN, *TEN], *took(0.02)).outcome is MISSED


def test_the_more_figures_there_are_the_more_it_takes_to_be_one() -> None:
    limits = [compare(took(0.01, 0.012, 0.009, 0.011, 0.013), *took(0.01), among=m).limit or 0 for m in (1, 10, 100)]
    assert limits == sorted(set(limits))


def test_less_goodput_is_worse_and_more_is_not() -> None:
    earlier = [Figure("goodput", value) for value in (100, 99.8, 99.9, 100.1, 100)]
    assert compare(earlier, Figure("goodput", 99.0)).outcome is MET
    assert compare(earlier, Figure("goodput", 150.0)).outcome is MET
    found = compare(earlier, Figure("goodput", 80.0))
    assert found.outcome is MISSED
    assert "80.0/s after 100.0/s on average" in found.text
    assert "down to 90.9/s to be expected): 0.8 times" in found.text


def test_errors_where_there_were_none() -> None:
    none = [Figure("errors", 0.0, 0.0, 0.003)] * 6
    assert compare(none, Figure("errors", 0.0, 0.0, 0.003)).outcome is MET
    assert compare(none, Figure("errors", 0.004, 0.002, 0.008)).outcome is MET
    assert compare(none, Figure("errors", 0.01, 0.001, 0.03)).outcome is UNCLEAR
    assert compare(none, Figure("errors", 0.02, 0.012, 0.03)).outcome is MISSED


def test_a_recovery_of_no_time_has_room_for_noise_and_none_for_never() -> None:
    at_once = [Figure("recovery", value) for value in (0.0, 0.1, 0.0, 0.0, 0.2)]
    assert compare(at_once, Figure("recovery", 0.4)).outcome is MET
    assert compare(at_once, Figure("recovery", 3.0)).outcome is MISSED
    found = compare(at_once, Figure("recovery", math.inf))
    assert found.outcome is MISSED
    assert found.text.startswith("for ever after 57.1 ms on average")


def test_a_breaking_point_is_lower_where_its_whole_interval_is() -> None:
    earlier = [Figure("capacity", value, value, value * 1.05) for value in (400, 410, 405, 395, 400)]
    assert compare(earlier, Figure("capacity", 390, 390, 410)).outcome is MET
    assert compare(earlier, Figure("capacity", 200, 200, 420)).outcome is UNCLEAR
    assert compare(earlier, Figure("capacity", 200, 200, 210)).outcome is MISSED


# Calibration: what the rule does over many sessions.


def drawn(
    random: random.Random, spread: float, *, times: float = 1.0, tail: Callable[[], float] | None = None
) -> Figure:
    """The figure of a run: its machine's effect, and 5 % that its own samples leave open."""
    machine = (tail or (lambda: random.gauss(0, 1)))() * spread
    value = times * 0.01 * math.exp(machine + 0.05 * random.gauss(0, 1))
    return Figure("latency", value, value * math.exp(-0.082), value * math.exp(0.082))


def share_found(spread: float, *, runs: int, among: int, times: float, tries: int, seed: int = 1) -> float:
    draw = random.Random(seed)
    found = 0
    for _ in range(tries):
        earlier = [drawn(draw, spread) for _ in range(runs)]
        found += compare(earlier, drawn(draw, spread, times=times), among=among).outcome is MISSED
    return found / tries


@pytest.mark.parametrize("spread", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("runs", [5, 10, 20])
def test_at_most_one_session_in_a_hundred_has_a_false_alarm(spread: float, runs: int) -> None:
    # Twenty independent figures each spend a twentieth of it: one false alarm is due in 2,000 comparisons, and more
    # than four would come in one test of 270.
    assert share_found(spread, runs=runs, among=20, times=1.0, tries=2000) <= 4 / 2000


def test_machines_with_wild_days_give_at_most_one_false_alarm_in_a_hundred_comparisons() -> None:
    draw = random.Random(2)

    def wild() -> float:  # Student's t with three degrees of freedom, of deviation one: what no normal bound allows for
        return draw.gauss(0, 1) / math.sqrt(draw.gammavariate(1.5, 2) / 3) / math.sqrt(3)

    outcomes = Counter(
        compare([drawn(draw, 0.1, tail=wild) for _ in range(20)], drawn(draw, 0.1, tail=wild), among=20).outcome
        for _ in range(3000)
    )
    assert outcomes[MISSED] / 3000 <= 0.01


@pytest.mark.parametrize(
    ("runs", "among", "times", "least"),
    [(20, 20, 2.0, 0.95), (10, 5, 2.0, 0.90), (20, 20, 1.5, 0.30), (20, 1, 1.5, 0.75)],
)
def test_what_is_slower_is_found(runs: int, among: int, times: float, least: float) -> None:
    assert share_found(0.1, runs=runs, among=among, times=times, tries=400) >= least


def slow_samples(draw: random.Random, *, times: float = 1.0, n: int = 400) -> dict[str, Figure]:
    """A run of heavy-tailed latencies on a machine that differs from run to run, some with a burst of slow ones."""
    machine = times * 0.01 * math.exp(draw.gauss(0, 0.08))
    latency = [machine * draw.lognormvariate(0, 0.5) for _ in range(n)]
    if draw.random() < 0.2:
        start = draw.randrange(n - 12)
        latency[start : start + 12] = [one * 8 for one in latency[start : start + 12]]
    return dict(latencies(of_latencies(latency)))


def test_heavy_tails_and_bursts_within_runs_are_no_regression_and_hide_none() -> None:
    draw = random.Random(4)
    series = [slow_samples(draw) for _ in range(220)]
    windows = [(series[at - 20 : at], series[at]) for at in range(20, len(series))]
    names = ("p50", "p95", "p99")
    alarms = Counter(
        name
        for earlier, now in windows
        for name in names
        if compare([run[name] for run in earlier], now[name], among=3).outcome is MISSED
    )
    assert alarms.total() <= 0.01 * len(windows) * len(names), alarms
    slower = [slow_samples(draw, times=2.0) for _ in range(40)]
    found = sum(
        any(compare([run[name] for run in series[:20]], now[name], among=3).outcome is MISSED for name in names)
        for now in slower
    )
    assert found >= 0.95 * len(slower)
