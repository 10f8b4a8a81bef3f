"""An alarm: calls back at a moment, as exactly as the host allows.

An event loop's own timers are 0.3 to 0.5 ms late (they count whole milliseconds); a Linux timerfd
is 0.05 ms late at the same cost, and works with every loop.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

CLOCK_MONOTONIC = 1  # that of time.monotonic() on Linux
TFD_TIMER_ABSTIME = 1
FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class Alarm(Protocol):
    """Calls back once for each time it was set."""

    def set(self, when: float) -> None:
        """Call back at `when`, in monotonic seconds; at once if that has passed; replaces what was set before."""

    def close(self) -> None:
        """Never call back again."""


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerfdAlarm:
    """An alarm by Linux's timerfd."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(CLOCK_MONOTONIC, FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._setting = _Setting()
        self._reference = ctypes.byref(self._setting)
        loop.add_reader(self._fd, self._on_time)

    def set(self, when: float) -> None:
        """Call back at `when`."""
        value = self._setting.value
        value.sec = int(when)
        value.nsec = int((when - value.sec) * 1e9) or 1  # zero would disarm it
        if self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, self._reference, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _on_time(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # it was set anew between the poll and here
            return
        self._ring()

    def close(self) -> None:
        """Never call back again."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class LoopAlarm:
    """An alarm by the loop's own timer, where there is no timerfd."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, when: float) -> None:
        """Call back at `when`."""
        self.close()
        self._handle = self._loop.call_later(max(0.0, when - time.monotonic()), self._ring)

    def close(self) -> None:
        """Never call back again."""
        if self._handle is not None:
            self._handle.cancel()


def alarm(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Alarm:
    """Return the most exact alarm that this host has."""
    return TimerfdAlarm(loop, ring) if sys.platform == "linux" else LoopAlarm(loop, ring)
