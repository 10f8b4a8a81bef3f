"""The search finds what it takes to break a system, and shrinks it to that; here with systems that are simulated."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from fault_toys import Toy

from pytest_resilience import Schedule, Strike, search, timeline
from pytest_resilience.errors import FaultDidNotBite, NotHealed, Unsupported, UsageError
from pytest_resilience.faults.shrink import ddmin
from pytest_resilience.timeline import Timeline

MENU = {
    "cache": "killed paused restarted",
    "database": {"severed": (), "slowed": (0.05, 0.2, 0.5), "frozen": ()},
    "app": "killed paused",
}


@pytest.fixture(autouse=True)
def line() -> Iterator[Timeline]:
    fresh = Timeline()
    before = timeline.set_current(fresh)
    yield fresh
    timeline.set_current(before)


class Shop:
    """A shop in virtual time, a tick every 10 ms: it reads from its cache, else from its database, within 100 ms.

    The bug: while the cache is away, an answer of the database that comes late is taken for an empty one.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def answers(self) -> Iterator[str]:
        for tick in range(int(self._schedule.length * 100) + 50):
            held = {strike.fault: strike.magnitude for strike in self._schedule.in_force(tick / 100)}
            if any(name.startswith("app.") for name in held):
                yield "refused"
            elif not any(name.startswith("cache.") for name in held):
                yield "page"
            elif "database.severed" in held or "database.frozen" in held:
                yield "refused"
            else:
                yield "empty" if (held.get("database.slowed") or 0) > 0.1 else "page"


def check(schedule: Schedule) -> None:
    wrong = [answer for answer in Shop(schedule).answers() if answer not in ("page", "refused")]
    assert not wrong, f"{len(wrong)} answers"


def test_a_bug_that_takes_two_faults_is_found_and_shrunk_to_them() -> None:
    minimal = 0
    for seed in range(10):
        found = search(check, MENU, within=2, seed=seed)
        assert found and found.schedule is not None
        faults = sorted((strike.fault.partition(".")[0], strike.magnitude) for strike in found.schedule.strikes)
        minimal += faults == [("cache", None), ("database", 0.2)]
        assert (found.failed, found.runs, found.passed) == (10, 10, 6)
    assert minimal >= 9


def test_what_it_prints_is_the_least_schedule_as_a_test_to_paste() -> None:
    found = search(check, MENU, within=2, seed=1)
    assert "failed 10 of 10, passes without faults 6 of 6: AssertionError at test_fault_search.py:" in repr(found)
    assert found.as_test in repr(found)
    pasted: dict[str, object] = {"check": check}
    exec(found.as_test, pasted)
    with pytest.raises(AssertionError, match="answers"):
        pasted["test_check_survives"]()  # type: ignore[operator]
    assert "strikes, shrunk from " in repr(found) and ", seed 1: " in repr(found)


def test_the_same_seed_finds_the_same() -> None:
    one, two = (search(check, MENU, within=5, seed=4) for _ in range(2))
    assert (one.first, one.tried, one.schedule) == (two.first, two.tried, two.schedule)


def test_a_system_without_the_bug_passes_and_says_how_many_schedules_it_withstood() -> None:
    ran: list[Schedule] = []
    found = search(ran.append, MENU, within=0.05, seed=1)
    assert not found and found.schedule is None and found.as_test == ""
    assert found.tried == len([schedule for schedule in ran if schedule]) > 1
    assert repr(found).startswith(f"<Found nothing in {found.tried} schedules, in 0.")
    assert len({schedule for schedule in ran if schedule}) > found.tried / 2


def test_at_least_one_schedule_is_tried_however_little_time_there_is() -> None:
    assert search(lambda _: None, MENU, within=1e-9, seed=1).tried == 1


def test_the_draw_reaches_every_fault_and_every_number_of_strikes() -> None:
    ran: list[Schedule] = []
    search(ran.append, MENU, within=0.3, seed=2, strikes=(1, 3))
    drawn = [schedule for schedule in ran if schedule]
    assert {len(schedule) for schedule in drawn} == {1, 2, 3}
    assert {(strike.fault, strike.magnitude) for schedule in drawn for strike in schedule.strikes} == {
        *[(f"cache.{name}", None) for name in ("killed", "paused", "restarted")],
        *[("database.slowed", magnitude) for magnitude in (0.05, 0.2, 0.5)],
        *[(name, None) for name in ("database.severed", "database.frozen", "app.killed", "app.paused")],
    }


def test_a_failure_that_comes_and_goes_is_told_and_is_not_taken_for_a_steady_one() -> None:
    failures = iter([True] + [False] * 10**6)

    def flaky(schedule: Schedule) -> None:
        assert not (schedule and next(failures)), "once"

    found = search(flaky, MENU, within=0.05, seed=1)
    assert found and found.failed == 0 and found.runs == 10
    assert "failed 0 of 10" in repr(found) and "(it failed once, and not again)" in repr(found)


def test_another_failure_does_not_lead_the_shrinking_astray() -> None:
    def two_bugs(schedule: Schedule) -> None:
        names = {strike.fault for strike in schedule.strikes}
        if {"a.killed", "b.killed"} <= names:
            raise AssertionError("it takes two")
        if names:
            raise ValueError("any one does")

    menu = {"a": "killed", "b": "killed", "c": "killed"}
    for seed in range(10):
        found = search(two_bugs, menu, within=2, seed=seed)
        assert found.schedule is not None
        assert len(found.schedule) == (2 if found.failure.startswith("AssertionError") else 1)


def test_a_test_that_fails_without_faults_is_refused() -> None:
    def broken(schedule: Schedule) -> None:
        raise AssertionError("always")

    with pytest.raises(UsageError, match=r"broken fails without any fault: AssertionError at .*has to pass under Sch"):
        search(broken, MENU, within=1, seed=1)


def test_schedules_that_touch_nothing_show_nothing() -> None:
    def idle(schedule: Schedule) -> None:
        if schedule:
            raise FaultDidNotBite("nothing")

    with pytest.raises(FaultDidNotBite, match=r"search: none of \d+ schedules touched anything"):
        search(idle, MENU, within=0.01, seed=1)


def test_what_the_machine_cannot_do_skips_the_test_and_a_mistake_is_one() -> None:
    for error in (Unsupported("not here"), UsageError("no such fault")):

        def wrong(schedule: Schedule, error: Exception = error) -> None:
            if schedule:
                raise error

        with pytest.raises(type(error), match=str(error)):
            search(wrong, MENU, within=1, seed=1)


def test_a_fault_that_a_trial_leaves_in_force_is_an_error() -> None:
    toys: list[Toy] = []

    def careless(schedule: Schedule) -> None:
        toys.append(Toy())
        toys[-1].broken().__enter__()

    with pytest.raises(NotHealed, match="toy.broken: in force still"):
        search(careless, MENU, within=1, seed=1)


def test_it_plays_real_faults(line: Timeline) -> None:
    def plays(schedule: Schedule) -> None:
        toy = Toy()
        with schedule.on(toy, optional=True):
            pass
        assert len(toy.log) % 2 == 0

    found = search(plays, {"toy": "broken"}, within=0.05, seed=3, length=0.01, step=0.001)
    assert not found and found.tried
    assert line.episodes == []  # each trial has a timeline of its own


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UsageError, match="within=0 must be seconds"):
        search(check, MENU, within=0, seed=1)
    with pytest.raises(UsageError, match="there is no fault on the menu"):
        search(check, {"redis": ""}, within=1, seed=1)


def test_ddmin_leaves_nothing_that_could_be_left_out() -> None:
    draw = random.Random(5)
    for _ in range(200):
        whole = list(range(draw.randint(1, 20)))
        needed = set(draw.sample(whole, draw.randint(1, min(4, len(whole)))))
        assert ddmin(whole, lambda some: needed <= set(some)) == sorted(needed)  # noqa: B023


def test_a_schedule_of_one_strike_is_least_already() -> None:
    one = Strike("a.killed", at=0, lasting=1)
    assert ddmin([one], lambda _: True) == [one]
