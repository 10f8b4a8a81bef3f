"""The undoing of what libfaketime keeps in `/dev/shm`, and leaves there when the process that it is in is killed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.errors import UndoFailed

_SHARED = Path("/dev/shm")  # noqa: S108 — where the C library keeps what shm_open(3) and sem_open(3) make


@dataclass(frozen=True)
class RemoveFaketime:
    """Remove the shared memory and the semaphore that libfaketime has made in a process that was killed.

    It names both after the process that has loaded it first, which hands the names on to its children
    (`ft_shm_create` in libfaketime.c). A process that is killed leaves them, and a later one of its pid then fails.

    :ivar pid: of that process.
    """

    pid: int

    def undo(self) -> None:
        """Return when they are gone; fine when there are none.

        :raises UndoFailed: not allowed to.
        """
        for name in (f"faketime_shm_{self.pid}", f"sem.faketime_sem_{self.pid}"):
            path = _SHARED / name
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise UndoFailed(f"{self}: {error}; remove {path}") from error

    def __str__(self) -> str:
        return f"remove what libfaketime of process {self.pid} has left in {_SHARED}"
