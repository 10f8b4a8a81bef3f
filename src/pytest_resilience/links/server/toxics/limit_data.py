"""The toxic that stops counting at a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .toxic import RECEIVE, Base, Chunk, Place, Work


@dataclass
class LimitData(Base):
    """Passes `bytes` bytes of each connection, counted from when it was attached, and closes it."""

    type: ClassVar[str] = "limit_data"
    go_name: ClassVar[str] = "LimitDataToxic"
    go_fields: ClassVar[dict[str, str]] = {"bytes": "int64"}

    bytes: int = 0

    def pipe(self, place: Place) -> Work:
        """Cut the chunk that reaches the limit, and close. The count outlives a change of the limit."""
        while isinstance(chunk := (yield RECEIVE), Chunk):
            part = chunk.data[: max(0, self.bytes - place.state)]
            place.state += len(part)
            if part:
                place.pass_on(Chunk(part, chunk.at))
            if place.state >= self.bytes:
                place.close()
                return
        place.end()
