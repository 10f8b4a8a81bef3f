"""Retry: exponential backoff with full jitter, a cap on the pause, on the attempts and on the time.

The pause before attempt n + 1 is uniform in [0, min(cap, base * 2**(n - 1))] ("full jitter", Marc
Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from clinic.bugs import planted

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """How long to pause between attempts, and how many there are."""

    base: float = 0.02
    cap: float = 0.2
    attempts: int = 3

    def ceiling(self, attempt: int) -> float:
        """Return the longest pause after attempt number `attempt` (from 1)."""
        return min(self.cap, self.base * 2.0 ** min(attempt - 1, 30))

    def pause(self, attempt: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
        """Draw the pause after attempt number `attempt` (from 1)."""
        return uniform(0.0, self.ceiling(attempt))


async def retrying(
    work: Callable[[], Awaitable[T]],
    *,
    may_retry: Callable[[Exception], bool],
    backoff: Backoff,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
    tell: Callable[[int, float], None] = lambda _attempt, _pause: None,
) -> T:
    """Return the result of the first attempt that works, or raise the error of the last.

    An attempt follows only an error that `may_retry` allows, and only where it starts before `deadline`
    (a reading of `clock`). `tell` hears of each pause: the number of the attempt before it, and its seconds.
    """
    attempt = 1
    while True:
        try:
            return await work()
        except Exception as error:
            pause = 0.0 if planted("retry-without-backoff") else backoff.pause(attempt, uniform)
            enough = attempt >= backoff.attempts or not may_retry(error) or planted("no-retry")
            if (enough and not planted("retry-without-limit")) or clock() + pause >= deadline:
                raise
        tell(attempt, pause)
        attempt += 1
        await sleep(pause)
