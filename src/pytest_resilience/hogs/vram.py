"""The hog of a GPU's memory."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pytest_resilience.hogs import floor
from pytest_resilience.hogs.asked import TOLERANCE, fell_short, given_back, number
from pytest_resilience.hogs.cuda import Full, Gpu, Library, load
from pytest_resilience.hogs.host import Room
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts, Task

CHUNK = 256 * floor.MIB
CLOSE = 2 * floor.MIB  # the driver hands out no smaller pages
_EVERY = 0.05


def target(total: int, share: float) -> int:
    """Return how many bytes of a GPU of `total` are free once a share of it is in use.

    >>> target(80 * 1024**3, 0.75) // 1024**3
    20
    """
    return int((1 - share) * total)


def chunk(room: Room, until: int) -> int:
    """Return how many bytes to take next so that no less than `until` and the floor is left; 0 when that is reached."""
    more = min(CHUNK, room.left - max(until, floor.vram(room.total)))
    return 0 if more < CLOSE else more // CLOSE * CLOSE


@dataclass(frozen=True)
class VramHog:
    """Takes memory of an NVIDIA GPU until a share of it is in use."""

    share: float
    gpu: int
    fall_short: bool
    optional: bool
    name: str = "hogs.vram"
    path: None = None
    patience: float = 120.0

    def tasks(self, place: str) -> list[Task]:
        """Return what its process is told."""
        return [{"resource": "vram", "share": self.share, "gpu": self.gpu, "fall_short": int(self.fall_short)}]

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached, for the receipt.

        :raises FaultDidNotBite: less than was asked for.
        """
        [report] = reports
        share = float(report["share_in_use"])
        short = fell_short(self, report, f"share {share:.3f}", reached=share >= self.share - TOLERANCE)
        return {"bytes_taken": number(report, "bytes_taken"), "share_in_use": round(share, 4)} | short

    def freed(self, finals: list[Counts]) -> Counts:
        """Return what there is to say once all is given back."""
        return given_back(finals)

    def __str__(self) -> str:
        return f"hogs.vram(share={self.share:g}, gpu={self.gpu})"


class VramTaker:
    """Allocates through NVIDIA's driver library, which is there wherever one of its GPUs can be used."""

    def __init__(self, task: Task, library: Library | None = None) -> None:
        self._gpu = Gpu(library or load(), int(task["gpu"]))
        self._held: list[tuple[int, int]] = []
        self._given_back = 0
        self._settled = False
        self._share = 0.0
        self.why = ""
        room = self._gpu.room()
        self._until, self._least = target(room.total, float(task["share"])), floor.vram(room.total)
        if self._until < self._least - floor.MIB and not task["fall_short"]:
            most = 1 - self._least / room.total
            self._stop(f"the floor is {floor.words(self._least)} of its {floor.words(room.total)}, share {most:.3f}")

    def step(self) -> str:
        """Take a chunk, or see to the floor."""
        room = self._gpu.room()
        self._share = room.share
        if self._settled:
            self._give_back(self._least - room.left)
            time.sleep(_EVERY)
            return SHORT if self.why else HOLDING
        more = chunk(room, self._until)
        if more:
            self._take(more)
        else:
            self._settled = True
            if room.left - self._until >= CLOSE:
                self._stop(f"stopped at the floor of {floor.words(self._least)} free")
        return TAKING

    def counts(self) -> Counts:
        """Return what is held and what was given back."""
        taken = sum(size for _, size in self._held)
        return {"bytes_taken": taken, "bytes_given_back": self._given_back, "share_in_use": self._share}

    def release(self) -> int:
        """Free everything; return how many bytes are still held."""
        self._pop(len(self._held))
        self._gpu.close()
        return sum(size for _, size in self._held)

    def _take(self, size: int) -> None:
        try:
            self._held.append((self._gpu.take(size), size))
        except Full:  # somebody was quicker, or what is free is in pieces
            self._stop("was refused more (out of memory)")

    def _stop(self, why: str) -> None:
        self.why = why
        self._settled = True

    def _give_back(self, wanted: int) -> None:
        while wanted > 0 and self._held:
            size = self._held[-1][1]
            self._pop(1)
            wanted -= size
            self._given_back += size

    def _pop(self, count: int) -> None:
        for _ in range(count):
            place, _ = self._held.pop()
            self._gpu.free(place)
