"""Usage: what a service used of the machine while load was on it, as readings over time.

::

    with load(Get(f"{app.url}/slots"), rate=200) as run, Meter(app.usage) as usage:
        run.hold(30)
    assert SLO(p95=0.1, cpu=0.7, memory=512e6).met_by(run.samples, usage=usage)

Anything that can be read will do: `Readings` takes plain numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, Protocol

from pytest_resilience.errors import ResilienceError, UsageError
from pytest_resilience.measure import words
from pytest_resilience.measure.watching import EVERY, Watching


class Gauge(Protocol):
    """What is read: a service's `usage()` returns one."""

    @property
    def cpu_seconds(self) -> float:
        """Processor time used since it started, in seconds."""

    @property
    def rss(self) -> int:
        """Resident memory in bytes."""


class Reading(NamedTuple):
    """What was used at one moment."""

    at: float
    """Monotonic seconds."""
    cpu_seconds: float
    memory: int
    """Resident bytes."""


class Readings:
    """Readings in the order of time; may be read while more come."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def add(self, at: float, cpu_seconds: float, memory: int) -> None:
        """Add a reading."""
        self.readings.append(Reading(at, cpu_seconds, memory))

    def cpu(self, start: float, end: float) -> float | None:
        """Return how many cores it used on average from `start` to `end`, in monotonic seconds: 0.7 is 70 % of one.

        None where the readings cover less than half of that time. Processor time that went back is that of a
        service that was started again, and counts from zero.
        """
        used = covered = 0.0
        for one, other in pairwise(self.readings[:]):
            within = min(other.at, end) - max(one.at, start)
            if within <= 0:
                continue
            more = other.cpu_seconds - one.cpu_seconds
            used += (other.cpu_seconds if more < 0 else more) * within / (other.at - one.at)
            covered += within
        return used / covered if covered > 0 and covered >= (end - start) / 2 else None

    def memory(self, start: float, end: float) -> int | None:
        """Return the most memory in bytes that a reading from `start` to `end` saw; None for no reading."""
        return max((reading.memory for reading in self.readings[:] if start <= reading.at <= end), default=None)

    def __repr__(self) -> str:
        known = self.readings[:]
        if not known:
            return "<Usage: no readings>"
        cpu, memory = self.cpu(known[0].at, known[-1].at), max(reading.memory for reading in known)
        shown = "" if cpu is None else f"{words.cores(cpu)}, "
        return f"<Usage: {shown}{words.size(memory)} at most, {len(known)} readings>"


class Meter(Readings, Watching):
    """Reads what is used, five times a second, from when it is entered until it is left.

    A reading that fails with an error of this package is left out, since a service that is down uses nothing;
    any other ends the readings, and is raised when the meter is left.
    """

    def __init__(self, read: Callable[[], Gauge], *, every: float = EVERY) -> None:
        """Read by `read`, such as `app.usage`, every so many seconds."""
        if not callable(read):
            raise UsageError(f"Meter({read!r}): give what is to be called for a reading, such as app.usage")
        Readings.__init__(self)
        Watching.__init__(self, every=every)
        self._read = read

    def _take(self) -> None:
        try:
            gauge = self._read()
        except ResilienceError:
            return
        self.add(time.monotonic(), gauge.cpu_seconds, gauge.rss)
