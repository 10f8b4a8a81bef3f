"""The wire of Locust: frames between a Locust process, which may be on another machine, and the test's.

A frame is the length of its head and of its body (4 bytes each, little-endian), a head in JSON and a body of
plain columns. Nothing that comes over a network is unpickled, so whoever reaches the port can at worst be refused.

    process → test   hello who it is · clock what time is it · bound the master's port · ready · batch samples
                     failed · final the totals
    test → process   clock · plan what to do · go when to begin · stop · quit

Batches carry a sequence number and the running total, as those of the other drivers do, and become the same
messages (see `wire`), so that a gap is noticed instead of being taken for a quiet service.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypedDict, cast

from pytest_resilience.load.driver.wire import Batch, Final
from pytest_resilience.load.profile import Piece, Profile

HEADER = struct.Struct("<II")
LARGEST = 1 << 26  # bytes of a frame; more is no frame of ours
WIDTHS = (8, 8, 8, 2, 2, 2, 8)  # bytes of a due, sent, done, status, error, name and size

Role = Literal["local", "master", "worker"]


class Head(TypedDict, total=False):
    """What a frame says, beside its columns; each kind has some of them."""

    kind: str
    token: str
    pid: int
    host: str
    boot: str
    now: float
    port: int
    hosts: list[str]
    begin: float
    until: float
    drain: bool
    error: str
    message: str
    plan: dict[str, object]
    seq: int
    total: int
    count: int
    texts: list[str]
    examples: list[list[str]]
    strain: list[list[float]]
    in_flight: int
    begun: int


@dataclass(frozen=True)
class Plan:
    """What a Locust process is to do.

    :ivar role: one process alone, the master, or a worker.
    :ivar file: the Locust file, from `directory` where it lies below it, so that another checkout has it too.
    :ivar directory: where the test runs; empty on another machine, which stays where it was started.
    :ivar arguments: Locust's command line, without `-f` and the file.
    :ivar path: what is added to `sys.path`.
    :ivar pieces: those of the profile, as rows.
    :ivar closed: whether the profile counts users; else arrivals of an `OpenUser`.
    :ivar deadline: the seconds after which a request counts as failed.
    :ivar share: the number of this worker, from 0.
    :ivar workers: how many there are.
    """

    role: Role
    file: str
    directory: str
    arguments: Sequence[str]
    path: Sequence[str]
    pieces: Sequence[Mapping[str, object]]
    closed: bool
    deadline: float
    seed: int
    share: int = 0
    workers: int = 1

    @property
    def profile(self) -> Profile:
        """The profile of the whole run."""
        rows = cast("list[dict[str, Any]]", self.pieces)  # as `rows_of` has made them
        return Profile(tuple(Piece(**row) for row in rows), "of the run")

    def head(self) -> Head:
        """Return the frame's head."""
        return {"kind": "plan", "plan": asdict(self)}

    @classmethod
    def of(cls, head: Head) -> Plan:
        """Return the plan that a head carries."""
        return cls(**cast("dict[str, Any]", head["plan"]))  # as `head` has made it


def rows_of(profile: Profile) -> list[Mapping[str, object]]:
    """Return the pieces of a profile, ready to be packed."""
    return [asdict(piece) for piece in profile.pieces]


def pack(head: Head, body: bytes = b"") -> bytes:
    """Return the frame."""
    text = json.dumps(head).encode()
    return HEADER.pack(len(text), len(body)) + text + body


def batch_of(head: Head, body: bytes) -> Batch:
    """Return the batch that a frame holds.

    :raises ValueError: its columns are not as long as it says.
    """
    count = head["count"]
    if len(body) != count * sum(WIDTHS):
        raise ValueError(f"a batch of {count} samples has {len(body)} bytes, expected {count * sum(WIDTHS)}")
    columns, begin = [], 0
    for width in WIDTHS:
        columns.append(body[begin : begin + count * width])
        begin += count * width
    return Batch(
        seq=head["seq"],
        total=head["total"],
        texts=tuple(head["texts"]),
        due=columns[0],
        sent=columns[1],
        done=columns[2],
        statuses=columns[3],
        errors=columns[4],
        names=columns[5],
        sizes=columns[6],
        returned=None,
        examples=tuple((category, text) for category, text in head["examples"]),
        strain=tuple((at, cpu, lag) for at, cpu, lag in head["strain"]),
        in_flight=head["in_flight"],
    )


def final_of(head: Head, body: bytes) -> Final:
    """Return the totals that a frame holds."""
    return Final(batches=head["seq"], samples=head["total"], begun=head["begun"], unsent=body)


class Unpacker:
    """Cuts what comes in into frames; what is incomplete waits for the rest."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Head, bytes]]:
        """Add `data` and yield the frames that are complete.

        :raises ValueError: this is no frame of ours.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            head, body = HEADER.unpack_from(self._buffer)
            if head + body > LARGEST:
                raise ValueError(f"a frame of {head + body} bytes, expected at most {LARGEST}")
            middle, end = HEADER.size + head, HEADER.size + head + body
            if len(self._buffer) < end:
                return
            text, columns = bytes(self._buffer[HEADER.size : middle]), bytes(self._buffer[middle:end])
            del self._buffer[:end]
            found: Head = json.loads(text)
            yield found, columns
