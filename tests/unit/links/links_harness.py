"""What the tests of links share: a link server as a process, and roads through it to a service in the test's hands."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.links import server as server_package
from pytest_resilience.links.toxiproxy import Stats, Toxic, Toxiproxy

PROGRAM = Path(server_package.__file__).parent
_names = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Server:
    """The link server, as a process."""

    def __init__(self, *arguments: str, program: tuple[str, ...] = (str(PROGRAM),)) -> None:
        reading, writing = os.pipe()
        command = [sys.executable, *program, "--host", "127.0.0.1", "--port", "0", "--ready-fd", str(writing)]
        self.process = subprocess.Popen(
            [*command, *arguments], pass_fds=(writing,), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd="/"
        )
        os.close(writing)
        with os.fdopen(reading) as ready:
            self.port = int(ready.readline())
        self.client = Toxiproxy("127.0.0.1", self.port, timeout=5)

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request; a body that is no bytes goes as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(method, path, payload, dict(headers or {}))
        response = connection.getresponse()
        answer = Answer(response.status, response.read(), dict(response.getheaders()))
        connection.close()
        return answer

    def rss(self) -> int:
        """Return its resident memory in bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> int:
        """End it and return its exit status."""
        self.process.terminate()
        status = self.process.wait(10)
        self.process.stdout.close()
        return status


class Road:
    """A proxy, and the service behind it: each connection is a pair of sockets in the test's hands."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = server.client
        self.name = f"road{next(_names)}"
        self.service = socket.create_server(("127.0.0.1", 0))
        self.service.settimeout(5)
        self.upstream = "{}:{}".format(*self.service.getsockname())
        state = self.client.create(self.name, listen="127.0.0.1:0", upstream=self.upstream)
        self.listen = state.listen
        self.port = int(state.listen.rpartition(":")[2])
        self._sockets = [self.service]

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Return a connection's ends: the client's socket and the service's."""
        ends = socket.create_connection(("127.0.0.1", self.port), timeout=5), self.service.accept()[0]
        for end in ends:
            end.settimeout(5)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(end)
        return ends

    def toxic(self, kind: str, *, stream: str = "downstream", toxicity: float = 1.0, **attributes: int) -> Toxic:
        """Put a toxic on."""
        return self.client.add_toxic(self.name, Toxic(f"{kind}_{stream}", kind, stream, toxicity, attributes))

    def remove(self, toxic: Toxic) -> None:
        """Take it off."""
        self.client.remove_toxic(self.name, toxic.name)

    def stats(self) -> Stats:
        """Return what has happened here."""
        return self.client.stats(self.name)

    def close(self) -> None:
        """Remove the proxy and close every socket."""
        if self.name in self.client.proxies():
            self.client.delete(self.name)
        for sock in self._sockets:
            sock.close()


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """Return the next `size` bytes; fewer if the stream ends before."""
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


def is_closed(sock: socket.socket) -> bool:
    """Whether the peer has closed (or reset) the connection, waiting for it if need be."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def falls_silent(sock: socket.socket, *, within: float = 0.15) -> bool:
    """Whether nothing comes for a while: the only way to see that something does not happen."""
    sock.settimeout(within)
    try:
        sock.recv(1)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(5)
    return False
