"""Tests of the pool, on connections that are none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import cast

import pytest
from clinic.connection import Connection
from clinic.pool import ConnectFailed, Pool, PoolBusy


class Fake:
    def __init__(self) -> None:
        self.born = time.monotonic()
        self.closed = self.overdue = self.gone = False

    @property
    def usable(self) -> bool:
        return not self.closed

    async def close(self) -> None:
        self.closed = True


class Server:
    """Makes connections, or refuses to."""

    def __init__(self) -> None:
        self.made: list[Fake] = []
        self.error: Exception | None = None

    async def connect(self) -> Connection:
        if self.error:
            raise self.error
        self.made.append(Fake())
        return cast(Connection, self.made[-1])

    def pool(self, *, size: int = 2, queue: int = 10, patience: float = 10.0) -> Pool:
        return Pool(self.connect, size=size, queue=queue, patience=patience)


async def hold(pool: Pool, until: asyncio.Event) -> Connection:
    async with pool.connection() as connection:
        await until.wait()
        return connection


def run(story: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 10))


def test_a_connection_is_used_again() -> None:
    server = Server()
    pool = server.pool()

    async def story() -> None:
        for _ in range(3):
            async with pool.connection():
                assert pool.in_use == 1
        assert (len(server.made), pool.idle, pool.in_use) == (1, 1, 0)

    run(story())


def test_who_comes_too_many_waits_and_is_next() -> None:
    server, done = Server(), asyncio.Event()
    pool = server.pool(size=2)

    async def story() -> None:
        tasks = [asyncio.create_task(hold(pool, done)) for _ in range(5)]
        while pool.waiting < 3:
            await asyncio.sleep(0)
        done.set()
        await asyncio.gather(*tasks)
        assert (len(server.made), pool.in_use, pool.waiting) == (2, 0, 0)

    run(story())


def test_a_full_queue_turns_away_at_once() -> None:
    pool, done = Server().pool(size=1, queue=1), asyncio.Event()

    async def story() -> None:
        tasks = [asyncio.create_task(hold(pool, done)) for _ in range(2)]
        while pool.waiting < 1:
            await asyncio.sleep(0)
        with pytest.raises(PoolBusy, match="1 requests are waiting"):
            await hold(pool, done)
        done.set()
        await asyncio.gather(*tasks)

    run(story())


def test_patience_ends_and_leaves_nothing_behind() -> None:
    pool, done = Server().pool(size=1, patience=0.001), asyncio.Event()

    async def story() -> None:
        holder = asyncio.create_task(hold(pool, done))
        await asyncio.sleep(0)
        with pytest.raises(PoolBusy, match="within 0.001 s"):
            await hold(pool, done)
        done.set()
        await holder
        assert (pool.in_use, pool.waiting) == (0, 0)

    run(story())


def test_who_is_cancelled_with_a_place_in_hand_passes_it_on() -> None:
    pool, done = Server().pool(size=1), asyncio.Event()

    async def story() -> None:
        holder = asyncio.create_task(hold(pool, done))
        second, third = asyncio.create_task(hold(pool, done)), asyncio.create_task(hold(pool, done))
        while pool.waiting < 2:
            await asyncio.sleep(0)
        done.set()
        await holder  # the place is now the second's, who has not yet run
        second.cancel()
        await third
        assert second.cancelled() or second.done()
        assert (pool.in_use, pool.waiting) == (0, 0)

    run(story())


def test_a_refused_connection_is_told_to_who_asked_and_costs_no_place() -> None:
    server = Server()
    pool = server.pool(size=1)

    async def story() -> None:
        for error, late in ((OSError("refused"), False), (asyncio.TimeoutError(), True)):
            server.error = error
            with pytest.raises(ConnectFailed) as failed:
                await hold(pool, asyncio.Event())
            assert failed.value.late is late
        server.error = None
        async with pool.connection():
            assert pool.in_use == 1

    run(story())


def test_a_connection_whose_server_hung_up_is_not_lent() -> None:
    server = Server()
    pool = server.pool()

    async def story() -> None:
        async with pool.connection():
            pass
        server.made[0].gone = True
        async with pool.connection() as connection:
            assert cast(Fake, connection) is server.made[1]
        assert server.made[0].closed

    run(story())


def test_a_broken_connection_takes_the_idle_ones_with_it() -> None:
    server, done = Server(), asyncio.Event()
    pool = server.pool(size=3)

    async def story() -> None:
        tasks = [asyncio.create_task(hold(pool, done)) for _ in range(3)]
        while len(server.made) < 3:
            await asyncio.sleep(0)
        done.set()
        await asyncio.gather(*tasks)
        async with pool.connection() as connection:
            await connection.close()
        assert (pool.idle, pool.discarded) == (0, 3)

    run(story())
