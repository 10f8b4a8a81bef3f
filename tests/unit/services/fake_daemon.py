"""A Docker daemon that has no containers: it says its version, knows images, and pulls some of those it has not."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

VERSION = {"Version": "20.10.24+dfsg1", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Platform": {"Name": ""}}


class FakeDaemon(socketserver.ThreadingUnixStreamServer):
    """Answers on a Unix socket as the Engine API does.

    :ivar images: those that are there.
    :ivar pullable: those that a pull gets.
    :ivar asked: the requests so far, as `GET /version`.
    """

    daemon_threads = True

    def __init__(self, path: Path, images: set[str], pullable: set[str]) -> None:
        super().__init__(str(path), _Handler)
        self.address = f"unix://{path}"
        self.images = images
        self.pullable = pullable
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeDaemon

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is inherited)
        pass

    def do_GET(self) -> None:
        path = self._path()
        if path == "/version":
            self._answer(200, VERSION)
        elif path.startswith("/images/") and path.removeprefix("/images/").removesuffix("/json") in self.server.images:
            self._answer(200, {"Id": "sha256:1"})
        else:
            self._answer(404, {"message": "no such image"})

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        assert self._path() == "/images/create"
        image = f"{query['fromImage'][0]}:{query['tag'][0]}"
        if image in self.server.pullable:
            self.server.images.add(image)
            self._answer(200, {"status": "Pull complete"})
        else:
            self._answer(404, {"message": f"pull access denied for {image}"})

    def _path(self) -> str:
        path = unquote(urlsplit(self.path).path)
        # Docker's own client puts the version of the API first.
        path = "/" + path.lstrip("/").partition("/")[2] if path.startswith("/v1.") else path
        self.server.asked.append(f"{self.command} {path}")
        return path

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode() + b"\r\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def fake_daemon(path: Path, *, images: set[str], pullable: set[str]) -> Iterator[FakeDaemon]:
    """Yield a daemon that listens at `path`."""
    with FakeDaemon(path, set(images), set(pullable)) as daemon:
        thread = threading.Thread(target=daemon.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield daemon
        daemon.shutdown()
        thread.join()
