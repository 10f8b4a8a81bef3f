"""A run ends where its critical threshold is crossed, says which, and is not ended by anything else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from itertools import count

import pytest

from pytest_resilience import timeline
from pytest_resilience.errors import HostInDanger, ThresholdCrossed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.guard import EVERY, Guard
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.request import Get
from pytest_resilience.measure.samples import Sample, Samples
from pytest_resilience.measure.slo import SLO
from pytest_resilience.timeline import Timeline
from pytest_resilience.waiting import wait_until


@pytest.fixture
def load(load_janitor: Janitor) -> Loader:
    return Loader(load_janitor, seed=7, allowed=lambda _: None)


def steady(seconds: float, *, slow_from: float = 1e9, rate: float = 200) -> Samples:
    times = [index / rate for index in range(round(seconds * rate))]
    return Samples(Sample(at, at, at + (0.5 if at >= slow_from else 0.01), 200, None, "GET /") for at in times)


def clock(step: float) -> Callable[[], float]:
    """A clock that goes on by `step` whenever it is read."""
    readings = count()
    return lambda: next(readings) * step


def test_an_objective_that_the_last_seconds_have_missed_is_crossed():
    said = Guard(SLO(p95=0.1)).look(steady(60, slow_from=57))
    assert said is not None
    assert said.startswith("missed: p95 500 ms > 100 ms (99.9% sure ≥ 500 ms") and said.endswith("window the last 5 s")


def test_what_was_missed_long_ago_is_over():
    long_ago = Samples(
        [*steady(5, slow_from=0), *(one._replace(due=one.due + 10, done=one.done + 10) for one in steady(50))]
    )
    assert SLO(p99=0.1).met_by(long_ago).missed
    assert Guard(SLO(p99=0.1)).look(long_ago) is None


def test_what_may_be_chance_is_not_crossed_yet():
    few = Samples(
        Sample(n / 100, n / 100, n / 100 + (0.5 if n % 40 == 0 else 0.01), 200, None, "x") for n in range(400)
    )
    assert SLO(p99=0.1).met_by(few).missed  # 95 % sure, which one look in twenty is by chance
    assert Guard(SLO(p99=0.1)).look(few) is None


def test_a_rate_is_not_missed_before_the_load_has_had_time_for_it():
    assert Guard(SLO(rate=1000)).look(steady(2)) is None
    assert "rate 20" in (Guard(SLO(rate=1000)).look(steady(6)) or "")


@pytest.mark.parametrize("answer", [False, None, "", 0])
def test_a_function_that_sees_nothing_wrong_lets_the_run_go_on(answer):
    assert Guard(lambda _: answer).look(steady(1)) is None


def test_a_function_says_why():
    def too_many_failures(samples: Samples) -> bool:
        return len(samples) > 100

    assert Guard(lambda samples: f"{len(samples)} seen").look(steady(1)) == "200 seen"
    assert Guard(too_many_failures).look(steady(1)) == "too_many_failures said True"


def test_no_samples_cross_nothing():
    assert Guard(lambda _: "anything").look(Samples()) is None


def test_it_looks_five_times_a_second_and_no_more_than_a_tenth_of_the_time():
    quick, slow = Guard(lambda _: None, clock=clock(0.0)), Guard(lambda _: None, clock=clock(1.0))
    quick.look(steady(1))
    assert quick.due == EVERY
    slow.look(steady(1))  # which took a second
    assert slow.due == 1 + 10


@pytest.mark.parametrize("wrong", [SLO(p99=1, recovery=3), SLO(cpu=0.7), 0.5, "p99 > 1"])
def test_what_cannot_be_seen_in_samples_is_refused(load: Loader, wrong):
    with pytest.raises(UsageError, match="stop_when="):
        load(Get("http://127.0.0.1:9/"), rate=1, stop_when=wrong)
    assert load.runs == []


def test_a_run_is_ended_at_its_threshold_and_says_which(load: Loader, server):
    with pytest.raises(
        ThresholdCrossed, match=r"GET /status/503, rate steady 200: ended after .* error_rate 100% > 10%"
    ):
        with load(Get(f"{server.url}/status/503"), rate=200, stop_when=SLO(error_rate=0.1)) as run:
            run.hold(60)
    assert run.stopped is not None and run.stopped.startswith("missed: error_rate")
    assert run.elapsed < 10
    assert set(run.samples.errors) == {"status 503"}


def test_a_run_is_ended_when_the_timeline_is_broken_off_from_another_thread(load: Loader, server):
    line = Timeline()
    before = timeline.set_current(line)
    breaking = threading.Thread(target=lambda: line.break_off(HostInDanger("no memory is left")))
    try:
        with pytest.raises(HostInDanger, match="no memory is left"):
            with load(Get(f"{server.url}/ok"), rate=100) as run:
                breaking.start()
                run.hold(60)
    finally:
        timeline.set_current(before)
        breaking.join()
    assert run.elapsed < 20
    line.break_off(HostInDanger("and no disk either"))
    assert "no memory" in str(line.broken_off)  # the first reason stays


def test_a_run_within_its_threshold_goes_on_to_its_end(load: Loader, server):
    with load(Get(f"{server.url}/ok"), rate=200, stop_when=SLO(error_rate=0.1)) as run:
        run.hold(0.5)
    assert run.stopped is None
    assert len(run.samples) > 80


async def ended(load: Loader, url: str) -> None:
    async with load(Get(url), rate=200, stop_when=lambda samples: samples.failures > 50 and "50 failures") as run:
        await run.ahold(60)


def test_an_async_run_is_ended_too(load: Loader, server):
    with pytest.raises(ThresholdCrossed, match="at a critical threshold: 50 failures"):
        asyncio.run(ended(load, f"{server.url}/status/500"))


def test_what_was_crossed_while_nobody_looked_is_found_when_the_run_is_over():
    long_ago = Samples(
        [*steady(6, slow_from=0), *(one._replace(due=one.due + 10, done=one.done + 10) for one in steady(50))]
    )
    assert Guard(SLO(p99=0.1)).look(long_ago) is None
    assert "missed: p99" in (Guard(SLO(p99=0.1)).look_back(long_ago) or "")
    assert Guard(SLO(p99=1)).look_back(long_ago) is None
    assert Guard(lambda samples: len(samples) > 11_000 and "all").look_back(long_ago) == "all"
    assert Guard(SLO(p99=0.1)).look_back(Samples()) is None


def test_what_has_been_looked_at_is_not_looked_at_again():
    guard = Guard(SLO(p99=0.1))
    early = steady(20)
    assert guard.look(early) is None
    later = Samples([*early, *(one._replace(due=one.due + 20, done=one.done + 20) for one in steady(8, slow_from=1))])
    assert "missed" in (guard.look_back(later) or "")
    assert guard.look(steady(30)) is None  # it is not yet time


def test_a_run_that_is_left_without_a_hold_fails_too(load: Loader, server):
    with pytest.raises(ThresholdCrossed, match="at a critical threshold: 20 failures"):
        with load(
            Get(f"{server.url}/status/500"),
            rate=200,
            stop_when=lambda samples: samples.failures > 20 and "20 failures",
        ) as run:
            wait_until(lambda: run.samples.failures > 40, within=10)
    assert run.stopped == "20 failures"
