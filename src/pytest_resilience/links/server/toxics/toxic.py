"""What a toxic is: the settings of one fault, and how data flows through it on one connection.

A toxic is written as a generator that says what it waits for and is told what came::

    def pipe(self, place):
        while True:
            item = yield RECEIVE                      # the next chunk, or Signal.END
            if item is Signal.END:
                place.end()                           # the sender has closed: hand that on
                return
            try:
                yield sleep(item.at + self.seconds)   # nothing is received meanwhile
            finally:
                place.pass_on(item)                   # also when the toxic is changed or removed meanwhile

The rules:

1. One toxic serves many connections: what belongs to one connection is in the generator's local
   variables, or in `place.state` where it has to outlive a change of the settings.
2. When the toxic is changed or removed the generator is closed at the `yield` where it stands. A
   chunk that it holds there has to be passed on or be gone for a reason; `finally` is the place.
   (Where the toxic is `losing`, what is passed on in that moment is dropped.)
3. A generator that returns has ended the stream: by `place.end()` or by `place.close()`.
4. It never blocks, and time is `time.monotonic()` seconds.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar, NamedTuple, Protocol


class Chunk(NamedTuple):
    """Bytes that arrived together, and when."""

    data: bytes
    at: float


class Signal(enum.Enum):
    """What a toxic can be told other than a chunk."""

    END = "the sender has closed its side"
    TIME = "the moment that was waited for has come"


class Wait(NamedTuple):
    """What a toxic waits for: a moment, and, where it `receives`, the next chunk or the end."""

    until: float
    receives: bool


Item = Chunk | Signal
Work = Generator[Wait, Item, None]

RECEIVE = Wait(math.inf, receives=True)


def receive(*, until: float) -> Wait:
    """Wait for the next chunk, the end, or the moment `until`, whichever is first."""
    return Wait(until, receives=True)


def sleep(until: float) -> Wait:
    """Wait for the moment `until`; chunks queue up meanwhile."""
    return Wait(until, receives=False)


class Place(Protocol):
    """Where a toxic works: one direction of one connection."""

    state: int

    @property
    def random(self) -> Random:
        """The random numbers of this connection, the same for the same seed."""

    def now(self) -> float:
        """Return the present moment."""

    def pass_on(self, chunk: Chunk) -> None:
        """Send a chunk on its way."""

    def end(self) -> None:
        """Hand on that the sender has closed."""

    def close(self) -> None:
        """Close the connection by the toxic's own will."""

    def meets(self) -> None:
        """Count the connection as touched, although no chunk of it has come."""

    def closes(self) -> None:
        """Count the connection as one that the toxic closes, before it does."""


class Toxic(Protocol):
    """The settings of one fault. The fields in `go_fields` and `own_fields` are read from and written to JSON.

    :ivar first: it works on this many connections and no more; 0: on all.
    :ivar every: of the connections that it meets it works on every third, for 3; 0: on all.
    :ivar after_bytes: so many bytes of a connection pass before it works there, counted from when it met it.
    :ivar only_new: not zero: it leaves the connections alone that were there before it.
    :ivar losing: not zero: what it holds when it is removed is lost, and that connection is closed.
    """

    type: ClassVar[str]
    go_name: ClassVar[str]  # what Toxiproxy calls it in its error messages
    go_fields: ClassVar[dict[str, str]]  # attribute -> its type there
    own_fields: ClassVar[Mapping[str, str]]  # attributes that only we know; shown where they are not zero
    buffer: ClassVar[int]  # chunks that may queue up in front of it before the sender is held back
    transparent: ClassVar[bool]  # it needs no bytes, so they may go round it
    severing: ClassVar[bool]  # its removal closes the connections that it was on
    resetting: ClassVar[bool]  # connections that open while it exists are closed with RST
    live: int  # not zero: so are those that were there before it, and at once

    first: int
    every: int
    after_bytes: int
    only_new: int
    losing: int

    def pipe(self, place: Place) -> Work:
        """Return what it does at a place."""


@dataclass
class Base:
    """The defaults of most toxics, and the attributes that all of them have."""

    own_fields: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("first", "every", "after_bytes", "only_new", "losing"), "int64"
    )

    buffer: ClassVar[int] = 1
    transparent: ClassVar[bool] = False
    severing: ClassVar[bool] = False
    resetting: ClassVar[bool] = False

    first: int = 0
    every: int = 0
    after_bytes: int = 0
    only_new: int = 0
    losing: int = 0
    live: int = 0
