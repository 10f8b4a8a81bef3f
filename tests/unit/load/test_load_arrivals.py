"""Arrivals begin when they are due, are sent late rather than never, and are accounted for."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable

import pytest

from pytest_resilience.load.driver.alarm import LoopAlarm, TimerfdAlarm, alarm
from pytest_resilience.load.driver.arrivals import PER_TURN, Arrivals
from pytest_resilience.load.profile import Profile, steady


class World:
    """A clock, an alarm, and the calls that were made: (index, due, at)."""

    def __init__(self, profile: Profile, *, share: int = 0, drivers: int = 1) -> None:
        self.now = 0.0
        self.calls: list[tuple[int, float, float]] = []
        self.unsent = array("d")
        self.rings: list[float] = []
        self.closed = False
        self.arrivals = Arrivals(
            profile,
            lambda index, due, _user: self.calls.append((index, due, self.now)),
            unsent=self.unsent.append,
            share=share,
            drivers=drivers,
            make_alarm=self._alarm,
            clock=lambda: self.now,
        )

    def _alarm(self, ring: Callable[[], None]) -> World:
        self.ring = ring
        return self

    def set(self, when: float) -> None:
        assert not self.closed
        self.rings.append(when)

    def close(self) -> None:
        self.closed = True

    def wait(self, until: float) -> None:
        """Let the alarm ring at each moment it is set to."""
        while not self.closed and self.rings and self.rings[-1] <= until:
            self.now = max(self.now, self.rings[-1])
            self.ring()
        self.now = until

    def stall(self, until: float) -> None:
        """Let time go by without the loop noticing."""
        self.now = until


def test_each_arrival_begins_at_the_moment_it_is_due() -> None:
    world = World(steady(100, lasting=1))
    world.arrivals.start(5)
    world.wait(10)
    assert [index for index, _, _ in world.calls] == list(range(100))
    assert all(due == at == 5 + index / 100 for index, due, at in world.calls)
    assert world.closed
    assert not world.unsent


def test_what_a_stall_held_up_is_sent_late_with_the_moment_it_was_due() -> None:
    world = World(steady(100))
    world.arrivals.start(0)
    world.wait(1)
    world.stall(2)
    world.wait(2.5)
    assert [due for _, due, _ in world.calls] == [index / 100 for index in range(251)]
    assert {at for index, _, at in world.calls if 101 <= index <= 200} == {2}


def test_a_driver_that_is_far_behind_lets_replies_be_read_in_between() -> None:
    world = World(steady(1000))
    world.arrivals.start(0)
    world.stall(1)
    world.ring()
    assert len(world.calls) == PER_TURN
    assert world.rings[-1] <= 1  # and rings again at once for the rest


def test_what_is_due_before_the_stop_is_sent_and_nothing_after_it() -> None:
    world = World(steady(100))
    world.arrivals.start(0)
    world.wait(0.5)
    world.stall(1)
    world.arrivals.stop(1)
    world.wait(2)
    assert [index for index, _, _ in world.calls] == list(range(101))
    assert not world.unsent
    assert world.closed


def test_what_is_given_up_is_counted_as_unsent() -> None:
    world = World(steady(100))
    world.arrivals.start(0)
    world.wait(0.5)
    world.stall(1)
    world.arrivals.give_up()
    world.ring()
    assert len(world.calls) == 51
    assert list(world.unsent) == [index / 100 for index in range(51, 101)]


def test_three_drivers_share_the_arrivals() -> None:
    worlds = [World(steady(100, lasting=1), share=share, drivers=3) for share in range(3)]
    for world in worlds:
        world.arrivals.start(0)
        world.wait(2)
    calls = sorted(call[:2] for world in worlds for call in world.calls)
    assert calls == [(index, index / 100) for index in range(100)]


@pytest.mark.parametrize("kind", [TimerfdAlarm, LoopAlarm, alarm])
def test_an_alarm_rings_once_and_not_early(kind: Callable[..., TimerfdAlarm]) -> None:
    async def main() -> list[float]:
        import time

        rung: list[float] = []
        rang = asyncio.Event()

        def ring() -> None:
            rung.append(time.monotonic())
            rang.set()

        one = kind(asyncio.get_running_loop(), ring)
        one.set(time.monotonic() + 60)
        when = time.monotonic() + 0.01
        one.set(when)  # replaces the first
        await asyncio.wait_for(rang.wait(), 5)
        one.set(0)  # has passed: rings at once
        rang.clear()
        await asyncio.wait_for(rang.wait(), 5)
        one.set(time.monotonic() + 0.01)
        one.close()
        await asyncio.sleep(0.03)
        return [rung[0] - when, len(rung)]

    early, count = asyncio.run(main())
    assert early >= -0.001
    assert count == 2
