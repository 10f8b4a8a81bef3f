"""Arrivals: the open model, in which calls begin when they are due, whatever became of those before.

No arrival is dropped: one that the driver comes to late is sent late, and its latency counts from
when it was due. What the end of a run finds unsent is reported as such.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from itertools import count

from pytest_resilience.load.driver.alarm import Alarm
from pytest_resilience.load.profile import Profile

# After as many arrivals the loop gets to read replies, so that a driver that is behind does not
# make the service look slow on top.
PER_TURN = 64


class Arrivals:
    """Begins one call for each arrival of a profile."""

    def __init__(
        self,
        profile: Profile,
        call: Callable[[int, float, int], None],
        *,
        unsent: Callable[[float], None],
        share: int = 0,
        drivers: int = 1,
        seed: int = 0,
        make_alarm: Callable[[Callable[[], None]], Alarm],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dues: Iterator[float] = profile.dues(share, drivers, seed=seed)
        self._indices = count(share, drivers)
        self._call, self._unsent, self._clock = call, unsent, clock
        self._alarm = make_alarm(self._on_time)
        self._begin = self._next = math.inf
        self._until = math.inf
        self._over = asyncio.Event()

    def start(self, begin: float) -> None:
        """Let the profile begin at `begin`, in monotonic seconds."""
        self._begin = begin
        self._advance()
        self._arm()

    def _advance(self) -> None:
        self._next = self._begin + next(self._dues, math.inf)

    def _arm(self) -> None:
        if self._next > self._until or math.isinf(self._next):
            self._alarm.close()
            self._over.set()
        else:
            self._alarm.set(self._next)

    def _on_time(self) -> None:
        if self._over.is_set():
            return
        now = self._clock()
        last = min(now, self._until)
        for _ in range(PER_TURN):
            if self._next > last:
                break
            index = next(self._indices)
            self._call(index, self._next, index)
            self._advance()
        self._arm()

    def stop(self, until: float) -> None:
        """Send nothing that is due after `until`; what is due before is still sent, however late."""
        self._until = until
        if not self._over.is_set():
            self._arm()

    async def over(self) -> None:
        """Return when all that was due has been sent."""
        await self._over.wait()

    def give_up(self) -> None:
        """Send nothing any more; what was due until now is unsent."""
        if self._over.is_set():
            return
        last = min(self._clock(), self._until)
        while self._next <= last:
            self._unsent(self._next)
            self._advance()
        self._until = -math.inf
        self._arm()
