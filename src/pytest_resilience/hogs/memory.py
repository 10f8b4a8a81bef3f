"""The hog of memory."""

from __future__ import annotations

import mmap
import time
from dataclasses import dataclass, field
from pathlib import Path

from pytest_resilience.hogs import floor
from pytest_resilience.hogs.asked import given_back, taken_to
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts, Task

_CHUNK = 32 * floor.MIB
_CLOSE = 4 * floor.MIB  # near enough
_EVERY = 0.02  # seconds between two looks at what the host has left
_PAGE = mmap.PAGESIZE


@dataclass(frozen=True)
class MemoryHog:
    """Takes memory until a share of it is in use, or so many bytes.

    :ivar share: of the memory of the host, or of the control group that limits us; None where bytes are given.
    """

    share: float | None
    size: int | None
    fall_short: bool
    optional: bool
    host: Host = field(default_factory=Host)
    name: str = "hogs.memory"
    path: None = None

    @property
    def patience(self) -> float:
        """Seconds for all of it: a kernel hands out some 400 MB/s where it has to ask its own host for it."""
        return 60 + self.host.memory().total / (50 * floor.MIB)

    def tasks(self, place: str) -> list[Task]:
        """Return what its process is told.

        :raises UsageError: the floor is in the way.
        """
        room = self.host.memory()
        left = int((1 - self.share) * room.total) if self.share is not None else room.left - (self.size or 0)
        floor.refuse_beyond(str(self), left, floor.memory(room.total), room.total, fall_short=self.fall_short)
        target = -1 if self.share is None else left
        return [{"resource": "memory", "left": target, "bytes": self.size or 0, "root": self.host.root}]

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached, for the receipt.

        :raises FaultDidNotBite: less than was asked for.
        """
        [report] = reports
        return taken_to(self, report, self.host.memory().share)

    def freed(self, finals: list[Counts]) -> Counts:
        """Return what there is to say once all is given back."""
        return given_back(finals)

    def __str__(self) -> str:
        asked = f"share={self.share:g}" if self.share is not None else f"bytes={self.size}"
        return f"hogs.memory({asked})"


class MemoryTaker:
    """Maps memory and writes to every page of it; gives back what others need more, at the floor."""

    def __init__(self, task: Task) -> None:
        self._host = Host(str(task["root"]))
        self._until, self._wanted = int(task["left"]), int(task["bytes"])
        self._held: list[mmap.mmap] = []
        self._given_back = 0
        self._settled = False
        self.why = ""

    def step(self) -> str:
        """Take a chunk, or see to the floor."""
        room = self._host.memory()
        above = room.left - floor.memory(room.total)
        if self._settled:
            self._give_back(-above)
            time.sleep(_EVERY)
            return SHORT if self.why else HOLDING
        missing = self._missing(room.left)
        if missing < (_CLOSE if self._until >= 0 else 1):
            self._settled = True
        elif above < min(_CLOSE, missing):
            self.why = f"stopped at the floor of {floor.words(floor.memory(room.total))} available"
            self._settled = True
        else:
            self._take(min(missing, above, _CHUNK))
        return TAKING

    def counts(self) -> Counts:
        """Return what is held and what was given back."""
        return {"bytes_taken": self._taken, "bytes_given_back": self._given_back}

    def release(self) -> int:
        """Unmap everything; return how many bytes beyond the program's own are still resident."""
        while self._held:
            self._held.pop().close()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
        return max(0, resident - 256 * floor.MIB)

    @property
    def _taken(self) -> int:
        return sum(len(chunk) for chunk in self._held)

    def _missing(self, left: int) -> int:
        return left - self._until if self._until >= 0 else self._wanted - self._taken

    def _take(self, size: int) -> None:
        pages = max(1, size // _PAGE)
        chunk = mmap.mmap(-1, pages * _PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        chunk[::_PAGE] = b"\1" * pages
        self._held.append(chunk)

    def _give_back(self, wanted: int) -> None:
        while wanted > 0 and self._held:
            chunk = self._held.pop()
            wanted -= len(chunk)
            self._given_back += len(chunk)
            chunk.close()
