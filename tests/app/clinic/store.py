"""Store: clients of Redis that fail soon and retry nothing by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

# All that a call to Redis can raise when Redis is away. (Before Python 3.11 asyncio's time-out is no OSError.)
GONE = (RedisError, OSError, asyncio.TimeoutError)


class Road(Connection):
    """A connection that is lost in one way only, on every event loop."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Send a command; `ConnectionLost` when the other end has gone."""
        try:
            await super().send_packed_command(command, check_health)
        except (
            RuntimeError
        ) as error:  # uvloop's word for a transport that was closed a moment ago; redis-py lets it pass
            raise ConnectionLost(str(error)) from error


def open_store(url: str, *, timeout: float, connections: int = 16) -> Redis:
    """Return a client whose connects and round trips last at most `timeout` seconds each.

    At most `connections` are open; a caller waits no longer than `timeout` for one of them.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        connection_class=Road,
        protocol=2,
        max_connections=connections,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)
