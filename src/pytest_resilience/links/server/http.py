"""A small HTTP/1.1 server that answers as Go's does: framing, limits, and the words of its refusals.

Requests of one connection are answered one after the other, also when they come pipelined. What
the handler is given is complete: head and body.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import TypeVar, cast
from urllib.parse import unquote_to_bytes

from .httpread import BadRequest, Head, Reader, Target

_TOO_LATE = b"<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>"


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds; the real server's own figures.

    :ivar read: for a request to arrive, from its first byte, or from the connection's beginning.
    :ivar idle: between two requests.
    :ivar answer: for the handler.
    :ivar write: for the client to take the answer.
    """

    read: float = 15.0
    idle: float = 60.0
    answer: float = 25.0
    write: float = 30.0


LIMITS = Limits()


@dataclass(frozen=True)
class Request:
    """A request.

    :ivar path: that of the target, decoded.
    """

    method: str
    target: Target
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """An answer. A status of 204 has no body."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]
Taken = TypeVar("Taken")


class Protocol(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, handler: Handler, live: set[Protocol], limits: Limits = LIMITS) -> None:
        self._handler = handler
        self._live = live
        self._limits = limits
        self._reader = Reader()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()  # all that was written has been taken
        self._taken.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self._transport.set_write_buffer_limits(high=0)
        self._live.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self._reader.feed(data)
        self._arrived.set()
        if self._reader.waiting > 1 << 20:  # a client that sends without reading its answers
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Take note that the client has not taken all of the answer."""
        self._taken.clear()

    def resume_writing(self) -> None:
        """Take note that it has."""
        self._taken.set()

    def eof_received(self) -> bool:
        """Answer what was asked for before the end came."""
        self._reader.end()
        self._arrived.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop serving."""
        self._live.discard(self)
        self._task.cancel()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    async def _serve(self) -> None:
        try:
            wait = self._limits.read
            while await self._answer_next(wait):
                wait = self._limits.idle
        except BadRequest as refusal:
            self._transport.write(refusal.answer())
        except asyncio.TimeoutError:  # another class than TimeoutError before Python 3.11
            self._transport.abort()
        finally:
            self._transport.close()

    async def _answer_next(self, wait: float) -> bool:
        """Answer one request that begins within `wait` seconds; return whether there may be another."""
        if not await self._next(lambda: self._reader.waiting, wait):
            return False
        due = time.monotonic() + self._limits.read
        head = await self._next(self._reader.head, self._limits.read)
        if head is None:
            return False
        if head.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self._next(lambda: self._reader.body(head), due - time.monotonic())
        if body is None:
            return False
        path = unquote_to_bytes(head.target.path).decode("utf-8", "surrogateescape")
        response = await self._handle(Request(head.method, head.target, path, head.headers, body))
        self._write(head, response)
        await asyncio.wait_for(self._taken.wait(), self._limits.write)
        return head.keeps_alive

    async def _next(self, take: Callable[[], Taken | None], within: float) -> Taken | None:
        """Return what `take` finds once enough has arrived; None when the client has closed before.

        :raises asyncio.TimeoutError: the client is too slow.
        """
        due = time.monotonic() + within
        while (found := take()) is None or found == 0:
            if self._reader.ended:
                return None
            self._arrived.clear()
            self._transport.resume_reading()
            await asyncio.wait_for(self._arrived.wait(), due - time.monotonic())
        return found

    async def _handle(self, request: Request) -> Response:
        try:
            return await asyncio.wait_for(self._handler(request), self._limits.answer)
        except asyncio.TimeoutError:
            return Response(503, _TOO_LATE, {"Content-Type": "text/html"})

    def _write(self, head: Head, response: Response) -> None:
        lines = [f"{head.version} {response.status} {HTTPStatus(response.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        if response.status != 204 and (response.body or head.method != "HEAD"):
            lines.append(f"Content-Length: {len(response.body)}")
        if head.version == "HTTP/1.0":
            lines += ["Connection: keep-alive"] if head.keeps_alive else []
        elif not head.keeps_alive:
            lines.append("Connection: close")
        body = b"" if head.method == "HEAD" else response.body
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
