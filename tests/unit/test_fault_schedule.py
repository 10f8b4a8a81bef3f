"""A schedule is a value that can be pasted, plays its strikes at their times, and shrinks under Hypothesis."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from fault_toys import Toy
from hypothesis import find, given, settings

from pytest_resilience import Breakage, Receipt, Schedule, Strike, fault, fault_schedules, timeline, wait_until
from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.faults.schedule import clashing
from pytest_resilience.timeline import Timeline

MENU = {"redis": "killed paused", "database": {"severed": (), "slowed": (0.05, 0.2)}}


@pytest.fixture(autouse=True)
def line() -> Iterator[Timeline]:
    fresh = Timeline()
    before = timeline.set_current(fresh)
    yield fresh
    timeline.set_current(before)


@dataclass
class Road:
    name: str = "database"
    log: list[str] = field(default_factory=list)

    @fault
    def slowed(self, latency: float) -> Breakage:
        self.log.append(f"slowed {latency}")
        yield Receipt(a=1)
        self.log.append("fast")

    @fault
    def stuck(self) -> Breakage:
        yield Receipt(a=1)
        raise OSError("stuck")

    @fault
    def refused(self) -> Breakage:
        raise OSError("refused")
        yield Receipt()

    def url(self) -> str:
        return "tcp://"


def test_its_repr_can_be_pasted() -> None:
    schedule = Schedule(
        Strike("database.slowed", at=0.3, lasting=0.5, magnitude=0.2), Strike("redis.killed", at=0.2, lasting=0.4)
    )
    assert repr(schedule) == (
        "Schedule(Strike('redis.killed', at=0.2, lasting=0.4), "
        "Strike('database.slowed', at=0.3, lasting=0.5, magnitude=0.2))"
    )
    assert eval(repr(schedule)) == schedule
    assert len(schedule) == 2 and schedule.length == 0.8
    assert Schedule().length == 0


def test_it_says_what_is_in_force_when() -> None:
    one, two = Strike("a.killed", at=0.2, lasting=0.4), Strike("b.killed", at=0.5, lasting=0.5)
    schedule = Schedule(one, two)
    assert [schedule.in_force(at) for at in (0.1, 0.2, 0.55, 0.6, 1.0)] == [(), (one,), (one, two), (two,), ()]


def test_it_plays_its_strikes_in_order_and_overlapping(line: Timeline) -> None:
    toy, road = Toy(), Road()
    schedule = Schedule(
        Strike("toy.broken", at=0.0, lasting=60), Strike("database.slowed", at=0.001, lasting=60, magnitude=0.2)
    )
    with schedule.on(toy, road) as storm:
        wait_until(lambda: toy.log and road.log, within=10)
        assert {episode.name for episode in line.in_force} == {"toy.broken", "database.slowed", "schedule"}
    assert toy.log == ["toy broken", "toy healed"] and road.log == ["slowed 0.2", "fast"]
    assert storm.receipt.counts == {"strikes": 2, "toy.broken": 1, "database.slowed": 1}
    assert not line.in_force
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("schedule")]


def test_a_strike_is_healed_when_its_time_is_up() -> None:
    toy = Toy()
    with Schedule(Strike("toy.broken", at=0.001, lasting=0.001)).on(toy):
        wait_until(lambda: toy.log == ["toy broken", "toy healed"], within=10)


def test_a_body_that_ends_before_a_strike_has_not_met_the_schedule(line: Timeline) -> None:
    schedule = Schedule(Strike("toy.broken", at=3600, lasting=1))
    with pytest.raises(FaultDidNotBite, match=r"the body ended before Strike\('toy.broken', at=3600.*run.hold"):
        with schedule.on(Toy()):
            pass
    assert not line.in_force
    with schedule.on(Toy(), optional=True):
        pass
    with pytest.raises(ZeroDivisionError), schedule.on(Toy()):
        _ = 1 / 0


def test_a_schedule_that_touched_nothing_has_shown_nothing_and_one_without_strikes_says_nothing() -> None:
    @dataclass
    class Idle:
        name: str = "idle"
        log: list[str] = field(default_factory=list)

        @fault
        def broken(self) -> Breakage:
            yield Receipt(a=0)
            self.log.append("healed")

    idle = Idle()
    with pytest.raises(FaultDidNotBite, match="schedule: idle.broken touched nothing"):
        with Schedule(Strike("idle.broken", at=0, lasting=0.001)).on(idle):
            wait_until(lambda: idle.log, within=10)
    with Schedule().on():
        pass


def test_an_error_in_a_strike_surfaces(line: Timeline) -> None:
    done = threading.Event()

    class Watched(Road):
        @fault
        def refused(self) -> Breakage:
            done.set()
            raise OSError("refused")
            yield Receipt()

    with pytest.raises(OSError, match="refused"), Schedule(Strike("database.refused", at=0, lasting=1)).on(Watched()):
        assert done.wait(10)
    with pytest.raises(OSError, match="stuck"), Schedule(Strike("database.stuck", at=0, lasting=60)).on(Road()):
        wait_until(lambda: any(episode.name == "database.stuck" for episode in line.episodes), within=10)


def test_what_another_strike_on_the_same_target_keeps_from_breaking_stays_out() -> None:
    road, tried = Road(), threading.Event()

    class Watched(Road):
        @fault
        def refused(self) -> Breakage:
            tried.set()
            raise OSError("refused")
            yield Receipt()

    road = Watched()
    strikes = (
        Strike("database.slowed", at=0, lasting=60, magnitude=1.0),
        Strike("database.refused", at=0.05, lasting=60),
    )
    with Schedule(*strikes).on(road) as storm:
        wait_until(lambda: road.log and tried.is_set(), within=10)
    assert storm.receipt.counts == {"strikes": 1, "database.slowed": 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Strike("killed", at=0, lasting=1), "expected the name of a target and its fault, as in redis.killed"),
        (lambda: Strike("redis.", at=0, lasting=1), "expected the name of a target"),
        (lambda: Strike("redis.killed", at=-1, lasting=1), "must be seconds"),
        (lambda: Strike("redis.killed", at=0, lasting=0), "lasting= above 0"),
        (
            lambda: Schedule(Strike("a.b", at=0, lasting=1), Strike("a.b", at=0.5, lasting=1)),
            "begins while a.b is in force",
        ),
        (lambda: Schedule(Strike("redis.killed", at=0, lasting=1)).on(Road()), "nothing of that name among database"),
        (lambda: Schedule(Strike("redis.killed", at=0, lasting=1)).on(), "among no targets"),
        (lambda: Schedule(Strike("database.melted", at=0, lasting=1)).on(Road()), "has no fault of that name"),
        (lambda: Schedule(Strike("database.slowed", at=0, lasting=1)).on(Road()), "give magnitudes to choose from"),
        (lambda: Schedule(Strike("database.url", at=0, lasting=1)).on(Road()), "gives 'tcp://', not a fault"),
        (lambda: fault_schedules({}), "there is no fault on the menu"),
        (lambda: fault_schedules("redis"), "is no menu of faults"),
        (lambda: fault_schedules({"redis": ["kill-9"]}), "'kill-9' is no name of a fault"),
        (lambda: fault_schedules({"pair": ["first.killed"]}), "'first.killed' is no name of a fault"),
        (lambda: fault_schedules(MENU, strikes=(0, 2)), "at least one"),
        (lambda: fault_schedules(MENU, strikes=(3, 2)), r"strikes=\(3, 2\)"),
        (lambda: fault_schedules(MENU, step=3.0), "step=3.0 and length=2.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()  # type: ignore[operator]


@given(fault_schedules(MENU, strikes=(1, 4), length=1.0, step=0.1))
def test_what_is_drawn_lies_on_the_grid_and_on_the_menu(schedule: Schedule) -> None:
    assert 1 <= len(schedule) <= 4
    assert schedule.length <= 1.0
    assert eval(repr(schedule)) == schedule
    assert clashing(schedule.strikes) is None
    for strike in schedule.strikes:
        assert strike.fault in {"redis.killed", "redis.paused", "database.severed", "database.slowed"}
        assert (strike.magnitude in (0.05, 0.2)) == (strike.fault == "database.slowed")
        assert round(strike.at * 10, 6) == int(round(strike.at * 10, 6)) and len(repr(strike.at)) < 5


def both(schedule: Schedule) -> bool:
    """The planted bug: it takes both faults at once, and the road slow enough."""
    instants = [strike.at for strike in schedule.strikes]
    names = [{(one.fault, one.magnitude) for one in schedule.in_force(at)} for at in instants]
    return any({("redis.killed", None), ("database.slowed", 0.2)} <= held for held in names)


def test_hypothesis_shrinks_to_the_two_faults_that_it_takes() -> None:
    quietly = settings(database=None, max_examples=3000, derandomize=True)
    least = find(fault_schedules(MENU, strikes=(1, 4)), both, settings=quietly)
    assert sorted(strike.fault for strike in least.strikes) == ["database.slowed", "redis.killed"]
    assert all((strike.at, strike.lasting) == (0.0, 0.1) for strike in least.strikes)


def test_hypothesis_is_imported_when_it_is_asked_for_and_its_absence_is_explained() -> None:
    code = (
        "import sys, pytest_resilience as p; p.Schedule, p.search, p.fault_schedules; "
        "assert 'hypothesis' not in sys.modules; sys.modules['hypothesis'] = None; p.fault_schedules({'a': 'b'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (
        "UsageError: fault_schedules() needs Hypothesis, which is not installed: pip install hypothesis" in done.stderr
    )
