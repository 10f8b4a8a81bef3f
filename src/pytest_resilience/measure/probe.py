"""Probes: what is read, again and again, of what a service holds, and whether it was started anew in between."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.gauges import AWAY, NumberGauge, Serving, Using

PROC = Path("/proc/self")


class Probe:
    """Reads the memory, descriptors, threads, processes and connections of one service or server.

    :ivar life: how often it was seen to have been started anew.
    :ivar least: the figures that are to be told of it.
    """

    def __init__(self, thing: object) -> None:
        if not isinstance(thing, Using):
            raise UsageError(
                f"{thing!r} cannot be watched: expected a service or a server; anything else is watched by a keyword: "
                "queue=lambda: ..."
            )
        self.name = thing.name
        self._thing = thing
        self._used = 0.0
        self._away = False
        self.life = 0
        self.least = (f"{self.name} memory", *((f"{self.name} connections",) if isinstance(thing, Serving) else ()))

    def __call__(self) -> dict[str, float]:
        """Read; what cannot be read now is left out."""
        try:
            use = self._thing.usage()
        except AWAY:
            self._away = True
            return {}
        # Processor time that went back is that of one that was started again; what a process of many has used is not
        # seen for a moment when it ends, which is less.
        if self._away or use.cpu_seconds < self._used / 2:
            self.life += 1
        self._away, self._used = False, use.cpu_seconds
        found: dict[str, float] = {f"{self.name} memory": use.rss, f"{self.name} processes": use.processes}
        for what, value in (("descriptors", use.descriptors), ("threads", use.threads)):
            if value is not None:
                found[f"{self.name} {what}"] = value
        if isinstance(self._thing, Serving):
            try:
                found[f"{self.name} connections"] = self._thing.connections()
            except AWAY:
                return found
        return found


class NumberProbe:
    """Reads any number."""

    life = 0

    def __init__(self, name: str, read: Callable[[], object]) -> None:
        self.name, self._read = name, NumberGauge(name, read)
        self.least = (name,)

    def __call__(self) -> dict[str, float]:
        """Read; what cannot be read now is left out."""
        try:
            return dict(self._read())
        except UsageError:
            raise
        except AWAY:
            return {}


@dataclass(frozen=True)
class Use:
    """What this process uses now."""

    cpu_seconds: float
    rss: int
    descriptors: int
    threads: int
    processes: int = 1


class Harness:
    """This very process, pytest, as something to be watched."""

    name = "pytest"

    def usage(self) -> Use:
        """Return what it uses now."""
        pages = int((PROC / "statm").read_text().split()[1])
        return Use(
            time.process_time(),
            pages * os.sysconf("SC_PAGE_SIZE"),
            sum(1 for _ in (PROC / "fd").iterdir()),
            sum(1 for _ in (PROC / "task").iterdir()),
        )
