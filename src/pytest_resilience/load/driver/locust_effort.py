"""Effort: which share of its time a Locust process needed a core, whether it had one or not.

A worker computes what its users do between requests, and stamps an answer when it comes to it. One that always
has something to do is the limit, also where other processes take half of its core and its own usage looks
modest. So what it waited for a core (the kernel's `run_delay`, in nanoseconds, the second figure of
/proc/self/schedstat; see sched-stats.rst in the kernel's documentation) counts as what it used.
"""

from __future__ import annotations

import time
from pathlib import Path

SCHEDSTAT = Path("/proc/self/schedstat")


class Effort:
    """Tells the share since it was last asked."""

    def __init__(self, schedstat: Path = SCHEDSTAT) -> None:
        self._schedstat = schedstat
        self._at, self._needed = time.monotonic(), self._so_far()

    def share(self) -> float:
        """Return the share of one core, 0 to 1, and more where the file uses threads."""
        at, needed = time.monotonic(), self._so_far()
        share = (needed - self._needed) / max(1e-9, at - self._at)
        self._at, self._needed = at, needed
        return share

    def _so_far(self) -> float:
        return time.process_time() + self._waited()

    def _waited(self) -> float:
        try:
            return int(self._schedstat.read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):  # a kernel without these statistics; usage alone has to do
            return 0.0
