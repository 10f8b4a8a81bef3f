"""A server that can be moved, empty, to a disk of its own, which can then be full; and back for the next test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_resilience.errors import UsageError
from pytest_resilience.services.backend import Backend, Spec, Unit, Volume
from pytest_resilience.services.service import Service
from pytest_resilience.services.volume import check_size

# What runs the server with its data on a volume.
Housing = Callable[[Volume], Spec]
# Seconds. A Postgres that ends gracefully leaves no shared memory behind; one that does not in this time is killed.
FAREWELL = 2.0


class Movable(Service):
    """A server whose data can be moved."""

    _backend: Backend | None = None
    _housing: Housing | None = None
    _home: Unit | None = None  # what it runs as otherwise, while it has been moved
    _volume_of_own: Volume | None = None

    def on_disk(self, size: int) -> None:
        """Start it again, empty, with its data on a disk of its own, for the rest of the test.

        Then `capped(disk=BYTES)` can fill that disk, and `disk_used` says what is on it. Its address stays, its
        connections are closed, and what it held is gone: call it before your service is started.

        :param size: bytes of the disk, a file system in memory. A Postgres takes some 50 MB before it holds anything.
        :raises UsageError: it has been moved already, or is a member of a cluster.
        :raises Unsupported: no file system may be mounted here, not even in a user namespace.
        """
        if self._housing is None or self._backend is None:
            raise UsageError(f"{self.name}.on_disk: only redis_server and postgres_server can be moved to a disk")
        if self._home is not None:
            raise UsageError(f"{self.name}.on_disk: it is on a disk of its own already, for the rest of this test")
        volume = self._backend.volume(self.name, check_size(f"{self.name}.on_disk: size", size))
        home = self._unit
        try:
            spec = replace(self._housing(volume), volume=volume)
            home.stop(FAREWELL)
            self._unit = self._backend.unit(spec)
        except BaseException:
            self._forget_move()
            volume.close()
            raise
        self._home, self._volume_of_own = home, volume
        self.start()

    def _forget_move(self) -> None:
        """Know nothing of the data on the disk any more; it is about to be removed."""

    def _move_back(self) -> None:
        """Be again what it was, not running, if it has been moved."""
        if self._home is None or self._volume_of_own is None:
            return
        moved, self._unit, self._home = self._unit, self._home, None
        moved.remove()
        self._forget_move()
        self._volume_of_own.close()
        self._volume_of_own = None
