"""The hog of processor time."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import time
from dataclasses import dataclass, field

from pytest_resilience.errors import FaultDidNotBite
from pytest_resilience.hogs.asked import fell_short
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts, Task
from pytest_resilience.measure.machine import Ticks

_PERIOD = 0.02  # seconds in which a burner works and rests
_LOOK = 0.2  # seconds over which the busy share is read: twenty ticks a CPU
_SETTLE = 8.0  # seconds that it may take to get there
TOLERANCE = 0.05


@dataclass(frozen=True)
class CpuHog:
    """Keeps all CPUs that pytest may use busy, up to a share of their time.

    :ivar nice: of its processes: 0 competes as an equal of the service, 19 takes what nobody else wants.
    """

    share: float
    nice: int
    fall_short: bool
    optional: bool
    host: Host = field(default_factory=Host)
    name: str = "hogs.cpu"
    patience: float = _SETTLE + 20
    path: None = None

    def tasks(self, place: str) -> list[Task]:
        """Return what its process is told."""
        return [{"resource": "cpu", "share": self.share, "nice": self.nice, "root": self.host.root}]

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached, for the receipt.

        :raises FaultDidNotBite: less than was asked for.
        """
        [report] = reports
        busy = float(report["busy_share"])
        short = fell_short(self, report, f"share {busy:.2f}", reached="why" not in report, taken="cpus")
        return {"cpus": report["cpus"], "busy_share": busy} | short

    def freed(self, finals: list[Counts]) -> Counts:
        """Return the busy share over the whole time.

        :raises FaultDidNotBite: all of it was the work of others.
        """
        [final] = finals
        if not final["cpu_seconds"] and not self.optional:
            raise FaultDidNotBite(
                f"{self}: burned nothing, for others keep the CPUs as busy; ask for more, or pass optional=True"
            )
        return {"busy_share": final["busy_share"], "cpu_seconds": final["cpu_seconds"]}

    def __str__(self) -> str:
        return f"hogs.cpu(share={self.share:g})"


class CpuTaker:
    """One process for each CPU, which works for a part of each 20 ms; the part follows what others use."""

    def __init__(self, task: Task) -> None:
        self._host = Host(str(task["root"]))
        self._share = float(task["share"])
        self._cpus = sorted(os.sched_getaffinity(0))
        self._duty = mmap.mmap(-1, mmap.PAGESIZE)  # shared with the burners
        self._set(self._share)
        os.nice(int(task["nice"]))
        self._began = time.monotonic()
        self._first = self._last = self._host.cpu(self._cpus)
        self._busy = self._burned = 0.0
        self._settled = False
        self.why = ""
        self._burners = [self._burner(cpu) for cpu in self._cpus]

    def step(self) -> str:
        """Look how busy the CPUs are, and set the burners."""
        time.sleep(_LOOK)
        now = self._host.cpu(self._cpus)
        busy = now.since(self._last)
        self._last = now
        if not self._settled:
            self._settle(busy, now)
            return TAKING
        self._busy = now.since(self._first)
        self._aim(busy)
        return SHORT if self.why else HOLDING

    def counts(self) -> Counts:
        """Return how busy the CPUs were, and how much of that were we."""
        burned = round(self._burned, 2)
        return {"cpus": len(self._cpus), "busy_share": round(self._busy, 3), "cpu_seconds": burned}

    def release(self) -> int:
        """End the burners and wait for each; return how many there are then, which is none."""
        for pid in self._burners:
            os.kill(pid, signal.SIGKILL)
        while self._burners:
            _, _, used = os.wait4(self._burners.pop(), 0)
            self._burned += used.ru_utime + used.ru_stime
        return 0

    def _settle(self, busy: float, now: Ticks) -> None:
        if busy >= self._share - TOLERANCE:
            self._settled = True
        elif time.monotonic() > self._began + _SETTLE:
            self._settled = True
            self.why = "the CPUs were not busier; does a control group limit the time that pytest may have?"
        else:
            self._aim(busy)
        self._busy, self._first = busy, now

    def _aim(self, busy: float) -> None:
        (duty,) = struct.unpack_from("d", self._duty)
        self._set(min(1.0, max(0.0, duty + (self._share - busy) / 2)) if self._share < 1 else 1.0)

    def _set(self, duty: float) -> None:
        struct.pack_into("d", self._duty, 0, duty)

    def _burner(self, cpu: int) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            os.closerange(3, 64)  # above all the pipe, whose end says that the hog has ended
            os.sched_setaffinity(0, {cpu})
            while os.getppid() == parent:
                (duty,) = struct.unpack_from("d", self._duty)
                period = time.monotonic()
                while time.monotonic() < period + _PERIOD * duty:
                    pass
                if duty < 1:
                    time.sleep(_PERIOD * (1 - duty))
        finally:
            os._exit(0)
