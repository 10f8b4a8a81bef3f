"""The server of the load benchmark: 21 bytes for every request, and an echo for every WebSocket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import resource
import socket
from typing import cast

HEAD = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n\r\n"
ANSWER = HEAD + b"x" * 21
WELCOME = b"HTTP/1.1 101 Welcome\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"sec-websocket-key: "
CLOSE = 8


class Bench(asyncio.Protocol):
    __slots__ = ("held", "transport")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.held = cast("asyncio.Transport", transport), False

    def data_received(self, data: bytes) -> None:
        if self.held:
            self._echo(data)
        elif (at := data.lower().find(KEY)) >= 0:
            self.held = True
            key = data[at + len(KEY) : data.index(b"\r\n", at)]
            self.transport.write(WELCOME % base64.b64encode(hashlib.sha1(key + GUID).digest()))
        else:
            self.transport.write(ANSWER * data.count(b"\r\n\r\n"))

    def _echo(self, data: bytes) -> None:
        """Send one short frame back, without its mask."""
        mask, payload = data[2:6], data[6 : 6 + (data[1] & 127)]
        plain = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        self.transport.write(bytes((data[0], len(plain))) + plain)
        if data[0] & 15 == CLOSE:
            self.transport.close()


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await asyncio.get_running_loop().create_server(Bench, sock=listener, backlog=4096)
    print(listener.getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(main())
