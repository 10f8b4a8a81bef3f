"""Cache: what Redis remembers for a moment. It may be gone or hung at any time; that costs nobody an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from clinic.breaker import Breaker, BreakerOpen
from clinic.bugs import planted
from clinic.errors import Unavailable
from clinic.store import GONE
from redis.asyncio import Redis

T = TypeVar("T")
log = logging.getLogger("clinic.cache")


class Cache:
    """Values with a short life. No method raises, and none takes longer than `timeout` seconds.

    The breaker sees to it that a hung Redis costs its time-out to a few requests and not to each of them.
    """

    def __init__(self, redis: Redis, breaker: Breaker, *, ttl: float, timeout: float) -> None:
        self.breaker = breaker
        self.counts: Counter[str] = Counter(hit=0, miss=0, error=0, skipped=0)
        self._redis, self._ttl, self._timeout = redis, ttl, timeout

    async def get(self, key: str) -> bytes | None:
        """Return what was put under `key` lately, or None."""
        known, value = await self._ask(self._redis.get(_name(key)))
        if known:
            self.counts["miss" if value is None else "hit"] += 1
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, value: bytes) -> None:
        """Remember the value for a moment, if it can be done."""
        if planted("cache-expires-by-wall-clock"):
            await self._ask(self._redis.set(_name(key), value, pxat=int((time.time() + self._ttl) * 1000)))
            return
        await self._ask(self._redis.set(_name(key), value, px=int(self._ttl * 1000)))

    async def forget(self, key: str) -> None:
        """Drop the value. Where that cannot be done, its end comes by itself within `ttl`."""
        await self._ask(self._redis.delete(_name(key)))

    async def _ask(self, command: Awaitable[T]) -> tuple[bool, T | None]:
        try:
            permit = self.breaker.admit()
        except BreakerOpen:
            self.counts["skipped"] += 1
            if asyncio.iscoroutine(command):
                command.close()
            return False, None
        try:
            answer = await asyncio.wait_for(command, self._timeout)
        except GONE as error:
            permit.failed()
            self.counts["error"] += 1
            log.debug("%s: %s", type(error).__name__, error)
            if planted("cache-required"):
                raise Unavailable("redis", "refused") from None
            return False, None
        else:
            permit.worked()
            return True, answer
        finally:
            permit.dropped()


def _name(key: str) -> str:
    return f"clinic:cache:{key}"
