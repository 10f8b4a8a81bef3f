"""A place of one toxic on one direction of one connection: runs its generator and feeds it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from random import Random

from .chain import Entry
from .clock import Alarm, Clock
from .toxics.toxic import RECEIVE, Chunk, Item, Signal, Wait, Work


class Stub:
    """Drives one toxic: what comes is queued, and handed over when the toxic asks for it.

    :param connection: the connection's number, for the random choices.
    :param settle: called after the queue may have become shorter, and the toxic has run.
    """

    __slots__ = (
        "_alarm",
        "_clock",
        "_closing",
        "_connection",
        "_hand",
        "_holed",
        "_losing",
        "_passed",
        "_random",
        "_running",
        "_settle",
        "_touched",
        "_wait",
        "_work",
        "closed",
        "echoes",
        "entry",
        "inbox",
        "onward",
        "state",
        "works",
    )

    def __init__(self, entry: Entry, connection: int, clock: Clock, settle: Callable[[], None]) -> None:
        self.entry = entry
        self.onward: Callable[[Item], None] = _nowhere
        self.inbox: deque[Item] = deque()
        self.state = 0
        self.closed = False
        self.echoes = False  # the connection is over already, and what ends here was ended elsewhere
        self.works = False  # whether data has to come through here
        self._connection = connection
        self._clock = clock
        self._settle = settle
        self._work: Work | None = None
        self._wait: Wait = RECEIVE
        self._hand: Item | None = None  # what the toxic was given last
        self._alarm: Alarm | None = None
        self._running = False
        self._touched = False
        self._closing = False
        self._passed = 0  # bytes that went by before the toxic began
        self._losing = False
        self._holed = False
        self._random: Random | None = None

    # What a toxic sees: toxics.toxic.Place

    @property
    def random(self) -> Random:
        """The random numbers of this toxic on this connection."""
        if self._random is None:
            self._random = self.entry.random(self._connection)
        return self._random

    def now(self) -> float:
        """Return the present moment."""
        return self._clock.now()

    def pass_on(self, chunk: Chunk) -> None:
        """Send a chunk to the next place."""
        if self._losing:
            self._holed = True
        elif not self.closed:
            self.onward(chunk)

    def end(self) -> None:
        """Hand on that the sender has closed; nothing more will come."""
        if not self.closed:
            self.closed = True
            self.inbox.clear()
            self.onward(Signal.END)

    def close(self) -> None:
        """End the stream here, by the toxic's own will."""
        if not self.closed:
            self.closes()
            self.end()

    def meets(self) -> None:
        """Count the connection as touched."""
        self._touch(0, 0)

    def closes(self) -> None:
        """Count the connection as touched and as closed by the toxic, once."""
        if not self._closing and not self.echoes:
            self._touch(0, 0)
            self._closing = True
            self.entry.touched.closed += 1

    # What the pipe does with it

    @property
    def crowded(self) -> bool:
        """Whether the sender has to be held back."""
        return len(self.inbox) >= self.entry.toxic.buffer

    def receive(self, item: Item) -> None:
        """Take what comes from the place before."""
        if self.works and self._work is None:
            left = self._let_by(item)
            if left is None:
                return
            item = left
        if not self.closed:
            if isinstance(item, Chunk):
                self._touch(1, len(item.data))
            self.inbox.append(item)
            self._run()

    def start(self) -> None:
        """Let the toxic, with its present settings, work from here on."""
        self.works = not self.closed and not self.entry.toxic.transparent and self.entry.hits(self._connection)
        if not self.works:
            return
        if self._passed >= self.entry.toxic.after_bytes:
            self._begin()
        else:
            queued, self.inbox = self.inbox, deque()
            for item in queued:
                self.receive(item)

    def leave(self) -> None:
        """Take the toxic off for good: what it holds and what is queued goes on its way.

        Where bytes are lost by that, or were lost before, the connection is closed instead.
        """
        toxic = self.entry.toxic
        waits = self.works and self._work is None  # for its first bytes: it has done nothing yet
        self._holed = toxic.severing and not waits and self.entry.selects(self._connection)
        self._losing = bool(toxic.losing)
        self.stop()
        if self._losing:
            self._losing = False
            self._holed = self._holed or any(isinstance(item, Chunk) for item in self.inbox)
        if self._holed:
            self.close()
        else:
            self.flush()

    def stop(self) -> None:
        """Take the toxic off: it lets go of what it holds; what is queued stays queued."""
        work, self._work = self._work, None
        if work is not None:
            work.close()
        if self._hand is Signal.END and not self.closed:
            self.inbox.appendleft(Signal.END)  # it knew of the end and had not handed it on
        self._hand = None
        self._wait = RECEIVE
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def flush(self) -> None:
        """Send all that is queued on its way, past the toxic."""
        while self.inbox and not self.closed:
            item = self.inbox.popleft()
            if isinstance(item, Chunk):
                self.onward(item)
            else:
                self.end()

    def discard(self) -> None:
        """End without a trace: the connection is gone."""
        self.closed = True
        self.inbox.clear()
        self.stop()

    def _begin(self) -> None:
        self._work = self.entry.toxic.pipe(self)
        self._step(None)
        self._run()

    def _let_by(self, item: Item) -> Item | None:
        """Pass on what comes before the toxic is due here; return what is left for it."""
        if not isinstance(item, Chunk):
            self.end()
            return None
        missing = self.entry.toxic.after_bytes - self._passed
        part = item.data[:missing]
        self._passed += len(part)
        self.pass_on(Chunk(part, item.at))
        if self._passed >= self.entry.toxic.after_bytes:
            self._begin()
        return Chunk(item.data[missing:], item.at) if len(item.data) > missing else None

    def _run(self) -> None:
        if self._running:  # the toxic has just sent something that came round to us
            return
        while not self.closed:
            if self._wait.until <= self._clock.now():
                self._step(Signal.TIME)
            elif self._wait.receives and self.inbox:
                item = self.inbox.popleft()
                self._hand = item
                self._step(item)
            else:
                break
        self._set_alarm()

    def _step(self, item: Item | None) -> None:
        if self._work is None:
            return
        self._running = True
        try:
            self._wait = next(self._work) if item is None else self._work.send(item)
        except StopIteration:
            self.end()
        finally:
            self._running = False

    def _set_alarm(self) -> None:
        until = self._wait.until
        # A moment that has moved back is looked at again when the old alarm rings: one that is moved
        # with every chunk, as a time-out is, would otherwise leave a dead alarm for each.
        if self.closed or until == math.inf or (self._alarm is not None and self._alarm.when <= until):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._clock.at(until, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._run()
        self._settle()

    def _touch(self, chunks: int, size: int) -> None:
        touched = self.entry.touched
        touched.chunks += chunks
        touched.bytes += size
        if not self._touched:
            self._touched = True
            touched.connections += 1


def _nowhere(item: Item) -> None:
    """Take nothing: a stub that is not in a pipe."""
