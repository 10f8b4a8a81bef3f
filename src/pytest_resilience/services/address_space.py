"""The cap on memory where no control group can be made: the soft limit of each process on its address space."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping

from pytest_resilience.janitor.process import PROC
from pytest_resilience.services import rlimits
from pytest_resilience.services.watch import Watch
from pytest_resilience.timeline import Count

_WHICH = resource.RLIMIT_AS
_NEAR = 7 / 8  # of the room


class AddressSpaceCap:
    """Lets each process of a unit grow by `room` bytes; what asks for more is told that there is none, not killed.

    In Python that is a MemoryError. The kernel does not count what it refuses. So the cap was reached when a
    process ended under it, or had come to seven eighths of its room. A refusal of one large piece before that is not
    seen.

    :raises Unsupported: they are another user's.
    """

    means = "address space"

    def __init__(self, pids: Callable[[], tuple[int, ...]], limit: int, *, room: int) -> None:
        self._pids = pids
        self._limit = limit
        self._before: dict[int, int] = {}
        self._start: dict[int, int] = {}
        self._room = room
        self._most = 0
        self._ended = False
        self._lifted = False
        try:
            for pid in pids():
                size, before = _size(pid), rlimits.soft(pid, _WHICH)
                if size is not None and before is not None:
                    self._before[pid], self._start[pid] = before, size
                    rlimits.set_soft(pid, _WHICH, size + room)
            self._watch = Watch(self._look)
        except BaseException:
            self._restore()
            raise

    def read(self) -> float:
        """Return the cap that the limits which the processes have now come to."""
        main = next(iter(self._start))
        now = rlimits.soft(main, _WHICH)
        return 0 if now is None else now - self._start[main] - self._room + self._limit

    def met(self) -> Mapping[str, Count]:
        """Return the most that a process grew by, in bytes, and whether one ended."""
        return {"bytes_grown": self._most, "processes_ended": int(self._ended)}

    @property
    def reached(self) -> bool:
        """Whether a process ended, or came near to its limit."""
        return self._ended or self._most >= self._room * _NEAR

    def lift(self) -> None:
        """Give each process what it had."""
        if not self._lifted:
            self._lifted = True
            try:
                self._watch.end()
            finally:
                self._restore()

    def _restore(self) -> None:
        usual = next(iter(self._before.values()), -1)
        for pid in self._pids():
            rlimits.set_soft(pid, _WHICH, self._before.get(pid, usual))

    def _look(self) -> None:
        for pid, start in self._start.items():
            size = _size(pid)
            if size is None:
                self._ended = True
            else:
                self._most = max(self._most, size - start)


def _size(pid: int) -> int | None:
    """Return the largest address space that a process has had, in bytes (VmPeak); None when it has ended."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPeak:")), None)
