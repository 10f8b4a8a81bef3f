"""The machine: how busy the processors are that the service, its stores and the load generator share.

A service that is slow where no processor is left may not be at fault, nor may its test be. So what is measured
there says how busy they were; it is judged as ever, since the service itself may be what kept them busy.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

EVERY = 0.25  # seconds between two readings: the kernel counts in steps of 10 ms
CROWDED = 0.9  # busy so far that who wants a processor often has to wait for one


class Ticks(NamedTuple):
    """Processor time since the boot, in clock ticks, summed over CPUs."""

    busy: int
    total: int

    def since(self, before: Ticks) -> float:
        """Return the busy share between `before` and this; 0 where no tick has passed."""
        passed = self.total - before.total
        return (self.busy - before.busy) / passed if passed else 0.0


class Periods(NamedTuple):
    """How often a control group was given its quota of processor time, and how often it wanted more; see cgroups(7)."""

    throttled: int
    total: int


class Seen(NamedTuple):
    """What was read at one moment: of the processors, and of each control group with a quota."""

    ticks: Ticks
    periods: list[Periods]


def crowding(busy: float) -> str:
    """Say how busy the processors were, where that may be why something was slow; else nothing.

    >>> crowding(0.984), crowding(0.5)
    ('the processors were 98% busy', '')
    """
    return f"the processors were {busy:.0%} busy" if busy >= CROWDED else ""


def ticks(stat: str, cpus: Iterable[int]) -> Ticks:
    """Return the processor time of these CPUs from the text of /proc/stat, see proc(5).

    What a hypervisor took away counts as busy.
    """
    wanted = {f"cpu{number}" for number in cpus}
    busy = total = 0
    for line in stat.splitlines():
        name, *fields = line.split()
        if name in wanted:
            spent = [int(field) for field in fields[:8]]  # guest time is part of user time
            total += sum(spent)
            busy += sum(spent) - spent[3] - spent[4]  # idle and iowait
    return Ticks(busy, total)


def groups(root: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """Yield the control groups that we are in, and those around them: the version of their tree, and the folder.

    :param root: in which `proc` and `sys` are.
    :param controller: of version 1, such as "memory"; in version 2 there is one tree for all.
    """
    memberships = root / "proc/self/cgroup"
    for line in memberships.read_text().splitlines() if memberships.exists() else ():
        number, controllers, path = line.split(":", 2)
        if number != "0" and controller not in controllers.split(","):
            continue
        # In a container with a namespace of its own the path may be that of the host: then only its root is seen.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield (2 if number == "0" else 1), root.joinpath("sys/fs/cgroup", controllers, *parts[:depth])


class Machine:
    """Reads how busy the processors are that this process may use; safe between threads.

    :param root: in which `proc` and `sys` are; "/" but in tests.
    """

    def __init__(self, root: str = "/", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = Path(root), clock
        self._cpus = os.sched_getaffinity(0)
        self._lock = threading.Lock()
        files = (folder / "cpu.stat" for _, folder in groups(self._root, "cpu"))
        self._limits = [path for path in files if _periods(path).total]
        self._read, self._seen = clock(), self._look()
        self._busy = math.nan

    def busy(self) -> float:
        """Return how busy they have been since the reading before, 0 to 1; nan where that cannot be told.

        That is the share of their time that was used, or the share of its periods in which a control group that
        we are in used up its quota, whichever is more: in a container with a quota the processors of the host
        may well be idle.
        """
        with self._lock:
            now = self._clock()
            if now - self._read >= EVERY:
                before, self._read, self._seen = self._seen, now, self._look()
                self._busy = math.nan if before is None or self._seen is None else _share(before, self._seen)
            return self._busy

    def _look(self) -> Seen | None:
        try:
            stat = (self._root / "proc/stat").read_text()
        except OSError:  # it is hidden here, or no descriptor is left
            return None
        return Seen(ticks(stat, self._cpus), [_periods(path) for path in self._limits])


def _share(before: Seen, now: Seen) -> float:
    pairs = zip(before.periods, now.periods, strict=True)
    used_up = [(b.throttled - a.throttled) / (b.total - a.total) for a, b in pairs if b.total > a.total]
    return max([now.ticks.since(before.ticks), *used_up])


def _periods(path: Path) -> Periods:
    try:
        found = dict(line.split() for line in path.read_text().splitlines())
    except OSError:  # it is not there, or was taken away meanwhile
        found = {}
    return Periods(int(found.get("nr_throttled", 0)), int(found.get("nr_periods", 0)))
