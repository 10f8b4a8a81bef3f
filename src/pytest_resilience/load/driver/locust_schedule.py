"""A schedule: when the arrivals of one Locust worker are due, for the user that waits for them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from gevent import sleep
from gevent.event import Event

LOOK = 0.05  # seconds between two looks at whether it is over
PER_TURN = 64  # arrivals after which others get their turn, when the worker is behind


class Schedule:
    """Lets arrivals come when they are due; none is dropped, one that is late is late.

    :ivar waiting: set once somebody waits for the first.
    :ivar until: no arrival is due after it, in this host's monotonic seconds.
    """

    def __init__(self, dues: Iterator[float]) -> None:
        """Take the seconds from the beginning at which arrivals are due."""
        self._dues = dues
        self._next = self._begin = math.inf
        self._begun = Event()
        self._in_turn = 0
        self.waiting = Event()
        self.until = math.inf

    def begin(self, at: float) -> None:
        """Let it begin at `at`, in monotonic seconds."""
        self._begin = at
        self._advance()
        self._begun.set()

    def _advance(self) -> None:
        self._next = self._begin + next(self._dues, math.inf)

    def wait(self, stopping: Callable[[], bool]) -> float | None:
        """Return when the next arrival is due, at that moment or later; None if there is none any more.

        :param stopping: whether its user is to stop; with an `until`, what is due before is sent even so.
        """
        self.waiting.set()
        while True:
            if self._next > self.until or (stopping() and math.isinf(self.until)):
                return None
            ahead = self._next - time.monotonic() if self._begun.is_set() else math.inf
            if ahead <= 0:
                return self._take()
            self._in_turn = 0
            if self._begun.is_set():
                sleep(min(ahead, LOOK))
            else:
                self._begun.wait(LOOK)

    def _take(self) -> float:
        due = self._next
        self._advance()
        self._in_turn += 1
        if self._in_turn >= PER_TURN:
            self._in_turn = 0
            sleep(0)
        return due

    def rest(self) -> list[float]:
        """Return when the arrivals were due that nobody took."""
        found = []
        last = min(self.until, time.monotonic())
        while self._next <= last:
            found.append(self._next)
            self._advance()
        return found
