"""The toxic that swallows everything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .toxic import Base, Place, Signal, Work, receive


@dataclass
class Timeout(Base):
    """Drops all data, and closes the connection `timeout` ms after the last chunk; 0: never.

    Its removal closes the connections that it was on, for their streams have a hole in them.
    """

    type: ClassVar[str] = "timeout"
    go_name: ClassVar[str] = "TimeoutToxic"
    go_fields: ClassVar[dict[str, str]] = {"timeout": "int64"}
    severing: ClassVar[bool] = True

    timeout: int = 0

    def pipe(self, place: Place) -> Work:
        """Drop what comes; each chunk starts the time anew."""
        if self.only_new:
            place.meets()  # it was accepted in vain, whether it says anything or not
        while True:
            until = place.now() + self.timeout / 1000 if self.timeout > 0 else math.inf
            item = yield receive(until=until)
            if item is Signal.END:
                place.end()
                return
            if item is Signal.TIME:
                place.close()
                return
