"""Patience: how long each caller waits before it gives up, drawn from a range."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

from pytest_resilience.load.driver.alarm import Alarm

Item = TypeVar("Item")


class Patience(Generic[Item]):
    """Calls `leave` with each call when its own patience is over, whether or not the call is."""

    def __init__(
        self,
        bounds: tuple[float, float],
        leave: Callable[[Item], None],
        *,
        seed: str,
        make_alarm: Callable[[Callable[[], None]], Alarm],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Draw from `bounds`, in seconds, evenly."""
        self._low, self._width = bounds[0], bounds[1] - bounds[0]
        self._leave, self._clock = leave, clock
        self._draw = random.Random(f"{seed}/impatience").random
        self._heap: list[tuple[float, int, Item]] = []
        self._order = count()
        self._alarm = make_alarm(self._look)

    def watch(self, item: Item, since: float) -> None:
        """Draw how long after `since` the caller of `item` leaves."""
        entry = (since + self._low + self._width * self._draw(), next(self._order), item)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._alarm.set(entry[0])

    def _look(self) -> None:
        heap = self._heap
        while heap and heap[0][0] <= self._clock():
            self._leave(heapq.heappop(heap)[2])
        if heap:
            self._alarm.set(heap[0][0])

    def close(self) -> None:
        """Let nobody leave any more."""
        self._heap.clear()
        self._alarm.close()
