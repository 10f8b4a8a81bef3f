"""Ports on 127.0.0.1 that belong to one service at a time, over all processes of this user.

Three things make a port that the kernel hands out (`bind` to port 0) unfit for a service that is
going to be killed:

1. It lies in the ephemeral range. A client that hammers the port of a dead service from the same host
   can be given that very port as its own, connect to itself, and so keep the port from the service that
   comes back. Leased ports lie outside of the range.
2. It is anybody's as soon as the service is down. A lease lasts until it is closed or its process
   dies, whichever comes first: it is a lock on a file, one a port, in a directory that all runs share,
   so pytest-xdist's workers and other runs do not get it.
3. It may be taken by somebody who knows nothing of leases. So each is bound once, as a server would bind it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from pytest_resilience.errors import BackendUnavailable, UsageError

LOOPBACK = "127.0.0.1"
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Above the ports that well-known servers use by default, where there is room.
PREFERRED = range(10_240, 65_536)
UNPRIVILEGED = range(1024, 10_240)


class PortLease:
    """A port that nobody else leases; a context manager that gives it back."""

    def __init__(self, port: int, lock: int) -> None:
        self.port = port
        self._lock: int | None = lock

    def close(self) -> None:
        """Give the port back; once is enough, twice does no harm."""
        lock, self._lock = self._lock, None
        if lock is not None:
            # Closing alone would leave it locked while a forked child still holds the descriptor.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def __enter__(self) -> PortLease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PortLease {self.port}: {'given back' if self._lock is None else 'held'}>"


def lease_port(directory: Path | None = None) -> PortLease:
    """Lease a free port on 127.0.0.1 outside the ephemeral range.

    :param directory: where the locks lie; all who may want the same ports have to name the same.
        By default one directory a user, beside the other temporary files.
    :raises BackendUnavailable: every port is taken, or the ephemeral range leaves none.
    :raises UsageError: the directory belongs to somebody else.
    """
    place = shared_directory() if directory is None else directory
    candidates = list(outside(*ephemeral_range()))
    # Processes begin at different places, so that they do not queue for the same first port, and
    # a port that was just given back is not the first to be given out again.
    begin = (os.getpid() * 7919) % max(1, len(candidates))
    return _first_free(place, candidates[begin:] + candidates[:begin])


def shared_directory() -> Path:
    """Return this user's directory of locks, made if need be and checked to be this user's own."""
    place = Path(tempfile.gettempdir()) / f"pytest-resilience-ports-{os.geteuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    owner = place.lstat().st_uid
    if place.is_symlink() or owner != os.geteuid():
        raise UsageError(f"{place} belongs to uid {owner}, not to {os.geteuid()}: remove it, or set TMPDIR")
    return place


def ephemeral_range(source: Path = EPHEMERAL) -> tuple[int, int]:
    """Return the first and last port that the kernel gives to clients."""
    low, high = source.read_text().split()
    return int(low), int(high)


def outside(low: int, high: int) -> Iterator[int]:
    """Yield the ports that an ordinary user may bind and no client is given, the best first.

    >>> next(outside(32768, 60999)), next(outside(10000, 65535))
    (10240, 1024)
    """
    for span in (PREFERRED, UNPRIVILEGED):
        yield from (port for port in span if not low <= port <= high)


def _first_free(place: Path, candidates: Iterable[int]) -> PortLease:
    tried = 0
    for port in candidates:
        tried += 1
        lock = os.open(place / f"{port}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if _bindable(port):
            return PortLease(port, lock)
        os.close(lock)
    low, high = ephemeral_range()
    raise BackendUnavailable(
        f"no free port on {LOOPBACK}: tried {tried} outside the ephemeral range {low}-{high}; "
        'make room with `sysctl -w net.ipv4.ip_local_port_range="32768 60999"`'
    )


def _bindable(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier server in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
