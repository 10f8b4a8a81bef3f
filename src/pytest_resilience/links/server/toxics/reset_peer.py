"""The toxic that hangs up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from .toxic import RECEIVE, Base, Place, Work, sleep


@dataclass
class ResetPeer(Base):
    """Closes the connection `timeout` ms after its first chunk (or end), and drops the data.

    A connection that opened while the toxic existed is closed with RST, an older one with FIN. An
    idle connection is left alone. Where `live` is not zero, all connections are closed with RST, and the ones that were
    there before the toxic at once: idle or not, but not before `after_bytes` of them have passed.
    """

    type: ClassVar[str] = "reset_peer"
    go_name: ClassVar[str] = "ResetToxic"
    go_fields: ClassVar[dict[str, str]] = {"timeout": "int64"}
    own_fields: ClassVar[Mapping[str, str]] = {**Base.own_fields, "live": "int64"}
    resetting: ClassVar[bool] = True

    timeout: int = 0

    def pipe(self, place: Place) -> Work:
        """Wait for a sign of life and close; a change or removal meanwhile closes at once."""
        yield RECEIVE
        try:
            yield sleep(place.now() + self.timeout / 1000)
        finally:
            place.close()
