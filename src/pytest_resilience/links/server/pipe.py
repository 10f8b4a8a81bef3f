"""One direction of one connection: a source, the toxics, and where it leads.

::

    source socket -> stub of toxic 1 -> stub of toxic 2 -> ... -> sink socket

Stubs whose toxic needs no bytes of this connection are left out; where all are, bytes go straight
from socket to socket. The source is read only while the sink can be written and no stub is
crowded, so what is held in memory is bounded however slow the reader is, and nothing ever has to
wait for the reader when a toxic is changed or removed.
"""

from __future__ import annotations

from typing import Protocol

from .chain import Entry
from .clock import Clock
from .counts import Flow
from .stub import Stub
from .toxics.toxic import Chunk, Item, Signal

CHUNK = 32 * 1024  # how much is read at once where toxics need it, as the real server does


class Leg(Protocol):
    """What a pipe needs of a socket."""

    clogged: bool  # whether bytes wait to be written to it

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes, or keep them until they can be."""

    def finish(self) -> None:
        """Close it once all has been sent."""

    def hold(self, *, held: bool) -> None:
        """Stop reading from it, or go on."""


class Pipe:
    """What one side sends to the other.

    :ivar clear: whether no toxic needs the bytes.
    """

    def __init__(self, source: Leg, sink: Leg, flow: Flow, connection: int, clock: Clock) -> None:
        self._source = source
        self._sink = sink
        self._flow = flow
        self._connection = connection
        self._clock = clock
        self._stubs: list[Stub] = []
        self._working: list[Stub] = []
        self.clear = True
        self._ended = False  # the source has closed
        self._closed = False  # the sink has been told so

    def feed(self, data: bytes | memoryview) -> None:
        """Take what the source has sent; of a memoryview the memory is the caller's again on return."""
        self._flow.bytes += len(data)
        self._flow.chunks += 1
        if self.clear:
            sink = self._sink
            sink.write(data)
            if sink.clogged:
                self._source.hold(held=True)
        else:
            self._working[0].receive(Chunk(bytes(data), self._clock.now()))
            self.settle()

    def end(self, *, echo: bool = False) -> None:
        """Take note that the source has closed; as an `echo` where that is the work of the pipe the other way."""
        if self._ended:
            return
        self._ended = True
        for stub in self._stubs:
            stub.echoes = echo
        if self._working:
            self._working[0].receive(Signal.END)
        else:
            self._arrive(Signal.END)

    def settle(self) -> None:
        """Hold the source back, or let it go on."""
        held = self._sink.clogged
        for stub in self._working:
            held = held or stub.crowded
        self._source.hold(held=held)

    def discard(self) -> None:
        """Forget what is under way: the sink is gone."""
        self._ended = self._closed = True
        for stub in self._stubs:
            stub.discard()

    def add(self, entry: Entry) -> None:
        """Put a toxic at the end."""
        if self._closed:
            return
        stub = Stub(entry, self._connection, self._clock, self.settle)
        self._stubs.append(stub)
        stub.start()
        self._relink()
        self.settle()

    def change(self, entry: Entry) -> None:
        """Let a toxic work with its new settings; what it holds under the old ones is let go."""
        stub = self._stub(entry)
        if stub is None or stub.closed:
            return
        stub.stop()
        stub.start()
        if not stub.works:
            stub.flush()
        self._relink()
        self.settle()

    def remove(self, entry: Entry) -> None:
        """Take a toxic out; what it holds is let go, or the connection closed if it had swallowed bytes."""
        stub = self._stub(entry)
        if stub is None or stub.closed:
            return  # a stub that has ended the stream stays, for what comes after the end is to be dropped
        stub.leave()
        if stub.closed:
            return
        self._stubs.remove(stub)
        self._relink()
        self.settle()

    def _stub(self, entry: Entry) -> Stub | None:
        return next((stub for stub in self._stubs if stub.entry is entry), None)

    def _relink(self) -> None:
        self._working = [stub for stub in self._stubs if stub.works]
        self.clear = not self._working
        onward = self._arrive
        for stub in reversed(self._stubs):  # also those that data goes round: they may close the connection
            stub.onward = onward
            if stub.works:
                onward = stub.receive

    def _arrive(self, item: Item) -> None:
        if isinstance(item, Chunk):
            self._sink.write(item.data)
        else:
            self._closed = True
            self._sink.finish()
