"""The files of a control group that hold its limits and count what happened at them, of versions 1 and 2.

Sources: the kernel's cgroup-v1/memory.rst, scheduler/sched-bwc.rst, cgroup-v2.rst.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_resilience.services.hierarchy import numbers
from pytest_resilience.timeline import Count

MEMORY = "memory"
PERIOD = 100_000  # microseconds, as Docker and the kernel have it by default


class MemoryFiles:
    """The limit on memory of the group at `path`."""

    def __init__(self, path: Path, version: int) -> None:
        self._path = path
        self._one = version == 1

    def limit(self, size: int) -> None:
        """Let it have `size` bytes, and no swap besides.

        :raises OSError: not allowed to.
        """
        if self._one:
            (self._path / "memory.limit_in_bytes").write_text(str(size))
            swap = self._path / "memory.memsw.limit_in_bytes"
            if swap.exists():  # the sum of both
                swap.write_text(str(size))
            return
        (self._path / "memory.max").write_text(str(size))
        if (self._path / "memory.swap.max").exists():
            (self._path / "memory.swap.max").write_text("0")

    def read(self) -> int:
        """Return the limit in bytes."""
        return int((self._path / ("memory.limit_in_bytes" if self._one else "memory.max")).read_text())

    def met(self) -> Mapping[str, Count]:
        """Return how often it was at its limit, and how many processes were killed; nothing of one that ended."""
        try:
            if self._one:
                kills = numbers(self._path / "memory.oom_control").get("oom_kill", 0)
                return {"times_at_limit": int((self._path / "memory.failcnt").read_text()), "oom_kills": kills}
            events = numbers(self._path / "memory.events")
            return {"times_at_limit": events["max"], "oom_kills": events["oom_kill"]}
        except OSError:
            return {}


class CpuFiles:
    """The limit on processor time of the group at `path`."""

    def __init__(self, path: Path, version: int) -> None:
        self._path = path
        self._one = version == 1

    def limit(self, share: float) -> None:
        """Let it have `share` processors.

        :raises OSError: not allowed to.
        """
        quota = round(share * PERIOD)
        if self._one:
            (self._path / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self._path / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self._path / "cpu.max").write_text(f"{quota} {PERIOD}")

    def read(self) -> float:
        """Return the share."""
        if self._one:
            quota, period = ((self._path / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        else:
            quota, period = (self._path / "cpu.max").read_text().split()
        return int(quota) / int(period)

    def met(self) -> Mapping[str, Count]:
        """Return in how many periods it had to wait, and seconds of it, over its threads; none of one that ended."""
        try:
            told = numbers(self._path / "cpu.stat")
        except OSError:
            return {}
        seconds = told["throttled_time"] / 1e9 if self._one else told["throttled_usec"] / 1e6
        return {"periods_throttled": told["nr_throttled"], "seconds_throttled": seconds}
