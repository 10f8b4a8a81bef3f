"""The hog of connections: clients that connect and say nothing."""

from __future__ import annotations

import errno
import resource
import select
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pytest_resilience.errors import UsageError
from pytest_resilience.hogs.asked import fell_short, number
from pytest_resilience.hogs.descriptors import one_process
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts, Task

_AT_ONCE = 64  # handshakes under way
_CONNECT = 5.0  # seconds that a handshake may take
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: closed by a reset, so that no port is left in TIME_WAIT
_WAIT_MS = 20
_HANDSHAKE = {errno.EINPROGRESS, errno.EAGAIN}
_GONE = select.POLLHUP | select.POLLERR | select.POLLRDHUP


class Reachable(Protocol):
    """Something with an address, such as a service or a link."""

    @property
    def address(self) -> str:
        """`host:port`."""


@dataclass(frozen=True)
class ConnectionsHog:
    """Holds connections to one place open, and says nothing on them.

    :ivar to: how the place is called.
    """

    host: str
    port: int
    n: int
    fall_short: bool
    to: str
    path: None = None
    optional: bool = False

    @property
    def name(self) -> str:
        """The name of the fault: one for each place, so that several can be held."""
        return f"hogs.connections({self.to})"

    @property
    def patience(self) -> float:
        """Seconds for all of them."""
        return 30 + self.n / 100

    def tasks(self, place: str) -> list[Task]:
        """Return what its process is told.

        :raises UsageError: more than one process or address can hold.
        """
        most, ports = one_process(), ephemeral_ports()
        if self.n > most:
            raise UsageError(
                f"{self}: one process can hold {most:,}, by its hard limit of open files; raise it (`ulimit -Hn`, "
                "LimitNOFILE= of systemd, `docker run --ulimit nofile=...`)"
            )
        if self.n > ports * 3 // 4:
            raise UsageError(
                f"{self}: from one address there are {ports:,} ports to connect from, of which others need a part: ask "
                f"for {ports * 3 // 4:,} at most, or widen net.ipv4.ip_local_port_range"
            )
        return [{"resource": "connections", "host": self.host, "port": self.port, "n": self.n}]

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached, for the receipt.

        :raises FaultDidNotBite: fewer were established than asked for.
        """
        [report] = reports
        made = number(report, "established")
        short = fell_short(self, report, f"{made:,} established", reached=made >= self.n, taken="established")
        return {"established": made, "closed_by_peer": number(report, "closed_by_peer")} | short

    def freed(self, finals: list[Counts]) -> Counts:
        """Return how many the other side has closed by itself until the end."""
        return {"closed_by_peer": number(finals[0], "closed_by_peer")}

    def __str__(self) -> str:
        return f"hogs.connections('{self.host}:{self.port}', n={self.n})"


def aim(to: Reachable | str) -> tuple[str, int]:
    """Return host and port of something with an address, of `host:port`, or of a URL.

    :raises UsageError: it names none.
    """
    text = to if isinstance(to, str) else getattr(to, "address", None)
    if not isinstance(text, str):
        raise UsageError(
            f"hogs.connections({to!r}): expected a service, a link, 'host:port' or a URL; this is of type "
            f"{type(to).__name__}"
        )
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"hogs.connections({text!r}): {error}") from error
    if not host or not port:
        raise UsageError(f"hogs.connections({text!r}): expected host and port, such as '127.0.0.1:8000'")
    return host, port


def ephemeral_ports() -> int:
    """Return how many ports the kernel has to connect from."""
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(high) - int(low) + 1


class ConnectionsTaker:
    """Connects, some handshakes at a time, and reads and forgets what is said to it."""

    def __init__(self, task: Task) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        found = socket.getaddrinfo(str(task["host"]), int(task["port"]), type=socket.SOCK_STREAM)[0]
        self._family, self._address = found[0], found[4]
        self._n = int(task["n"])
        self._poll = select.poll()
        self._opening: dict[int, tuple[socket.socket, float]] = {}
        self._held: dict[int, socket.socket] = {}
        self._established = self._closed = 0
        self._refusals: dict[str, int] = {}
        self.why = ""

    def step(self) -> str:
        """Connect some more, and see what became of the others."""
        tried = self._established + sum(self._refusals.values()) + len(self._opening)
        for _ in range(min(_AT_ONCE - len(self._opening), self._n - tried)):
            self._begin()
        for fd, events in self._poll.poll(_WAIT_MS):
            if fd in self._opening:
                self._finish(fd)
            else:
                self._hear(fd, events)
        now = time.monotonic()
        for fd in [fd for fd, (_, began) in self._opening.items() if now > began + _CONNECT]:
            self._forget(self._opening.pop(fd)[0])
            self._refused("timed out")
        if self._established + sum(self._refusals.values()) < self._n:
            return TAKING
        if self._refusals:
            self.why = ", ".join(f"{count:,} {why}" for why, count in self._refusals.items())
        return SHORT if self.why else HOLDING

    def counts(self) -> Counts:
        """Return how many handshakes were completed, how many are open, and how many the other side closed."""
        return {"established": self._established, "open": len(self._held), "closed_by_peer": self._closed}

    def release(self) -> int:
        """Close all; return how many are still open."""
        for one in [*self._held.values(), *(one for one, _ in self._opening.values())]:
            self._forget(one)
        self._held.clear()
        self._opening.clear()
        return len(self._held)

    def _begin(self) -> None:
        one = socket.socket(self._family, socket.SOCK_STREAM)
        one.settimeout(0)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        failed = one.connect_ex(self._address)
        if failed and failed not in _HANDSHAKE:
            one.close()
            self._refused(errno.errorcode[failed])
            return
        self._opening[one.fileno()] = (one, time.monotonic())
        self._poll.register(one, select.POLLOUT)

    def _finish(self, fd: int) -> None:
        one, _ = self._opening.pop(fd)
        failed = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self._forget(one)
            self._refused(errno.errorcode[failed])
            return
        self._established += 1
        self._held[fd] = one
        self._poll.modify(one, select.POLLIN | select.POLLRDHUP)

    def _hear(self, fd: int, events: int) -> None:
        one = self._held[fd]
        try:
            gone = bool(events & _GONE) or not one.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._forget(self._held.pop(fd))
            self._closed += 1

    def _forget(self, one: socket.socket) -> None:
        self._poll.unregister(one)
        one.close()

    def _refused(self, why: str) -> None:
        self._refusals[why] = self._refusals.get(why, 0) + 1
