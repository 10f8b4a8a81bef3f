"""The relay: carries each connection from the host into the cable, through it, and out of it to the service.

It lives on the host and holds sockets of all places; a socket belongs to the network namespace where it was made.
Each half of a connection is TCP of its own, so what is lost in the cable is sent again by the kernel there.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Collection, Coroutine

from pytest_resilience.links.packets.clerk import LISTENER, SOCKET, TARGET

_NO_LINGER = struct.pack("ii", 1, 0)
_CHUNK = 64 * 1024
_STOCK = 8  # sockets of the clients' end that are kept at hand
_LOOK = 0.05  # seconds between two looks at whether who waits for a connection is still there
_GONE = {7, 8}  # TCP_CLOSE and TCP_CLOSE_WAIT of linux/tcp_states.h

Address = tuple[str, int]


class Relay:
    """Connections on their way.

    :param entrance: a socket that listens for clients on the host.
    :param clerk: the line to the clerk, whose end is the end of this.
    :param target: where the service is.
    """

    def __init__(self, entrance: socket.socket, clerk: socket.socket, target: Address) -> None:
        self._entrance = entrance
        self._clerk = clerk
        self._target = target
        self._stock: asyncio.Queue[socket.socket] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._carried: set[asyncio.Task[None]] = set()  # of these, the halves of connections
        self._far: Address | None = None
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Carry connections until the clerk is gone."""
        loop = asyncio.get_running_loop()
        self._clerk.settimeout(0)
        loop.add_reader(self._clerk, self._hear)
        self._clerk.sendall(SOCKET * _STOCK)
        self._start(self._accept(self._entrance, self._enter))
        await self._ended.wait()

    def _hear(self) -> None:
        try:
            # One message at a time: each descriptor comes with its word, for this is a line of packets.
            word, descriptors, _, _ = socket.recv_fds(self._clerk, 256, 1)
        except BlockingIOError:
            return
        except ConnectionResetError:  # it has ended with words of ours unread
            word = b""
        if not word:
            asyncio.get_running_loop().remove_reader(self._clerk)
            self._ended.set()
        elif word[:1] == TARGET:
            self._target = address(word[1:].decode())
            for connection in self._carried:
                connection.cancel()
            self._clerk.sendall(TARGET)
        else:
            sock = socket.socket(fileno=descriptors[0])
            sock.settimeout(0)
            if word == LISTENER:
                self._far = sock.getsockname()[:2]
                self._start(self._accept(sock, self._leave))
            else:
                self._stock.put_nowait(sock)

    async def _accept(
        self, listener: socket.socket, way: Callable[[socket.socket], Coroutine[None, None, None]]
    ) -> None:
        loop = asyncio.get_running_loop()
        listener.settimeout(0)
        while True:
            one, _ = await loop.sock_accept(listener)
            connection = self._start(way(one))
            self._carried.add(connection)
            connection.add_done_callback(self._carried.discard)

    async def _enter(self, client: socket.socket) -> None:
        """Carry a client's connection to the far end of the cable."""
        with client:
            inside = await self._stock.get()
            await asyncio.get_running_loop().sock_sendall(self._clerk, SOCKET)
            if self._far is None:
                raise RuntimeError("the clerk has handed out sockets before the listener")
            await _join(client, inside, self._far)

    async def _leave(self, inside: socket.socket) -> None:
        """Carry what arrives at the far end to the service."""
        family = socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET
        service = socket.socket(family, socket.SOCK_STREAM)
        service.settimeout(0)
        await _join(inside, service, self._target)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _join(near: socket.socket, far: socket.socket, where: Address) -> None:
    """Connect `far` and carry bytes both ways until both have ended; a failure of one resets both."""
    near.settimeout(0)
    pumps: list[asyncio.Future[None]] = []
    try:
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await _connect(near, far, where)
        pumps = [asyncio.ensure_future(_pump(near, far)), asyncio.ensure_future(_pump(far, near))]
        done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
        for pump in done:
            pump.result()
    except OSError:  # reset, refused or timed out: both sides see a reset
        for sock in (near, far):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    finally:
        # A socket may be closed only when nobody waits for it any more: its number is soon another's.
        await _end(pumps)
        near.close()
        far.close()


async def _connect(near: socket.socket, far: socket.socket, where: Address) -> None:
    connecting = asyncio.ensure_future(asyncio.get_running_loop().sock_connect(far, where))
    try:
        while not (await asyncio.wait({connecting}, timeout=_LOOK))[0]:
            # What a client sends before it is connected is not read, so neither is its end.
            if near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _GONE:
                raise ConnectionAbortedError("the client has given up")
        connecting.result()
    finally:
        await _end([connecting])


async def _end(works: Collection[asyncio.Future[None]]) -> None:
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


async def _pump(source: socket.socket, sink: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    memory = memoryview(bytearray(_CHUNK))
    while size := await loop.sock_recv_into(source, memory):
        await loop.sock_sendall(sink, memory[:size])
    sink.shutdown(socket.SHUT_WR)


def address(text: str) -> Address:
    """Return `host:port` (or `[host]:port`) in two."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
