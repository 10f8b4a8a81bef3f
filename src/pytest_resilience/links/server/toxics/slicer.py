"""The toxic that cuts chunks into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from .toxic import RECEIVE, Base, Chunk, Place, Work, sleep


@dataclass
class Slicer(Base):
    """Halves chunks until no piece is larger than average + variation, and waits `delay` µs after each.

    Sizes that cannot be meant (nothing positive to cut to) cut nothing, and a variation that would
    put the cut outside of the piece is kept inside. (The real server dies of both.)
    """

    type: ClassVar[str] = "slicer"
    go_name: ClassVar[str] = "SlicerToxic"
    go_fields: ClassVar[dict[str, str]] = {"average_size": "int", "size_variation": "int", "delay": "int"}

    average_size: int = 0
    size_variation: int = 0
    delay: int = 0

    def pipe(self, place: Place) -> Work:
        """Send the pieces of each chunk one by one; the rest goes in one when the toxic changes."""
        while isinstance(chunk := (yield RECEIVE), Chunk):
            sent = 0
            try:
                for end in self._cuts(0, len(chunk.data), place.random):
                    place.pass_on(Chunk(chunk.data[sent:end], chunk.at))
                    sent = end
                    yield sleep(place.now() + self.delay / 1e6)
            finally:
                if sent < len(chunk.data):
                    place.pass_on(Chunk(chunk.data[sent:], chunk.at))
        place.end()

    def _cuts(self, start: int, end: int, random: Random) -> Iterator[int]:
        """Yield where the pieces of [start, end) end."""
        pending = [(start, end)]
        enough = self.average_size + self.size_variation
        while pending:
            low, high = pending.pop()
            if enough <= 0 or high - low <= enough:
                yield high
                continue
            middle = low + (high - low) // 2
            if self.size_variation > 0:
                middle += random.randrange(-self.size_variation, self.size_variation)
            middle = min(max(middle, low + 1), high - 1)
            pending += [(middle, high), (low, middle)]
