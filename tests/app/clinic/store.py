"""Store: clients of Redis that fail soon and retry nothing by themselves."""

from __future__ import annotations

import asyncio

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

# All that a call to Redis can raise when Redis is away. (Before Python 3.11 asyncio's time-out is no OSError.)
GONE = (RedisError, OSError, asyncio.TimeoutError)


def open_store(url: str, *, timeout: float, connections: int = 16) -> Redis:
    """Return a client whose connects and round trips last at most `timeout` seconds each.

    At most `connections` are open; a caller waits no longer than `timeout` for one of them.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        protocol=2,
        max_connections=connections,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)
