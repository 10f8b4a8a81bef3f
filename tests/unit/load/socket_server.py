"""A WebSocket server that answers well or badly, as the path asks, in a thread; on the `websockets` library.

/echo       every message comes back           /pieces    likewise, in two frames
/push       likewise, after two others         /refuse    no handshake: status 403
/silent     nothing comes back                 /leave     closed with 4000 after the first message
/drop       the connection is cut after the first message
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass
class Seen:
    url: str
    open: int = 0
    most: int = 0
    codes: list[int | None] = field(default_factory=list)
    messages: list[str | bytes] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


async def answer(connection: ServerConnection, path: str, message: str | bytes) -> None:
    if path == "/leave":
        await connection.close(4000, "enough")
    elif path == "/drop":
        connection.transport.abort()
    elif path == "/pieces":
        await connection.send([message[:1], message[1:]])
    elif path != "/silent":
        if path == "/push":
            await connection.send("news")
            await connection.ping()
            await connection.send(b"more news")
        await connection.send(message)


@contextmanager
def in_thread(*, tls: ssl.SSLContext | None = None) -> Iterator[Seen]:
    loop, ready, seen = asyncio.new_event_loop(), threading.Event(), Seen("")
    over = asyncio.Event()

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.open += 1
        seen.most = max(seen.most, seen.open)
        seen.paths.append(connection.request.path)
        seen.headers.append(connection.request.headers.get("X-Key"))
        try:
            async for message in connection:
                seen.messages.append(message)
                await answer(connection, connection.request.path.partition("?")[0], message)
        except ConnectionClosed:
            pass
        finally:
            seen.open -= 1
            seen.codes.append(connection.close_code)

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(HTTPStatus.FORBIDDEN, "no\n") if request.path == "/refuse" else None

    async def main() -> None:
        async with serve(handle, "127.0.0.1", 0, process_request=refuse, ping_interval=None, ssl=tls) as server:
            seen.url = f"ws{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ready.set()
            await over.wait()

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield seen
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
