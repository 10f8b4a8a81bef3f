"""One socket of a connection: read when it is allowed to be, written at once or as soon as possible.

Plain sockets on the loop's readiness callbacks, not transports: what is read into one shared buffer
is sent from there without a copy, the moment of closing is known, and it is the same on every
event loop.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable

from .pipe import CHUNK, Pipe

_NO_LINGER = struct.pack("ii", 1, 0)
_BUFFER = 256 * 1024


class Buffer:
    """Memory that all legs of one loop read into, one after the other."""

    def __init__(self) -> None:
        self.whole = memoryview(bytearray(_BUFFER))


class Leg:
    """A connected, non-blocking socket.

    :param gone: called, from the loop, after it has been closed by what happened on it.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, buffer: Buffer, gone: Callable[[Leg], None]
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._fd = sock.fileno()
        self._buffer = buffer
        self._gone = gone
        self._reading = False
        self._ended = False  # nothing more is to be read
        self._backlog: deque[bytes] = deque()
        self._finishing = False
        self._sent = 0
        self._failed = False
        self.clogged = False
        self.closed = False
        self.received = 0  # bytes
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self, incoming: Pipe, outgoing: Pipe) -> None:
        """Read into `incoming`; `outgoing` is what is written to here."""
        self._incoming = incoming
        self._outgoing = outgoing
        self.hold(held=False)

    def reset_on_close(self) -> None:
        """Close it with RST, whenever it is closed."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    @property
    def sent(self) -> int | None:
        """How many bytes were sent; None once some could not be."""
        return None if self._failed else self._sent

    def hold(self, *, held: bool) -> None:
        """Stop reading, or go on."""
        if self._reading is held and not self.closed and not self._ended:
            self._reading = not held
            if held:
                self._loop.remove_reader(self._fd)
            else:
                self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes, or keep a copy of what the peer does not take now."""
        if self.closed or self._finishing:
            return
        if not self.clogged:
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._fail()
                return
            self._sent += sent
            if sent == len(data):
                return
            data = data[sent:]
            self.clogged = True
            self._loop.add_writer(self._fd, self._writable)
        self._backlog.append(bytes(data))

    def finish(self) -> None:
        """Close it once all has been sent."""
        self._finishing = True
        if not self.clogged:
            self._lose()

    def close(self) -> None:
        """Close it now, whatever waits to be sent, and tell nobody."""
        if self.closed:
            return
        self.closed = True
        self.clogged = False
        self._backlog.clear()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._sock.close()

    def _fail(self) -> None:
        self._failed = True
        self._lose()

    def _lose(self) -> None:
        if not self.closed:
            self.close()
            # Later, for this may be the toxic's own call, and those who are told may end the toxic.
            self._loop.call_soon(self._gone, self)

    def _readable(self) -> None:
        incoming = self._incoming
        data: bytes | memoryview = b""
        try:
            if incoming.clear:  # nobody keeps the bytes
                memory = self._buffer.whole
                data = memory[: self._sock.recv_into(memory)]
            else:
                data = self._sock.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # reset by the peer: the end of what it says, as any other
            pass
        if data:
            self.received += len(data)
            incoming.feed(data)
            return
        self._ended = True
        self._reading = False
        self._loop.remove_reader(self._fd)
        incoming.end()

    def _writable(self) -> None:
        while self._backlog:
            data = self._backlog[0]
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                return
            except OSError:
                self._fail()
                return
            self._sent += sent
            if sent < len(data):
                self._backlog[0] = data[sent:]
                return
            self._backlog.popleft()
        self.clogged = False
        self._loop.remove_writer(self._fd)
        if self._finishing:
            self._lose()
        else:
            self._outgoing.settle()
