"""Under `async with`, a fault breaks and heals off the event loop, also when the test is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from fault_toys import Toy

from pytest_resilience import timeline
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.timeline import Receipt, Timeline


@pytest.fixture(autouse=True)
def line() -> Iterator[Timeline]:
    """A timeline of the test's own."""
    fresh = Timeline()
    before = timeline.set_current(fresh)
    yield fresh
    timeline.set_current(before)


async def _threads() -> tuple[int, int]:
    seen: list[int] = []

    @fault
    def blocking() -> Breakage:
        seen.append(threading.get_ident())
        yield Receipt(a=1)
        seen.append(threading.get_ident())

    async with blocking() as episode:
        assert episode.in_force
    return seen[0], seen[1]


def test_under_async_with_both_halves_run_off_the_event_loop() -> None:
    assert threading.get_ident() not in asyncio.run(_threads())


def test_a_cancelled_test_heals_what_it_broke() -> None:
    toy = Toy()

    async def scenario() -> None:
        async with toy.broken():
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(scenario())
        while not toy.log:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert toy.log == ["toy broken", "toy healed"]


def test_a_test_that_is_cancelled_again_while_it_heals_is_gone_only_when_it_has_healed() -> None:
    log: list[str] = []
    may_heal = threading.Event()

    @fault
    def slow_to_heal() -> Breakage:
        log.append("struck")
        yield Receipt(a=1)
        log.append("healing")
        may_heal.wait(10)
        log.append("healed")

    async def scenario() -> None:
        async with slow_to_heal():
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(scenario())
        while "struck" not in log:
            await asyncio.sleep(0)
        while "healing" not in log:
            task.cancel()
            await asyncio.sleep(0)
        for _ in range(5):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        may_heal.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log == ["struck", "healing", "healed"]

    asyncio.run(main())


def test_a_strike_that_fails_while_the_test_is_cancelled_says_so() -> None:
    striking, may_fail = threading.Event(), threading.Event()

    @fault
    def broken_hammer() -> Breakage:
        striking.set()
        may_fail.wait(10)
        raise OSError("the hammer broke")
        yield Receipt()

    async def scenario() -> None:
        async with broken_hammer():
            pass

    async def main() -> None:
        task = asyncio.ensure_future(scenario())
        while not striking.is_set():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        may_fail.set()
        with pytest.raises(OSError, match="hammer"):
            await task

    asyncio.run(main())
