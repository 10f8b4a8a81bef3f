"""A service that says what it is told, and how to talk to it over a link."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from links_harness import read_exactly

from pytest_resilience.links.link import Link


@contextmanager
def echo_service(greeting: bytes = b"") -> Iterator[str]:
    """Give the address of a service that says what it is told, on any number of connections."""
    service = socket.create_server(("127.0.0.1", 0))

    def serve(end: socket.socket) -> None:
        with end:
            try:
                end.sendall(greeting)
                while data := end.recv(65536):
                    end.sendall(data)
            except OSError:  # the client, or a fault, has hung up
                return

    def accept() -> None:
        while True:
            try:
                end, _ = service.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(end,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield "{}:{}".format(*service.getsockname())
    finally:
        service.shutdown(socket.SHUT_RDWR)
        service.close()
        thread.join(5)


def connect(link: Link, timeout: float = 5) -> socket.socket:
    """Return a connection through a link."""
    end = socket.create_connection((link.host, link.port), timeout=timeout)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return end


def ask(end: socket.socket, words: bytes = b"ping") -> float:
    """Have something said back; return how long it took."""
    began = time.monotonic()
    end.sendall(words)
    assert read_exactly(end, len(words)) == words
    return time.monotonic() - began


def is_reset(end: socket.socket) -> bool:
    """Whether the connection ends with a reset, waiting for its end."""
    try:
        while end.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False
