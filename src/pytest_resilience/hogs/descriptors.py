"""The hog of file descriptors."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass, field

from pytest_resilience.errors import UsageError
from pytest_resilience.hogs import floor
from pytest_resilience.hogs.asked import fell_short, number
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts, Task

_SPARE = 32  # descriptors that a process of ours needs for itself
_STEP = 5000
_EVERY = 0.02
_MOST = 1000  # processes


@dataclass(frozen=True)
class DescriptorsHog:
    """Has so many files open, in as many processes as the limit of one makes necessary."""

    n: int
    fall_short: bool
    host: Host = field(default_factory=Host)
    name: str = "hogs.descriptors"
    path: None = None
    optional: bool = False

    @property
    def patience(self) -> float:
        """Seconds for all of them."""
        return 30 + self.n / 10_000

    def tasks(self, place: str) -> list[Task]:
        """Return what its processes are told.

        :raises UsageError: the host cannot have as many open, or the floor is in the way.
        """
        room = self.host.files()
        left, least = room.left - self.n, floor.files(room.total)
        if left < least and not self.fall_short:
            raise UsageError(
                f"{self}: would leave {max(left, 0):,} of the {room.total:,} files that this host can have open "
                f"(fs.file-max), and the floor that keeps it alive is {least:,}. Ask for {max(0, room.left - least):,} "
                "at most, or pass fall_short=True to stop at the floor, which the receipt says"
            )
        each = one_process()
        processes = -(-self.n // each)
        if processes > _MOST:
            raise UsageError(
                f"{self}: takes {processes:,} processes, as one can have {each:,} files open; raise its hard limit "
                "(`ulimit -Hn`, LimitNOFILE= of systemd, `docker run --ulimit nofile=...`)"
            )
        shares = [self.n // processes + (number < self.n % processes) for number in range(processes)]
        return [{"resource": "descriptors", "n": share, "root": self.host.root} for share in shares]

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached, for the receipt.

        :raises FaultDidNotBite: less than was asked for.
        """
        opened = sum(number(report, "descriptors") for report in reports)
        worst = min(reports, key=lambda report: "why" not in report)
        counts: Counts = {"descriptors": opened, "processes": len(reports), "left_on_host": self.host.files().left}
        short = fell_short(self, worst, f"{opened:,}", reached=opened >= self.n, taken="descriptors")
        return counts | short

    def freed(self, finals: list[Counts]) -> Counts:
        """Return what there is to say once all is given back."""
        back = sum(number(final, "given_back") for final in finals)
        return {"given_back": back} if back else {}

    def __str__(self) -> str:
        return f"hogs.descriptors({self.n})"


def one_process() -> int:
    """Return how many files one process of ours can hold open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, hard - _SPARE)


class DescriptorsTaker:
    """Opens /dev/null again and again: each is a file of its own to the kernel, which a duplicate would not be."""

    def __init__(self, task: Task) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._host = Host(str(task["root"]))
        self._n = int(task["n"])
        self._held: list[int] = []
        self._given_back = 0
        self._settled = False
        self.why = ""

    def step(self) -> str:
        """Open some, or see to the floor."""
        files, memory = self._host.files(), self._host.memory()
        above = files.left - floor.files(files.total)
        if self._settled:
            self._close(min(-above, len(self._held)))
            time.sleep(_EVERY)
            return SHORT if self.why else HOLDING
        missing = self._n - len(self._held)
        if not missing:
            self._settled = True
        elif above <= 0:
            self._stop(f"stopped at the floor of {floor.files(files.total):,} open files")
        elif memory.left < floor.memory(memory.total):
            self._stop(f"stopped at the floor of {floor.words(floor.memory(memory.total))} available memory")
        else:
            self._open(min(missing, above, _STEP))
        return TAKING

    def counts(self) -> Counts:
        """Return how many are held, as the kernel lists them, and how many were given back."""
        listed = len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208  (of which one is that of the listing)
        return {"descriptors": min(len(self._held), listed), "given_back": self._given_back}

    def release(self) -> int:
        """Close all; return how many are still open, beyond the program's own."""
        for one in self._held:
            os.close(one)
        self._held.clear()
        return max(0, len(os.listdir("/proc/self/fd")) - _SPARE)  # noqa: PTH208

    def _open(self, count: int) -> None:
        try:
            for _ in range(count):
                self._held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            self._close(min(8, len(self._held)))  # or nothing more could be read from /proc
            self._stop(f"was refused more ({error.strerror})")

    def _stop(self, why: str) -> None:
        self.why = why
        self._settled = True

    def _close(self, count: int) -> None:
        for _ in range(count):
            os.close(self._held.pop())
            self._given_back += 1
