"""Held: the source of WebSockets, whose users come and go by the profile and speak every so often."""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from pytest_resilience.load.driver.alarm import Alarm
from pytest_resilience.load.driver.arrivals import PER_TURN
from pytest_resilience.load.profile import Profile

if TYPE_CHECKING:
    from pytest_resilience.load.driver.line import HeldLine
    from pytest_resilience.load.driver.websockets import WebSocketCaller

NEVER = (math.inf, 0)


class Held:
    """Lets users connect and leave as the profile says, and each send a message every `every` seconds."""

    def __init__(
        self,
        profile: Profile,
        caller: WebSocketCaller,
        *,
        every: float | None,
        make_alarm: Callable[[Callable[[], None]], Alarm],
        unsent: Callable[[float], None],
        share: int = 0,
        drivers: int = 1,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._caller, self._every, self._unsent, self._clock = caller, every, unsent, clock
        self._total = profile.total
        self._climbs: Iterator[tuple[float, int]] = profile.climbs(share, drivers)
        self._next = NEVER  # the next user that comes or goes, and when
        self._indices = count(share, drivers)
        self._order = count()
        # What else is due: a line has a message, or (None) a user comes back.
        self._dues: list[tuple[float, int, HeldLine | None, int]] = []
        self._phase = random.Random(f"{seed}/{share}/phase").random
        self._alarm = make_alarm(self._on_time)
        self._begin = self._until = math.inf
        self._stopped = False
        self._over = asyncio.Event()
        caller.came, caller.again = self._came, self._again

    def start(self, begin: float) -> None:
        """Let the profile begin at `begin`, in monotonic seconds."""
        self._begin, self._until = begin, begin + self._total
        self._advance()
        self._arm()

    def _advance(self) -> None:
        after, user = next(self._climbs, NEVER)
        self._next = (self._begin + after, user)

    def _came(self, line: HeldLine) -> None:
        if self._every is not None:
            self._push(self._clock() + self._phase() * self._every, line, line.user)

    def _again(self, user: int, when: float) -> None:
        self._push(when, None, user)

    def _push(self, when: float, line: HeldLine | None, user: int) -> None:
        entry = (when, next(self._order), line, user)
        heapq.heappush(self._dues, entry)
        if self._dues[0] is entry and when < self._next[0]:
            self._arm()

    def _due(self) -> float:
        return min(self._next[0], self._dues[0][0] if self._dues else math.inf)

    def _arm(self) -> None:
        if self._over.is_set():
            return
        due = self._due()
        if due <= self._until and due < math.inf:
            self._alarm.set(due)
        elif self._stopped:
            self._alarm.close()
            self._over.set()

    def _on_time(self) -> None:
        if self._over.is_set():
            return
        last = min(self._clock(), self._until)
        for _ in range(PER_TURN):
            if self._due() > last:
                break
            self._do_next()
        self._arm()

    def _do_next(self) -> None:
        if not self._dues or self._next[0] <= self._dues[0][0]:
            due, user = self._next
            if user >= 0:
                self._caller.call(next(self._indices), due, user)
            else:
                self._caller.leave(-user - 1)
            self._advance()
            return
        due, _, line, user = heapq.heappop(self._dues)
        if line is None:
            self._caller.come_back(next(self._indices), due, user)
        elif self._caller.holds(line):
            self._caller.message(line, next(self._indices), due)
            self._push(due + (self._every or 0), line, user)

    def stop(self, until: float) -> None:
        """Let nothing be due after `until`; what is due before is still done, however late."""
        self._until = min(self._until, until)
        self._stopped = True
        self._arm()

    async def over(self) -> None:
        """Return when all that was due has been begun."""
        await self._over.wait()

    def give_up(self) -> None:
        """Begin nothing any more; what was due until now is unsent."""
        if self._over.is_set():
            return
        last = min(self._clock(), self._until)
        while self._due() <= last:
            if self._dues and self._dues[0][0] < self._next[0]:
                due, _, line, _ = heapq.heappop(self._dues)
                if line is None or self._caller.holds(line):
                    self._unsent(due)
            else:
                due, user = self._next
                if user >= 0:
                    self._unsent(due)
                self._advance()
        self._until, self._stopped = -math.inf, True
        self._arm()
