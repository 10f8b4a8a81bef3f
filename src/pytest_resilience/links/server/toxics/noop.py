"""The toxic that does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .toxic import RECEIVE, Base, Chunk, Place, Work


@dataclass
class Noop(Base):
    """Passes everything on."""

    type: ClassVar[str] = "noop"
    go_name: ClassVar[str] = "NoopToxic"
    go_fields: ClassVar[dict[str, str]] = {}
    transparent: ClassVar[bool] = True

    def pipe(self, place: Place) -> Work:
        """Pass everything on as it comes."""
        while isinstance(item := (yield RECEIVE), Chunk):
            place.pass_on(item)
        place.end()
