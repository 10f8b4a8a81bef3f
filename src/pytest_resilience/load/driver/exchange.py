"""An exchange: one request and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_resilience.load.driver.caller import After
    from pytest_resilience.load.driver.connection import Connection
    from pytest_resilience.load.driver.encode import Encoded


class Exchange:
    """A request that has begun; on a connection, or waiting for one while `connection` is None."""

    __slots__ = ("after", "bodiless", "connection", "due", "encoded", "over", "sent")

    def __init__(self, due: float, sent: float, encoded: Encoded, after: After | None, bodiless: bool) -> None:  # noqa: FBT001  (made for every request, and keywords cost)
        self.due = due
        self.sent = sent
        self.encoded = encoded
        self.after = after
        self.bodiless = bodiless  # it is a HEAD, so the response has no body whatever its headers say
        self.connection: Connection | None = None
        self.over = False
