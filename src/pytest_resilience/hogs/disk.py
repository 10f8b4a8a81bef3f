"""The hog of disk space."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from pytest_resilience.hogs import floor
from pytest_resilience.hogs.asked import given_back, taken_to
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts, Task

_CHUNK = 256 * floor.MIB
_CLOSE = floor.MIB
_EVERY = 0.02


@dataclass(frozen=True)
class DiskHog:
    """Takes space of a filesystem until a share of it is in use, or so many bytes.

    :ivar path: a directory on the filesystem.
    """

    share: float | None
    size: int | None
    path: str
    fall_short: bool
    optional: bool
    host: Host = field(default_factory=Host)
    name: str = "hogs.disk"
    patience: float = 120.0

    def tasks(self, place: str) -> list[Task]:
        """Return what its process is told.

        :raises UsageError: the floor is in the way.
        """
        room = self.host.disk(self.path)
        left = int((1 - self.share) * room.total) if self.share is not None else room.left - (self.size or 0)
        floor.refuse_beyond(str(self), left, floor.disk(room.total), room.total, fall_short=self.fall_short)
        target = -1 if self.share is None else left
        root = self.host.root
        return [{"resource": "disk", "left": target, "bytes": self.size or 0, "place": place, "root": root}]

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached, for the receipt.

        :raises FaultDidNotBite: less than was asked for.
        """
        [report] = reports
        return taken_to(self, report, self.host.disk(self.path).share)

    def freed(self, finals: list[Counts]) -> Counts:
        """Return what there is to say once all is given back."""
        return given_back(finals)

    def __str__(self) -> str:
        asked = f"share={self.share:g}" if self.share is not None else f"bytes={self.size}"
        return f"hogs.disk({asked}, path={self.path!r})"


class DiskTaker:
    """Allocates blocks to a file that has no name, so that they are free when this process ends, however it does."""

    def __init__(self, task: Task) -> None:
        self._host = Host(str(task["root"]))
        self._place = str(task["place"])
        self._until, self._wanted = int(task["left"]), int(task["bytes"])
        self._file = nameless(self._place)
        self._taken = self._given_back = 0
        self._settled = False
        self.why = ""

    def step(self) -> str:
        """Take a chunk, or see to the floor."""
        room = self._host.disk(self._place)
        above = room.left - floor.disk(room.total)
        if self._settled:
            self._give_back(-above)
            time.sleep(_EVERY)
            return SHORT if self.why else HOLDING
        missing = room.left - self._until if self._until >= 0 else self._wanted - self._taken
        memory = self._host.memory()  # a filesystem may be in memory
        if missing < (_CLOSE if self._until >= 0 else 1):
            self._settled = True
        elif above < min(_CLOSE, missing):
            self._stop(f"stopped at the floor of {floor.words(floor.disk(room.total))} free")
        elif memory.left < floor.memory(memory.total):
            self._stop(f"stopped at the floor of {floor.words(floor.memory(memory.total))} available memory")
        else:
            self._take(min(missing, above, _CHUNK))
        return TAKING

    def counts(self) -> Counts:
        """Return what is held and what was given back."""
        return {"bytes_taken": self._taken, "bytes_given_back": self._given_back}

    def release(self) -> int:
        """Free all blocks; return how many bytes the file still has."""
        os.ftruncate(self._file, 0)
        left = os.fstat(self._file).st_blocks * 512
        os.close(self._file)
        return left

    def _take(self, size: int) -> None:
        try:
            os.posix_fallocate(self._file, self._taken, size)
        except OSError as error:  # a quota, or somebody who was quicker
            self._stop(f"was refused more ({error.strerror})")
        else:
            self._taken += size

    def _stop(self, why: str) -> None:
        self.why = why
        self._settled = True

    def _give_back(self, wanted: int) -> None:
        if wanted > 0 and self._taken:
            less = min(self._taken, wanted)
            self._taken -= less
            self._given_back += less
            os.ftruncate(self._file, self._taken)


def nameless(place: str) -> int:
    """Return the descriptor of a new file in the directory `place`, which has lost its name already."""
    path = os.path.join(place, f"hog-{os.getpid()}")  # noqa: PTH118  (kept free of what it does not need)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)  # noqa: PTH108
    return file
