"""The cap on open descriptors: the soft limit of each process of a running unit."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping

from pytest_resilience.errors import ServiceStateError
from pytest_resilience.janitor.process import PROC
from pytest_resilience.services import rlimits
from pytest_resilience.services.watch import Watch
from pytest_resilience.timeline import Count

_WHICH = resource.RLIMIT_NOFILE


class DescriptorCap:
    """Lets no process of a unit have more than `count` descriptors; those that are open stay open.

    The kernel does not count what it refuses. It refuses exactly when every number below the limit is in use, so
    that is what is looked for, every few milliseconds.

    :param name: the unit's, for messages.
    :param pids: its processes now.
    :raises Unsupported: they are another user's.
    """

    means = "prlimit"

    def __init__(self, name: str, pids: Callable[[], tuple[int, ...]], count: int) -> None:
        self._pids = pids
        self._count = count
        self._before: dict[int, int] = {}
        self._most = 0
        self._spent = False
        self._lifted = False
        self._usual = -1
        try:
            for pid in pids():
                before = rlimits.soft(pid, _WHICH)
                if before is not None:
                    self._before[pid] = before
                    rlimits.set_soft(pid, _WHICH, count)
            if not self._before:
                raise ServiceStateError(f"{name}: cannot be capped, it has ended; start it first")
            self._usual = next(iter(self._before.values()))  # the main process is the first
            self._watch = Watch(self._look)
        except BaseException:
            self._restore()
            raise

    def read(self) -> float:
        """Return the largest soft limit among its processes; 0 when all have ended."""
        return max((limit for pid in self._pids() if (limit := rlimits.soft(pid, _WHICH)) is not None), default=0)

    def met(self) -> Mapping[str, Count]:
        """Return how many descriptors the process with the most had open, at most."""
        return {"descriptors_open": self._most}

    @property
    def reached(self) -> bool:
        """Whether one of its processes was seen with none left."""
        return self._spent

    def lift(self) -> None:
        """Give each process what it had; one that was started since, what the main process had."""
        if not self._lifted:
            self._lifted = True
            try:
                self._watch.end()
            finally:
                self._restore()

    def _restore(self) -> None:
        for pid in self._pids():
            rlimits.set_soft(pid, _WHICH, self._before.get(pid, self._usual))

    def _look(self) -> None:
        for pid in self._before:
            try:
                open_ = [int(entry.name) for entry in (PROC / str(pid) / "fd").iterdir()]
            except (FileNotFoundError, ProcessLookupError):
                continue
            self._most = max(self._most, len(open_))
            self._spent = self._spent or sum(number < self._count for number in open_) >= self._count
