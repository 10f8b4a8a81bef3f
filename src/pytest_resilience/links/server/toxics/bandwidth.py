"""The toxic that narrows the road."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from .toxic import RECEIVE, Base, Chunk, Place, Work, sleep

_TICK = 0.1  # seconds between the slices of a chunk that takes longer than that


@dataclass
class Bandwidth(Base):
    """Lets `rate` KB (1,000 bytes) pass in a second; 0 holds everything, to be released on removal.

    A rate below zero is not a limit. (The real server panics on it.) Where `holding` is not zero, a rate of 0 holds
    the end of the stream too.
    """

    type: ClassVar[str] = "bandwidth"
    go_name: ClassVar[str] = "BandwidthToxic"
    go_fields: ClassVar[dict[str, str]] = {"rate": "int64"}

    own_fields: ClassVar[Mapping[str, str]] = {**Base.own_fields, "holding": "int64"}

    rate: int = 0
    holding: int = 0

    def pipe(self, place: Place) -> Work:
        """Send a chunk after the time it takes at the rate, in slices where that is over 100 ms."""
        slice_size = self.rate * 100
        free = place.now()  # when the road was to be free again: what left too late does not add up
        while isinstance(chunk := (yield RECEIVE), Chunk):
            data = chunk.data
            moment = max(free, chunk.at)
            try:
                if self.rate == 0:
                    yield sleep(math.inf)
                while self.rate > 0 and len(data) > slice_size:
                    moment += _TICK
                    yield sleep(moment)
                    place.pass_on(Chunk(data[:slice_size], chunk.at))
                    data = data[slice_size:]
                if self.rate > 0:
                    moment += len(data) / (self.rate * 1000)
                    yield sleep(moment)
                free = moment
            finally:
                place.pass_on(Chunk(data, chunk.at))
        if self.rate == 0 and self.holding:
            yield sleep(math.inf)
        place.end()
