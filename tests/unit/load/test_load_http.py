"""The HTTP caller finds a connection for every request, and knows whose fault it is when there is none."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine

import load_server
import pytest

from pytest_resilience.load.driver.http import HttpCaller
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.load.request import Get, Request

Connects = Callable[..., Coroutine[object, object, object]]


class Loop:
    """The running loop with another way to connect."""

    def __init__(self, connect: Connects) -> None:
        self.loop = asyncio.get_running_loop()
        self.ordinary = self.loop.create_connection
        self.loop.create_connection = connect  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EADDRNOTAVAIL])
def test_what_the_drivers_own_host_cannot_send_is_unsent_and_no_failure_of_the_service(code: int) -> None:
    async def exhausted(*_: object, **__: object) -> object:
        raise OSError(code, "none left")

    async def main() -> None:
        recorder = Recorder()
        caller = HttpCaller(Get("http://127.0.0.1:1/"), recorder, deadline=5, seed=0)
        await caller.open()
        Loop(exhausted)
        finished: list[bool] = []
        caller.call(0, 41.5, 0, finished.append)
        while not finished:
            await asyncio.sleep(0)
        assert (finished, caller.in_flight, caller.begun) == ([False], 0, 0)
        assert list(recorder.unsent) == [41.5]
        assert recorder.batch(0).total == 0

    asyncio.run(main())


def test_a_handshake_that_is_stuck_holds_up_no_later_request() -> None:
    async def main(url: str) -> None:
        recorder = Recorder()
        caller = HttpCaller(Get(f"{url}/ok"), recorder, deadline=0.3, seed=0)
        await caller.open()
        attempts: list[int] = []

        async def first_is_stuck(*args: object, **options: object) -> object:
            attempts.append(1)
            if len(attempts) == 1:
                await asyncio.sleep(60)
            return await loop.ordinary(*args, **options)  # type: ignore[arg-type]

        loop = Loop(first_is_stuck)
        outcomes: list[bool] = []
        caller.call(0, 0, 0, outcomes.append)
        caller.call(1, 0, 1, outcomes.append)
        while len(outcomes) < 2:
            await asyncio.sleep(0.001)
        assert outcomes == [True, True]  # the second connection served both, the one that waits longest first
        await caller.close()
        await asyncio.sleep(0)

    with load_server.in_thread() as url:
        asyncio.run(main(url))


def test_connections_are_kept_and_used_again() -> None:
    async def main(url: str) -> None:
        recorder = Recorder()
        caller = HttpCaller(Get(f"{url}/ok"), recorder, deadline=5, seed=0)
        await caller.open()
        made: list[int] = []

        async def counted(*args: object, **options: object) -> object:
            made.append(1)
            return await loop.ordinary(*args, **options)  # type: ignore[arg-type]

        loop = Loop(counted)
        for index in range(20):
            done = asyncio.Event()
            caller.call(index, 0, 0, lambda _ok, done=done: done.set())  # type: ignore[misc]
            await done.wait()
        assert len(made) == 1
        assert recorder.batch(0).total == 20
        await caller.close()
        await asyncio.sleep(0)

    with load_server.in_thread() as url:
        asyncio.run(main(url))


def test_the_answer_to_a_head_is_taken_without_a_body() -> None:
    async def main(url: str) -> None:
        recorder = Recorder()
        caller = HttpCaller(Request(f"{url}/ok", method="HEAD"), recorder, deadline=5, seed=0)
        await caller.open()
        outcomes: list[bool] = []
        for index in range(3):
            caller.call(index, 0, 0, outcomes.append)
        while len(outcomes) < 3:
            await asyncio.sleep(0.001)
        assert outcomes == [True] * 3
        await caller.close()
        await asyncio.sleep(0)

    with load_server.in_thread() as url:
        asyncio.run(main(url))
