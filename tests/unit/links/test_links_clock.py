"""The clock of the data plane: alarms in order, none too early, and one ringing for those that are close together."""

from __future__ import annotations

import pytest

from pytest_resilience.links.server.clock import Clock

GRAIN = 50e-6


class FakeTimer:
    """A timer that says when it would become readable."""

    fd = -1

    def __init__(self) -> None:
        self.sets: list[float] = []

    def set(self, when: float) -> None:
        self.sets.append(when)

    def clear(self) -> None:
        pass


class FakeLoop:
    """A loop whose one reader is called by the test."""

    def add_reader(self, fd: int, callback) -> None:
        self.ring = callback


class Bench:
    """A clock at a moment that the test chooses, and what rang on it."""

    def __init__(self) -> None:
        self.timer, self.loop = FakeTimer(), FakeLoop()
        self.clock = Clock(self.loop, self.timer)
        self.rang: list[str] = []

    def at(self, when: float, name: str):
        return self.clock.at(when, lambda: self.rang.append(name))

    def ring(self, now: float) -> None:
        self.clock.now = lambda: now
        self.loop.ring()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_alarms_ring_in_order_and_none_before_its_moment(bench):
    for when, name in ((3.0, "third"), (1.0, "first"), (2.0, "second"), (2.0, "second again")):
        bench.at(when, name)
    bench.ring(0.999)
    assert bench.rang == []
    bench.ring(2.0)
    assert bench.rang == ["first", "second", "second again"]
    bench.ring(3.0)
    assert bench.rang[3:] == ["third"]


def test_the_timer_is_set_for_the_next_alarm_alone(bench):
    bench.at(5.0, "later")
    bench.at(4.0, "sooner")
    bench.at(6.0, "last")
    assert bench.timer.sets == [5.0, 4.0]
    bench.ring(4.0)
    assert bench.timer.sets[2:] == [5.0]


def test_alarms_that_follow_at_once_wait_for_one_ringing(bench):
    for step in range(4):
        bench.at(1.0 + step * GRAIN / 4, f"{step}")
    bench.ring(1.0)
    assert bench.rang == ["0"]
    assert bench.timer.sets[1:] == [1.0 + GRAIN]
    bench.ring(1.0 + GRAIN)
    assert bench.rang == ["0", "1", "2", "3"]


def test_an_alarm_that_is_set_while_others_ring_sets_the_timer_once(bench):
    bench.clock.at(1.0, lambda: [bench.at(moment, str(moment)) for moment in (9.0, 8.0, 7.0)])
    bench.ring(1.0)
    assert bench.timer.sets == [1.0, 7.0]


def test_a_cancelled_alarm_is_silent(bench):
    bench.at(1.0, "cancelled").cancel()
    bench.at(1.0, "rings")
    bench.ring(1.0)
    assert bench.rang == ["rings"]


def test_a_failure_of_one_keeps_no_other_from_ringing(bench):
    bench.clock.at(1.0, lambda: 1 / 0)
    bench.at(2.0, "rings")
    with pytest.raises(ZeroDivisionError):
        bench.ring(1.0)
    assert bench.timer.sets[-1] == 2.0
    bench.ring(2.0)
    assert bench.rang == ["rings"]
