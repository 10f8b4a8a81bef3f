"""A run under `async with` leaves the event loop to the test."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from pytest_resilience.errors import DriverDied, NoSamples
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get

if TYPE_CHECKING:
    from conftest import Server


async def tick(gaps: list[float]) -> None:
    before = time.monotonic()
    while True:
        await asyncio.sleep(0.005)
        now = time.monotonic()
        gaps.append(now - before)
        before = now


@pytest.mark.asyncio
async def test_the_loop_goes_on_while_load_starts_holds_and_ends(server: Server, load_janitor: Janitor) -> None:
    gaps: list[float] = []
    ticker = asyncio.create_task(tick(gaps))
    async with prepare(Get(f"{server.url}/ok"), launcher=load_janitor, rate=200) as run:
        await run.ahold(0.3)
    ticker.cancel()
    assert len(run.samples) >= 50
    blocked = sum(gap for gap in gaps if gap > 0.05)
    assert blocked < sum(gaps) / 4  # the run took all of that time; a blocked loop would not tick at all


@pytest.mark.asyncio
async def test_a_profile_is_finished(server: Server, load_janitor: Janitor) -> None:
    async with prepare(Get(f"{server.url}/ok"), launcher=load_janitor, rate=steady(100, lasting=0.2)) as run:
        await run.afinish()
        assert len(run.samples) == 20


@pytest.mark.asyncio
async def test_a_cancelled_test_ends_its_load(server: Server, load_janitor: Janitor) -> None:
    run = prepare(Get(f"{server.url}/hang"), launcher=load_janitor, rate=100, deadline=60)

    async def scenario() -> None:
        async with run:
            await run.ahold(60)

    task = asyncio.create_task(scenario())
    while not run.elapsed:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    assert "ended" in repr(run)


@pytest.mark.asyncio
async def test_a_test_that_is_cancelled_while_load_starts_leaves_none(server: Server, load_janitor: Janitor) -> None:
    run = prepare(Get(f"{server.url}/ok"), launcher=load_janitor, rate=100)
    task = asyncio.create_task(run.__aenter__())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "ended" in repr(run)


@pytest.mark.asyncio
async def test_errors_come_through(server: Server, load_janitor: Janitor) -> None:
    with pytest.raises(NoSamples):
        async with prepare(
            Get(f"{server.url}/ok"), launcher=load_janitor, rate=steady(0, lasting=9) + steady(1)
        ) as run:
            await run.ahold(0)
    with pytest.raises(DriverDied):
        async with prepare(Get(f"{server.url}/ok"), launcher=load_janitor, rate=100) as run:
            os.kill(run.pids[0], signal.SIGKILL)
            await run.ahold(30)
