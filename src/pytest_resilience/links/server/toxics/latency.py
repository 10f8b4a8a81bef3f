"""The toxic that delays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .toxic import RECEIVE, Base, Chunk, Place, Work, sleep


@dataclass
class Latency(Base):
    """Releases each chunk at its arrival + latency + a number drawn from [-jitter, jitter), in order.

    Chunks are pipelined: each waits for its own moment, not for the one before it to have waited.
    Opening and closing a connection are not delayed.
    """

    type: ClassVar[str] = "latency"
    go_name: ClassVar[str] = "LatencyToxic"
    go_fields: ClassVar[dict[str, str]] = {"latency": "int64", "jitter": "int64"}
    buffer: ClassVar[int] = 1024

    latency: int = 0
    jitter: int = 0

    def pipe(self, place: Place) -> Work:
        """Hold each chunk until its moment; one that is held is released when the toxic changes."""
        while isinstance(chunk := (yield RECEIVE), Chunk):
            try:
                due = chunk.at + self._delay(place)
                yield sleep(due)
                chunk = chunk._replace(at=due)  # so that a second latency behind this one adds to it
            finally:
                place.pass_on(chunk)
        place.end()

    def _delay(self, place: Place) -> float:
        milliseconds = self.latency
        if self.jitter > 0:
            milliseconds += place.random.randrange(-self.jitter, self.jitter)
        return milliseconds / 1000
