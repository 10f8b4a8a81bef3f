"""Users think between two calls, are not in step, and keep nobody waiting at the end."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import Call
from pytest_resilience.load.driver.caller import After
from pytest_resilience.load.driver.users import Users
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import Profile, spike, steady


class Caller:
    """Finishes each call at once, well or badly."""

    def __init__(self, *, ok: bool = True) -> None:
        self.ok = ok
        self.calls: list[tuple[int, float]] = []
        self.in_flight = self.begun = 0

    async def open(self) -> None: ...
    async def admit(self, user: int) -> None: ...
    async def dismiss(self, user: int) -> None: ...
    async def close(self) -> None: ...
    def give_up(self, *, record: bool) -> None: ...

    def call(self, index: int, due: float, user: int, after: After | None = None) -> None:
        self.calls.append((user, due))
        if after is not None:
            asyncio.get_running_loop().call_soon(after, self.ok)


async def drive(caller: Caller, profile: Profile, *, lasting: float, think: tuple[float, float] | None) -> float:
    """Return how long the users took to end."""
    users = Users(profile, caller, think=think, seed=3)
    users.start(time.monotonic(), failed=print)
    await asyncio.sleep(lasting)
    end = time.monotonic()
    users.stop(end)
    await users.over()
    return time.monotonic() - end


def gaps(caller: Caller) -> list[float]:
    by_user: dict[int, list[float]] = {}
    for user, due in caller.calls:
        by_user.setdefault(user, []).append(due)
    return [after - before for dues in by_user.values() for before, after in pairwise(dues)]


def test_every_user_waits_as_long_as_it_thinks() -> None:
    caller = Caller()
    asyncio.run(drive(caller, steady(10), lasting=0.4, think=(0.02, 0.06)))
    found = gaps(caller)
    assert len(found) > 40
    assert min(found) >= 0.018
    assert max(found) - min(found) > 0.02


def test_users_who_begin_together_do_not_call_in_step() -> None:
    caller = Caller()
    asyncio.run(drive(caller, steady(50), lasting=0.25, think=(0.2, 0.2)))
    first = sorted(dict(reversed(caller.calls)).values())
    assert len(first) == 50
    assert first[-1] - first[0] > 0.1


def test_what_part_of_a_think_is_ahead_is_spread_evenly() -> None:
    async def phases(seed: int) -> list[float]:
        users = Users(steady(1), Caller(), think=(0.2, 0.2), seed=seed)
        return [users.phase(user) for user in range(1000)]

    found = asyncio.run(phases(3))
    for tenth in range(10):
        assert 60 <= sum(tenth <= 10 * phase < tenth + 1 for phase in found) <= 140
    assert found == asyncio.run(phases(3)) != asyncio.run(phases(4))


def test_a_run_that_ends_does_not_wait_for_those_who_think() -> None:
    caller = Caller()
    assert asyncio.run(drive(caller, steady(20), lasting=0.05, think=(30, 30))) < 1
    assert len(caller.calls) <= 20


def test_a_user_who_is_wanted_no_more_ends_though_it_thinks() -> None:
    caller = Caller()
    profile = spike(1, 5, at=0, lasting=0.05, total=0.2)
    assert asyncio.run(drive(caller, profile, lasting=0.3, think=(30, 30))) < 1


def test_a_failure_is_followed_by_a_pause_even_without_thinking() -> None:
    caller = Caller(ok=False)
    asyncio.run(drive(caller, steady(1), lasting=0.25, think=(0.001, 0.001)))
    assert 1 <= len(caller.calls) <= 4


def test_thinking_reaches_the_driver(load_janitor: Janitor) -> None:
    async def read(call: Call) -> None:
        """Do nothing."""

    with prepare(read, launcher=load_janitor, users=4, think=(0.03, 0.05)) as run:
        run.hold(0.4)
    assert 10 <= len(run.samples) <= 4 * 14


@pytest.mark.parametrize("think", [-1, (1, 0), (1, 2, 3), float("inf"), (0, float("nan"))])
def test_thinking_that_cannot_be_meant_is_refused(load_janitor: Janitor, think: float) -> None:
    with pytest.raises(UsageError, match="think"):
        prepare(lambda: 1, launcher=load_janitor, users=1, think=think)


def test_arrivals_do_not_think(load_janitor: Janitor) -> None:
    with pytest.raises(UsageError, match="think=1 is for users="):
        prepare(lambda: 1, launcher=load_janitor, rate=1, think=1)
