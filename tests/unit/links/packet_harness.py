"""A packet road with a service at its end that is in the test's hands, and what a killed owner runs."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from pytest_resilience.janitor import Janitor
from pytest_resilience.links.packets.road import PacketRoad

BOTH = ("upstream", "downstream")


class Stretch:
    """A packet road: each connection through it is a pair of sockets in the test's hands."""

    def __init__(self, janitor: Janitor) -> None:
        self.service = socket.create_server(("127.0.0.1", 0))
        self.service.settimeout(5)
        self._sockets = [self.service]
        self.target = "{}:{}".format(*self.service.getsockname())
        self.road = PacketRoad(janitor, self.target)

    def client(self) -> socket.socket:
        """Return a client's socket, connected to the road."""
        end = socket.create_connection(("127.0.0.1", self.road.port), timeout=10)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.append(end)
        return end

    def accept(self) -> socket.socket:
        """Return the service's socket of the next connection."""
        end, _ = self.service.accept()
        end.settimeout(10)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.append(end)
        return end

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Return a connection's ends: the client's socket and the service's."""
        return self.client(), self.accept()

    def close(self) -> None:
        """End the road and close every socket."""
        self.road.close()
        for sock in self._sockets:
            sock.close()


def round_trip(client: socket.socket, service: socket.socket) -> float:
    """Return how many seconds a byte takes there and back."""
    began = time.monotonic()
    client.sendall(b"?")
    assert service.recv(1) == b"?"
    service.sendall(b"!")
    assert client.recv(1) == b"!"
    return time.monotonic() - began


def namespaces() -> set[str]:
    """Return the network namespaces in which any process is."""
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                found.add(str((process / "ns/net").readlink()))
            except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has ended, or is another's
                continue
    return found


def family(pid: int) -> list[int]:
    """Return the processes of the session that `pid` leads, itself included."""
    members = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if os.getsid(int(process.name)) == pid:
                    members.append(int(process.name))
            except ProcessLookupError:
                continue
    return sorted(members)
