"""The undoing of shared memory: the segment that a Postgres leaves behind when it is killed."""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pytest_resilience.errors import UndoFailed, UsageError
from pytest_resilience.janitor.process import look

_SEGMENTS = Path("/proc/sysvipc/shm")
_LOCK = "postmaster.pid"
_REMOVE = 0  # IPC_RMID
_KEY = 0xFFFFFFFF  # a key has 32 bits; the kernel shows it with a sign


class Segment(NamedTuple):
    """A System V shared memory segment: its key and number, the pid that made it, and how many have it open."""

    key: int
    number: int
    creator: int
    attached: int


@dataclass(frozen=True)
class RemoveSharedMemory:
    """Remove the System V shared memory of a Postgres that was killed, which nothing else would until the next boot.

    The machine has room for some thousand segments. Postgres makes one a server, under the inode number of its
    data directory as the key, and writes the key and the segment's number into `postmaster.pid`, line 7.

    :ivar data: its data directory.
    :raises UsageError: the path is relative.
    """

    data: Path

    def __post_init__(self) -> None:
        if not self.data.is_absolute():
            raise UsageError(f"RemoveSharedMemory: {self.data} is no absolute path; pass one")

    def undo(self) -> None:
        """Return when it is gone, or goes with the last process that has it open; fine when there is none.

        :raises UndoFailed: not allowed to.
        """
        for segment in self._ours():
            _remove(segment, str(self))

    def __str__(self) -> str:
        return f"remove the shared memory of the Postgres in {self.data}"

    def _ours(self) -> list[Segment]:
        written = self._written()
        try:
            inode = self.data.stat().st_ino & _KEY
        except OSError:
            return []
        return [
            one
            for one in segments()
            if (one.key, one.number) == written
            # Killed before it had written that.
            or (one.key == inode and not one.attached and look(one.creator) is None)
        ]

    def _written(self) -> tuple[int, int] | None:
        try:
            words = (self.data / _LOCK).read_text(errors="replace").split("\n")[6].split()
        except (OSError, IndexError):
            return None
        if len(words) != 2 or not all(word.isdigit() for word in words):
            return None
        return int(words[0]) & _KEY, int(words[1])


def segments() -> list[Segment]:
    """Return all System V shared memory segments that can be seen from here."""
    if not _SEGMENTS.exists():  # a kernel without them
        return []
    rows = [line.split() for line in _SEGMENTS.read_text(encoding="ascii").splitlines()[1:]]
    return [Segment(int(row[0]) & _KEY, int(row[1]), int(row[4]), int(row[6])) for row in rows]


def _remove(segment: Segment, what: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmctl(segment.number, _REMOVE, None) == 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.EINVAL, errno.EIDRM):  # it has gone meanwhile
        raise UndoFailed(f"{what}: {os.strerror(number)}; remove it with `ipcrm -m {segment.number}`")
