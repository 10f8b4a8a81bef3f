"""The wire: frames between the driver and the process that started it.

A frame is its length (4 bytes) and a pickled message. The parent started the driver from
its own interpreter and sends it code to run, so each trusts the other's pickles.

    parent → driver   Job what to do · Go when to begin · Stop when the last arrival may be due
    driver → parent   Ready · Batch samples · Failed why it cannot go on · Final the totals

Batches carry a sequence number and the running total of samples, and the final frame carries the
totals of the run, so that a gap is noticed instead of being taken for a quiet service.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pytest_resilience.load.profile import Profile

HEADER = struct.Struct("<I")


@dataclass(frozen=True)
class Job:
    """What a driver is to do.

    :ivar path: the parent's `sys.path`, set before `what` is unpickled.
    :ivar directory: the working directory.
    :ivar what: the pickled request, action or user.
    :ivar profile: how much load there is.
    :ivar closed: whether the profile counts users rather than arrivals per second.
    :ivar deadline: the seconds after which no call is in flight any more.
    :ivar default: the deadline of a call that has none of its own; None for `deadline`.
    :ivar seed: the seed of the run.
    :ivar share: the number of this driver, from 0.
    :ivar drivers: how many drivers share the load.
    :ivar think: the least and most seconds that a user waits between two calls; None for none.
    :ivar impatience: the least and most seconds after which a call is cancelled; None for never.
    :ivar connections: the most connections (or threads, for plain functions); None for what the host allows.
    """

    path: tuple[str, ...]
    directory: str
    what: bytes
    profile: Profile
    closed: bool
    deadline: float
    seed: int
    share: int = 0
    drivers: int = 1
    think: tuple[float, float] | None = None
    impatience: tuple[float, float] | None = None
    connections: int | None = None
    default: float | None = None


@dataclass(frozen=True)
class Ready:
    """What the job needs is open; the first arrival may be due."""


@dataclass(frozen=True)
class Go:
    """When the first arrival is due, in monotonic seconds."""

    begin: float


@dataclass(frozen=True)
class Stop:
    """The end of a run.

    :ivar until: no arrival that is due later is sent, in monotonic seconds.
    :ivar drain: whether to wait for what is in flight; else it is given up.
    """

    until: float
    drain: bool


@dataclass(frozen=True)
class Batch:
    """Samples since the last batch, by column.

    :ivar seq: the number of the batch, from 0.
    :ivar total: how many samples came so far, with these.
    :ivar texts: categories and names that are new; numbers in `errors` and `names` count them all from 0.
    :ivar statuses: 0 for none.
    :ivar errors: -1 for a success.
    :ivar returned: the pickled dictionary of what was returned, by row; None for nothing.
    :ivar examples: the first message of each category of failure that is new.
    :ivar strain: rows of (at, cpu, lag).
    :ivar in_flight: how many calls have begun and not finished.
    :ivar sizes: the bytes that were transferred; empty where they are not counted.
    """

    seq: int
    total: int
    texts: tuple[str, ...]
    due: bytes
    sent: bytes
    done: bytes
    statuses: bytes
    errors: bytes
    names: bytes
    returned: bytes | None
    examples: tuple[tuple[str, str], ...]
    strain: tuple[tuple[float, float, float], ...]
    in_flight: int
    sizes: bytes = b""


@dataclass(frozen=True)
class Failed:
    """Why the driver cannot go on, or what went wrong while it closed what it had opened.

    :ivar error: the name of the exception to raise, one of those in `errors`.
    :ivar message: its message.
    """

    error: str
    message: str


@dataclass(frozen=True)
class Final:
    """The totals of the run.

    :ivar batches: how many batches were sent.
    :ivar samples: how many samples were in them.
    :ivar begun: how many calls were begun; the difference was given up.
    :ivar unsent: when the arrivals were due that were never sent, as doubles.
    """

    batches: int
    samples: int
    begun: int
    unsent: bytes


Message: TypeAlias = "Job | Go | Stop | Ready | Batch | Failed | Final"


def pack(message: Message) -> bytes:
    """Return the frame of `message`."""
    payload = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(payload)) + payload


class Unpacker:
    """Cuts what comes in into messages; what is incomplete waits for the rest."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add `data` and yield the messages that are complete."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            message: Message = pickle.loads(memoryview(self._buffer)[HEADER.size : end].tobytes())  # noqa: S301  (see above)
            del self._buffer[:end]
            yield message
