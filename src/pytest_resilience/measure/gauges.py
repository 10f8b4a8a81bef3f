"""Gauges: what is read of a service, a server or a queue, to see whether anything of it is left behind."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from pytest_resilience.errors import ResilienceError, UsageError

CALM = 0.5  # seconds over which processor time is counted: the kernel counts it in steps of 10 ms

# A server that is down or refuses cannot be read; anything else is a mistake in the test.
AWAY = (ResilienceError, OSError)

Figures = Mapping[str, float]


class Use(Protocol):
    """What something uses of the machine: a service's `usage()` returns one."""

    @property
    def cpu_seconds(self) -> float:
        """Processor time used since it started, in seconds."""

    @property
    def rss(self) -> int:
        """Resident memory in bytes."""

    @property
    def descriptors(self) -> int | None:
        """Open descriptors, where they can be seen."""

    @property
    def threads(self) -> int | None:
        """Threads, where they can be seen."""

    @property
    def processes(self) -> int:
        """Processes."""


@runtime_checkable
class Using(Protocol):
    """What uses the machine: a service."""

    @property
    def name(self) -> str:
        """How it is called."""

    def usage(self) -> Use:
        """Return what it uses now."""


@runtime_checkable
class Serving(Protocol):
    """What others hold connections to: a Postgres, a Redis."""

    @property
    def name(self) -> str:
        """How it is called."""

    def connections(self) -> int:
        """Return how many are open now."""


class UseGauge:
    """Memory, descriptors, threads, processes, and processor time over the last half a second (nan until then)."""

    def __init__(self, thing: Using, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._thing, self._clock = thing, clock
        self._seen: list[tuple[float, float]] = []

    def __call__(self) -> Figures:
        """Read."""
        use, name = self._thing.usage(), self._thing.name
        found: dict[str, float] = {f"{name} memory": use.rss, f"{name} processes": use.processes}
        for what, value in (("descriptors", use.descriptors), ("threads", use.threads)):
            if value is not None:
                found[f"{name} {what}"] = value
        found[f"{name} cpu"] = self._cores(use.cpu_seconds)
        return found

    def _cores(self, used: float) -> float:
        now = self._clock()
        # Processor time that went back is that of a service that was started again.
        self._seen = [(at, then) for at, then in self._seen if now - at < 2 * CALM and then <= used]
        old = [(at, then) for at, then in self._seen if now - at >= CALM]
        self._seen.append((now, used))
        return (used - old[-1][1]) / (now - old[-1][0]) if old else math.nan


class ConnectionGauge:
    """Open connections."""

    def __init__(self, thing: Serving) -> None:
        self._thing = thing

    def __call__(self) -> Figures:
        """Read."""
        return {f"{self._thing.name} connections": self._thing.connections()}


class NumberGauge:
    """Any number, such as the length of a queue."""

    def __init__(self, name: str, read: Callable[[], object]) -> None:
        if not callable(read):
            raise UsageError(f"observe({name}={read!r}): give what is to be called for a number, such as a lambda")
        self._name, self._read = name, read

    def __call__(self) -> Figures:
        """Read."""
        value = self._read()
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise UsageError(f"observe({self._name}=...): expected to read a number, and it was {value!r}")
        return {self._name: value}


def gauge(thing: object) -> Callable[[], Figures]:
    """Return what reads a service, or the connections of a server."""
    if isinstance(thing, Serving):
        return ConnectionGauge(thing)
    if isinstance(thing, Using):
        return UseGauge(thing)
    raise UsageError(
        f"observe({thing!r}): expected a service, or a server that counts its connections(); "
        "anything else is observed by a keyword: queue=lambda: ..."
    )
