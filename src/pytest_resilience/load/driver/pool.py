"""A pool: the connections to one service, each with one exchange at a time.

A request takes the connection that was used last. If none is idle it waits for the next one that
becomes idle or is opened for it, whichever comes first, so a slow handshake holds up nobody.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable

from pytest_resilience.load.driver.connection import Connection
from pytest_resilience.load.driver.exchange import Exchange


class Pool:
    """Finds a connection for each exchange, and opens another where none is idle."""

    def __init__(
        self,
        make: Callable[[], Connection],
        *,
        limit: int,
        deadline: float,
        refused: Callable[[Exchange, Exception], None],
        tls: ssl.SSLContext | None = None,
        host: str = "",
    ) -> None:
        """Open at most `limit`, each within `deadline` seconds; `refused` takes who waited for one that failed."""
        self._make, self._limit, self._deadline, self._refused = make, limit, deadline, refused
        self._tls, self._host = tls, None if tls is None else host
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Connection, None] = {}  # in the order of their last use
        self._waiting: deque[Exchange] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._open = self._connecting = 0
        self.at: tuple[str, int] = ("", 0)

    def send(self, exchange: Exchange) -> None:
        """Send `exchange`, or let it wait for a connection."""
        idle = self._idle
        while idle:
            connection, _ = idle.popitem()
            if connection.usable(exchange.sent):
                connection.send(exchange)
                return
            connection.abort()
        self._waiting.append(exchange)
        self._open_another()

    def free(self, connection: Connection) -> None:
        """Let a connection carry what waits for one, or be idle."""
        exchange = self._next_waiting() if self._waiting else None
        if exchange is None:
            self._idle[connection] = None
        else:
            connection.send(exchange)

    def gone(self, connection: Connection) -> None:
        """Forget a connection that was closed, and open another if one is waited for."""
        self._idle.pop(connection, None)
        self._replace()

    def close(self) -> None:
        """Close what is idle and open nothing more."""
        for task in self._opening:
            task.cancel()
        for connection in list(self._idle):
            connection.abort()

    def _open_another(self) -> None:
        # One for each that has to wait, without counting those under way: they may be stuck.
        if self._open < self._limit:
            self._open += 1
            self._connecting += 1
            task = self._loop.create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _replace(self) -> None:
        """Open another for one that is gone, if it is waited for."""
        self._open -= 1
        if self._connecting < len(self._waiting):
            self._open_another()

    async def _connect(self) -> None:
        try:
            making = self._loop.create_connection(self._make, *self.at, ssl=self._tls, server_hostname=self._host)
            _, connection = await asyncio.wait_for(making, self._deadline)
        except (asyncio.TimeoutError, OSError, ssl.CertificateError) as error:
            self._connecting -= 1
            # What waits for a connection that is not made in time has its own deadline.
            if not isinstance(error, asyncio.TimeoutError) or getattr(error, "errno", None):
                exchange = self._next_waiting()
                if exchange is not None:
                    self._refused(exchange, error)
            self._replace()
        else:
            self._connecting -= 1
            self.free(connection)

    def _next_waiting(self) -> Exchange | None:
        while self._waiting:
            exchange = self._waiting.popleft()
            if not exchange.over:
                return exchange
        return None
