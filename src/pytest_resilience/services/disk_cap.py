"""The cap on a unit's disk: its volume is filled up with ballast until only so much fits in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_resilience.errors import Unsupported, UsageError
from pytest_resilience.janitor.process import PROC
from pytest_resilience.services.backend import Volume
from pytest_resilience.services.watch import Watch
from pytest_resilience.timeline import Count

_BLOCK = 4096  # bytes; with less than one free, the next write of any size fails


class DiskCap:
    """Lets no more than `limit` bytes be in the volume of a unit, whose writes then fail with ENOSPC.

    The kernel does not count what it refuses. It refuses when no block is free, so that is looked for, every few
    milliseconds.

    :param name: the unit's, for messages.
    :param pid: its main process.
    :raises UsageError: it has no volume, or has more in it, or the volume is not larger.
    :raises Unsupported: what the unit has at that path is not our volume.
    """

    means = "ballast in its own file system"

    def __init__(self, name: str, volume: Volume | None, limit: int, *, pid: int) -> None:
        if volume is None:
            raise UsageError(
                f"{name}: has no disk of its own to be full; start it with service(..., disk=SIZE) and have it write "
                "to '{disk}', which its command and environment may name; a redis_server or postgres_server has "
                "on_disk(SIZE)"
            )
        self._volume = volume
        space = volume.space()
        if not space.used <= limit < space.size:
            raise UsageError(
                f"{name}: capped(disk={limit}) cannot be: {space.used} bytes are in its disk of {space.size}; pass a "
                "number from the first to below the second"
            )
        _must_see(name, volume, pid)
        self._least = space.free
        self._lifted = False
        volume.take(space.size - limit)
        try:
            self._watch = Watch(self._look)
        except BaseException:
            volume.take(0)
            raise

    def read(self) -> float:
        """Return how many bytes it may have in the volume, as the file system says."""
        space = self._volume.space()
        return space.used + space.free

    def met(self) -> Mapping[str, Count]:
        """Return how many bytes were free at least."""
        return {"bytes_free_at_least": self._least}

    @property
    def reached(self) -> bool:
        """Whether the volume was seen full."""
        return self._least < _BLOCK

    def lift(self) -> None:
        """Give the space back."""
        if not self._lifted:
            self._lifted = True
            try:
                self._watch.end()
            finally:
                self._volume.take(0)

    def _look(self) -> None:
        self._least = min(self._least, self._volume.space().free)


def _must_see(name: str, volume: Volume, pid: int) -> None:
    """Check that the unit has our volume: a daemon elsewhere would have made a directory of that name."""
    path = Path(f"{PROC}/{pid}/root{volume.inside}")
    try:
        same = path.stat().st_dev == volume.source.stat().st_dev
    except OSError as error:
        raise Unsupported(
            f"{name}: its disk cannot be seen from here ({error}); run pytest where its daemon is"
        ) from error
    if not same:
        raise Unsupported(
            f"{name}: {volume.inside} is not the file system that was made for it, since the Docker daemon does not "
            f"see {volume.source}; run pytest on the daemon's own machine, not in a container"
        )
