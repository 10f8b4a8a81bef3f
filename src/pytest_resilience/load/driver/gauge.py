"""A gauge: how hard it is for the driver to keep up."""

from __future__ import annotations

import asyncio
import time

from pytest_resilience.load.driver.alarm import alarm
from pytest_resilience.load.driver.recorder import Recorder

EVERY = 0.1


class Gauge:
    """Records every 0.1 s which share of a core the process used, and how late its loop woke up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, recorder: Recorder) -> None:
        self._recorder = recorder
        self._at, self._cpu = time.monotonic(), time.process_time()
        self._next = self._at + EVERY
        self._alarm = alarm(loop, self._look)
        self._alarm.set(self._next)

    def _look(self) -> None:
        now, cpu = time.monotonic(), time.process_time()
        self._recorder.strain(now, (cpu - self._cpu) / (now - self._at), now - self._next)
        self._at, self._cpu, self._next = now, cpu, now + EVERY
        self._alarm.set(self._next)

    def close(self) -> None:
        """Stop recording."""
        self._alarm.close()
