"""The clock of the data plane: alarms that ring within tens of microseconds of when they are due.

The timers of an event loop are too coarse for a delay that is to be measured: `epoll` and libuv
count in whole milliseconds. Where Linux offers it, one timerfd serves all alarms of the server, and
the loop only has to wait for a file descriptor. Elsewhere the loop's own timers do.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import itertools
import os
import sys
import time
from collections.abc import Callable

_GRAIN = 50e-6  # seconds: alarms that follow one that rings by less ring together, for each ringing has a price


class Alarm:
    """Something that is called at a moment, unless it is cancelled before."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Make it silent."""
        self.callback = None


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class TimerFd:
    """A file descriptor that becomes readable at a moment of `time.monotonic()`."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._spec = _TimerSpec()
        self.fd: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def set(self, when: float) -> None:
        """Make it readable at `when`; a moment that has passed makes it readable at once."""
        nanoseconds = max(1, int(when * 1e9))  # zero would disarm it
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(nanoseconds, 10**9)
        absolute = 1
        if self._libc.timerfd_settime(self.fd, absolute, ctypes.byref(self._spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Make it unreadable until its next moment."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            return


class Clock:
    """The alarms of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timer: TimerFd | None) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()  # alarms of the same moment ring in the order they were set
        self._armed = float("inf")
        self._timer = timer
        if timer is not None:
            loop.add_reader(timer.fd, self._ring)

    @classmethod
    def best(cls, loop: asyncio.AbstractEventLoop) -> Clock:
        """Return the most exact clock that this machine has."""
        return cls(loop, TimerFd() if sys.platform == "linux" else None)

    def now(self) -> float:
        """Return the present moment."""
        return time.monotonic()

    def at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call `callback` at `when` (seconds of `time.monotonic()`), never before it."""
        alarm = Alarm(when, callback)
        heapq.heappush(self._heap, (when, next(self._order), alarm))
        if when < self._armed:
            self._arm(when)
        return alarm

    def _arm(self, when: float) -> None:
        self._armed = when
        if self._timer is not None:
            self._timer.set(when)
        else:
            self._loop.call_later(max(0.0, when - self.now()), self._ring)

    def _ring(self) -> None:
        if self._timer is not None:
            self._timer.clear()
        self._armed = 0.0  # by the end of this
        heap = self._heap
        now = self.now()
        try:
            while heap and (heap[0][0] <= now or heap[0][2].callback is None):
                callback = heapq.heappop(heap)[2].callback
                if callback is not None:
                    callback()
        finally:
            self._armed = float("inf")
            if heap:
                self._arm(max(heap[0][0], self.now() + _GRAIN))
