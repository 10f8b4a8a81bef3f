"""An HTTP server of a known capacity: four workers, each of which takes the same time for every request.

A worker is taken for a slice of time that is reckoned and not measured, so that a timer that rings late
delays one answer and does not lower the capacity.
"""

from __future__ import annotations

import asyncio
import heapq
import socket
import sys

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WORKERS = 4


class Paced(asyncio.Protocol):
    """One connection, whose requests come one after the other."""

    def __init__(self, free: list[float], takes: float) -> None:
        self._free, self._takes = free, takes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            done = max(self._loop.time(), heapq.heappop(self._free)) + self._takes
            heapq.heappush(self._free, done)
            self._loop.call_at(done, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(OK)


async def serve(listener: socket.socket, capacity: float) -> None:
    free = [0.0] * WORKERS
    server = await asyncio.get_running_loop().create_server(lambda: Paced(free, WORKERS / capacity), sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1])), float(sys.argv[2])))
