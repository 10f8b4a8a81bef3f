"""Load is held until the objective has been met again for a while, and not for a time that somebody guessed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pytest_resilience import SLO
from pytest_resilience.errors import UsageError
from pytest_resilience.load.recovering import Recovering
from pytest_resilience.measure.samples import Sample, Samples
from pytest_resilience.timeline import Episode, Receipt

QUICK = SLO(p50=0.1)
RATE = 50  # a second
HEALED = 10.0


class Toy(Recovering):
    """A hundred seconds in no time: each hold adds what was answered in it, as `latency` has it by when it was due."""

    def __init__(self, latency: Callable[[float], float]) -> None:
        self.now, self._latency, self._seen = HEALED, latency, Samples()
        self._due = 0
        self._waiting: list[Sample] = []
        self.holds: list[float] = []

    @property
    def samples(self) -> Samples:
        return self._seen

    def hold(self, seconds: float) -> None:
        self.holds.append(seconds)
        self.now += seconds
        while (due := HEALED + 0.01 + self._due / RATE) < self.now:
            done = due + self._latency(due - HEALED)
            self._waiting.append(Sample(due, due, done, 200, None, "GET /"))
            self._due += 1
        self._seen.extend([one for one in self._waiting if one.done <= self.now])
        self._waiting = [one for one in self._waiting if one.done > self.now]

    async def ahold(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.hold(seconds)

    @property
    def held(self) -> float:
        return sum(self.holds)


def outage(*, healed: float | None = HEALED) -> Episode:
    return Episode("redis.killed", 5.0, Receipt(killed=1), healed=healed)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[float], float]], Toy]:
    def make(latency: Callable[[float], float]) -> Toy:
        made = Toy(latency)
        monkeypatch.setattr("pytest_resilience.load.recovering.time", SimpleNamespace(monotonic=lambda: made.now))
        return made

    return make


Make = Callable[[Callable[[float], float]], Toy]


def test_what_was_never_slow_is_held_for_as_long_as_it_has_to_be_steady(toy: Make) -> None:
    run = toy(lambda _: 0.01)
    run.hold_until_recovered(outage(), to=QUICK)
    assert run.held == pytest.approx(2, abs=0.1)
    run = toy(lambda _: 0.01)
    run.hold_until_recovered(outage(), to=QUICK, steady=5)
    assert run.held == pytest.approx(5, abs=0.1)


def test_what_is_slow_for_a_while_is_held_until_it_has_been_quick_for_long_enough(toy: Make) -> None:
    run = toy(lambda at: 0.5 if at < 4 else 0.01)
    run.hold_until_recovered(outage(), to=QUICK)
    assert 5 < run.held < 7
    assert run.recovery(outage(), to=QUICK) == pytest.approx(run.held - 2, abs=0.2)


def test_what_is_slow_once_more_has_not_recovered_before(toy: Make) -> None:
    run = toy(lambda at: 0.5 if at < 1 or 2 < at < 3 else 0.01)
    run.hold_until_recovered(outage(), to=QUICK)
    assert run.held > 4.5


def test_what_answers_nobody_any_more_has_not_recovered(toy: Make) -> None:
    run = toy(lambda at: 0.01 if at < 1.5 else math.inf)
    run.hold_until_recovered(outage(), to=QUICK, within=8)
    assert run.held == pytest.approx(8, abs=0.3)


def test_what_never_recovers_is_given_up(toy: Make) -> None:
    run = toy(lambda _: 0.5)
    run.hold_until_recovered(outage(), to=QUICK, within=8)
    assert run.held == pytest.approx(8, abs=0.3)
    assert math.isinf(run.recovery(outage(), to=QUICK))


def test_samples_that_are_too_few_so_far_are_waited_for(toy: Make) -> None:
    run = toy(lambda _: 0.01)
    run.hold_until_recovered(outage(), to=SLO(p99=0.1, error_rate=0.005), steady=0)  # 200 samples, in a window
    assert run.held == pytest.approx(200 / RATE, abs=0.5)


def test_an_event_loop_goes_on_meanwhile(toy: Make) -> None:
    run, turns = toy(lambda _: 0.01), 0

    async def scenario() -> None:
        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(turn())
        await run.ahold_until_recovered(outage(), to=QUICK)
        other.cancel()

    asyncio.run(scenario())
    assert run.held == pytest.approx(2, abs=0.1)
    assert turns > 5


def test_a_fault_that_is_in_force_is_refused(toy: Make) -> None:
    run = toy(lambda _: 0.01)
    with pytest.raises(UsageError, match=r"redis\.killed: in force.*leave its `with` first"):
        run.hold_until_recovered(outage(healed=None), to=QUICK)


@pytest.mark.parametrize("wrong", [{"within": -1}, {"within": math.inf}, {"steady": "2"}, {"steady": True}])
def test_a_time_that_cannot_be_meant_is_refused(toy: Make, wrong: dict[str, float]) -> None:
    run = toy(lambda _: 0.01)
    with pytest.raises(UsageError, match=r"hold_until_recovered\((within|steady)=.*expected seconds, such as 5"):
        run.hold_until_recovered(outage(), to=QUICK, **wrong)


def test_what_is_no_episode_is_refused(toy: Make) -> None:
    run = toy(lambda _: 0.01)
    with pytest.raises(UsageError, match="episode"):
        run.hold_until_recovered(3.0, to=QUICK)  # type: ignore[arg-type]
