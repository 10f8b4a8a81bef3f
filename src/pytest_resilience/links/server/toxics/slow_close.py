"""The toxic that is slow to let go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .toxic import RECEIVE, Base, Chunk, Place, Work, sleep


@dataclass
class SlowClose(Base):
    """Delays the end of the stream by `delay` ms. A change starts the delay anew, removal ends it."""

    type: ClassVar[str] = "slow_close"
    go_name: ClassVar[str] = "SlowCloseToxic"
    go_fields: ClassVar[dict[str, str]] = {"delay": "int64"}

    delay: int = 0

    def pipe(self, place: Place) -> Work:
        """Pass data on as it comes, and the end after the delay."""
        while isinstance(item := (yield RECEIVE), Chunk):
            place.pass_on(item)
        place.closes()
        yield sleep(place.now() + self.delay / 1000)
        place.close()
