"""A proxy: a listener, its connections, and the toxics on them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from .address import AddressError, join, listen, resolve
from .chain import Chain, Entry
from .clock import Clock
from .connection import Connection, dial
from .counts import Counts
from .leg import Buffer
from .metrics import Labels, Metrics
from .refusals import Refusals

_ACCEPTS = 128  # connections taken in one turn of the loop
_PAUSE = 0.1  # seconds to leave the listener alone when there are no descriptors left


@dataclass(frozen=True)
class Engine:
    """What all proxies of a server share.

    :ivar seed: what all random choices come from.
    """

    loop: asyncio.AbstractEventLoop
    clock: Clock
    seed: int
    buffer: Buffer
    metrics: Metrics = field(default_factory=Metrics)


class Proxy:
    """One road from `listen` to `upstream`. It is made disabled."""

    def __init__(self, engine: Engine, name: str, listen_at: str, upstream: str) -> None:
        self.name = name
        self.listen = listen_at
        self.upstream = upstream
        self.chain = Chain()
        self.counts = Counts()
        self._engine = engine
        self._listener: socket.socket | None = None
        self._connections: set[Connection] = set()
        self._dialing: dict[asyncio.Task[None], tuple[int, socket.socket]] = {}  # with the connection's number
        self._refusals = Refusals(engine.loop)

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    async def start(self) -> None:
        """Listen, unless it does.

        :raises AddressError: the address cannot be bound.
        """
        if self._listener is not None:
            return
        listener = await listen(self.listen)
        self._refusals.rest()
        self._listener = listener
        name = listener.getsockname()
        self.listen = join(str(name[0]), int(name[1]))
        self._engine.loop.add_reader(listener.fileno(), self._accept, listener)

    def stop(self) -> None:
        """Close the listener and all connections; new ones are refused from here on."""
        if self._listener is None:
            return
        port = int(self._listener.getsockname()[1])
        self._engine.loop.remove_reader(self._listener.fileno())
        self._listener.close()
        self._listener = None
        self._refusals.watch(port)
        self._hang_up()

    def forget(self) -> None:
        """Stop, for good."""
        self.stop()
        self._refusals.rest()

    async def differs(self, listen_at: str, upstream: str) -> bool:
        """Whether these addresses are other than its own.

        :raises AddressError: the address to listen at cannot be read.
        """
        host, port = (await resolve(listen_at))[0]
        return join(host, port) != self.listen or upstream != self.upstream

    async def update(self, listen_at: str, upstream: str, *, enabled: bool) -> None:
        """Take new addresses and start or stop; connections are closed only if something differs.

        Where the address to listen at stays, so does the listener: nobody is refused meanwhile.

        :raises AddressError: an address cannot be read or bound.
        """
        if await self.differs(listen_at, self.upstream):
            self.stop()
            self.listen = listen_at
        if upstream != self.upstream:
            self.upstream = upstream
            self._hang_up()
        if enabled:
            await self.start()
        else:
            self.stop()

    def add(self, entry: Entry) -> None:
        """Put a toxic on it, and on its live connections."""
        twin = self.chain.twin(entry)
        if twin is not None:
            entry.meet_as(twin)
        else:
            numbers = [connection.number for connection in self._connections]
            entry.meet(numbers + [number for number, _ in self._dialing.values()], self.counts.accepted)
        self.chain.add(entry)
        for connection in list(self._connections):
            connection.add(entry)

    def change(self, entry: Entry) -> None:
        """Let the new settings of a toxic take effect on its live connections."""
        for connection in list(self._connections):
            connection.pipe(entry).change(entry)

    def remove(self, entry: Entry) -> None:
        """Take a toxic off it, and off its live connections."""
        self.chain.remove(entry)
        for connection in list(self._connections):
            connection.pipe(entry).remove(entry)

    def as_json(self) -> dict[str, object]:
        """Return it as Toxiproxy shows it, keys in its order, with the `Logger` that it shows by mistake."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "Logger": {},
            "toxics": [entry.as_json() for entry in self.chain],
        }

    def stats(self) -> dict[str, object]:
        """Return what has happened at it so far."""
        return {
            **self.counts.as_json(),
            "open": len(self._connections) + len(self._dialing),
            "refused": self._refusals.count,
            "refused_exactly": self._refusals.exact,
            "toxics": {entry.name: entry.touched.as_json() for entry in self.chain},
        }

    def _hang_up(self) -> None:
        self.counts.cut += len(self._connections) + len(self._dialing)
        for task in list(self._dialing):
            task.cancel()
        for connection in list(self._connections):
            connection.cut()
        self._connections.clear()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    raise
                self._engine.loop.remove_reader(listener.fileno())
                self._engine.loop.call_later(_PAUSE, self._accept_again, listener)
                return
            client.settimeout(0)
            self.counts.accepted += 1
            number = self.counts.accepted
            task = self._engine.loop.create_task(self._join(client, number))
            self._dialing[task] = number, client
            task.add_done_callback(self._joined)

    def _accept_again(self, listener: socket.socket) -> None:
        if listener is self._listener:
            self._engine.loop.add_reader(listener.fileno(), self._accept, listener)

    async def _join(self, client: socket.socket, number: int) -> None:
        """Reach the upstream for a client, or close the client if it cannot be reached."""
        try:
            server = await dial(self.upstream)
        except (OSError, AddressError):
            self.counts.unreached += 1
            client.close()
            return
        task = asyncio.current_task()
        if task is not None:  # from here on it is counted as a connection, and as nothing else
            self._dialing.pop(task, None)
        self._connections.add(
            Connection(
                number,
                client,
                server,
                chain=self.chain,
                counts=self.counts,
                loop=self._engine.loop,
                clock=self._engine.clock,
                buffer=self._engine.buffer,
                over=self._connections.discard,
                carried=self._carried,
            )
        )

    @property
    def _carried(self) -> Callable[[str, int, int | None], None]:
        """What adds up the bytes of a connection, under the addresses that are in use as it begins."""
        metrics, name, listen_at, upstream = self._engine.metrics, self.name, self.listen, self.upstream
        return lambda direction, received, sent: metrics.add(
            Labels(direction, listen_at, name, upstream), received=received, sent=sent
        )

    def _joined(self, task: asyncio.Task[None]) -> None:
        dialing = self._dialing.pop(task, None)
        if not task.cancelled():
            task.result()
        elif dialing is not None:
            dialing[1].close()
