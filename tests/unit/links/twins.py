"""The real Toxiproxy beside the embedded server: the same is asked of both, and what each one's own is made alike."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from links_harness import Server

from pytest_resilience.links.toxiproxy import Toxiproxy
from pytest_resilience.services.ports import lease_port
from pytest_resilience.waiting import wait_until

# What of an answer's head is the API's own; dates, connection handling and framing are HTTP's.
COMPARED = ("Content-Type", "X-Content-Type-Options", "Allow", "Location")
_PORT = re.compile(r"((?:127\.0\.0\.1|\[::1?\]|0\.0\.0\.0):)(\d{4,5})\b")


class RealServer:
    """The real toxiproxy-server, as a process."""

    def __init__(self, binary: Path, log: Path, *arguments: str) -> None:
        with lease_port() as lease, log.open("wb") as output:
            self.port = lease.port
            command = [str(binary), "-host", "127.0.0.1", "-port", str(self.port), *arguments]
            self.process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/")
            self.log = log
            self.client = Toxiproxy("127.0.0.1", self.port, timeout=5)
            wait_until(self._answers, within=10)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> int:
        """End it and return its exit status."""
        self.process.terminate()
        return self.process.wait(10)


@dataclass(frozen=True)
class Twins:
    """Both servers."""

    embedded: Server
    real: RealServer

    def __iter__(self):
        return iter((self.embedded, self.real))

    def wipe(self) -> None:
        """Remove every proxy that can be addressed."""
        for server in self:
            for name in server.client.proxies():
                if "/" not in name:
                    server.client.delete(name)


@dataclass(frozen=True)
class Call:
    """A request; a body that is not text goes as JSON."""

    method: str
    path: str
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path} {'' if self.body is None else _payload(self.body)!r:.100}"


def _payload(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def answer(port: int, call: Call) -> tuple[int, str, Mapping[str, str | None]]:
    """Return status, body and what matters of the head."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        payload = None if call.body is None else _payload(call.body)
        connection.request(call.method, call.path, payload, dict(call.headers))
        response = connection.getresponse()
        head = {name: response.getheader(name) for name in COMPARED}
        head["marked"] = str(len(response.getheader("X-Toxiproxy-Request-Id") or ""))
        return response.status, response.read().decode(), head
    finally:
        connection.close()


def alike(texts: Sequence[str]) -> list[str]:
    """Return texts with each port replaced by its number in the order of appearance."""
    numbers: dict[str, str] = {}
    count = itertools.count(1)

    def numbered(match: re.Match[str]) -> str:
        return match[1] + numbers.setdefault(match[2], f"port{next(count)}")

    return [_PORT.sub(numbered, text) for text in texts]


def replay(port: int, calls: Sequence[Call]) -> list[str]:
    """Send the calls one after the other and return what came, as text that two servers can be compared by."""
    answers = (answer(port, call) for call in calls)
    return alike(
        [f"{call}\n  {status} {body!r} {head}" for call, (status, body, head) in zip(calls, answers, strict=True)]
    )


def raw(port: int, data: bytes) -> str:
    """Send bytes and return all that comes until the server closes or falls silent; dates and marks left out."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(data)
        # The end is not shown to the server: the real one takes that for a client that has given up.
        sock.settimeout(0.4)
        try:
            while part := sock.recv(65536):
                got += part
        except TimeoutError:
            got += b"<open>"
        except ConnectionResetError:
            got += b"<reset>"
    return re.sub(r"(Date|X-Toxiproxy-Request-Id): [^\r]*\r\n", "", got.decode("latin-1"))


def raw_of_all(port: int, requests: Sequence[bytes]) -> list[str]:
    """Do so for each, side by side, for most of it is waiting."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(raw, itertools.repeat(port), requests))
