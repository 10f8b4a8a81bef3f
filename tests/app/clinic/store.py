"""Store: clients of Redis that fail soon and retry nothing by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from clinic.bugs import planted
from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

# All that a call to Redis can raise when Redis is away. (Before Python 3.11 asyncio's time-out is no OSError.)
GONE = (RedisError, OSError, asyncio.TimeoutError)


class Road(Connection):
    """A connection that is lost in one way only, on every event loop."""

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Return the next answer. Whoever stops waiting for one closes the connection."""
        if planted("answer-of-another"):
            options["disconnect_on_error"] = False
        return await super().read_response(*arguments, **options)

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Send a command; `ConnectionLost` when the other end has gone."""
        try:
            await super().send_packed_command(command, check_health)
        except (
            RuntimeError
        ) as error:  # uvloop's word for a transport that was closed a moment ago; redis-py lets it pass
            raise ConnectionLost(str(error)) from error


class Roads(BlockingConnectionPool):
    """The connections to one Redis."""

    async def ensure_connection(self, connection: Any) -> None:
        """Connect it, and again where something is there to be read: the answer to a question of somebody else."""
        if planted("answer-of-another"):
            await connection.connect()
        else:
            await super().ensure_connection(connection)


def open_store(url: str, *, timeout: float, connections: int = 16) -> Redis:
    """Return a client whose connects and round trips last at most `timeout` seconds each.

    At most `connections` are open; a caller waits no longer than `timeout` for one of them.
    """
    pool = Roads.from_url(
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
