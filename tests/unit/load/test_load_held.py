"""The source of WebSockets asks for connects, messages and farewells exactly when they are due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from pytest_resilience.load.driver.held import Held
from pytest_resilience.load.driver.line import HeldLine
from pytest_resilience.load.driver.websockets import WebSocketCaller
from pytest_resilience.load.profile import Profile, ramp, steady


@dataclass
class Line:
    user: int


@dataclass
class World:
    """A clock, its alarm, and a caller that opens every connection at once."""

    now: float = 0.0
    wanted: float | None = None
    did: list[tuple[str, int, float]] = field(default_factory=list)
    lines: dict[int, HeldLine] = field(default_factory=dict)
    came: Callable[[HeldLine], None] = lambda _line: None
    again: Callable[[int, float], None] = lambda _user, _when: None

    def alarm(self, ring: Callable[[], None]) -> World:
        self.ring = ring
        return self

    def set(self, when: float) -> None:
        self.wanted = when

    def close(self) -> None:
        self.wanted = None

    def call(self, index: int, due: float, user: int) -> None:
        self.did.append(("connect", user, due))
        self.lines[user] = cast("HeldLine", Line(user))
        self.came(self.lines[user])

    def come_back(self, index: int, due: float, user: int) -> None:
        self.did.append(("return", user, due))

    def leave(self, user: int) -> None:
        self.did.append(("leave", user, self.now))
        del self.lines[user]

    def holds(self, line: HeldLine) -> bool:
        return self.lines.get(line.user) is line

    def message(self, line: HeldLine, index: int, due: float) -> None:
        self.did.append(("message", line.user, due))

    def run(self, until: float) -> None:
        while self.wanted is not None and self.wanted <= until:
            self.now, self.wanted = max(self.now, self.wanted), None
            self.ring()
        self.now = until


def held(world: World, profile: Profile, *, every: float | None = None, unsent: list[float] | None = None) -> Held:
    missed: list[float] = [] if unsent is None else unsent
    source = Held(
        profile, cast("WebSocketCaller", world), every=every, make_alarm=world.alarm, unsent=missed.append,
        seed=1, clock=lambda: world.now,
    )  # fmt: skip
    source.start(0.0)
    return source


def test_users_come_and_go_with_the_level() -> None:
    async def main() -> None:
        world = World()
        held(world, ramp(0, 2, over=1) + ramp(2, 0, over=1))
        world.run(5)
        assert world.did == [("connect", 0, 0.0), ("connect", 1, 0.5), ("leave", 1, 1.5), ("leave", 0, 2.0)]

    asyncio.run(main())


def test_each_user_speaks_at_even_times_from_a_phase_of_its_own() -> None:
    async def main() -> None:
        world = World()
        held(world, steady(3), every=10)
        world.run(100)
        for user in range(3):
            dues = [due for what, who, due in world.did if (what, who) == ("message", user)]
            assert 0 <= dues[0] < 10
            assert dues == pytest.approx([dues[0] + 10 * number for number in range(len(dues))])
            assert len(dues) == 10
        assert len({round(due % 10, 6) for what, _, due in world.did if what == "message"}) == 3

    asyncio.run(main())


def test_a_user_whose_connection_is_gone_says_nothing_and_comes_back_when_it_said() -> None:
    async def main() -> None:
        world = World()
        held(world, steady(1), every=1)
        world.run(2.5)
        before = len(world.did)
        world.lines[0] = cast("HeldLine", Line(0))
        world.again(0, 4.25)
        world.run(6)
        assert world.did[before:] == [("return", 0, 4.25)]

    asyncio.run(main())


def test_what_was_due_before_the_end_is_still_done_and_nothing_after_it() -> None:
    async def main() -> None:
        world = World()
        source = held(world, ramp(0, 100, over=10))
        world.now = 5.0  # the driver was away, and the alarm is late
        source.stop(5.0)
        world.run(20)
        await source.over()
        assert [due for _, _, due in world.did] == [k / 10 for k in range(51)]

    asyncio.run(main())


def test_what_is_given_up_is_unsent() -> None:
    async def main() -> None:
        world, missed = World(), []
        source = held(world, ramp(0, 100, over=10), unsent=missed)
        world.now = 1.0
        source.give_up()
        assert missed == [k / 10 for k in range(11)]
        await source.over()

    asyncio.run(main())
