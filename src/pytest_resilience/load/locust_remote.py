"""Remote workers: Locust workers that were started by hand, on this machine or on others, and join a run.

The port takes whoever knows the token. What comes in is data and never code, but it is neither
encrypted nor is Locust's own port beside it: bind it to an address of a network that is trusted.
"""

from __future__ import annotations

import hmac
import socket
import time
from dataclasses import dataclass

from pytest_resilience.errors import ResilienceError, SetupFailed, UsageError
from pytest_resilience.load.driver.locust_wire import Head, Unpacker, pack

GREETING = 10.0  # seconds that one who connects has to say who it is


@dataclass(frozen=True)
class Site:
    """Where remote workers join.

    :ivar host: the address that both ports are bound to, at which the workers reach it.
    :ivar port: the port of Locust's master; the next one is where workers ask what to do.
    :ivar token: what they show.
    """

    host: str
    port: int
    token: str

    @property
    def command(self) -> str:
        """What to run wherever a worker is wanted, in a checkout of the same project."""
        return f"python -m pytest_resilience.load.driver.locust_join {self.host}:{self.port + 1} {self.token}"


@dataclass(frozen=True)
class Guest:
    """A remote worker that has shown its token."""

    end: socket.socket
    unpacker: Unpacker
    pid: int
    host: str


class Door:
    """The port where remote workers join; it is open as long as a run waits for them."""

    def __init__(self, site: Site) -> None:
        """Open it.

        :raises UsageError: the address cannot be bound.
        """
        self._site = site
        try:
            self._listener = socket.create_server((site.host, site.port + 1), backlog=64)
        except OSError as error:
            raise UsageError(
                f"--resilience-locust-bind={site.host}:{site.port}: port {site.port + 1} cannot be bound ({error}); "
                "give an address of this machine, and a port that is free beside the next one"
            ) from error

    def admit(self, until: float, *, heard: int, wanted: int) -> Guest:
        """Return the next worker.

        :raises SetupFailed: none came by `until`, in monotonic seconds.
        """
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise SetupFailed(
                    f"{heard} of {wanted} remote Locust workers have joined; run this wherever one is wanted, in a "
                    f"checkout of this project, and start the tests again:\n\n    {self._site.command}"
                )
            self._listener.settimeout(min(left, 0.5))
            try:
                end, _ = self._listener.accept()
            except TimeoutError:
                continue
            guest = self._greet(end)
            if guest is not None:
                return guest
            end.close()

    def _greet(self, end: socket.socket) -> Guest | None:
        """Answer what time it is until the other end has said who it is; None for one that has no business here."""
        end.settimeout(GREETING)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        unpacker = Unpacker()
        try:
            while data := end.recv(1 << 16):
                for head, _ in unpacker.feed(data):
                    if not hmac.compare_digest(str(head.get("token", "")), self._site.token):
                        return None
                    if head.get("kind") == "hello":
                        end.settimeout(None)
                        return Guest(end, unpacker, int(head["pid"]), str(head["host"]))
                    answer: Head = {"kind": "clock", "now": time.monotonic()}
                    end.sendall(pack(answer))
        except (OSError, ValueError, KeyError, TypeError, ResilienceError):  # nobody of ours speaks like that
            return None
        return None

    def close(self) -> None:
        """Close it; those who are in stay."""
        self._listener.close()
