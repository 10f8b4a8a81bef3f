"""The host, as read from /proc and its filesystems: what there is of each resource, and what is left."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pytest_resilience.measure.machine import Ticks, groups, ticks

# Of a control group, by version: the limit of its memory, what it uses, and how much of that is file cache.
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


class Room(NamedTuple):
    """How much of something there is, and how much of it is left, in bytes or in open files."""

    total: int
    left: int

    @property
    def share(self) -> float:
        """The share that is taken."""
        return 1 - self.left / self.total if self.total else 1.0


@dataclass(frozen=True)
class Host:
    """Reads the host, or what `root` holds in its stead.

    :ivar root: in which `proc` and `sys` are; "/" but in tests.
    """

    root: str = "/"

    def memory(self) -> Room:
        """Return how much memory there is and can still be taken, in bytes.

        Where a control group that we are in has a limit, its limit is the total, and what is left is the least that
        the host and the groups have (cgroup v1 and v2). File cache that can be dropped counts as left.
        """
        lines = self._read("proc/meminfo").splitlines()
        sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        rooms = [Room(sizes["MemTotal"], sizes["MemAvailable"]), *self._groups()]
        return Room(min(room.total for room in rooms), max(0, min(room.left for room in rooms)))

    def disk(self, path: str) -> Room:
        """Return how much the filesystem of `path` has for its users, and how much is free, as df(1) counts."""
        seen = os.statvfs(path)
        used = seen.f_blocks - seen.f_bfree
        return Room((used + seen.f_bavail) * seen.f_frsize, seen.f_bavail * seen.f_frsize)

    def files(self) -> Room:
        """Return how many files can be open on the host at once, and how many more can be opened."""
        taken, _, most = self._read("proc/sys/fs/file-nr").split()
        return Room(int(most), int(most) - int(taken))

    def cpu(self, cpus: Iterable[int]) -> Ticks:
        """Return the processor time of these CPUs; what a hypervisor took away counts as busy."""
        return ticks(self._read("proc/stat"), cpus)

    def load(self) -> float:
        """Return the load average of the last minute."""
        return float(self._read("proc/loadavg").split()[0])

    def _groups(self) -> Iterator[Room]:
        for version, folder in groups(Path(self.root), "memory"):
            limit, usage, cache = _FILES[version]
            text = "".join(_lines(folder / limit))
            if text.isdigit() and int(text) < 1 << 60:  # "no limit" is a number in v1
                stat = dict(line.split() for line in _lines(folder / "memory.stat"))
                used = int("".join(_lines(folder / usage))) - int(stat.get(cache, 0))
                yield Room(int(text), int(text) - used)

    def _read(self, name: str) -> str:
        return (Path(self.root) / name).read_text()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
