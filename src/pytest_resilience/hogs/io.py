"""The hog of a disk's time: writes that are flushed, and reads."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from pytest_resilience.hogs import floor
from pytest_resilience.hogs.asked import fell_short, number
from pytest_resilience.hogs.disk import nameless
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts, Task

_BLOCK = floor.MIB
_BEGIN = 4  # blocks that have to be through before it counts as struck


@dataclass(frozen=True)
class IoHog:
    """Writes, flushes and reads files of `size` bytes over and over, with so many processes."""

    workers: int
    size: int
    path: str
    host: Host = field(default_factory=Host)
    name: str = "hogs.io"
    patience: float = 60.0
    optional: bool = False
    fall_short: bool = False

    def tasks(self, place: str) -> list[Task]:
        """Return what its processes are told.

        :raises UsageError: the floor of the filesystem is in the way.
        """
        room = self.host.disk(self.path)
        left = room.left - self.workers * self.size
        floor.refuse_beyond(str(self), left, floor.disk(room.total), room.total, fall_short=False)
        task: Task = {"resource": "io", "bytes": self.size, "place": place, "root": self.host.root}
        return [task] * self.workers

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached, for the receipt.

        :raises FaultDidNotBite: a write was refused.
        """
        worst = min(reports, key=lambda report: "why" not in report)
        short = fell_short(self, worst, "less", reached="why" not in worst, taken="bytes_written")
        return {"workers": self.workers} | short

    def freed(self, finals: list[Counts]) -> Counts:
        """Return what was written and read."""
        names = ("bytes_written", "bytes_read", "flushes")
        sums: Counts = {name: sum(number(final, name) for final in finals) for name in names}
        rate = sum(float(final["bytes_a_second"]) for final in finals)
        return sums | {"bytes_a_second": int(rate)}

    def __str__(self) -> str:
        return f"hogs.io(workers={self.workers}, bytes={self.size}, path={self.path!r})"


class IoTaker:
    """Goes through a file that has no name: a block is written, flushed to the device, and read from there."""

    def __init__(self, task: Task) -> None:
        self._host = Host(str(task["root"]))
        self._place = str(task["place"])
        self._blocks = max(1, int(task["bytes"]) // _BLOCK)
        self._file = nameless(self._place)
        self._block = os.urandom(_BLOCK)
        self._written = self._read = self._flushes = 0
        self._began = time.monotonic()
        self.why = ""

    def step(self) -> str:
        """Write, flush and read one block, unless the filesystem is at its floor."""
        room = self._host.disk(self._place)
        if room.left < floor.disk(room.total):
            self._stop(f"stopped at the floor of {floor.words(floor.disk(room.total))} free")
        if self.why:
            time.sleep(0.02)
            return SHORT
        at = self._flushes % self._blocks * _BLOCK
        try:
            self._written += os.pwrite(self._file, self._block, at)
            os.fdatasync(self._file)
            self._flushes += 1
            os.posix_fadvise(self._file, at, _BLOCK, os.POSIX_FADV_DONTNEED)  # or memory would answer the read
            self._read += len(os.pread(self._file, _BLOCK, at))
        except OSError as error:
            self._stop(f"was refused a write ({error.strerror})")
        return TAKING if self._flushes < _BEGIN else HOLDING

    def counts(self) -> Counts:
        """Return what was written and read."""
        rate = self._written / max(1e-9, time.monotonic() - self._began)
        return {
            "bytes_written": self._written,
            "bytes_read": self._read,
            "flushes": self._flushes,
            "bytes_a_second": rate,
        }

    def release(self) -> int:
        """Free the file; return how many bytes it still has."""
        os.ftruncate(self._file, 0)
        left = os.fstat(self._file).st_blocks * 512
        os.close(self._file)
        return left

    def _stop(self, why: str) -> None:
        if not self.why:
            os.ftruncate(self._file, 0)
        self.why = self.why or why
