"""Pool: a few connections, shared; who waits for one waits briefly, in a short queue.

Connections are made by whoever needs one, within its own request: a refused connection is known to that
request at once and by its cause, and the first request after an outage finds the way back at once. (A
pool that reconnects in the background leaves requests waiting, and its backoff delays the recovery.)
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from clinic.bugs import planted
from clinic.connection import Connection


class PoolBusy(Exception):
    """All connections are in use, and the queue is full or the wait was too long."""


class ConnectFailed(Exception):
    """A new connection could not be made; nothing was sent. `late` if it took too long."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.late = isinstance(error, (TimeoutError, asyncio.TimeoutError))


class Pool:
    """At most `size` connections. Not for more than one event loop."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        size: int,
        queue: int,
        patience: float,
        max_age: float = 300.0,
    ) -> None:
        if planted("single-connection"):
            size = 1
        if planted("endless-queue"):
            queue, patience = 2**31, 3600.0
        self.size = size
        self.in_use = 0
        self.opened = 0
        self.discarded = 0
        self.turned_away = 0
        self._connect, self._queue, self._patience, self._max_age = connect, queue, patience, max_age
        self._idle: deque[Connection] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def idle(self) -> int:
        """How many connections are open and unused."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many requests wait for a connection."""
        return len(self._waiting)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection: an idle one that is still good, else a new one.

        Raises `PoolBusy` or `ConnectFailed`. What comes back broken or within a transaction is discarded, and
        with a broken one all idle ones: what broke one (a restart, a failover) broke them all.
        """
        await self._enter()
        try:
            connection = await self._fresh_idle() or await self._new()
            try:
                yield connection
            finally:
                await self._take_back(connection)
        finally:
            if sys.exc_info()[0] is None or not planted("connection-leak"):
                self._leave()

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._discard(self._idle.pop())

    async def _enter(self) -> None:
        if self.in_use < self.size:
            self.in_use += 1
            return
        if len(self._waiting) >= self._queue:
            self.turned_away += 1
            raise PoolBusy(f"{len(self._waiting)} requests are waiting for a connection")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await asyncio.wait({place}, timeout=self._patience)
        except asyncio.CancelledError:
            self._withdraw(place)
            raise
        if not place.done():
            self._withdraw(place)
            self.turned_away += 1
            raise PoolBusy(f"no connection became free within {self._patience:g} s")

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        if place.done():
            self._leave()
        else:
            self._waiting.remove(place)

    def _leave(self) -> None:
        if self._waiting:
            self._waiting.popleft().set_result(None)  # the place goes from hand to hand
        else:
            self.in_use -= 1

    async def _fresh_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if planted("stale-pool"):
                return connection
            if not connection.gone and time.monotonic() - connection.born < self._max_age:
                return connection
            await self._discard(connection)
        return None

    async def _new(self) -> Connection:
        try:
            connection = await self._connect()
        except Exception as error:
            raise ConnectFailed(error) from error
        self.opened += 1
        return connection

    async def _take_back(self, connection: Connection) -> None:
        if connection.usable or planted("stale-pool"):
            self._idle.append(connection)
            return
        broken = connection.closed or connection.overdue
        await self._discard(connection)
        if broken:
            await self.close()

    async def _discard(self, connection: Connection) -> None:
        self.discarded += 1
        await connection.close()
