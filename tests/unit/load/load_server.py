"""A small HTTP server that answers well or badly, as the path asks; a program and a thread.

    /ok /status/503 /headers /chunked /interim /empty /close /unsized     good answers
    /echo /digest                                                         what came, and its SHA-256
    /early                                                                an answer before the body has come
    /slow /hang /reset /short /garbage /closed-after                      bad ones

`closed-after` answers well and closes the connection without a word.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWERS = {
    "/ok": OK,
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "/interim": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    "/empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "/unsized": b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "/garbage": b"SSH-2.0-OpenSSH_9.6\r\n",
    "/closed-after": OK,
}
THEN_CLOSE = {"/close", "/unsized", "/short", "/closed-after"}


def unchunked(rest: bytes) -> tuple[bytes | None, int]:
    """Return the body in chunks at the beginning of `rest` and how long it is there; None if it is incomplete."""
    parts, at = [], 0
    while (end := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:end], 16)
        at = end + 2 + size + 2
        if len(rest) < at:
            break
        parts.append(rest[end + 2 : end + 2 + size])
        if not size:
            return b"".join(parts), at
    return None, 0


class Server(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0  # bytes that make it worth looking again
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < self._needed:
            return
        self._needed = 0
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            headers = {line.partition(b":")[0].lower(): line.partition(b":")[2].strip() for line in head.split(b"\r\n")}
            if headers.get(b"transfer-encoding") == b"chunked":
                body, length = unchunked(rest)
                if body is None:
                    return
            else:
                length = int(headers.get(b"content-length", 0))
                body = rest[:length]
                if b"/early" not in head and len(rest) < length:
                    self._needed = len(head) + 4 + length
                    return
            self._buffer = bytearray(rest[length:])
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        transport = self._transport
        assert transport is not None
        method, path = head.decode().split(" ")[:2]
        if path in ANSWERS:
            answer = ANSWERS[path]
            if method == "HEAD":
                answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            transport.write(answer)
            if path in THEN_CLOSE:
                transport.close()
        elif path.startswith("/status/"):
            transport.write(b"HTTP/1.1 %s Said\r\nContent-Length: 0\r\n\r\n" % path.removeprefix("/status/").encode())
        elif path == "/reset":
            transport.abort()
        elif path == "/echo":
            echo = head + b"\r\n\r\n" + body
            transport.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(echo), echo))
        elif path == "/digest":
            digest = hashlib.sha256(body).hexdigest().encode()
            transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + digest)
        elif path == "/early":
            transport.write(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n")
        # Anything else, such as /hang, is never answered.


async def serve(listener: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(Server, sock=listener)
    await server.serve_forever()


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=1024)


def certificate(*, mutual: bool = False) -> ssl.SSLContext:
    home = Path(__file__).parent / "certificate"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")
    if mutual:
        context.load_verify_locations(home / "certificate.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def in_thread(*, secure: bool = False, mutual: bool = False) -> Iterator[str]:
    """Run one in a thread and yield its URL; `mutual`: it asks for its own certificate from clients."""
    loop = asyncio.new_event_loop()
    listener = listen()
    address = f"http{'s' if secure else ''}://127.0.0.1:{listener.getsockname()[1]}"
    tls = certificate(mutual=mutual) if secure else None

    def work() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(loop.create_server(Server, sock=listener, ssl=tls))
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))
