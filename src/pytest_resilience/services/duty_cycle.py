"""The cap on a unit's processor time by stopping its processes and letting them go on, in turn."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

from pytest_resilience.errors import Unsupported
from pytest_resilience.janitor import Janitor, KillGroup
from pytest_resilience.timeline import Count

# Of its share: a unit that wanted more comes to about all of it, one that had little to do stays far below.
_BUSY = 0.5
_TICKS = 2 / os.sysconf("SC_CLK_TCK")  # seconds by which the kernel's count of processor time may be off


class DutyCycle:
    """Stops a unit for all but a share of each 40 ms; `duty.py` does it, from a process of its own.

    It stops the unit whether or not that has anything to do, so it was reached when the unit used half of its share or
    more. A unit that is `paused()` besides would be woken by it.

    :param leader: the unit's leader and when it started, in ticks since the boot.
    :param cpu_seconds: the processor time that it has used, in seconds; 0 when it has ended.
    :param resume: lets it go on.
    :raises Unsupported: the share is more than one processor, which only a control group can divide.
    """

    means = "SIGSTOP and SIGCONT"

    def __init__(
        self,
        janitor: Janitor,
        leader: tuple[int, int],
        share: float,
        *,
        cpu_seconds: Callable[[], float],
        resume: Callable[[], None],
    ) -> None:
        if share >= 1:
            raise Unsupported(f"throttled(cpu={share}) needs a control group, which cannot be made here; run as root")
        self._share = share
        self._cpu_seconds, self._resume = cpu_seconds, resume
        self._used: tuple[float, float] | None = None
        self._before, self._began = cpu_seconds(), time.monotonic()
        self._child = janitor.launch(
            [sys.executable, "-m", "pytest_resilience.services.duty", str(leader[0]), str(leader[1]), str(share)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )

    def read(self) -> float:
        """Return the share, which nobody but us keeps."""
        return self._share

    def met(self) -> Mapping[str, Count]:
        """Return how many processors it used on average; 0 if it has ended."""
        used, lasted = self._now()
        return {"cpu_used": round(used / lasted, 4)}

    @property
    def reached(self) -> bool:
        """Whether it used half of its share or more."""
        used, lasted = self._now()
        return used - _TICKS >= lasted * self._share * _BUSY

    def lift(self) -> None:
        """Let it go on for good."""
        if self._used is None:
            self._used = self._now()
            KillGroup(self._child.pid, self._child.started).undo()
            self._child.process.wait()
            self._child.promise.kept()
            self._resume()

    def _now(self) -> tuple[float, float]:
        """Return the seconds of processor time that it used, and in how many seconds."""
        if self._used is not None:
            return self._used
        return max(0.0, self._cpu_seconds() - self._before), time.monotonic() - self._began
