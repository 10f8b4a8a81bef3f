"""What the tests of abuse share: how much a server holds, and crowds of connections through it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from links_harness import Road, Server

from pytest_resilience.waiting import wait_until

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
BURST = 100  # fewer than the backlog of the service


@dataclass(frozen=True)
class Held:
    """What a server holds: open descriptors, and tasks of its event loop."""

    descriptors: int
    tasks: int


def held(server: Server) -> Held:
    """Count what it holds while it answers this very question."""
    lines = server.client.page("/metrics").splitlines()
    (tasks,) = (line.split()[1] for line in lines if line.startswith("go_goroutines "))
    return Held(len(list(Path(f"/proc/{server.process.pid}/fd").iterdir())), int(tasks))


@contextmanager
def leaving_nothing(server: Server) -> Iterator[None]:
    """Check that a server lives, and holds in the end no more than it held at the beginning."""
    before = held(server)
    yield
    wait_until(lambda: is_back(server, before), within=10)


def is_back(server: Server, before: Held) -> bool:
    """Whether it holds no more than before."""
    assert server.process.poll() is None, "the server has died"
    now = held(server)
    return now.descriptors <= before.descriptors and now.tasks <= before.tasks


def burst(road: Road, count: int = BURST) -> None:
    """Have so many connections opened and hung up on by the service, with a reset: nobody keeps a port for it."""
    clients = [socket.create_connection(("127.0.0.1", road.port), timeout=5) for _ in range(count)]
    for _ in clients:
        end, _ = road.service.accept()
        _reset(end)
    for client in clients:
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
        _reset(client)


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    end.close()


def status_of(answer: bytes) -> int:
    """Return the status of an answer; 0 where there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/1.") else 0


def raw(port: int, sent: bytes) -> bytes:
    """Send bytes and their end, and return all that comes back, but for a leave to go on."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as end:
        try:
            end.sendall(sent)
            end.shutdown(socket.SHUT_WR)
            while part := end.recv(65536):
                got += part
        except (ConnectionResetError, BrokenPipeError):  # it has hung up on what it was still being sent
            pass
    return got.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
