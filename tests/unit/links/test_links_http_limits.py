"""No client can hold the API for longer than the real server would let it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import pytest

from pytest_resilience.links.server.http import LIMITS, Limits, Protocol, Request, Response

SHORT = 0.1  # seconds
LONG = 5.0
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


async def at_once(request: Request) -> Response:
    return Response(200, b"x")


def played(play: Play, limits: Limits, handler: Callable[[Request], Awaitable[Response]] = at_once) -> object:
    """Return what a client of such a server gets to see."""

    async def main() -> object:
        live: set[Protocol] = set()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Protocol(handler, live, limits), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            return await asyncio.wait_for(play(reader, writer), LONG)
        finally:
            writer.transport.abort()
            server.close()
            while live:
                await asyncio.sleep(0)

    return asyncio.run(main())


def test_the_limits_are_those_of_the_real_server() -> None:
    assert Limits(read=15, idle=60, answer=25, write=30) == LIMITS


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost:", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"]
)
def test_a_request_that_does_not_become_whole_is_hung_up_on(sent: bytes) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(sent)
        return await reader.read()

    assert played(play, Limits(read=SHORT)) == b""


def test_a_request_that_comes_byte_by_byte_gains_no_time() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(SHORT / 10)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        began = time.monotonic()
        dripping = asyncio.ensure_future(drip(writer))
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        dripping.cancel()
        return time.monotonic() - began

    took = played(play, Limits(read=SHORT))
    assert isinstance(took, float)
    assert took < LONG


def test_a_connection_may_rest_between_two_requests_but_not_for_ever() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\nx")
        began = time.monotonic()
        assert await reader.read() == b""
        return time.monotonic() - began

    took = played(play, Limits(read=SHORT / 10, idle=SHORT))
    assert isinstance(took, float)
    assert SHORT <= took + 0.01 < LONG


def test_a_handler_that_takes_too_long_is_answered_for() -> None:
    async def never(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return await reader.read()

    answer = played(play, Limits(answer=SHORT), never)
    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n")
    assert answer.endswith(b"<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>")


def test_an_answer_that_is_not_taken_is_given_up() -> None:
    async def large(request: Request) -> Response:
        return Response(200, bytes(64 << 20))

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(SHORT * 3)  # the one thing to do here is nothing
        got = 0
        try:
            while part := await reader.read(1 << 20):
                got += len(part)
        except ConnectionResetError:
            return -1
        return got

    taken = played(play, Limits(write=SHORT), large)
    assert isinstance(taken, int)
    assert taken < 64 << 20
