"""A connection through a proxy: two sockets, and a pipe each way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

from .address import AddressError, resolve
from .chain import DOWNSTREAM, UPSTREAM, Chain, Entry
from .clock import Clock
from .counts import Counts
from .leg import Buffer, Leg
from .pipe import Pipe


class Connection:
    """The client's socket and the server's, joined.

    A side that closes ends its pipe; the end travels through the toxics, closes the other socket, and
    that ends the pipe the other way: there is no half-closed connection, as in the real server.

    :param over: called when it has ended by what happened on it.
    :param carried: called when it ends, for each direction with the bytes received and those sent (None: it failed).
    """

    def __init__(
        self,
        number: int,
        client: socket.socket,
        server: socket.socket,
        *,
        chain: Chain,
        counts: Counts,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        buffer: Buffer,
        over: Callable[[Connection], None],
        carried: Callable[[str, int, int | None], None],
    ) -> None:
        self.number = number
        self._over = over
        self._carried = carried
        self._reported = False
        self._client = Leg(loop, client, buffer, self._gone)
        self._server = Leg(loop, server, buffer, self._gone)
        if any(entry.toxic.resetting and entry.selects(number) for entry in chain):
            self._reset_on_close()
        self._pipes = {
            UPSTREAM: Pipe(self._client, self._server, counts.upstream, number, clock),
            DOWNSTREAM: Pipe(self._server, self._client, counts.downstream, number, clock),
        }
        for entry in chain:
            self.pipe(entry).add(entry)
        self._client.start(self._pipes[UPSTREAM], self._pipes[DOWNSTREAM])
        self._server.start(self._pipes[DOWNSTREAM], self._pipes[UPSTREAM])

    def add(self, entry: Entry) -> None:
        """Put a toxic on it while it lives."""
        if entry.toxic.live and entry.hits(self.number):
            self._reset_on_close()
            if entry.toxic.after_bytes <= 0:
                entry.touched.connections += 1
                entry.touched.closed += 1
                self.cut()
                self._over(self)
                return
        self.pipe(entry).add(entry)

    def pipe(self, entry: Entry) -> Pipe:
        """Return the pipe that a toxic belongs to."""
        return self._pipes[entry.direction]

    def cut(self) -> None:
        """Close both sockets now; what is under way is lost."""
        self._report()
        for leg in (self._client, self._server):
            leg.close()
        for pipe in self._pipes.values():
            pipe.discard()

    def _reset_on_close(self) -> None:
        for leg in (self._client, self._server):
            leg.reset_on_close()

    def _gone(self, leg: Leg) -> None:
        said, heard = self._directions(leg)
        heard.discard()
        said.end(echo=True)
        if self._client.closed and self._server.closed:
            said.discard()
            self._report()
            self._over(self)

    def _report(self) -> None:
        """Say how many bytes were received and sent each way, once."""
        if not self._reported:
            self._reported = True
            self._carried(UPSTREAM, self._client.received, self._server.sent)
            self._carried(DOWNSTREAM, self._server.received, self._client.sent)

    def _directions(self, leg: Leg) -> Iterator[Pipe]:
        """Return the pipe that starts at a leg, and the one that ends there."""
        order = (UPSTREAM, DOWNSTREAM) if leg is self._client else (DOWNSTREAM, UPSTREAM)
        return (self._pipes[direction] for direction in order)


async def dial(address: str) -> socket.socket:
    """Return a socket that is connected to `address`, trying all that its name stands for.

    :raises OSError: nobody answers there.
    :raises AddressError: it is no address.
    """
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for host, port in await resolve(address):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await loop.sock_connect(sock, (host or "localhost", port))
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure or AddressError(f"address {address}: nothing to connect to")
