"""A server that counts what it has answered, in a thread."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Counting(ThreadingHTTPServer):
    """Answers well, except where the path asks for something else: /status/503 /cut /slow /hang.

    :ivar counts: how often each path was asked for.
    :ivar closed: set when all is over, so that nothing hangs longer.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.stalled_until = 0.0
        self.closed = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stall(self, seconds: float) -> None:
        """Answer nobody for a while."""
        self.stalled_until = time.monotonic() + seconds

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that have gone."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Counting

    def do_GET(self) -> None:
        server, path = self.server, self.path
        with server.lock:
            server.counts[path] += 1
        if path == "/hang":
            server.closed.wait(30)
        if path == "/slow":
            server.closed.wait(0.4)
        if path == "/cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        server.closed.wait(max(0.0, server.stalled_until - time.monotonic()))
        self.send_response(int(path.rpartition("/")[2]) if path.startswith("/status/") else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (as in the base class)
        """Write no log."""


@contextmanager
def counting_server() -> Iterator[Counting]:
    with Counting() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.closed.set()
            server.shutdown()
            thread.join()
